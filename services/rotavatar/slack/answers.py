"""What Slack answers, reduced to the fields that we use. Unknown fields are ignored, as Slack asks.

Tokens live in IssuedToken alone, and no repr shows one.
"""

from typing import Any

import msgspec


class Profile(msgspec.Struct, frozen=True):
    """The photo of a user (https://docs.slack.dev/reference/methods/users.profile.get).

    `avatar_hash` is 12 hexadecimal digits of a custom photo, or begins with `g` for a default one.
    The two large sizes are there for custom photos only, and not always.
    """

    avatar_hash: str = ""
    is_custom_image: bool | None = None
    image_192: str | None = None
    image_512: str | None = None
    image_1024: str | None = None
    image_original: str | None = None

    @property
    def has_own_photo(self) -> bool:
        """Whether somebody uploaded the photo; a default one need not be kept."""
        if self.is_custom_image is not None:
            return self.is_custom_image
        return bool(self.avatar_hash) and not self.avatar_hash.startswith("g")


class PublishedView(msgspec.Struct, frozen=True):
    """A Home tab as Slack stored it; `hash` names its version."""

    hash: str
    view_id: str


class Identity(msgspec.Struct, frozen=True):
    """Whom a token belongs to, and what it may do (from the `x-oauth-scopes` header; empty when it is missing)."""

    team_id: str
    user_id: str
    bot_id: str | None = None
    enterprise_id: str | None = None
    is_enterprise_install: bool = False
    app_id: str | None = None
    url: str | None = None
    team_name: str | None = None
    scopes: frozenset[str] = frozenset()


class UserInfo(msgspec.Struct, frozen=True):
    """A user as the workspace sees them. `tz` is an IANA zone, `tz_offset` its seconds east of UTC at this moment."""

    id: str
    team_id: str | None = None
    tz: str | None = None
    tz_offset: int | None = None
    deleted: bool = False
    is_bot: bool = False


class IssuedToken(msgspec.Struct, frozen=True):
    """An access token, and how to renew it when it rotates (`expires_in` in seconds; None: it never expires)."""

    access_token: str
    scopes: frozenset[str] = frozenset()
    refresh_token: str | None = None
    expires_in: int | None = None

    def __repr__(self) -> str:
        return f"IssuedToken(scopes={sorted(self.scopes)}, expires_in={self.expires_in})"


class OAuthGrant(msgspec.Struct, frozen=True):
    """What a person's consent gave us (https://docs.slack.dev/reference/methods/oauth.v2.access).

    `bot` is None when only user scopes were asked for, `user` when no user scope was granted; `team_id` is None for an
    installation on a whole organisation. `issued_at` is the Date header of the answer, in seconds since the epoch.
    """

    app_id: str
    user_id: str
    issued_at: float
    team_id: str | None = None
    team_name: str | None = None
    enterprise_id: str | None = None
    enterprise_name: str | None = None
    is_enterprise_install: bool = False
    bot: IssuedToken | None = None
    bot_user_id: str | None = None
    user: IssuedToken | None = None


class RefreshedToken(msgspec.Struct, frozen=True):
    """A new pair for an old refresh token; `issued_at` as in OAuthGrant."""

    token: IssuedToken
    issued_at: float


class Photo(msgspec.Struct, frozen=True):
    """The bytes of a member's photo and their MIME type, told from the bytes and not from a header."""

    content: bytes
    mime: str

    def __repr__(self) -> str:
        return f"Photo({self.mime}, {len(self.content)} bytes)"


class Answer(msgspec.Struct, frozen=True):
    """What every answer has."""

    ok: bool
    error: str = ""


class Refusal(Answer, frozen=True):
    """An answer with `ok: false`, read leniently: only its code is sure to be there."""

    needed: Any = None
    response_metadata: Any = None
    errors: Any = None

    def explanations(self) -> list[str]:
        """What Slack says about the refusal. It may quote what we sent, so it is for decisions and not for logs."""
        messages = self.response_metadata.get("messages") if isinstance(self.response_metadata, dict) else None
        return [
            text for part in (messages, self.errors) if isinstance(part, list) for text in part if type(text) is str
        ]


class ProfileAnswer(Answer, frozen=True):
    """users.profile.get and users.setPhoto; the second may leave `profile` out."""

    profile: Profile | None = None


class View(msgspec.Struct, frozen=True):
    """The part of a published view that names it."""

    id: str
    hash: str


class ViewAnswer(Answer, frozen=True):
    """views.publish."""

    view: View | None = None


class IdentityAnswer(Answer, frozen=True):
    """auth.test."""

    team_id: str = ""
    user_id: str = ""
    bot_id: str | None = None
    enterprise_id: str | None = None
    is_enterprise_install: bool = False
    app_id: str | None = None
    url: str | None = None
    team: str | None = None

    def identity(self, scopes: frozenset[str]) -> Identity:
        """Whom the token belongs to; `scopes` come from a header."""
        return Identity(
            team_id=self.team_id,
            user_id=self.user_id,
            bot_id=self.bot_id,
            enterprise_id=self.enterprise_id,
            is_enterprise_install=self.is_enterprise_install,
            app_id=self.app_id,
            url=self.url,
            team_name=self.team,
            scopes=scopes,
        )


class RevokeAnswer(Answer, frozen=True):
    """auth.revoke."""

    revoked: bool = False


class UserAnswer(Answer, frozen=True):
    """users.info."""

    user: UserInfo | None = None


class Named(msgspec.Struct, frozen=True):
    """A team or an enterprise."""

    id: str
    name: str | None = None


class TokenFields(msgspec.Struct, frozen=True):
    """The fields of one token, as they stand at the top of an answer and in `authed_user`."""

    access_token: str | None = None
    scope: str | None = None
    refresh_token: str | None = None
    expires_in: int | None = None

    def issued(self) -> IssuedToken | None:
        """The token, when there is one."""
        if not self.access_token:
            return None
        return IssuedToken(
            access_token=self.access_token,
            scopes=split_scopes(self.scope or ""),
            refresh_token=self.refresh_token or None,
            expires_in=self.expires_in,
        )

    def __repr__(self) -> str:
        return type(self).__name__


class AuthedUser(TokenFields, frozen=True):
    """The person who consented."""

    id: str = ""


class OAuthAnswer(TokenFields, frozen=True):
    """oauth.v2.access, for a code and for a refresh token."""

    ok: bool = False
    error: str = ""
    app_id: str = ""
    bot_user_id: str | None = None
    team: Named | None = None
    enterprise: Named | None = None
    is_enterprise_install: bool = False
    authed_user: AuthedUser | None = None

    def grant(self, at: float) -> OAuthGrant:
        """What the consent gave, answered at `at`. The token at the top is the bot's: users' stand in `authed_user`."""
        person = self.authed_user or AuthedUser()
        return OAuthGrant(
            app_id=self.app_id,
            user_id=person.id,
            issued_at=at,
            team_id=self.team.id if self.team else None,
            team_name=self.team.name if self.team else None,
            enterprise_id=self.enterprise.id if self.enterprise else None,
            enterprise_name=self.enterprise.name if self.enterprise else None,
            is_enterprise_install=self.is_enterprise_install,
            bot=self.issued(),
            bot_user_id=self.bot_user_id,
            user=person.issued(),
        )

    def refreshed(self) -> IssuedToken | None:
        """The new token, of a bot or of a user: a refresh puts either at the top, as Slack's own SDK expects it."""
        return self.issued() or (self.authed_user.issued() if self.authed_user else None)


def split_scopes(text: str) -> frozenset[str]:
    """Scopes from a list separated by commas."""
    return frozenset(filter(None, (scope.strip() for scope in text.split(","))))

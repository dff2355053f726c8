"""Issues, checks, refreshes and revokes tokens.

https://docs.slack.dev/authentication/using-token-rotation: a rotating access token lives 43,200 s, at most two are
active (a third revokes the oldest), a refresh token works once and then only for a short grace.
"""

from collections.abc import Callable, Iterable

import msgspec

from slack_simulator.config import AppConfig, Rules
from slack_simulator.errors import SlackError
from slack_simulator.ids import Ids
from slack_simulator.state import Grant, Installation, Token, World

MAX_ACTIVE = 2


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a call: a token that is alive, and what it stands for."""

    token: str
    record: Token
    installation: Installation
    grant: Grant

    @property
    def team(self) -> str:
        """The team, or the organisation for its tokens: rate limits count by it."""
        return self.record.workspace_id

    @property
    def user(self) -> str:
        """The user for whom the token acts."""
        return self.record.user_id


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of tokens as oauth.v2.access hands them out; `refresh` and `expires_in` only where tokens rotate."""

    access: str
    refresh: str | None = None
    expires_in: int | None = None


class TokenRegistry:
    """Every token ever issued, and whether it still works. `now` runs on the schedule's clock, `wall` really."""

    def __init__(
        self, *, world: World, ids: Ids, rules: Rules, now: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self._world = world
        self._ids = ids
        self._rules = rules
        self._now = now
        self._wall = wall
        self._refreshes: dict[str, tuple[Installation, Grant]] = {}
        self.reindex()

    def reindex(self) -> None:
        """Find refresh tokens again after the world was loaded."""
        self._refreshes.clear()
        for installation in self._world.installations.values():
            for grant in installation.grants():
                for refresh in (grant.refresh, *grant.spent):
                    if refresh:
                        self._refreshes[refresh] = (installation, grant)

    def issue(self, app: AppConfig, installation: Installation, grant: Grant) -> Issued:
        """Tokens for a grant. Without rotation a living token is handed out again, with the scopes it has now."""
        alive = [token for token in grant.tokens if self._world.tokens[token].dead is None]
        if not app.token_rotation and alive:
            return Issued(access=alive[-1])
        access = self._new_access(installation, grant, rotating=app.token_rotation)
        if not app.token_rotation:
            return Issued(access=access)
        return Issued(
            access=access, refresh=self._new_refresh(installation, grant), expires_in=int(self._rules.token_life)
        )

    def refresh(self, app: AppConfig, refresh_token: str) -> tuple[Installation, Grant, Issued]:
        """Trade a refresh token for new tokens. Raises SlackError("invalid_refresh_token")."""
        found = self._refreshes.get(refresh_token)
        if found is None or found[0].app_id != app.app_id or not self._usable(found[1], refresh_token):
            raise SlackError("invalid_refresh_token")
        installation, grant = found
        return installation, grant, self.issue(app, installation, grant)

    def check(self, token: str) -> Caller:
        """Who calls with `token`. Raises SlackError with the code that Slack gives for a token that is not alive."""
        record = self._world.tokens.get(token)
        if record is None:
            raise SlackError("invalid_auth")
        if record.dead is not None:
            raise SlackError(record.dead)
        if record.expires_at is not None and record.expires_at <= self._now():
            raise SlackError("token_expired")
        installation = self._world.installation(record.app_id, record.workspace_id)
        grant = None
        if installation is not None:
            grant = installation.bot if record.kind == "bot" else installation.users.get(record.user_id)
        if installation is None or grant is None:
            raise SlackError("token_revoked")
        return Caller(token=token, record=record, installation=installation, grant=grant)

    def kill(self, token: str, error: str = "token_revoked") -> None:
        """Let `token` answer `error` from now on."""
        record = self._world.tokens[token]
        if record.dead is None:
            record.dead = error

    def kill_grant(self, installation: Installation, grant: Grant, *, bot_error: str = "token_revoked") -> None:
        """Revoke a whole authorisation: its tokens, its refresh tokens, and the grant itself."""
        for token in grant.tokens:
            self.kill(token, bot_error if grant.kind == "bot" else "token_revoked")
        for refresh in (grant.refresh, *grant.spent):
            self._refreshes.pop(refresh or "", None)
        if grant.kind == "bot":
            installation.bot = None
        else:
            installation.users.pop(grant.user_id, None)

    def alive(self, grant: Grant | None) -> Iterable[str]:
        """The tokens of a grant that still work, oldest first."""
        now = self._now()
        for token in grant.tokens if grant else ():
            record = self._world.tokens[token]
            if record.dead is None and (record.expires_at is None or record.expires_at > now):
                yield token

    def _new_access(self, installation: Installation, grant: Grant, *, rotating: bool) -> str:
        access = self._ids.access_token(bot=grant.kind == "bot", rotating=rotating)
        now = self._now()
        self._world.tokens[access] = Token(
            app_id=installation.app_id,
            workspace_id=installation.workspace_id,
            kind=grant.kind,
            user_id=grant.user_id,
            issued_at=now,
            expires_at=now + self._rules.token_life if rotating else None,
        )
        living = [*self.alive(grant)]
        for oldest in living[: len(living) - (MAX_ACTIVE - 1)]:
            self.kill(oldest)
        grant.tokens = [*grant.tokens[-MAX_ACTIVE:], access]
        return access

    def _new_refresh(self, installation: Installation, grant: Grant) -> str:
        wall = self._wall()
        grant.spent = {token: until for token, until in grant.spent.items() if until > wall}
        if grant.refresh is not None:
            grant.spent[grant.refresh] = wall + self._rules.refresh_grace
        grant.refresh = self._ids.refresh_token()
        self._refreshes[grant.refresh] = (installation, grant)
        return grant.refresh

    def _usable(self, grant: Grant, refresh_token: str) -> bool:
        return refresh_token == grant.refresh or grant.spent.get(refresh_token, 0.0) > self._wall()

"""Rotavatar's calls to Slack, each with a typed answer.

Tokens travel in headers only. Every refusal is raised as a class of rotavatar.errors; see classification.py.
"""

import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Self, TypeVar
from urllib.parse import urlencode

import httpx
import msgspec

from rotavatar.slack import answers
from rotavatar.slack.addresses import SlackAddresses
from rotavatar.slack.answers import Identity, OAuthGrant, Photo, Profile, PublishedView, RefreshedToken, UserInfo
from rotavatar.slack.classification import error_for
from rotavatar.slack.decoding import check_response, decode, issued_at, read_photo
from rotavatar.slack.measures import observed
from rotavatar.slack.photos import encode_photo
from rotavatar.slack.wire import Reply, Timeouts, Wire, aiohttp_transport

ANSWER_LIMIT = 1_000_000
"""Bytes; the largest answer that we expect, a published view of 250 kB, fits four times."""
PHOTO_LIMIT = 8_000_000
"""Bytes of a member's own photo: a PNG of 1024 px square holds at most 4 MB of pixels."""

_JSON = {"Content-Type": "application/json; charset=utf-8"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}

A = TypeVar("A", bound=answers.Answer | answers.OAuthAnswer)
T = TypeVar("T")


class SlackClient:
    """One Slack environment behind one shared pool of connections. Use it as an asynchronous context manager.

    Every method raises a SlackError class: SlackBusy (timeouts and broken connections too), TokenExpired,
    CredentialDead, ConsentMissing, PictureRefused, Forbidden or RequestRefused.
    """

    def __init__(
        self,
        addresses: SlackAddresses,
        *,
        timeouts: Timeouts | None = None,
        connections: int = 100,
        wall: Callable[[], float] = time.time,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`wall` dates OAuth answers without a Date; `transport` replaces the pool, for tests of broken wires."""
        self.addresses = addresses
        self._wire = Wire(
            transport=transport or aiohttp_transport(connections=connections), timeouts=timeouts or Timeouts()
        )
        self._wall = wall
        self._urls: dict[str, httpx.URL] = {}
        self._boundary = secrets.token_hex(16)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._wire.aclose()

    async def get_profile(self, token: str, user_id: str | None = None) -> Profile:
        """Read the photo of the token's owner, or of `user_id`.

        https://docs.slack.dev/reference/methods/users.profile.get
        """
        method = "users.profile.get"
        form = urlencode({"user": user_id}).encode() if user_id else b""
        answer = await self._call(method, token, body=form, kind=answers.ProfileAnswer)
        return _present(answer.profile, method=method)

    async def set_photo(self, token: str, *, image: bytes, mime: str) -> Profile | None:
        """Set the photo of the token's owner to a PNG, JPEG or GIF of 512 to 1024 px square.

        Return None when Slack leaves the profile out: the photo is set all the same and has to be read.
        https://docs.slack.dev/reference/methods/users.setPhoto
        """
        content_type, body = encode_photo(image=image, mime=mime, boundary=self._boundary)
        headers = {"Content-Type": content_type}
        answer = await self._call("users.setPhoto", token, body=body, kind=answers.ProfileAnswer, headers=headers)
        return answer.profile

    async def delete_photo(self, token: str) -> None:
        """Go back to the default photo. https://docs.slack.dev/reference/methods/users.deletePhoto."""
        await self._call("users.deletePhoto", token, kind=answers.Answer)

    async def publish_view(
        self, token: str, *, user_id: str, view: bytes, expected_hash: str | None = None
    ) -> PublishedView:
        """Show `view` (encoded JSON) as the user's Home tab.

        With `expected_hash` only over that version, else SlackBusy `hash_conflict`. PictureRefused
        `image_download_failed` when Slack cannot have one of its images.
        https://docs.slack.dev/reference/methods/views.publish
        """
        method = "views.publish"
        # Slack compares an empty hash too, and it never matches (https://github.com/slack-go/slack/issues/1462).
        condition = b',"hash":' + msgspec.json.encode(expected_hash) if expected_hash else b""
        body = b'{"user_id":' + msgspec.json.encode(user_id) + condition + b',"view":' + view + b"}"
        answer = await self._call(method, token, body=body, kind=answers.ViewAnswer, headers=_JSON)
        stored = _present(answer.view, method=method)
        return PublishedView(hash=stored.hash, view_id=stored.id)

    async def auth_test(self, token: str) -> Identity:
        """Ask whose token this is, and whether it lives. https://docs.slack.dev/reference/methods/auth.test."""
        method = "auth.test"
        answer, reply = await self._exchange(
            method, headers={**_bearer(token, method), **_FORM}, kind=answers.IdentityAnswer
        )
        return answer.identity(answers.split_scopes(reply.headers.get("x-oauth-scopes", "")))

    async def auth_revoke(self, token: str) -> bool:
        """Destroy the token; whether Slack says it is gone. https://docs.slack.dev/reference/methods/auth.revoke."""
        answer = await self._call("auth.revoke", token, kind=answers.RevokeAnswer)
        return answer.revoked

    async def user_info(self, token: str, user_id: str) -> UserInfo:
        """Read a user's zone and state. https://docs.slack.dev/reference/methods/users.info."""
        method = "users.info"
        answer = await self._call(method, token, body=urlencode({"user": user_id}).encode(), kind=answers.UserAnswer)
        return _present(answer.user, method=method)

    async def chat_post_message(self, token: str, *, channel: str, text: str) -> None:
        """Send `text` to a channel or, by their id, to a user. https://docs.slack.dev/reference/methods/chat.postMessage."""
        body = msgspec.json.encode({"channel": channel, "text": text})
        await self._call("chat.postMessage", token, body=body, kind=answers.Answer, headers=_JSON)

    async def oauth_access(
        self, *, client_id: str, client_secret: str, code: str, redirect_uri: str | None = None
    ) -> OAuthGrant:
        """Exchange the code of a consent, which works once and for 10 minutes, for its tokens.

        https://docs.slack.dev/authentication/installing-with-oauth
        """
        form = {"code": code, **({"redirect_uri": redirect_uri} if redirect_uri else {})}
        answer, at = await self._oauth(client_id, client_secret, form)
        return answer.grant(at)

    async def refresh_token(self, *, client_id: str, client_secret: str, refresh_token: str) -> RefreshedToken:
        """Exchange a refresh token, which works once and a short undocumented while longer, for a new pair.

        CredentialDead `invalid_refresh_token` when it was used. https://docs.slack.dev/authentication/using-token-rotation
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        answer, at = await self._oauth(client_id, client_secret, form)
        return RefreshedToken(token=_present(answer.refreshed(), method="oauth.v2.access"), issued_at=at)

    async def respond(self, response_url: str, payload: bytes) -> None:
        """Send `payload` (encoded JSON) to the response_url of a command; Slack takes up to five in 30 minutes.

        RequestRefused `foreign_address` when it does not lead to this Slack.
        https://docs.slack.dev/interactivity/handling-user-interaction
        """
        method = "response_url"
        if not self.addresses.owns_response_url(response_url):
            raise error_for(method=method, code="foreign_address")
        with observed(method):
            reply = await self._wire.send(
                method=method, url=httpx.URL(response_url), headers=_JSON, content=payload, limit=ANSWER_LIMIT
            )
            check_response(reply, method=method)

    async def fetch_photo(self, url: str, *, allow: Callable[[str], bool]) -> Photo:
        """Fetch a member's photo of at most PHOTO_LIMIT bytes from a host that `allow` accepts.

        SlackBusy `photo_unavailable` when it is not there: reading the profile again may give another address.
        RequestRefused when the host is not allowed, or what comes is no PNG, JPEG or GIF or too large.
        """
        method = "photo"
        if not self.addresses.owns_photo(url, allow=allow):
            raise error_for(method=method, code="foreign_address")
        with observed(method):
            reply = await self._wire.send(
                method=method, verb="GET", url=httpx.URL(url), headers={}, content=None, limit=PHOTO_LIMIT
            )
            return read_photo(reply, method=method)

    async def _call(
        self, method: str, token: str, *, kind: type[A], body: bytes = b"", headers: Mapping[str, str] = _FORM
    ) -> A:
        """Call a Web API method with a token."""
        answer, _ = await self._exchange(method, headers={**_bearer(token, method), **headers}, body=body, kind=kind)
        return answer

    async def _oauth(
        self, client_id: str, client_secret: str, form: Mapping[str, str]
    ) -> tuple[answers.OAuthAnswer, float]:
        """Call oauth.v2.access with the app's credentials; the answer and when Slack gave it."""
        basic = b64encode(f"{client_id}:{client_secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", **_FORM}
        body = urlencode(form).encode()
        answer, reply = await self._exchange("oauth.v2.access", headers=headers, body=body, kind=answers.OAuthAnswer)
        return answer, issued_at(reply.headers, fallback=self._wall())

    async def _exchange(
        self, method: str, *, headers: Mapping[str, str], kind: type[A], body: bytes = b""
    ) -> tuple[A, Reply]:
        """Call a Web API method; its answer, and the raw reply for what stands in headers."""
        with observed(method):
            reply = await self._wire.send(
                method=method, url=self._url(method), headers=headers, content=body, limit=ANSWER_LIMIT
            )
            return decode(reply, method=method, kind=kind), reply

    def _url(self, method: str) -> httpx.URL:
        """Parse a method's address once: it costs 10 µs."""
        url = self._urls.get(method)
        if url is None:
            url = self._urls[method] = httpx.URL(self.addresses.api(method))
        return url


def _bearer(token: str, method: str) -> dict[str, str]:
    """The header of a token. A library's complaint about a broken one would quote it, so such a token stops here."""
    if not (token and token.isascii() and token.isprintable()):
        raise error_for(method=method, code="malformed_token")
    return {"Authorization": f"Bearer {token}"}


def _present(value: T | None, *, method: str) -> T:
    """What an answer must hold."""
    if value is None:
        raise error_for(method=method, code="unreadable_answer", detail="a field is missing")
    return value

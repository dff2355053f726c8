"""The Slack apps that this installation serves: the one of the settings, and further ones that tenants bring along.

A workspace's record names its app. Credentials of further apps lie sealed in Redis; each process keeps all of them in
memory and looks once a second whether they changed.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import msgspec
import msgspec.structs
import structlog

from rotavatar.configuration import Secret
from rotavatar.errors import Unavailable, VaultError
from rotavatar.settings import SigningSettings, SlackSettings
from rotavatar.vault import Owner, Vault

log = structlog.get_logger()

REFRESH_SECONDS: Final = 1.0
"""How long a changed secret may still be the old one somewhere. The look costs one HGET."""


OVERLAP_SECONDS: Final = 3600
"""How long a signing secret that was replaced is accepted on: Slack's page and the Secret are never changed at once."""


class Retiring(msgspec.Struct, frozen=True):
    """A signing secret that was replaced, accepted until `until` (real time, seconds since the epoch)."""

    secret: Secret
    until: int


class AppCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a Slack app is known by. Workers need no signing secrets, so theirs may be empty."""

    app_id: str
    client_id: str
    client_secret: Secret
    signing_secrets: tuple[Secret, ...] = ()
    retiring: tuple[Retiring, ...] = ()

    def signing_keys(self, *, wall: float) -> list[bytes]:
        """The signing secrets at the real time `wall` as HMAC keys: their text, not decoded from hexadecimal."""
        overlapping = (each.secret for each in self.retiring if wall < each.until)
        return [secret.reveal().encode() for secret in (*self.signing_secrets, *overlapping)]

    def next_retirement(self, *, wall: float) -> int | None:
        """When the next replaced signing secret stops to count, in seconds since the epoch; None where none does."""
        return min((each.until for each in self.retiring if wall < each.until), default=None)


class AppsRead(msgspec.Struct, frozen=True):
    """The further apps as they are stored: sealed, by app id, under a version that changes with any of them."""

    version: int
    sealed: Mapping[str, bytes]


class AppSource(Protocol):
    """Where further apps are stored."""

    async def version(self) -> int:
        """The version of the whole; 0 while there is nothing."""
        ...

    async def read(self) -> AppsRead:
        """All of them."""
        ...


def app_of_settings(slack: SlackSettings, signing: SigningSettings | None = None) -> AppCredentials:
    """The app that the settings describe."""
    return AppCredentials(
        app_id=slack.app_id,
        client_id=slack.client_id,
        client_secret=slack.client_secret,
        signing_secrets=signing.secrets if signing else (),
    )


def replacing(before: AppCredentials | None, after: AppCredentials, *, wall: float) -> AppCredentials:
    """`after` in the place of `before` at the real time `wall`: signing secrets that it lacks count for another hour.

    Those that were replaced earlier keep their own deadline. Calling it again with its own result changes nothing until
    a deadline has passed.
    """
    if before is None:
        return after
    present = {secret.reveal() for secret in after.signing_secrets}
    until = int(wall) + OVERLAP_SECONDS
    old = [*before.retiring, *(Retiring(secret, until) for secret in before.signing_secrets)]
    kept: dict[str, Retiring] = {}
    for each in old:
        if each.secret.reveal() not in present and wall < each.until:
            kept.setdefault(each.secret.reveal(), each)
    return msgspec.structs.replace(after, retiring=tuple(kept.values()))


def seal_app(vault: Vault, app: AppCredentials) -> bytes:
    """The blob to store for a further app. Without retiring secrets it has the form that older versions read."""
    secrets = [secret.reveal() for secret in app.signing_secrets]
    retiring = [(each.secret.reveal(), each.until) for each in app.retiring]
    whole = (app.client_id, app.client_secret.reveal(), secrets, *([retiring] if retiring else []))
    return vault.seal(msgspec.msgpack.encode(whole), _owner(app.app_id))


def open_app(vault: Vault, app_id: str, blob: bytes) -> AppCredentials:
    """What `seal_app` sealed for `app_id`. Raises VaultError."""
    try:
        stored = _decoder.decode(vault.open(blob, _owner(app_id)))
    except msgspec.DecodeError:
        raise VaultError("holds no app credentials that this version can read") from None
    return AppCredentials(
        app_id=app_id,
        client_id=stored.client_id,
        client_secret=Secret(stored.client_secret),
        signing_secrets=tuple(map(Secret, stored.signing)),
        retiring=tuple(Retiring(Secret(secret), until) for secret, until in stored.retiring),
    )


class AppRegistry:
    """Every Slack app by its id, in memory."""

    def __init__(self, own: AppCredentials, *, source: AppSource, vault: Vault) -> None:
        """`own` is the app of the settings; it is there always and cannot be replaced."""
        self.own = own
        self._source = source
        self._vault = vault
        self._version = 0
        self._apps: dict[str, AppCredentials] = {own.app_id: own}
        self._shut: frozenset[str] = frozenset()

    def get(self, app_id: str) -> AppCredentials | None:
        """The credentials of an app, or None where it is unknown."""
        return self._apps.get(app_id)

    def ids(self) -> Iterable[str]:
        """The ids of all apps."""
        return self._apps.keys()

    async def refresh(self) -> bool:
        """Read the further apps if they changed; whether they did. Raises Unavailable.

        One that does not open is logged once and tried again each time: a vault key may be put back.
        """
        if await self._source.version() == self._version and not self._shut:
            return False
        stored = await self._source.read()
        opened = {app_id: self._open(app_id, blob) for app_id, blob in stored.sealed.items()}
        self._shut = frozenset(app_id for app_id, app in opened.items() if app is None)
        self._apps = {app_id: app for app_id, app in opened.items() if app is not None} | {self.own.app_id: self.own}
        changed = stored.version != self._version
        self._version = stored.version
        if changed:
            log.info("slack apps read", apps=sorted(self._apps))
        return changed

    def _open(self, app_id: str, blob: bytes) -> AppCredentials | None:
        try:
            return open_app(self._vault, app_id, blob)
        except VaultError as error:
            if app_id not in self._shut:
                log.error("slack app cannot be opened", app=app_id, reason=str(error))  # noqa: TRY400 - no secrets
            return None

    async def keep_fresh(self, *, period: float = REFRESH_SECONDS) -> None:
        """Refresh each `period` seconds until cancelled; while Redis is away what is known goes on to hold."""
        while True:
            await asyncio.sleep(period)
            try:
                await self.refresh()
            except Unavailable as error:
                log.debug("slack apps not refreshed", reason=str(error))


def _owner(app_id: str) -> Owner:
    return Owner("app", app_id)


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    client_id: str
    client_secret: str
    signing: tuple[str, ...]
    retiring: tuple[tuple[str, int], ...] = ()


_decoder = msgspec.msgpack.Decoder(_Stored)

"""The Slack apps that this installation serves: the one of the settings, and further ones that tenants bring along.

A workspace's record names its app. Credentials of further apps lie sealed in Redis; each process keeps all of them in
memory and looks once a second whether they changed.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import msgspec
import structlog

from rotavatar.configuration import Secret
from rotavatar.errors import Unavailable, VaultError
from rotavatar.settings import SigningSettings, SlackSettings
from rotavatar.vault import Owner, Vault

log = structlog.get_logger()

REFRESH_SECONDS: Final = 1.0
"""How long a changed secret may still be the old one somewhere. The look costs one HGET."""


class AppCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a Slack app is known by. Workers need no signing secrets, so theirs may be empty."""

    app_id: str
    client_id: str
    client_secret: Secret
    signing_secrets: tuple[Secret, ...] = ()

    def signing_keys(self) -> list[bytes]:
        """The signing secrets as HMAC keys: their text, not decoded from hexadecimal."""
        return [secret.reveal().encode() for secret in self.signing_secrets]


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


def seal_app(vault: Vault, app: AppCredentials) -> bytes:
    """The blob to store for a further app."""
    secrets = [secret.reveal() for secret in app.signing_secrets]
    return vault.seal(msgspec.msgpack.encode((app.client_id, app.client_secret.reveal(), secrets)), _owner(app.app_id))


def open_app(vault: Vault, app_id: str, blob: bytes) -> AppCredentials:
    """What `seal_app` sealed for `app_id`. Raises VaultError."""
    try:
        client_id, client_secret, signing = _decoder.decode(vault.open(blob, _owner(app_id)))
    except msgspec.DecodeError:
        raise VaultError("holds no app credentials that this version can read") from None
    return AppCredentials(
        app_id=app_id,
        client_id=client_id,
        client_secret=Secret(client_secret),
        signing_secrets=tuple(map(Secret, signing)),
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


_decoder = msgspec.msgpack.Decoder(tuple[str, str, list[str]])

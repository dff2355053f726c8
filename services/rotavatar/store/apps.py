"""Credentials of further Slack apps: one hash, read whole, as an installation has a handful of them."""

from typing import Final

from rotavatar import keys
from rotavatar.apps import AppsRead
from rotavatar.redis import Redis

PARTITION: Final = 0
"""The partition that the key of all apps lies in."""

VERSION: Final = b"version"
"""Field that counts the changes. No app has such an id: those are capital letters and digits."""


class AppStore:
    """Reads and writes sealed app credentials."""

    def __init__(self, redis: Redis) -> None:
        """Keep them in `redis`."""
        self._redis = redis

    async def version(self) -> int:
        """How often any app was changed; processes read all again when it differs."""
        return int(await self._redis.execute(PARTITION, "HGET", keys.APPS, VERSION) or 0)

    async def read(self) -> AppsRead:
        """All apps, still sealed, and the version that they are of."""
        raw = await self._redis.execute(PARTITION, "HGETALL", keys.APPS)
        fields = dict(zip(raw[::2], raw[1::2], strict=True))
        version = int(fields.pop(VERSION, 0))
        return AppsRead(version=version, sealed={app_id.decode(): blob for app_id, blob in fields.items()})

    async def put(self, app_id: str, sealed: bytes, *, source: str | None = None) -> None:
        """Store an app, in place of what was known of it. `source` says where it came from; None leaves that as it is.

        Sealing the same twice gives two blobs, so who wants to know whether an app is up to date compares sources.
        """
        args: list[str | bytes] = [app_id, sealed, *([] if source is None else [source])]
        await self._redis.run(PARTITION, "put_app", [keys.APPS, keys.APP_SOURCES], args)

    async def remove(self, app_id: str) -> None:
        """Forget an app, and where it came from."""
        await self._redis.run(PARTITION, "put_app", [keys.APPS, keys.APP_SOURCES], [app_id, "", ""])

    async def sources(self) -> dict[str, str]:
        """Every app that was stored with a source, and that source."""
        raw = await self._redis.execute(PARTITION, "HGETALL", keys.APP_SOURCES)
        return {app_id.decode(): source.decode() for app_id, source in zip(raw[::2], raw[1::2], strict=True)}

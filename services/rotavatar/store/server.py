"""What the Redis servers say about themselves, for who checks whether they are fit."""

from collections.abc import Mapping
from typing import Final

import msgspec
from redis.exceptions import ResponseError

from rotavatar import keys
from rotavatar.redis import Redis

OPTIONS: Final = ("appendonly", "appendfsync", "maxmemory", "maxmemory-policy", "hash-max-listpack-value")
"""The options that Rotavatar depends on."""


class ServerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One server. `options` is None where it does not tell (managed services often forbid CONFIG)."""

    name: str
    """`redis` or `valkey`."""
    version: tuple[int, ...]
    clustered: bool
    options: Mapping[str, str] | None
    used_bytes: int


class ServerStore:
    """Asks the servers behind a connection."""

    def __init__(self, redis: Redis) -> None:
        """Ask those of `redis`."""
        self._redis = redis

    async def facts(self) -> list[ServerFacts]:
        """Every server that holds a partition, each once. Raises Unavailable."""
        found: dict[str, ServerFacts] = {}
        for partition in range(keys.PARTITIONS if self._redis.clustered else 1):
            said = _lines(await self._redis.execute(partition, "INFO"))
            if said["run_id"] not in found:
                found[said["run_id"]] = ServerFacts(
                    name=said.get("server_name", "redis"),
                    version=_version(said.get("valkey_version") or said["redis_version"]),
                    clustered=self._redis.clustered,
                    options=await self._options(partition),
                    used_bytes=int(said["used_memory"]),
                )
        return list(found.values())

    async def _options(self, partition: int) -> dict[str, str] | None:
        try:
            reply = await self._redis.execute(partition, "CONFIG", "GET", *OPTIONS)
        except ResponseError:
            return None
        words = [word.decode() for word in reply]
        return dict(zip(words[::2], words[1::2], strict=True)) or None


def _lines(info: bytes) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
    return {name: value.strip() for name, value in pairs}


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())

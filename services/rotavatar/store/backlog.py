"""How much waits in streams and in ready sets, without reading what it is."""

import asyncio
from typing import Any

import msgspec
from redis.exceptions import ResponseError

from rotavatar.redis import Redis
from rotavatar.store.jobs import GROUP


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One stream: jobs never read (None where Redis cannot tell), jobs read and not done, and the oldest of each."""

    lag: int | None = 0
    pending: int = 0
    oldest_waiting_ms: int | None = None
    oldest_pending_ms: int | None = None


class BacklogStore:
    """Counts what waits."""

    def __init__(self, redis: Redis) -> None:
        """Count in `redis`."""
        self._redis = redis

    async def waiting(self, stream: str, partition: int) -> Waiting:
        """What waits in a stream of jobs: nothing where nobody has ever read it. Raises Unavailable."""
        try:
            groups = await self._redis.execute(partition, "XINFO", "GROUPS", stream)
        except ResponseError as error:
            if "no such key" not in str(error):
                raise
            return Waiting()
        if not groups:
            return Waiting()
        facts: dict[bytes, Any] = dict(zip(groups[0][::2], groups[0][1::2], strict=True))
        last = facts[b"last-delivered-id"].decode()
        pending, waiting = await asyncio.gather(
            self._redis.execute(partition, "XPENDING", stream, GROUP),
            self._redis.execute(partition, "XRANGE", stream, f"({last}", "+", "COUNT", 1),
        )
        lag = facts.get(b"lag")
        return Waiting(
            lag=None if lag is None else int(lag),
            pending=int(pending[0]),
            oldest_pending_ms=_time_of(pending[1]),
            oldest_waiting_ms=_time_of(waiting[0][0]) if waiting else None,
        )

    async def ready(self, key: str, partition: int, *, now_ms: float) -> tuple[int, float | None]:
        """How many workspaces of a ready set may be served by `now_ms`, and since when (ms) the first of them."""
        number, first = await asyncio.gather(
            self._redis.execute(partition, "ZCOUNT", key, "-inf", now_ms),
            self._redis.execute(partition, "ZRANGE", key, 0, 0, "WITHSCORES"),
        )
        return int(number), float(first[1]) if int(number) and first else None


def _time_of(id_: bytes | None) -> int | None:
    """The milliseconds in the id of an entry."""
    return int(id_.partition(b"-")[0]) if id_ else None

"""What a workspace used: rotations and publishes of this month and of the one before."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from rotavatar import keys
from rotavatar.keys import Workspace
from rotavatar.redis import Redis

FIELDS: Final = ("m", "r", "p", "lm", "lr", "lp")


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Photos that were changed and Home tabs that were published, by months of UTC."""

    month: str
    """YYYY-MM."""
    rotations: int = 0
    publishes: int = 0
    rotations_last_month: int = 0
    publishes_last_month: int = 0


def month_of(now_ms: int) -> str:
    """The month of a time (ms since the epoch), as YYYY-MM in UTC."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m")


def month_began_ms(now_ms: int) -> int:
    """When the month of a time began, both in ms since the epoch."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    return int(now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


class UsageStore:
    """Reads what the scripts counted."""

    def __init__(self, redis: Redis) -> None:
        """Read it in `redis`."""
        self._redis = redis

    async def read(self, workspace: Workspace, *, now_ms: int) -> Usage:
        """What the workspace used in the month of `now_ms` and in the one before."""
        raw = await self._redis.execute(keys.partition_of(workspace), "HMGET", keys.usage(workspace), *FIELDS)
        m, r, p, lm, lr, lp = (value.decode() if value else "" for value in raw)
        counted = {m: (int(r or 0), int(p or 0)), lm: (int(lr or 0), int(lp or 0))}
        before = datetime.fromtimestamp(month_began_ms(now_ms) / 1000, UTC) - timedelta(days=1)
        this, last = counted.get(month_of(now_ms), (0, 0)), counted.get(before.strftime("%Y-%m"), (0, 0))
        return Usage(
            month=month_of(now_ms),
            rotations=this[0],
            publishes=this[1],
            rotations_last_month=last[0],
            publishes_last_month=last[1],
        )

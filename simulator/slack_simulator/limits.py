"""Rate limits per (app, workspace, method), shared by every token of the app there.

https://docs.slack.dev/apis/web-api/rate-limits. Bursts are not documented; a method of tier 2 was seen to let about
twenty calls through at once and then one each three seconds, so each bucket holds a minute's calls.
"""

import math
from collections.abc import Callable

import msgspec


class Bucket(msgspec.Struct):
    """Calls left in the bucket at a time of the schedule's clock."""

    left: float
    at: float


class Limiter:
    """Token buckets. Times are seconds of the schedule's clock."""

    def __init__(self, *, overrides: dict[str, int], enforced: bool = True) -> None:
        self.overrides = dict(overrides)
        self.enforced = enforced
        self._buckets: dict[tuple[str, str, str], Bucket] = {}
        self._closed: dict[tuple[str, str], float] = {}

    def limit(self, method: str, tier: int) -> int:
        """Calls a minute that `method` admits."""
        return self.overrides.get(method, tier)

    def take(self, *, app: str, team: str, method: str, tier: int, now: float) -> int:
        """Take one call. Returns 0 if it may go on, else the whole seconds of its Retry-After."""
        closed = max(self._closed.get((team, method), 0.0), self._closed.get((team, "*"), 0.0))
        if closed > now:
            return math.ceil(closed - now)
        if not self.enforced:
            return 0
        limit = self.limit(method, tier)
        bucket = self._buckets.get((app, team, method))
        if bucket is None:
            bucket = self._buckets[app, team, method] = Bucket(left=float(limit), at=now)
        left = self._left(bucket, limit=limit, now=now)
        bucket.at = now
        if left < 1.0:
            bucket.left = left
            return max(1, math.ceil((1.0 - left) * 60.0 / limit))
        bucket.left = left - 1.0
        return 0

    def close(self, *, team: str, method: str, until: float) -> None:
        """Refuse `method` (all methods for `*`) of `team` until a time, whatever its bucket holds."""
        self._closed[team, method] = until

    def open(self) -> None:
        """Take back every `close`."""
        self._closed.clear()

    def clear(self) -> None:
        """Fill every bucket."""
        self._closed.clear()
        self._buckets.clear()

    def used(self, team: str, *, now: float, tier: Callable[[str], int]) -> dict[str, dict[str, int]]:
        """For the page: how full each method's bucket of `team` is, as {method: {used, limit}}."""
        found = {}
        for (_, owner, method), bucket in self._buckets.items():
            if owner == team:
                limit = self.limit(method, tier(method))
                left = self._left(bucket, limit=limit, now=now)
                found[method] = {"used": limit - math.floor(left), "limit": limit}
        for (owner, method), until in self._closed.items():
            if owner == team and until > now and method != "*":
                limit = self.limit(method, tier(method))
                found[method] = {"used": limit, "limit": limit}
        return found

    @staticmethod
    def _left(bucket: Bucket, *, limit: int, now: float) -> float:
        return min(float(limit), bucket.left + max(0.0, now - bucket.at) * limit / 60.0)

"""Transport time: signatures, code and trigger lifetimes and the retry schedule run on the real clock, or on a test's.

The schedule's clock (`rotavatar.clock`) is another matter: rate limits and token expiry follow it.
"""

import asyncio
import heapq
import itertools
import time
from typing import Protocol


class Timing(Protocol):
    """The real clock, injectable."""

    def wall(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return once `seconds` have passed on this clock."""
        ...


class RealTiming:
    """The machine's clock."""

    def wall(self) -> float:
        """See Timing."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """See Timing."""
        await asyncio.sleep(seconds)


class ManualTiming:
    """A clock that a test moves; whoever sleeps is woken in the order of their deadlines."""

    def __init__(self) -> None:
        self._time = time.time()
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []

    def wall(self) -> float:
        """See Timing."""
        return self._time

    async def sleep(self, seconds: float) -> None:
        """See Timing."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.Event()
        heapq.heappush(self._sleepers, (self._time + seconds, next(self._order), woken))
        await woken.wait()

    @property
    def sleeping(self) -> list[float]:
        """How many seconds each sleeper still has to wait, shortest first."""
        return [deadline - self._time for deadline, _, _ in sorted(self._sleepers, key=lambda s: s[:2])]

    def advance(self, seconds: float) -> None:
        """Move `seconds` forward and wake whoever is due."""
        self._time += seconds
        while self._sleepers and self._sleepers[0][0] <= self._time:
            heapq.heappop(self._sleepers)[2].set()

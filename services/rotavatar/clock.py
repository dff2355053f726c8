"""One clock for every process: Redis' TIME, in local development times a speed.

Two machines never agree on the time of day, so nobody asks theirs: each process measures how far its own monotonic
counter is from Redis' TIME and reads the time from that. In local development Redis also holds a speed, so that a
newcomer sees an hour pass in seconds; then `now` runs ahead of `wall`.

`now` is for schedules: due times, pacing, leases, retention. `wall` is for what the outside world stamps with the
real time: Slack's signatures and the order of its events.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
import structlog

from rotavatar.errors import Unavailable
from rotavatar.metrics import REDIS_UP

log = structlog.get_logger()

CLOCK_KEY = "rv:{p00}:clock"
"""Redis hash that holds the speed; absent in production."""

MAX_SPEED = 3600.0
"""An hour a second: beyond it one network round trip is longer than the shortest frequency."""


ATTENTIVE_SECONDS = 0.1
"""How often the speed is read where there is one: in local development somebody may change it at any moment."""

NOTICE_SECONDS = 0.5
"""How long before a new speed holds it is written down, so that every process changes at the same instant. For as long
after a measurement the speed is known; beyond that a clock runs at the real speed, so that it is never ahead."""


class Clock(Protocol):
    """Where a process gets the time from."""

    def now(self) -> float:
        """Seconds since the epoch on the schedule's clock."""
        ...

    def wall(self) -> float:
        """Seconds since the epoch on the real clock."""
        ...

    def span(self, seconds: float) -> float:
        """How long `seconds` of real work are on the schedule's clock: leases and timeouts are set with it."""
        ...


class Pace(msgspec.Struct, frozen=True):
    """How the schedule's clock relates to the real one: at `real` it showed `virtual`, and runs at `speed` since."""

    real: float = 0.0
    virtual: float = 0.0
    speed: float = 1.0
    before: float = 1.0
    """How fast it runs until `real`."""

    def at(self, wall: float) -> float:
        """The schedule's time at the real time `wall`, both in seconds since the epoch."""
        return self.virtual + (wall - self.real) * self.speed_at(wall)

    def speed_at(self, wall: float) -> float:
        """How fast the clock runs at the real time `wall`."""
        return self.speed if wall >= self.real else self.before

    def changed(self, *, wall: float, speed: float) -> "Pace":
        """The same clock from `wall` on with another speed, without a jump. Raises ValueError beyond MAX_SPEED."""
        if not 1.0 <= speed <= MAX_SPEED:
            raise ValueError(f"the clock's speed must be between 1 and {MAX_SPEED:.0f}, not {speed:g}")
        return Pace(real=wall, virtual=self.at(wall), speed=speed, before=self.speed_at(wall))


PACE_FIELDS = Pace.__struct_fields__
"""Names of the hash's fields, in the order of Pace."""


class SystemClock:
    """The machine's own clock, for a process that has no Redis."""

    def __init__(self, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()

    def now(self) -> float:
        """See Clock."""
        return self.pace.at(time.time())

    def wall(self) -> float:
        """See Clock."""
        return time.time()

    def span(self, seconds: float) -> float:
        """See Clock."""
        return seconds * self.pace.speed


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self.time = start

    def now(self) -> float:
        """See Clock."""
        return self.time

    def wall(self) -> float:
        """See Clock."""
        return self.time

    def span(self, seconds: float) -> float:
        """See Clock."""
        return seconds

    def advance(self, seconds: float) -> None:
        """Move `seconds` forward."""
        self.time += seconds


class RedisClock:
    """Redis' TIME, read between measurements from this process's monotonic counter."""

    def __init__(
        self,
        *,
        measure: Callable[[], Awaitable[tuple[float, Pace]]],
        monotonic: Callable[[], float] = time.monotonic,
        period: float = 5.0,
    ) -> None:
        """Ask `measure` (Redis' time in seconds, and the speed) each `period` seconds, more often where one is set."""
        self._measure = measure
        self._monotonic = monotonic
        self._period = period
        self._offset = 0.0
        self._pace = Pace()
        self._known_until = 0.0

    def now(self) -> float:
        """See Clock."""
        wall = self.wall()
        known = min(wall, self._known_until)
        return self._pace.at(known) + wall - known

    def wall(self) -> float:
        """See Clock."""
        return self._monotonic() + self._offset

    def span(self, seconds: float) -> float:
        """See Clock."""
        return seconds * self._pace.speed_at(self.wall())

    async def synchronise(self) -> None:
        """Measure once. Half the round trip is taken as the way back, so the error is at most the other half."""
        before = self._monotonic()
        redis_time, pace = await self._measure()
        after = self._monotonic()
        self._offset = redis_time - (before + after) / 2
        self._pace = pace
        self._known_until = before + self._offset + NOTICE_SECONDS
        REDIS_UP.set(1)

    async def run(self) -> None:
        """Keep measuring until cancelled; while Redis is away the counter runs on."""
        while True:
            await asyncio.sleep(self._period if self._pace == Pace() else ATTENTIVE_SECONDS)
            try:
                await self.synchronise()
            except (OSError, TimeoutError, Unavailable) as error:
                REDIS_UP.set(0)
                log.warning("clock not synchronised", error=type(error).__name__)

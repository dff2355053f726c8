"""Who tells the shared facts: one process, under a lease that ends by itself, so that no other adds the same numbers.

Rotators and publishers stand for it, so that the backlog of the ones is told while none of the others lives.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, NamedTuple

import structlog

from rotavatar.errors import Unavailable
from rotavatar.shared import measures
from rotavatar.store import LeaseStore

log = structlog.get_logger()

ROUND_SECONDS: Final = 15.0
"""As often as Prometheus commonly looks, at the most."""

LEASE_SECONDS: Final = 45.0
"""Three rounds: so long nobody tells after the holder was killed."""


class Duty(NamedTuple):
    """Counts and tells something, at most each `seconds`. Raises Unavailable where Redis is away."""

    work: Callable[[], Awaitable[None]]
    seconds: float


class Office:
    """Stands for the office, and does its duties while it is held."""

    def __init__(self, *, leases: LeaseStore, duties: tuple[Duty, ...], period: float = ROUND_SECONDS) -> None:
        """Look each `period` seconds."""
        self._leases = leases
        self._duties = duties
        self._period = period
        self._name = secrets.token_hex(8)
        self._next = dict.fromkeys(range(len(duties)), 0.0)

    async def run(self) -> None:
        """Until cancelled; then the office is free at once. While Redis is away the last numbers stand."""
        try:
            while True:
                try:
                    await self.turn()
                except Unavailable as error:
                    log.debug("shared facts not counted", reason=str(error))
                await asyncio.sleep(self._period)
        finally:
            measures.forget()
            with suppress(Unavailable):
                await self._leases.leave_office(self._name)

    async def turn(self) -> None:
        """Look once whether the office is ours, and do what is due then. Raises Unavailable."""
        if not await self._leases.hold_office(self._name, seconds=LEASE_SECONDS):
            measures.forget()
            self._next = dict.fromkeys(self._next, 0.0)
            return
        measures.HOLDER.set(1)
        now = asyncio.get_running_loop().time()
        for number, duty in enumerate(self._duties):
            if self._next[number] <= now:
                await duty.work()
                self._next[number] = now + duty.seconds

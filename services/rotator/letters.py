"""Counting dead letters: of both streams, in every partition, told by the rotator alone."""

import asyncio
from typing import Final

import structlog

from rotator import measures
from rotavatar.clock import Clock
from rotavatar.errors import Unavailable
from rotavatar.keys import PARTITIONS
from rotavatar.store import JobStore

log = structlog.get_logger()

COUNT_SECONDS: Final = 15.0
"""As often as Prometheus commonly looks."""


class LetterCount:
    """Keeps the gauges of dead letters up to date."""

    def __init__(self, *, jobs: JobStore, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock

    async def run(self) -> None:
        """Count until cancelled. While Redis is away the last count stands."""
        while True:
            try:
                await self.count()
            except Unavailable as error:
                log.debug("dead letters not counted", reason=str(error))
            await asyncio.sleep(COUNT_SECONDS)

    async def count(self) -> None:
        """Count once. Raises Unavailable, and then every gauge stays as it was."""
        counted = await asyncio.gather(*(self._jobs.buried(partition) for partition in range(PARTITIONS)))
        for partition, (number, _) in enumerate(counted):
            measures.dead_letters.labels(partition=partition).set(number)
        now_ms = self._clock.now() * 1000
        oldest = min((at for _, at in counted if at is not None), default=now_ms)
        measures.dead_letters_age.set(max(0.0, now_ms - oldest) / 1000)

"""From publish jobs to marks: many jobs of a member are one publish, and what is shown already needs none."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from publisher import home, metrics
from publisher.reading import TabReader
from rotavatar.clock import Clock
from rotavatar.messages import Job, PublishAsked
from rotavatar.store import JobStore, PublishStore
from rotavatar.store.jobs import Entry

log = structlog.get_logger()

LOOK_SECONDS: Final = 60.0
"""Whoever opened the tab or clicked in it counts as looking for this long."""


class Marker:
    """Handles batches of publish jobs of one partition."""

    def __init__(
        self,
        *,
        publishing: PublishStore,
        jobs: JobStore,
        reader: TabReader,
        clock: Clock,
        wake: Callable[[int], None],
    ) -> None:
        """`wake` is called with a partition in which tabs may be published now."""
        self._publishing = publishing
        self._jobs = jobs
        self._reader = reader
        self._clock = clock
        self._wake = wake

    async def handle(self, batch: Sequence[tuple[Entry, Job]]) -> None:
        """Mark the members of `batch`, and finish its jobs. Raises Unavailable where Redis is away."""
        asked = [(entry, job) for entry, job in batch if isinstance(job, PublishAsked)]
        if len(asked) < len(batch):
            await self._bury([entry for entry, job in batch if not isinstance(job, PublishAsked)])
        if not asked:
            return
        for _, job in asked:
            log.debug("tab wanted", workspace=job.workspace, user=job.user, trace=job.trace)
        fresh = await self._fresh(asked)
        metrics.PUBLISHES.labels("fresh").inc(len(fresh))
        await self._publishing.mark(
            asked[0][0].partition,
            asked,
            now_ms=int(self._clock.now() * 1000),
            look_until_ms=int((self._clock.now() + self._clock.span(LOOK_SECONDS)) * 1000),
            fresh=fresh,
        )
        self._wake(asked[0][0].partition)

    async def _fresh(self, asked: Sequence[tuple[Entry, PublishAsked]]) -> frozenset[str]:
        """The entries whose members see the present state already.

        Judged here and not when the tab's turn comes, so that opening it costs no turn at all.
        """
        told = [(entry, job) for entry, job in asked if job.shown]
        shows = await asyncio.gather(*(self._shows(job) for _, job in told))
        return frozenset(entry.id for (entry, _), same in zip(told, shows, strict=True) if same)

    async def _shows(self, job: PublishAsked) -> bool:
        reading = await self._reader.read(job.workspace, job.user)
        return reading is not None and home.build(reading.state).digest == job.shown

    async def _bury(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            log.error("job buried", stream=entry.stream, id=entry.id, reason="no publish job")
            await self._jobs.bury(entry, reason="no publish job", now_ms=int(self._clock.now() * 1000))

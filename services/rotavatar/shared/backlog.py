"""What waits: jobs in the streams, dead letters, and workspaces that could be served now. Cheap, each few seconds."""

import asyncio
from collections.abc import Sequence
from typing import Final

from rotavatar import keys
from rotavatar.clock import Clock
from rotavatar.keys import PARTITIONS
from rotavatar.shared import measures
from rotavatar.store import BacklogStore, JobStore
from rotavatar.store.backlog import Waiting

STREAMS: Final = {"schedule": keys.schedule_jobs, "publish": keys.publish_jobs}
WORK: Final = {"rotations": keys.ready, "publishes": keys.publish_ready}
EVERY: Final = range(PARTITIONS)


class Backlog:
    """Keeps the gauges of what waits up to date."""

    def __init__(self, *, store: BacklogStore, jobs: JobStore, clock: Clock) -> None:
        """Count in `store` and `jobs`; ages are real seconds of `clock`."""
        self._store = store
        self._jobs = jobs
        self._clock = clock

    async def count(self) -> None:
        """Count once. Raises Unavailable, and then what was not counted yet stays as it was."""
        for name, stream in STREAMS.items():
            self._tell(name, await asyncio.gather(*(self._store.waiting(stream(p), p) for p in EVERY)))
        await self.count_letters()
        for work, ready in WORK.items():
            await self._count_ready(work, [ready(partition) for partition in EVERY])

    async def count_letters(self) -> None:
        """Count dead letters alone. Raises Unavailable."""
        counted = await asyncio.gather(*(self._jobs.buried(partition) for partition in EVERY))
        for partition, (number, _) in enumerate(counted):
            measures.DEAD_LETTERS.labels(partition=partition).set(number)
        now_ms = self._clock.now() * 1000
        oldest = min((at for _, at in counted if at is not None), default=now_ms)
        measures.DEAD_LETTERS_AGE.set(max(0.0, now_ms - oldest) / 1000)

    async def _count_ready(self, work: str, names: Sequence[str]) -> None:
        now_ms = self._clock.now() * 1000
        counted = await asyncio.gather(*(self._store.ready(key, p, now_ms=now_ms) for p, key in enumerate(names)))
        first = min((since for _, since in counted if since is not None), default=now_ms)
        measures.READY.labels(work).set(sum(number for number, _ in counted))
        measures.READY_OLDEST.labels(work).set(max(0.0, now_ms - first) / 1000 / self._clock.span(1.0))

    def _tell(self, stream: str, counted: Sequence[Waiting]) -> None:
        measures.LAG_KNOWN.labels(stream).set(all(each.lag is not None for each in counted))
        measures.LAG.labels(stream).set(sum(each.lag or 0 for each in counted))
        measures.PENDING.labels(stream).set(sum(each.pending for each in counted))
        # The ids of a stream's entries are real time.
        now_ms = self._clock.wall() * 1000
        for state, times in (
            ("waiting", [each.oldest_waiting_ms for each in counted]),
            ("pending", [each.oldest_pending_ms for each in counted]),
        ):
            oldest = min((at for at in times if at is not None), default=now_ms)
            measures.OLDEST.labels(stream, state).set(max(0.0, now_ms - oldest) / 1000)

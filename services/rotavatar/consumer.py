"""Reading a family of streams: new jobs as they come, lost ones taken over, hopeless ones buried.

An attempt is counted by Redis when a job is delivered, before any work, so a job that kills its process is counted too
and reaches the dead letters. No more is read than there are hands for, and what was read is begun at once: a job that
waits does so in its stream, where it is neither counted nor idle, and not in a process that may die before its turn.
A job that fails stays pending; whoever sees it idle for `RETRY_IDLE_MS` tries it next. An attempt that failed because
something else was away is not counted.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from rotavatar.clock import Clock
from rotavatar.errors import MalformedMessage, RequestRefused, Unavailable
from rotavatar.hands import Hands
from rotavatar.messages import Job, decode, kind_of
from rotavatar.metrics import JOBS
from rotavatar.redis import Redis
from rotavatar.store.jobs import Entry, JobStore

log = structlog.get_logger()

ATTEMPTS: Final = 5
"""A job that failed so often is buried: with RETRY_IDLE_MS between attempts that is after about four minutes."""

RETRY_IDLE_MS: Final = 45_000
"""Longer than JOB_SECONDS, so that nobody takes over a job that is still being done."""

JOB_SECONDS: Final = 30.0
BLOCK_MS: Final = 1_000
"""How long a read waits: a stop is noticed within this time."""

BATCH: Final = 100
"""The most that is read of one stream at once."""

HANDS: Final = 256
"""Jobs that one process does at a time: slow ones must not keep the next from being read, nor fill the memory."""

BATCH_HANDS: Final = 6_400
"""The same where jobs are done by the batch, and none of them waits for anything but Redis."""

SWEPT: Final = 32
"""Lost jobs that are taken over, and tried, at once."""

SWEEP_SECONDS: Final = 5.0
FORGOTTEN_MS: Final = 3_600_000
"""A consumer that was silent for an hour and has nothing pending belongs to a process that is gone."""

Handler = Callable[[Entry, Job], Awaitable[bool]]
"""Does one job; returns whether its commit finished the job already."""

Batch = Sequence[tuple[Entry, Job]]
BatchHandler = Callable[[Batch], Awaitable[None]]
"""Does jobs of one partition together, and finishes them itself."""


Work = Callable[[Batch, Hands], Awaitable[None]]
"""Does a batch, and releases the hand of each job once it is done."""


class Consumer:
    """One process's reader of one family of streams."""

    def __init__(
        self,
        *,
        redis: Redis,
        jobs: JobStore,
        clock: Clock,
        streams: Sequence[str],
        name: str,
        retry_idle_ms: int = RETRY_IDLE_MS,
    ) -> None:
        """Read `streams` (one per partition, in order) as consumer `name`."""
        # A connection for each reader: behind one that waits, another would wait too, sixteen of them for 16 s.
        self._readers = [(group, redis.blocking(seconds=BLOCK_MS / 1000)) for group in redis.groups()]
        self._jobs = jobs
        self._clock = clock
        self._streams = streams
        self._name = name
        self._retry_idle_ms = retry_idle_ms
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Read nothing new; `run` and `run_batches` return when what was read is done."""
        self._stopping.set()

    async def run(self, handle: Handler, *, hands: int = HANDS) -> None:
        """Do jobs one by one, at most `hands` at a time, until stopped."""

        async def each(batch: Batch, busy: Hands) -> None:
            done = await asyncio.gather(*(self._one(handle, entry, job, busy) for entry, job in batch))
            finished = [entry for entry in done if entry is not None]
            if finished:
                await self._jobs.finish(finished[0].partition, finished[0].stream, [entry.id for entry in finished])

        await self._consume(each, hands)

    async def run_batches(self, handle: BatchHandler, *, hands: int = BATCH_HANDS) -> None:
        """Hand over what was read, by partition, at most `hands` jobs at a time, until stopped."""

        async def whole(batch: Batch, busy: Hands) -> None:
            outcome = "failed"
            try:
                await handle(batch)
                outcome = "done"
            except Unavailable:
                outcome = "put_off"
                raise
            finally:
                busy.release(len(batch))
                for kind, number in Counter(kind_of(job) for _, job in batch).items():
                    JOBS.labels(kind, outcome).inc(number)

        await self._consume(whole, hands)

    async def _consume(self, work: Work, hands: int) -> None:
        await self._until_available(lambda: self._jobs.create_groups(self._streams))
        try:
            async with asyncio.TaskGroup() as tasks:
                for group, blocking in self._readers:
                    free = Hands(max(hands // len(self._readers), len(group)))
                    tasks.create_task(self._read(group, blocking, work, free, tasks))
                tasks.create_task(self._sweep(work))
        finally:
            for _, blocking in self._readers:
                await blocking.close()

    async def _read(
        self, group: Sequence[int], blocking: Redis, work: Work, hands: Hands, tasks: asyncio.TaskGroup
    ) -> None:
        while not self._stopping.is_set():
            # Redis counts what it delivers by the stream, so one hand for each of them is the least to ask with.
            free = await hands.free(at_least=len(group))
            count = min(BATCH, free // len(group))
            try:
                entries = await self._jobs.read(
                    self._streams, group, consumer=self._name, count=count, block_ms=BLOCK_MS, redis=blocking
                )
            except Unavailable as error:
                log.warning("jobs not read", reason=str(error))
                await self._pause(1.0)
                continue
            if entries:
                hands.take(len(entries))
                tasks.create_task(self._deliver(entries, work, hands))

    async def _sweep(self, work: Work) -> None:
        """Take over what others left, and remove consumers that are gone."""
        hands = Hands(SWEPT)
        while not self._stopping.is_set():
            full = False
            for partition, stream in enumerate(self._streams):
                try:
                    entries = await self._jobs.take_over(
                        stream, partition, consumer=self._name, idle_ms=self._retry_idle_ms, count=SWEPT
                    )
                    full = full or len(entries) == SWEPT
                    hands.take(len(entries))
                    await self._deliver(entries, work, hands)
                    await self._retire(stream, partition)
                except Unavailable as error:
                    log.warning("jobs not taken over", stream=stream, reason=str(error))
            await self._pause(0.0 if full else min(SWEEP_SECONDS, self._retry_idle_ms / 1000))

    async def _deliver(self, entries: Sequence[Entry], work: Work, hands: Hands) -> None:
        by_partition: dict[int, list[tuple[Entry, Job]]] = {}
        hopeless: list[tuple[Entry, str]] = []
        for entry in entries:
            job = _job_of(entry)
            if isinstance(job, str):
                hopeless.append((entry, job))
            else:
                by_partition.setdefault(entry.partition, []).append((entry, job))
        try:
            await asyncio.gather(
                *(self._give_up(entry, reason, hands) for entry, reason in hopeless),
                *(work(batch, hands) for batch in by_partition.values()),
            )
        except Unavailable as error:
            log.warning("jobs left for the next attempt", reason=str(error))
            await self._put_off(entries)

    async def _give_up(self, entry: Entry, reason: str, hands: Hands) -> None:
        try:
            await self._bury(entry, reason, kind="unread")
        finally:
            hands.release()

    async def _one(self, handle: Handler, entry: Entry, job: Job, hands: Hands) -> Entry | None:
        """Returns the entry if it is done but not finished yet."""
        try:
            async with asyncio.timeout(JOB_SECONDS):
                finished = await handle(entry, job)
            JOBS.labels(kind_of(job), "done").inc()
            return None if finished else entry  # noqa: TRY300 - what failed is told below
        except RequestRefused as error:
            await self._bury(entry, str(error), kind=kind_of(job))
        except Unavailable as error:
            JOBS.labels(kind_of(job), "put_off").inc()
            log.warning("job put off", workspace=job.workspace, trace=job.trace, reason=str(error))
            await self._put_off([entry])
        except Exception as error:  # noqa: BLE001 - any failure of one job must leave the others alone
            JOBS.labels(kind_of(job), "failed").inc()
            log.warning(
                "job failed",
                kind=type(job).__name__,
                workspace=job.workspace,
                trace=job.trace,
                attempt=entry.attempt,
                error=type(error).__name__,
                reason=str(error),
            )
        finally:
            hands.release()
        return None

    async def _put_off(self, entries: Sequence[Entry]) -> None:
        with suppress(Unavailable):
            await self._jobs.put_off(entries, consumer=self._name)

    async def _bury(self, entry: Entry, reason: str, *, kind: str) -> None:
        JOBS.labels(kind, "buried").inc()
        log.error("job buried", stream=entry.stream, id=entry.id, attempt=entry.attempt, reason=reason)
        await self._jobs.bury(entry, reason=reason, now_ms=int(self._clock.now() * 1000))

    async def _retire(self, stream: str, partition: int) -> None:
        for name, pending, idle in await self._jobs.consumers(stream, partition):
            if name != self._name and pending == 0 and idle > FORGOTTEN_MS:
                await self._jobs.retire(stream, partition, name)

    async def _until_available(self, action: Callable[[], Awaitable[None]]) -> None:
        while not self._stopping.is_set():
            try:
                return await action()
            except Unavailable as error:
                log.warning("waiting for Redis", reason=str(error))
                await self._pause(1.0)
        return None

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass


def _job_of(entry: Entry) -> Job | str:
    """The job that is to be tried, or why it never will be."""
    if entry.attempt > ATTEMPTS:
        return f"gave up after {ATTEMPTS} attempts"
    try:
        return decode(entry.body)
    except MalformedMessage as error:
        return str(error)

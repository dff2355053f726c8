"""Reading a family of streams: new jobs as they come, lost ones taken over, hopeless ones buried.

An attempt is counted by Redis when a job is delivered, before any work, so a job that kills its process is counted too
and reaches the dead letters. A job that fails stays pending; whoever sees it idle for `RETRY_IDLE_MS` tries it next. An
attempt that failed because something else was away is not counted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from rotavatar.clock import Clock
from rotavatar.errors import MalformedMessage, RequestRefused, Unavailable
from rotavatar.messages import Job, decode
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
BATCHES: Final = 16
"""Batches under way at once: a slow job must not keep the next ones from being read, nor may they fill the memory."""

SWEEP_SECONDS: Final = 5.0
FORGOTTEN_MS: Final = 3_600_000
"""A consumer that was silent for an hour and has nothing pending belongs to a process that is gone."""

Handler = Callable[[Entry, Job], Awaitable[bool]]
"""Does one job; returns whether its commit finished the job already."""

BatchHandler = Callable[[Sequence[tuple[Entry, Job]]], Awaitable[None]]
"""Does jobs of one partition together, and finishes them itself."""


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
        self._blocking = redis.blocking(seconds=BLOCK_MS / 1000)
        self._groups = redis.groups()
        self._jobs = jobs
        self._clock = clock
        self._streams = streams
        self._name = name
        self._retry_idle_ms = retry_idle_ms
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Read nothing new; `run` and `run_batches` return when what was read is done."""
        self._stopping.set()

    async def run(self, handle: Handler, *, concurrency: int = 64) -> None:
        """Do jobs one by one, at most `concurrency` at a time, until stopped."""
        slots = asyncio.Semaphore(concurrency)

        async def each(batch: Sequence[tuple[Entry, Job]]) -> None:
            done = await asyncio.gather(*(self._one(slots, handle, entry, job) for entry, job in batch))
            finished = [entry for entry in done if entry is not None]
            if finished:
                await self._jobs.finish(finished[0].partition, finished[0].stream, [entry.id for entry in finished])

        await self.run_batches(each)

    async def run_batches(self, handle: BatchHandler) -> None:
        """Hand over what was read, by partition, until stopped."""
        await self._until_available(lambda: self._jobs.create_groups(self._streams))
        async with asyncio.TaskGroup() as tasks:
            for group in self._groups:
                tasks.create_task(self._read(group, handle, tasks))
            tasks.create_task(self._sweep(handle))
        await self._blocking.close()

    async def _read(self, group: Sequence[int], handle: BatchHandler, tasks: asyncio.TaskGroup) -> None:
        room = asyncio.Semaphore(BATCHES)

        async def deliver(entries: Sequence[Entry]) -> None:
            try:
                await self._deliver(entries, handle)
            finally:
                room.release()

        while not self._stopping.is_set():
            try:
                entries = await self._jobs.read(
                    self._streams, group, consumer=self._name, count=BATCH, block_ms=BLOCK_MS, redis=self._blocking
                )
            except Unavailable as error:
                log.warning("jobs not read", reason=str(error))
                await self._pause(1.0)
                continue
            if entries:
                await room.acquire()
                tasks.create_task(deliver(entries))

    async def _sweep(self, handle: BatchHandler) -> None:
        """Take over what others left, and remove consumers that are gone."""
        while not self._stopping.is_set():
            for partition, stream in enumerate(self._streams):
                try:
                    entries = await self._jobs.take_over(
                        stream, partition, consumer=self._name, idle_ms=self._retry_idle_ms, count=BATCH
                    )
                    await self._deliver(entries, handle)
                    await self._retire(stream, partition)
                except Unavailable as error:
                    log.warning("jobs not taken over", stream=stream, reason=str(error))
            await self._pause(min(SWEEP_SECONDS, self._retry_idle_ms / 1000))

    async def _deliver(self, entries: Sequence[Entry], handle: BatchHandler) -> None:
        by_partition: dict[int, list[tuple[Entry, Job]]] = {}
        for entry in entries:
            try:
                job = decode(entry.body)
            except MalformedMessage as error:
                await self._bury(entry, str(error))
                continue
            if entry.attempt > ATTEMPTS:
                await self._bury(entry, f"gave up after {ATTEMPTS} attempts")
                continue
            by_partition.setdefault(entry.partition, []).append((entry, job))
        try:
            await asyncio.gather(*(handle(batch) for batch in by_partition.values()))
        except Unavailable as error:
            log.warning("jobs left for the next attempt", reason=str(error))
            await self._put_off([entry for batch in by_partition.values() for entry, _ in batch])

    async def _one(self, slots: asyncio.Semaphore, handle: Handler, entry: Entry, job: Job) -> Entry | None:
        """Returns the entry if it is done but not finished yet."""
        async with slots:
            try:
                async with asyncio.timeout(JOB_SECONDS):
                    return None if await handle(entry, job) else entry
            except RequestRefused as error:
                await self._bury(entry, str(error))
            except Unavailable as error:
                log.warning("job put off", workspace=job.workspace, trace=job.trace, reason=str(error))
                await self._put_off([entry])
            except Exception as error:  # noqa: BLE001 - any failure of one job must leave the others alone
                log.warning(
                    "job failed",
                    kind=type(job).__name__,
                    workspace=job.workspace,
                    trace=job.trace,
                    attempt=entry.attempt,
                    error=type(error).__name__,
                    reason=str(error),
                )
        return None

    async def _put_off(self, entries: Sequence[Entry]) -> None:
        with suppress(Unavailable):
            await self._jobs.put_off(entries, consumer=self._name)

    async def _bury(self, entry: Entry, reason: str) -> None:
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

"""Streams of jobs: adding, reading by a consumer group, taking over, finishing, burying."""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
from redis.exceptions import ResponseError

from rotavatar import keys
from rotavatar.messages import Message, PublishAsked, encode
from rotavatar.redis import Redis, Reply

GROUP: Final = "workers"
"""Each stream has one kind of reader, so one group."""


class Ack(msgspec.Struct, frozen=True):
    """Names the job that a commit finishes: effect and ack are one script."""

    stream: str
    id: str


class Entry(msgspec.Struct, frozen=True):
    """A job as it was read: not decoded yet, `attempt` counts from 1."""

    partition: int
    stream: str
    id: str
    body: bytes
    attempt: int

    @property
    def ack(self) -> Ack:
        """What to hand to the commit that finishes this job."""
        return Ack(stream=self.stream, id=self.id)


class DeadLetter(msgspec.Struct, frozen=True):
    """A job that nobody could do."""

    partition: int
    id: str
    stream: str
    job_id: str
    body: bytes
    reason: str
    attempts: int
    at: int
    """When it was buried, ms since the epoch."""


class JobStore:
    """Both kinds of streams, in every partition."""

    def __init__(self, redis: Redis) -> None:
        """Use `redis` for everything that does not block."""
        self._redis = redis

    async def add(self, message: Message) -> str:
        """Put a job on its stream; returns its id."""
        partition = keys.partition_of(message.workspace)
        stream = keys.publish_jobs(partition) if isinstance(message, PublishAsked) else keys.schedule_jobs(partition)
        job: bytes = await self._redis.execute(partition, "XADD", stream, "*", "j", encode(message))
        return job.decode()

    async def create_groups(self, streams: Sequence[str]) -> None:
        """Make the consumer group of each of the streams (one per partition, in order), reading from the beginning."""
        for partition, stream in enumerate(streams):
            try:
                await self._redis.execute(partition, "XGROUP", "CREATE", stream, GROUP, "0", "MKSTREAM")
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def read(
        self, streams: Sequence[str], group: Sequence[int], *, consumer: str, count: int, block_ms: int, redis: Redis
    ) -> list[Entry]:
        """Wait up to `block_ms` for new jobs in the partitions `group`, over the blocking connections of `redis`."""
        names = [streams[partition] for partition in group]
        reply = await redis.execute(
            group[0], "XREADGROUP", "GROUP", GROUP, consumer, "COUNT", count, "BLOCK", block_ms,
            "STREAMS", *names, *[">"] * len(names),
        )  # fmt: skip
        by_name = dict(zip(names, group, strict=True))
        return [
            Entry(
                partition=by_name[name.decode()], stream=name.decode(), id=id_.decode(), body=_body(fields), attempt=1
            )
            for name, entries in reply or []
            for id_, fields in entries
        ]

    async def take_over(self, stream: str, partition: int, *, consumer: str, idle_ms: int, count: int) -> list[Entry]:
        """Claim jobs that somebody has held for `idle_ms` without finishing them; their attempt is counted now."""
        _, entries, *_ = await self._redis.execute(
            partition, "XAUTOCLAIM", stream, GROUP, consumer, idle_ms, "0-0", "COUNT", count
        )
        taken = [(id_.decode(), fields) for id_, fields in entries if fields is not None]
        if not taken:
            return []
        attempts = await self._attempts(stream, partition, first=taken[0][0], last=taken[-1][0], consumer=consumer)
        return [
            Entry(partition=partition, stream=stream, id=id_, body=_body(fields), attempt=attempts.get(id_, 1))
            for id_, fields in taken
        ]

    async def _attempts(self, stream: str, partition: int, *, first: str, last: str, consumer: str) -> dict[str, int]:
        pending = await self._redis.execute(partition, "XPENDING", stream, GROUP, first, last, 1000, consumer)
        return {id_.decode(): int(count) for id_, _owner, _idle, count in pending}

    async def put_off(self, entries: Sequence[Entry], *, consumer: str) -> None:
        """Leave jobs pending without counting this attempt. Those that are finished are passed over.

        A Redis that is full goes on delivering and counting, as reading takes no memory, while nothing can be finished.
        """
        for entry in entries:
            await self._redis.execute(
                entry.partition, "XCLAIM", entry.stream, GROUP, consumer, 0, entry.id,
                "RETRYCOUNT", entry.attempt - 1, "JUSTID",
            )  # fmt: skip

    async def finish(self, partition: int, stream: str, ids: Sequence[str]) -> None:
        """Ack and delete jobs."""
        await self._redis.run(partition, "ack", [stream], [GROUP, *ids])

    async def bury(self, entry: Entry, *, reason: str, now_ms: int) -> None:
        """Move a job to the dead letters, with the reason in words."""
        await self._redis.run(
            entry.partition,
            "bury",
            [entry.stream, keys.dead_letters(entry.partition)],
            [GROUP, entry.id, entry.body, reason, entry.attempt, now_ms],
        )

    async def consumers(self, stream: str, partition: int) -> list[tuple[str, int, int]]:
        """Name, pending jobs and idle milliseconds of every consumer of a stream."""
        reply = await self._redis.execute(partition, "XINFO", "CONSUMERS", stream, GROUP)
        facts = [dict(zip(row[::2], row[1::2], strict=True)) for row in reply]
        return [(row[b"name"].decode(), int(row[b"pending"]), int(row[b"idle"])) for row in facts]

    async def retire(self, stream: str, partition: int, consumer: str) -> bool:
        """Remove a consumer that is gone; False where jobs are still pending on it."""
        return bool(await self._redis.run(partition, "retire", [stream], [GROUP, consumer]))

    async def backlog(self, stream: str, partition: int) -> tuple[int, int | None, int]:
        """Length of the stream, the group's lag (None: Redis cannot tell) and its pending jobs."""
        groups = await self._redis.execute(partition, "XINFO", "GROUPS", stream)
        length = int(await self._redis.execute(partition, "XLEN", stream))
        facts = dict(zip(groups[0][::2], groups[0][1::2], strict=True))
        lag = facts.get(b"lag")
        return length, None if lag is None else int(lag), int(facts[b"pending"])

    async def dead_letters(self, partition: int, *, after: str = "-", count: int = 100) -> list[DeadLetter]:
        """Up to `count` dead letters of a partition, oldest first, from the id `after` on."""
        rows = await self._redis.execute(partition, "XRANGE", keys.dead_letters(partition), after, "+", "COUNT", count)
        return [_dead_letter(partition, id_.decode(), fields) for id_, fields in rows]

    async def buried(self, partition: int) -> tuple[int, int | None]:
        """How many dead letters a partition holds, and when (ms) the oldest of them was buried."""
        key = keys.dead_letters(partition)
        count, oldest = await asyncio.gather(
            self._redis.execute(partition, "XLEN", key),
            self._redis.execute(partition, "XRANGE", key, "-", "+", "COUNT", 1),
        )
        return int(count), _dead_letter(partition, "", oldest[0][1]).at if oldest else None

    async def requeue(self, letter: DeadLetter) -> None:
        """Put a dead letter back on its stream, as new."""
        await self._redis.execute(letter.partition, "XADD", letter.stream, "*", "j", letter.body)
        await self.drop(letter)

    async def drop(self, letter: DeadLetter) -> None:
        """Delete a dead letter for good."""
        await self._redis.execute(letter.partition, "XDEL", keys.dead_letters(letter.partition), letter.id)


def _body(fields: list[bytes]) -> bytes:
    pairs = dict(zip(fields[::2], fields[1::2], strict=True))
    return pairs.get(b"j", b"")


def _dead_letter(partition: int, id_: str, fields: Reply) -> DeadLetter:
    row = {key.decode(): value for key, value in zip(fields[::2], fields[1::2], strict=True)}
    return DeadLetter(
        partition=partition,
        id=id_,
        stream=row["stream"].decode(),
        job_id=row["id"].decode(),
        body=row["j"],
        reason=row["reason"].decode(errors="replace"),
        attempts=int(row["attempts"]),
        at=int(row["at"]),
    )

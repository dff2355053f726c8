"""Redis killed, frozen and full: what was acked is there, what was refused is refused whole, and all goes on after."""

import asyncio
import time
from collections.abc import Callable

import pytest

from rotavatar import keys
from rotavatar.clock import SystemClock
from rotavatar.consumer import Consumer
from rotavatar.errors import Unavailable
from rotavatar.keys import User, Workspace
from rotavatar.messages import Job, Joined, PublishAsked, ShuffleAsked
from rotavatar.records import Member, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.store import JobStore, MemberStore, WorkspaceStore
from rotavatar.store.jobs import Entry
from tests.patience import SECONDS
from tests.servers import Server

OwnServer = Callable[..., Server]
W = Workspace("T0FAULT")
STREAM = keys.schedule_jobs(keys.partition_of(W))


def shuffle(number: int) -> ShuffleAsked:
    return ShuffleAsked(workspace=W, user=User("U1"), at=number, trace="")


async def test_nothing_acked_is_lost_when_redis_is_killed_under_load(own_server: OwnServer) -> None:
    server = own_server()
    redis = await Redis.connect(server.url, name="test", patience=2)
    jobs, acked, refused, stop = JobStore(redis), set[str](), 0, asyncio.Event()

    async def produce(first: int) -> None:
        nonlocal refused
        for number in range(first, first + 100_000):
            if stop.is_set():
                return
            try:
                acked.add(await jobs.add(shuffle(number)))
            except Unavailable:
                refused += 1
                await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as tasks:
        for first in range(32):
            tasks.create_task(produce(first * 100_000))
        for _ in range(2):
            before = len(acked)
            while len(acked) < before + 300:
                await asyncio.sleep(0.01)
            server.kill()
            await asyncio.sleep(0.05)
            await asyncio.to_thread(server.start)
        stop.set()
    there = {row[0].decode() for row in await redis.execute(0, "XRANGE", STREAM, "-", "+")}
    assert acked <= there
    assert refused > 0
    await redis.close()


async def test_a_frozen_redis_refuses_in_time_and_jobs_go_on_after(own_server: OwnServer) -> None:
    server = own_server()
    redis = await Redis.connect(server.url, name="test", patience=0.3)
    jobs, done = JobStore(redis), list[int]()

    async def handle(_entry: Entry, job: Job) -> bool:
        done.append(job.at)
        return False

    streams = [keys.schedule_jobs(partition) for partition in range(keys.PARTITIONS)]
    consumer = Consumer(redis=redis, jobs=jobs, clock=SystemClock(), streams=streams, name="c", retry_idle_ms=200)
    running = asyncio.create_task(consumer.run(handle))
    await jobs.add(shuffle(1))
    async with asyncio.timeout(SECONDS):
        while not done:
            await asyncio.sleep(0.02)
        server.pause()
        started = time.monotonic()
        for number in range(3):
            with pytest.raises(Unavailable):
                await jobs.add(shuffle(100 + number))
        assert time.monotonic() - started < 3 * 0.3 + 1.5
        server.resume()
        while 2 not in done:
            try:
                await jobs.add(shuffle(2))
            except Unavailable:
                continue
            await asyncio.sleep(0.1)
        while (await jobs.backlog(STREAM, keys.partition_of(W)))[0]:
            await asyncio.sleep(0.05)
    consumer.stop()
    await running
    await redis.close()


async def test_a_full_redis_refuses_whole_and_everything_is_done_after(own_server: OwnServer) -> None:
    server = own_server()
    redis = await Redis.connect(server.url, name="test")
    jobs, workspaces, members = JobStore(redis), WorkspaceStore(redis), MemberStore(redis)

    async def install() -> None:
        user = User("U1")
        await workspaces.install(
            W,
            user,
            record=WorkspaceRecord(app="A1", credential=b"bot", credential_at=5),
            member=Member(credential=b"c", credential_at=5),
            joined=Joined(workspace=W, user=user, at=5, trace=""),
            publish=PublishAsked(workspace=W, user=user, at=5, trace=""),
        )

    server.command("SET", "ballast", b"x" * 2_000_000)
    server.command("CONFIG", "SET", "maxmemory", "1mb")
    with pytest.raises(Unavailable, match="refuses"):
        await jobs.add(shuffle(1))
    with pytest.raises(Unavailable, match="refuses"):
        await install()
    with pytest.raises(Unavailable, match="refuses"):
        await members.claim(3, now_ms=1, lease_end_ms=2, want=1)
    server.command("CONFIG", "SET", "maxmemory", "0")
    assert server.command("EXISTS", keys.workspace(W), keys.member(W, User("U1")), STREAM) == 0
    await install()
    await jobs.add(shuffle(1))
    assert server.command("XLEN", STREAM) == 2
    await redis.close()

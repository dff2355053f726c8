"""Grants as they arrive at Slack, and whose turn it is: over the real scripts, in a time that the tests make."""

import asyncio
import heapq
import random
from collections.abc import Awaitable, Callable
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.pacing import GRANT_SECONDS, Limit, Limits
from rotavatar.records import Member
from rotavatar.redis import Redis
from rotavatar.store import Claim, Commit, MemberStore, Outcome, Place, PublishStore
from rotavatar.store.publishing import Published
from tests.servers import Server

W = Workspace("T0PACED")
P = keys.partition_of(W)
START = 1_700_000_000_000
LATER = START + 10**9


async def plant(redis: Redis, workspace: Workspace, users: int, *, limits: Limits | None = None) -> None:
    """A workspace whose members are all due."""
    partition = keys.partition_of(workspace)
    names = [f"U{number:05d}" for number in range(users)]
    packed = ["lim", limits.packed()] if limits else []
    writes: list[Awaitable[object]] = [
        redis.execute(partition, "HSET", keys.workspace(workspace), "v", 1, "e", 1, *packed),
        redis.execute(partition, "ZADD", keys.ready(partition), START, workspace),
    ]
    for first in range(0, users, 1000):
        some = names[first : first + 1000]
        scored = [part for name in some for part in (START, name)]
        writes += [
            redis.execute(partition, "SADD", keys.members(workspace), *some),
            redis.execute(partition, "ZADD", keys.due(workspace), *scored),
        ]
        for name in some:
            writes.append(redis.execute(partition, "HSET", keys.member(workspace, User(name)), "v", 1, "c", "x"))
        await asyncio.gather(*writes)
        writes = []


async def land(members: MemberStore, claim: Claim) -> None:
    seen = await members.snapshot(claim.workspace, claim.user)
    assert seen is not None
    change = Commit(member=seen.member or Member(), place=Place.DUE, time_ms=LATER)
    assert await members.commit(seen, change) is Outcome.OK


def busiest(arrivals: list[int]) -> int:
    """The most arrivals in any 60 s, both ends included."""
    arrivals.sort()
    most = first = 0
    for last, at in enumerate(arrivals):
        while at - arrivals[first] > 60_000:
            first += 1
        most = max(most, last - first + 1)
    return most


def run(url: str, work: Callable[[Redis], Awaitable[None]]) -> None:
    async def inside() -> None:
        redis = await Redis.connect(url, name="test")
        try:
            await redis.execute(0, "FLUSHALL")
            await work(redis)
        finally:
            await redis.close()

    asyncio.run(inside())


limits = st.builds(
    lambda photo, burst, profile: Limits(
        photo=Limit(per_minute=photo, burst=min(burst, photo - 1)), profile=Limit(per_minute=profile, burst=1)
    ),
    st.integers(2, 60),
    st.integers(1, 30),
    st.integers(2, 60),
)
PROPERTY = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])


@PROPERTY
@given(limits=limits, seed=st.integers(0, 2**32), lost=st.sampled_from([0.0, 0.2, 1.0]))
def test_photo_writes_never_exceed_the_limit_in_any_minute(
    memory_server: Server, limits: Limits, seed: int, lost: float
) -> None:
    """Replicas whose claims start at once, late, or never; those that get lost are taken over; regrants besides."""
    rng = random.Random(seed)

    async def work(redis: Redis) -> None:
        await plant(redis, W, 150, limits=limits)
        members = MemberStore(redis, in_flight=rng.choice([2, 20]))
        now, arrivals = START, []
        while now < START + 150_000:
            now += rng.randrange(0, 4_000)
            for claim in await members.claim(P, now_ms=now, lease_end_ms=now + 10_000, want=rng.randrange(1, 40)):
                arrivals.append(now + rng.randrange(0, GRANT_SECONDS * 1000))
                if rng.random() >= lost:
                    await land(members, claim)
            if rng.random() < 0.1 and await members.grant(W, "photo", now_ms=now) <= now:
                arrivals.append(now + rng.randrange(0, GRANT_SECONDS * 1000))
        assert arrivals
        assert busiest(arrivals) <= limits.photo.per_minute

    run(memory_server.url, work)


@PROPERTY
@given(seed=st.integers(0, 2**32), per_minute=st.integers(2, 90), burst=st.integers(1, 30))
def test_publishes_never_exceed_the_limit_in_any_minute(
    memory_server: Server, seed: int, per_minute: int, burst: int
) -> None:
    limit = Limit(per_minute=per_minute, burst=min(burst, per_minute - 1))
    rng = random.Random(seed)

    async def work(redis: Redis) -> None:
        await plant(redis, W, 1, limits=Limits(publish=limit, background=limit))
        wanted = [part for number in range(300) for part in (START, f"U{number:05d}")]
        await redis.execute(P, "ZADD", keys.wanted(W), *wanted)
        await redis.execute(P, "ZADD", keys.publish_ready(P), START, W)
        publishing, now, arrivals = PublishStore(redis), START, []
        while now < START + 150_000:
            now += rng.randrange(0, 3_000)
            for tab in await publishing.claim(P, now_ms=now, lease_end_ms=now + 9_000, want=20, most=20):
                arrivals.append(now + rng.randrange(0, GRANT_SECONDS * 1000))
                if rng.random() < 0.8:
                    outcome = rng.choice([Published.DONE, Published.AGAIN])
                    await publishing.finish(W, tab.user, outcome, now_ms=now)
        assert arrivals
        assert busiest(arrivals) <= limit.per_minute

    run(memory_server.url, work)


async def drained(redis: Redis, *, small: int, big: int, big_seconds: float) -> float:
    """Seconds until the members of all small workspaces were served, by one worker with 64 hands."""
    await redis.execute(0, "FLUSHALL")
    names = [Workspace(f"T{number:04d}") for number in range(small)]
    await asyncio.gather(*(plant(redis, name, 5) for name in names))
    giant = Workspace("T0GIANT")
    if big:
        await plant(redis, giant, big)
    members, now, left = MemberStore(redis), START, small * 5
    under_way: list[tuple[int, int, Claim]] = []
    order = count()
    first = 0
    while left:
        first += 1
        claims: list[Claim] = []
        for step in range(keys.PARTITIONS):
            free = 64 - len(under_way)
            if free:
                partition = (first + step) % keys.PARTITIONS
                found = await members.claim(partition, now_ms=now, lease_end_ms=now + 30_000, want=free)
                for claim in found:
                    seconds = big_seconds if claim.workspace == giant else 0.5
                    heapq.heappush(under_way, (now + int(seconds * 1000), next(order), claim))
                claims += found
        due = [time for time in await asyncio.gather(*(members.next_ready(p) for p in range(keys.PARTITIONS))) if time]
        upcoming = [int(time) for time in due if time > now] + [under_way[0][0] for _ in under_way[:1]]
        now = max(now + 5, min(upcoming)) if not claims else now + 5
        while under_way and under_way[0][0] <= now:
            _, _, claim = heapq.heappop(under_way)
            left -= claim.workspace != giant
            await land(members, claim)
        assert now < START + 600_000
    return (now - START) / 1000


@pytest.mark.parametrize("big_seconds", [0.5, 9.0])
async def test_a_giant_delays_nobody(memory_server: Server, big_seconds: float) -> None:
    redis = await Redis.connect(memory_server.url, name="test")
    alone = await drained(redis, small=200, big=0, big_seconds=0)
    beside = await drained(redis, small=200, big=20_000, big_seconds=big_seconds)
    await redis.close()
    assert beside <= alone * 1.1 + 0.5, (alone, beside)

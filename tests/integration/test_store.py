"""The stores and their scripts on every kind of server we support."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import msgspec.structs
import pytest

from rotavatar import keys
from rotavatar.clock import RedisClock
from rotavatar.consumer import Consumer
from rotavatar.errors import Unavailable
from rotavatar.keys import User, Workspace
from rotavatar.messages import FrequencyChosen, Job, Joined, PublishAsked, ShuffleAsked, decode
from rotavatar.records import Idle, Member, Status, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.store import Commit, JobStore, MemberStore, Outcome, Place, PublishStore, WorkspaceStore
from rotavatar.store.jobs import Entry
from rotavatar.store.publishing import Published
from tests.patience import SECONDS

W = Workspace("T0TEST")
P = keys.partition_of(W)
HELD_UP = 60
"""Jobs of one member of a queue that nobody gets through."""
NOW = 1_700_000_000_000


@pytest.fixture(params=["valkey", pytest.param("redis7", marks=pytest.mark.redis7), "cluster"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    redis = await Redis.connect(request.getfixturevalue(request.param).url, name="test")
    yield redis
    await redis.close()


async def install(redis: Redis, *users: str) -> None:
    for user in users:
        await WorkspaceStore(redis).install(
            W,
            User(user),
            record=WorkspaceRecord(app="A1", credential=b"bot", credential_at=5),
            member=Member(credential=b"\x00tok", credential_at=5),
            joined=Joined(workspace=W, user=User(user), at=5, trace="t"),
            publish=PublishAsked(workspace=W, user=User(user), at=5, trace="t", looking=True),
        )


async def place_due(redis: Redis, user: str, due: int) -> None:
    store = MemberStore(redis)
    seen = await store.snapshot(W, User(user))
    assert seen is not None and seen.member is not None
    change = Commit(member=seen.member, place=Place.DUE, time_ms=due)
    assert await store.commit(seen, change) is Outcome.OK


async def test_an_installation_stores_both_credentials_and_queues_both_jobs(redis: Redis) -> None:
    await install(redis, "U1")
    seen = await MemberStore(redis).snapshot(W, User("U1"))
    assert seen is not None and seen.member is not None
    assert seen.member.credential == b"\x00tok"
    assert (seen.member.epoch, seen.record.epoch, seen.record.app) == (1, 1, "A1")
    assert await redis.execute(P, "XLEN", keys.schedule_jobs(P)) == 1
    assert await redis.execute(P, "XLEN", keys.publish_jobs(P)) == 1


async def test_a_commit_on_an_old_version_changes_nothing(redis: Redis) -> None:
    await install(redis, "U1")
    store = MemberStore(redis)
    old = await store.snapshot(W, User("U1"))
    assert old is not None and old.member is not None
    await place_due(redis, "U1", NOW)
    change = Commit(member=Member(idle=Idle.LEFT), place=Place.IDLE)
    assert await store.commit(old, change) is Outcome.STALE
    seen = await store.snapshot(W, User("U1"))
    assert seen is not None and seen.due == NOW


async def test_a_claim_moves_due_members_to_in_flight_within_grants_and_cap(redis: Redis) -> None:
    await install(redis, "U1", "U2", "U3", "U4")
    for user in ("U1", "U2", "U3"):
        await place_due(redis, user, NOW)
    await place_due(redis, "U4", NOW + 60_000)
    store = MemberStore(redis)
    claims = await store.claim(P, now_ms=NOW + 1, lease_end_ms=NOW + 30_000, want=10)
    assert [(claim.user, claim.due_ms) for claim in claims] == [("U1", NOW), ("U2", NOW)]
    assert await store.claim(P, now_ms=NOW + 2, lease_end_ms=NOW + 30_000, want=10) == []
    seen = await store.snapshot(W, User("U1"))
    assert seen is not None and seen.member is not None
    assert (seen.due, seen.lease, seen.member.fence, seen.member.attempt) == (None, NOW + 30_000, claims[0].fence, 1)
    done = Commit(member=seen.member, place=Place.DUE, time_ms=NOW + 3_600_000)
    assert await store.commit(seen, done) is Outcome.OK
    assert [c.user for c in await store.claim(P, now_ms=NOW + 3, lease_end_ms=NOW + 30_000, want=10)] == ["U3"]


async def test_a_lost_lease_is_taken_over_with_a_new_fence(redis: Redis) -> None:
    await install(redis, "U1")
    await place_due(redis, "U1", NOW)
    store = MemberStore(redis)
    (first,) = await store.claim(P, now_ms=NOW, lease_end_ms=NOW + 30_000, want=10)
    assert await store.claim(P, now_ms=NOW + 29_999, lease_end_ms=NOW + 60_000, want=10) == []
    (second,) = await store.claim(P, now_ms=NOW + 30_000, lease_end_ms=NOW + 60_000, want=10)
    assert (first.due_ms, second.due_ms) == (NOW, None)
    assert second.user == first.user and second.fence > first.fence


async def test_a_hold_moves_the_workspace(redis: Redis) -> None:
    await install(redis, "U1")
    await place_due(redis, "U1", NOW)
    store = MemberStore(redis)
    for method in ("photo", "profile"):
        seen = await store.snapshot(W, User("U1"))
        assert seen is not None and seen.held_until == (0 if method == "photo" else NOW + 6_000)
        await store.hold(W, method, until_ms=NOW + (6_000 if method == "photo" else 7_000))
    seen = await store.snapshot(W, User("U1"))
    assert seen is not None and seen.held_until == NOW + 7_000, "for every member of the workspace"
    await store.hold(W, "publish", until_ms=NOW + 60_000)
    assert await store.next_ready(P) == NOW + 7_000
    assert await store.claim(P, now_ms=NOW + 6_999, lease_end_ms=NOW + 30_000, want=10) == []
    assert len(await store.claim(P, now_ms=NOW + 7_000, lease_end_ms=NOW + 30_000, want=10)) == 1


async def test_a_picture_that_a_colleague_wears_is_refused(redis: Redis) -> None:
    await install(redis, "U1", "U2")
    store = MemberStore(redis)
    for user, expected in (("U1", Outcome.OK), ("U2", Outcome.TAKEN)):
        seen = await store.snapshot(W, User(user))
        assert seen is not None and seen.member is not None
        change = Commit(member=seen.member, place=Place.IDLE, take=513)
        assert await store.commit(seen, change) is expected
    assert len(await store.worn(W)) == 513 // 8 + 1


async def test_marks_of_one_member_are_one_publish_and_who_looks_comes_first(redis: Redis) -> None:
    await install(redis, "U1")
    jobs, publishing = JobStore(redis), PublishStore(redis)
    await jobs.create_groups([keys.publish_jobs(p) for p in range(keys.PARTITIONS)])
    for user, looking in (("U2", False), ("U3", True), ("U2", False)):
        await jobs.add(PublishAsked(workspace=W, user=User(user), at=1, trace="", looking=looking))
    streams = [keys.publish_jobs(p) for p in range(keys.PARTITIONS)]
    blocking = redis.blocking(seconds=1)
    entries = await jobs.read(streams, [P], consumer="c", count=10, block_ms=10, redis=blocking)
    await blocking.close()
    await publishing.mark(
        P,
        [(e, decode(e.body)) for e in entries],  # type: ignore[misc]
        now_ms=NOW,
        look_until_ms=NOW + 60_000,
    )
    assert await jobs.backlog(streams[P], P) == (0, 0, 0)
    claims = await publishing.claim(P, now_ms=NOW, lease_end_ms=NOW + 30_000, want=10, most=10)
    assert {tab.user for tab in claims[:2]} == {"U1", "U3"}
    assert [tab.user for tab in claims[2:]] == ["U2"]
    assert await publishing.claim(P, now_ms=NOW, lease_end_ms=NOW + 30_000, want=10, most=10) == []
    await publishing.finish(W, User("U1"), Published.DONE, now_ms=NOW, view_hash="h1")
    assert await publishing.view_hash(W, User("U1")) == "h1"
    await publishing.finish(W, User("U3"), Published.AGAIN, now_ms=NOW)
    (again,) = await publishing.claim(P, now_ms=NOW + 1, lease_end_ms=NOW, want=9, most=9)
    assert again.user == "U3"


async def test_a_consumer_does_jobs_buries_bad_ones_and_leaves_nothing(redis: Redis) -> None:
    jobs = JobStore(redis)
    clock = RedisClock(measure=redis.measure)
    await clock.synchronise()
    streams = [keys.schedule_jobs(p) for p in range(keys.PARTITIONS)]
    seen: list[Job] = []

    async def handle(_entry: Entry, job: Job) -> bool:
        seen.append(job)
        if isinstance(job, ShuffleAsked):
            raise RuntimeError("boom")
        return False

    consumer = Consumer(redis=redis, jobs=jobs, clock=clock, streams=streams, name="c1", retry_idle_ms=20)
    running = asyncio.create_task(consumer.run(handle))
    await redis.execute(P, "XADD", streams[P], "*", "j", b"7 {}")
    await jobs.add(FrequencyChosen(workspace=W, user=User("U1"), at=1, trace="", seconds=3600))
    await jobs.add(ShuffleAsked(workspace=W, user=User("U1"), at=1, trace=""))
    async with asyncio.timeout(SECONDS):
        while len(await jobs.dead_letters(P)) < 2:
            await asyncio.sleep(0.02)
    consumer.stop()
    await running
    letters = await jobs.dead_letters(P)
    assert [letter.attempts for letter in letters] == [1, 6]
    assert "version b'7'" in letters[0].reason
    assert await jobs.backlog(streams[P], P) == (0, 0, 0)
    await jobs.requeue(letters[1])
    assert await redis.execute(P, "XLEN", streams[P]) == 1
    assert len(await jobs.dead_letters(P)) == 1


async def test_what_failed_because_something_was_away_is_not_counted(redis: Redis) -> None:
    streams = [keys.schedule_jobs(partition) for partition in range(keys.PARTITIONS)]
    jobs, tries = JobStore(redis), 0
    clock = RedisClock(measure=redis.measure)

    async def handle(_entry: Entry, _job: Job) -> bool:
        nonlocal tries
        tries += 1
        if tries <= 8:
            raise Unavailable("Redis refuses")
        return False

    consumer = Consumer(redis=redis, jobs=jobs, clock=clock, streams=streams, name="c1", retry_idle_ms=20)
    running = asyncio.create_task(consumer.run(handle))
    await jobs.add(ShuffleAsked(workspace=W, user=User("U1"), at=1, trace=""))
    async with asyncio.timeout(SECONDS):
        while tries <= 8:
            await asyncio.sleep(0.02)
    consumer.stop()
    await running
    assert await jobs.dead_letters(P) == []
    assert await jobs.backlog(streams[P], P) == (0, 0, 0)


async def test_an_attempt_is_counted_only_of_what_somebody_began(redis: Redis) -> None:
    """A process dies over some jobs while others wait: those others have not been tried."""
    streams = [keys.schedule_jobs(partition) for partition in range(keys.PARTITIONS)]
    jobs, begun = JobStore(redis), 0
    clock = RedisClock(measure=redis.measure)
    await clock.synchronise()
    for number in range(HELD_UP):
        await jobs.add(ShuffleAsked(workspace=W, user=User(f"U{number}"), at=1, trace=""))

    async def hang(_entry: Entry, _job: Job) -> bool:
        nonlocal begun
        begun += 1
        await asyncio.Event().wait()
        return False

    doomed = Consumer(redis=redis, jobs=jobs, clock=clock, streams=streams, name="doomed")
    dying = asyncio.create_task(doomed.run(hang, hands=20))
    async with asyncio.timeout(SECONDS):
        while begun == 0 or (await jobs.backlog(streams[P], P))[2] > begun:
            await asyncio.sleep(0.02)
    dying.cancel()
    await asyncio.wait({dying})
    assert (await jobs.backlog(streams[P], P))[2] == begun < HELD_UP, "what was read was begun, the rest waits"

    attempts: list[int] = []

    async def handle(entry: Entry, _job: Job) -> bool:
        attempts.append(entry.attempt)
        return False

    heir = Consumer(redis=redis, jobs=jobs, clock=clock, streams=streams, name="heir", retry_idle_ms=1500)
    running = asyncio.create_task(heir.run(handle))
    async with asyncio.timeout(SECONDS):
        while len(attempts) < HELD_UP:
            await asyncio.sleep(0.02)
    heir.stop()
    await running
    assert Counter(attempts) == {1: HELD_UP - begun, 2: begun}
    assert await jobs.backlog(streams[P], P) == (0, 0, 0)


async def test_who_takes_lost_jobs_over_begins_them_at_once(redis: Redis) -> None:
    streams = [keys.schedule_jobs(partition) for partition in range(keys.PARTITIONS)]
    jobs, begun, go_on = JobStore(redis), 0, asyncio.Event()
    clock = RedisClock(measure=redis.measure)
    await jobs.create_groups(streams)
    for number in range(HELD_UP):
        await jobs.add(ShuffleAsked(workspace=W, user=User(f"U{number}"), at=1, trace=""))
    assert len(await jobs.read(streams, [P], consumer="dead", count=HELD_UP, block_ms=1, redis=redis)) == HELD_UP

    async def handle(_entry: Entry, _job: Job) -> bool:
        nonlocal begun
        begun += 1
        await go_on.wait()
        return False

    async def held() -> int:
        return {name: pending for name, pending, _ in await jobs.consumers(streams[P], P)}.get("heir", 0)

    heir = Consumer(redis=redis, jobs=jobs, clock=clock, streams=streams, name="heir", retry_idle_ms=100)
    running = asyncio.create_task(heir.run(handle))
    async with asyncio.timeout(SECONDS):
        while not begun:
            await asyncio.sleep(0.02)
    assert await held() == begun < HELD_UP
    go_on.set()
    async with asyncio.timeout(SECONDS):
        while await jobs.backlog(streams[P], P) != (0, 0, 0):
            await asyncio.sleep(0.02)
    heir.stop()
    await running
    assert begun >= HELD_UP


async def test_purging_leaves_no_key(redis: Redis) -> None:
    await install(redis, "U1", "U2")
    await place_due(redis, "U1", NOW)
    store = MemberStore(redis)
    assert await store.wipe(W, [User("U1")], reason=Idle.RECONNECT, now_ms=NOW) == []
    seen = await store.snapshot(W, User("U1"))
    assert seen is not None and seen.member is not None
    assert seen.member.credential, "a workspace that is installed keeps its credentials"
    workspaces = WorkspaceStore(redis)
    gone = msgspec.structs.replace(seen.record, status=Status.UNINSTALLED)
    assert await workspaces.commit(W, seen.record, gone) is Outcome.OK
    await store.wipe(W, [User("U1"), User("U2")], reason=Idle.RECONNECT, now_ms=NOW)
    seen = await store.snapshot(W, User("U1"))
    assert seen is not None and seen.member is not None
    assert (seen.member.credential, seen.due, seen.member.idle) == (b"", None, Idle.RECONNECT)
    assert seen.member.left_at == NOW, "the retention counts from here"
    assert await store.purge(W, [User("U1")], epoch=0) == -1
    assert await store.purge(W, [User("U1")], epoch=2) == 1
    assert await store.purge(W, [User("U2")], epoch=2) == 0
    left = await redis.execute(P, "SCAN", 0, "MATCH", f"*{W}*", "COUNT", 1000)
    assert left[1] == []

"""One process at a time tells what all share; what it tells is what there is, on every kind of server."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from rotavatar import keys
from rotavatar.clock import ManualClock
from rotavatar.configuration import Secret
from rotavatar.keyring import KeyRing, generate_key
from rotavatar.keys import User, Workspace
from rotavatar.messages import PublishAsked, StatusAsked, decode
from rotavatar.records import Idle
from rotavatar.redis import Redis
from rotavatar.shared import measures
from rotavatar.shared.backlog import Backlog
from rotavatar.shared.counting import Counting
from rotavatar.shared.office import Duty, Office
from rotavatar.store import BacklogStore, CensusStore, JobStore, LeaseStore, Place, PublishStore
from rotavatar.store.backlog import Waiting
from rotavatar.vault import Owner, Vault
from tests.claiming import NOW, P, Team, W

SERVERS = ["valkey", pytest.param("redis7", marks=pytest.mark.redis7), "cluster"]
STREAM = keys.schedule_jobs(P)


@pytest_asyncio.fixture(params=SERVERS)
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    connected = await Redis.connect(request.getfixturevalue(request.param).url, name="test")
    yield connected
    await connected.close()
    measures.forget()


def told(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"rotavatar_{name}", labels)


async def job(redis: Redis, at: int = 1) -> str:
    return await JobStore(redis).add(StatusAsked(workspace=W, user=User("U1"), at=at, trace="t", reply="https://x"))


async def read(redis: Redis, count: int) -> list[str]:
    streams = [keys.schedule_jobs(partition) for partition in range(keys.PARTITIONS)]
    entries = await JobStore(redis).read(streams, [P], consumer="me", count=count, block_ms=10, redis=redis)
    return [entry.id for entry in entries]


async def groups(redis: Redis) -> None:
    await JobStore(redis).create_groups([keys.schedule_jobs(partition) for partition in range(keys.PARTITIONS)])


async def test_what_waits_is_counted_and_dated(redis: Redis) -> None:
    store = BacklogStore(redis)
    assert await store.waiting(STREAM, P) == Waiting()
    await groups(redis)
    ids = [await job(redis) for _ in range(5)]
    assert await read(redis, 2) == ids[:2]
    times = [int(each.split("-")[0]) for each in ids]
    assert await store.waiting(STREAM, P) == Waiting(
        lag=3, pending=2, oldest_waiting_ms=times[2], oldest_pending_ms=times[0]
    )
    await JobStore(redis).finish(P, STREAM, ids[:2])
    assert await store.waiting(STREAM, P) == Waiting(lag=3, oldest_waiting_ms=times[2])


async def test_lag_that_redis_does_not_know_is_told_as_unknown_and_not_as_none(redis: Redis) -> None:
    backlog = Backlog(store=BacklogStore(redis), jobs=JobStore(redis), clock=ManualClock())
    await groups(redis)
    ids = [await job(redis) for _ in range(3)]
    await backlog.count()
    assert (told("stream_lag_known", stream="schedule"), told("stream_lag_jobs", stream="schedule")) == (1, 3)
    await redis.execute(P, "XDEL", STREAM, ids[1])  # nobody here does so: an undelivered entry is gone
    await backlog.count()
    assert told("stream_lag_known", stream="schedule") == 0


async def test_ages_are_those_of_the_oldest_job(redis: Redis) -> None:
    clock = ManualClock()
    backlog = Backlog(store=BacklogStore(redis), jobs=JobStore(redis), clock=clock)
    await groups(redis)
    first = await job(redis)
    await job(redis)
    await read(redis, 1)
    clock.time = int(first.split("-")[0]) / 1000 + 60
    await backlog.count()
    assert told("stream_oldest_seconds", stream="schedule", state="pending") == pytest.approx(60, abs=0.01)
    assert told("stream_oldest_seconds", stream="schedule", state="waiting") == pytest.approx(60, abs=10)
    assert told("stream_oldest_seconds", stream="publish", state="waiting") == 0


async def test_workspaces_that_could_be_served_are_told_with_how_long_they_wait(redis: Redis) -> None:
    team, clock = Team(redis), ManualClock(NOW / 1000 + 40)
    backlog = Backlog(store=BacklogStore(redis), jobs=JobStore(redis), clock=clock)
    await team.install("U1")
    await team.due("U1", NOW)
    await backlog.count()
    assert (told("ready_workspaces", work="rotations"), told("ready_oldest_seconds", work="rotations")) == (1, 40)
    assert await team.claimed(NOW + 40_000) == ["U1"]
    await backlog.count()
    assert (told("ready_workspaces", work="rotations"), told("ready_oldest_seconds", work="rotations")) == (0, 0)


async def test_census_counts_members_tokens_and_the_keys_that_seal_them(redis: Redis) -> None:
    team, ring = Team(redis), KeyRing(Secret(generate_key()))
    gone = KeyRing(Secret(f"gone:{generate_key().partition(':')[2]}"))
    ours, theirs = (Vault(each).seal(b"token", Owner("member", W, "U1")) for each in (ring, gone))
    await team.install("U1", "U2", "U3", "U4")
    await team.due("U1", NOW - 1, credential=ours, idle=Idle.NO)
    await team.due("U2", NOW + 1, credential=theirs, idle=Idle.NO)
    await team.place("U3", Place.IDLE, idle=Idle.RECONNECT, credential=b"")
    await team.place("U4", Place.IDLE, idle=Idle.LEFT, credential=b"")
    await Counting(store=CensusStore(redis), clock=ManualClock(NOW / 1000), keys=ring, now=lambda: 5.0).count()
    assert {state: told("members", state=state) for state in ("scheduled", "reconnect", "left", "paused")} == {
        "scheduled": 2, "reconnect": 1, "left": 1, "paused": 0,
    }  # fmt: skip
    assert [told("tokens", owner="member", state=each) for each in ("sealed", "missing", "none")] == [2, 1, 1]
    assert told("tokens", owner="bot", state="sealed") == 1
    assert (told("overdue_members"), told("workspaces", status="active"), told("census_timestamp_seconds")) == (1, 1, 5)
    assert told("vault_sealed_tokens", key=ring.sealing.id) == 1
    assert told("vault_sealed_tokens", key="gone") == 1
    assert told("vault_missing_keys") == 2  # that one, and b"bot", which is no blob


async def test_one_tells_and_another_takes_over_when_it_leaves_or_dies(redis: Redis) -> None:
    counted: list[str] = []

    def candidate(name: str) -> Office:
        async def count() -> None:
            counted.append(name)

        return Office(leases=LeaseStore(redis), duties=(Duty(count, 0.0),), period=0.01)

    first, second = candidate("first"), candidate("second")
    for each in (first, second, first, second):
        await each.turn()
    assert counted == ["first", "first"]
    running = asyncio.create_task(first.run())
    await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait({running})
    counted.clear()
    await second.turn()
    assert counted == ["second"]
    assert await redis.execute(0, "PTTL", keys.OFFICE) > 0
    await redis.execute(0, "DEL", keys.OFFICE)  # as if its time had run out
    await first.turn()
    assert counted == ["second", "first"]


async def test_who_does_not_tell_has_no_series_of_it(redis: Redis) -> None:
    backlog = Backlog(store=BacklogStore(redis), jobs=JobStore(redis), clock=ManualClock())
    await groups(redis)
    office = Office(leases=LeaseStore(redis), duties=(Duty(backlog.count, 0.0),))
    await office.turn()
    assert told("stream_lag_known", stream="schedule") == 1
    assert told("shared_facts_holder") == 1
    await redis.execute(0, "SET", keys.OFFICE, "somebody else")
    await office.turn()
    assert told("stream_lag_known", stream="schedule") is None
    assert told("shared_facts_holder") == 0


async def test_a_duty_is_done_no_more_often_than_it_asks_for(redis: Redis) -> None:
    counted = 0

    async def count() -> None:
        nonlocal counted
        counted += 1

    office = Office(leases=LeaseStore(redis), duties=(Duty(count, 3600.0),))
    for _ in range(3):
        await office.turn()
    assert counted == 1


def test_workspaces_are_not_named() -> None:
    labels = {label for gauge in measures.EVERY for label in gauge._labelnames}
    assert labels == {"stream", "state", "partition", "work", "owner", "key", "status"}
    assert Workspace("T1") not in str(measures.EVERY)


async def test_a_claim_says_from_when_on_slack_would_have_taken_it(redis: Redis) -> None:
    team = Team(redis)
    await team.install("U1")
    await team.due("U1", NOW)
    await team.members.hold(W, "photo", until_ms=NOW + 50_000)
    assert await team.claim(NOW + 49_000) == []
    (claim,) = await team.claim(NOW + 51_000)
    assert (claim.due_ms, claim.ready_ms) == (NOW, NOW + 50_000)


async def test_a_claimed_tab_says_whether_its_member_looks(redis: Redis) -> None:
    publishing, jobs = PublishStore(redis), JobStore(redis)
    streams = [keys.publish_jobs(partition) for partition in range(keys.PARTITIONS)]
    await jobs.create_groups(streams)
    await Team(redis).install("U9")
    await redis.execute(P, "DEL", keys.publish_jobs(P))
    await jobs.create_groups(streams)
    for user, looking in (("U1", True), ("U2", False)):
        await jobs.add(PublishAsked(workspace=W, user=User(user), at=NOW, trace="t", looking=looking))
    entries = await jobs.read(streams, [P], consumer="me", count=9, block_ms=10, redis=redis)
    batch = [(entry, decode(entry.body)) for entry in entries]
    await publishing.mark(P, batch, now_ms=NOW, look_until_ms=NOW + 60_000)  # type: ignore[arg-type]
    tabs = await publishing.claim(P, now_ms=NOW + 1, lease_end_ms=NOW + 30_000, want=9, most=9)
    assert {tab.user: (tab.looking, tab.marked_ms) for tab in tabs} == {"U1": (True, NOW), "U2": (False, NOW)}

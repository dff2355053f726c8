"""How much a workspace asks for, on every kind of server."""

from collections.abc import AsyncIterator

import pytest

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import Joined, PublishAsked
from rotavatar.pacing import Limit, Limits
from rotavatar.records import Member, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.store import Commit, DemandStore, MemberStore, Outcome, Place, WorkspaceStore
from rotavatar.store.demand import allowed_an_hour

W = Workspace("T0TEST")
P = keys.partition_of(W)
HOUR = 3600
TIGHT = Limits(photo=Limit(per_minute=2, burst=1))
"""One rotation each 65 s: 55 an hour."""


@pytest.fixture(params=["valkey", pytest.param("redis7", marks=pytest.mark.redis7), "cluster"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    redis = await Redis.connect(request.getfixturevalue(request.param).url, name="test")
    yield redis
    await redis.close()


async def join(redis: Redis, count: int, *, frequency: int, place: Place, first: int = 0) -> None:
    store = MemberStore(redis)
    for number in range(first, first + count):
        user = User(f"U{number}")
        await WorkspaceStore(redis).install(
            W,
            user,
            record=WorkspaceRecord(app="A1", credential=b"bot", credential_at=5),
            member=Member(credential=b"tok", credential_at=5, frequency=frequency),
            joined=Joined(workspace=W, user=user, at=5, trace="t"),
            publish=PublishAsked(workspace=W, user=user, at=5, trace="t"),
        )
        seen = await store.snapshot(W, user)
        assert seen is not None and seen.member is not None
        assert await store.commit(seen, Commit(member=seen.member, place=place, time_ms=9)) is Outcome.OK


def test_the_slower_of_two_methods_decides_what_is_allowed() -> None:
    assert allowed_an_hour(Limits()) == pytest.approx(3_600_000 / Limits().photo.interval_ms)
    slow_look = Limits(profile=Limit(per_minute=2, burst=1))
    assert allowed_an_hour(slow_look) == pytest.approx(3_600_000 / 65_000)


async def test_nobody_is_asked_while_it_cannot_be_too_much(redis: Redis) -> None:
    store = DemandStore(redis)
    assert (await store.demand(W, TIGHT)).members == 0
    await join(redis, 3, frequency=HOUR, place=Place.DUE)
    found = await store.demand(W, TIGHT)
    assert (found.members, found.queued, found.wanted, found.saturated) == (3, 3, None, False)


async def test_wanted_is_the_sum_of_what_those_on_a_schedule_asked_for(redis: Redis) -> None:
    await join(redis, 300, frequency=4 * HOUR, place=Place.DUE)
    await join(redis, 2, frequency=HOUR, place=Place.FLIGHT, first=300)
    await join(redis, 5, frequency=HOUR, place=Place.IDLE, first=302)
    store = DemandStore(redis)
    found = await store.demand(W, TIGHT)
    assert (found.members, found.queued) == (307, 302)
    assert found.wanted == pytest.approx(77)
    assert found.saturated
    calm = await store.demand(W, Limits(photo=Limit(per_minute=5, burst=1)))
    assert calm.wanted == pytest.approx(77)
    assert not calm.saturated

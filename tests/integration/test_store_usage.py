"""What a workspace used is counted in the scripts that record it, on every kind of server."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec.structs
import pytest

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import Joined, PublishAsked
from rotavatar.records import Member, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.store import Commit, MemberStore, Outcome, Place, PublishStore, WorkspaceStore
from rotavatar.store.publishing import Published
from rotavatar.store.usage import Usage, UsageStore, month_began_ms

W, U = Workspace("T0TEST"), User("U1")
P = keys.partition_of(W)


def ms(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture(params=["valkey", pytest.param("redis7", marks=pytest.mark.redis7), "cluster"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    redis = await Redis.connect(request.getfixturevalue(request.param).url, name="test")
    await WorkspaceStore(redis).install(
        W,
        U,
        record=WorkspaceRecord(app="A1", credential=b"bot", credential_at=5),
        member=Member(credential=b"tok", credential_at=5),
        joined=Joined(workspace=W, user=U, at=5, trace="t"),
        publish=PublishAsked(workspace=W, user=U, at=5, trace="t"),
    )
    yield redis
    await redis.close()


async def rotate(redis: Redis, at: int) -> None:
    store = MemberStore(redis)
    seen = await store.snapshot(W, U)
    assert seen is not None and seen.member is not None
    for member in (msgspec.structs.replace(seen.member, rotated_at=at), seen.member):
        outcome = await store.commit(seen, Commit(member=member, place=Place.DUE, time_ms=at))
        assert outcome is (Outcome.OK if member.rotated_at == at else Outcome.STALE)


async def publish(redis: Redis, at: int, view_hash: str | None) -> None:
    await PublishStore(redis).finish(W, U, Published.DONE, now_ms=at, view_hash=view_hash)


async def test_rotations_and_publishes_are_counted_by_month(redis: Redis) -> None:
    store = UsageStore(redis)
    assert await store.read(W, now_ms=ms(2026, 1, 20)) == Usage(month="2026-01")
    for day in (1, 15, 31):
        await rotate(redis, ms(2026, 1, day))
    for view_hash in ("h1", "h2", "-", None):
        await publish(redis, ms(2026, 1, 31), view_hash)
    january = Usage(month="2026-01", rotations=3, publishes=2)
    assert await store.read(W, now_ms=ms(2026, 1, 31)) == january
    assert await store.read(W, now_ms=ms(2026, 2, 1)) == Usage(
        month="2026-02", rotations_last_month=3, publishes_last_month=2
    ), "although nothing has been counted since"
    await publish(redis, ms(2026, 2, 3), "h3")
    await rotate(redis, ms(2026, 1, 30))
    assert await store.read(W, now_ms=ms(2026, 2, 28)) == Usage(
        month="2026-02", rotations=1, publishes=1, rotations_last_month=3, publishes_last_month=2
    ), "a late process counts in the month that has begun"
    await rotate(redis, ms(2026, 5, 1))
    assert await store.read(W, now_ms=ms(2026, 5, 2)) == Usage(month="2026-05", rotations=1), (
        "February is no last month"
    )


async def test_what_changes_no_photo_is_no_rotation_and_a_purge_leaves_no_count(redis: Redis) -> None:
    store = MemberStore(redis)
    seen = await store.snapshot(W, U)
    assert seen is not None and seen.member is not None
    assert await store.commit(seen, Commit(member=seen.member, place=Place.DUE, time_ms=9)) is Outcome.OK
    assert await redis.execute(P, "EXISTS", keys.usage(W)) == 0
    await rotate(redis, ms(2026, 1, 1))
    assert await store.purge(W, [U], epoch=1) == 0
    await publish(redis, ms(2026, 1, 1), "h1")
    assert await redis.execute(P, "EXISTS", keys.usage(W)) == 0, "nor does a publish that ends after it"


def test_a_month_begins_at_midnight_of_its_first_day_in_utc() -> None:
    assert month_began_ms(ms(2026, 3, 31)) == ms(2026, 3, 1)
    assert month_began_ms(ms(2026, 3, 1)) == ms(2026, 3, 1)
    assert month_began_ms(ms(2026, 3, 1) - 1) == ms(2026, 2, 1)

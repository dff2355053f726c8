"""Every wait ends: what is held by who died is free again by itself."""

import pytest

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.redis import Redis
from rotavatar.store import LeaseStore, WorkspaceStore
from rotavatar.store.workspaces import Chore
from tests.servers import Server

W, U = Workspace("T0LEASE"), User("U1")
P = keys.partition_of(W)


@pytest.fixture(params=["memory_server", "cluster"])
async def redis(request: pytest.FixtureRequest):
    server: Server = request.getfixturevalue(request.param)
    redis = await Redis.connect(server.url, name="test")
    await redis.execute(P, "DEL", keys.chores(P))
    yield redis
    await redis.close()


async def test_leases_exclude_each_other_end_by_themselves_and_are_given_up_by_their_owner_only(redis: Redis) -> None:
    leases = LeaseStore(redis)
    async with leases.person(W, U, seconds=30) as first, leases.person(W, U, seconds=30) as second:
        assert (first, second) == (True, False)
        assert 0 < await redis.execute(P, "PTTL", keys.person(W, U)) <= 30_000
    assert await redis.execute(P, "EXISTS", keys.person(W, U)) == 0
    async with leases.refresh(W, U, seconds=30) as ours:
        assert ours
        assert 0 < await redis.execute(P, "PTTL", keys.refresh(W, U)) <= 30_000
        await redis.execute(P, "SET", keys.refresh(W, U), "another's")
    assert await redis.execute(P, "GET", keys.refresh(W, U)) == b"another's"
    await redis.execute(P, "DEL", keys.refresh(W, U))


async def test_a_chore_is_done_by_one_at_a_time_and_what_is_planned_meanwhile_stays(redis: Redis) -> None:
    store, chore = WorkspaceStore(redis), Chore("empty", W)
    await store.plan(chore, at_ms=10)
    assert await store.claim_chores(P, now_ms=10, lease_end_ms=70, most=5) == [chore]
    assert await store.claim_chores(P, now_ms=69, lease_end_ms=129, most=5) == []
    assert await store.claim_chores(P, now_ms=70, lease_end_ms=130, most=5) == [chore]
    await store.end_step(chore, lease_end_ms=70, again_ms=None)
    assert await redis.execute(P, "ZSCORE", keys.chores(P), f"empty:{W}") == b"130", "the first one's lease had ended"
    await store.plan(chore, at_ms=500)
    await store.end_step(chore, lease_end_ms=130, again_ms=None)
    assert await redis.execute(P, "ZSCORE", keys.chores(P), f"empty:{W}") == b"500"
    assert await store.claim_chores(P, now_ms=500, lease_end_ms=560, most=5) == [chore]
    await store.end_step(chore, lease_end_ms=560, again_ms=900)
    assert await redis.execute(P, "ZSCORE", keys.chores(P), f"empty:{W}") == b"900"
    assert await store.claim_chores(P, now_ms=900, lease_end_ms=960, most=5) == [chore]
    await store.end_step(chore, lease_end_ms=960, again_ms=None)
    assert await redis.execute(P, "ZCARD", keys.chores(P)) == 0
    await store.end_step(chore, lease_end_ms=960, again_ms=1_000)
    assert await redis.execute(P, "ZCARD", keys.chores(P)) == 0, "purged meanwhile"

"""What the stores tell to the command line, on every kind of server."""

from collections.abc import AsyncIterator

import pytest

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import Joined, PublishAsked
from rotavatar.records import Member, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.store import Commit, MemberStore, Place, ServerStore, WorkspaceStore
from rotavatar.store.members import Tally
from rotavatar.store.workspaces import Chore

W = Workspace("T0TEST")
OTHER = Workspace("XT0TEST")
P = keys.partition_of(W)
NOW = 1_700_000_000_000


@pytest.fixture(params=["valkey", pytest.param("redis7", marks=pytest.mark.redis7), "cluster"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    redis = await Redis.connect(request.getfixturevalue(request.param).url, name="test")
    yield redis
    await redis.close()


async def place(redis: Redis, user: str, where: Place) -> None:
    await WorkspaceStore(redis).install(
        W,
        User(user),
        record=WorkspaceRecord(app="A1", credential=b"bot", credential_at=5),
        member=Member(credential=b"tok", credential_at=5),
        joined=Joined(workspace=W, user=User(user), at=5, trace="t"),
        publish=PublishAsked(workspace=W, user=User(user), at=5, trace="t"),
    )
    store = MemberStore(redis)
    seen = await store.snapshot(W, User(user))
    assert seen is not None and seen.member is not None
    await store.commit(seen, Commit(member=seen.member, place=where, time_ms=NOW))


async def test_a_tally_counts_each_place(redis: Redis) -> None:
    assert await MemberStore(redis).tally(W) == Tally(members=0, due=0, flight=0, wanted=0)
    for user, where in (("U1", Place.DUE), ("U2", Place.DUE), ("U3", Place.FLIGHT), ("U4", Place.IDLE)):
        await place(redis, user, where)
    await redis.execute(P, "ZADD", keys.wanted(W), NOW, "U1")
    assert await MemberStore(redis).tally(W) == Tally(members=4, due=2, flight=1, wanted=1)


async def test_everybody_in_a_queue_is_read_page_by_page(redis: Redis) -> None:
    users = {f"U{number}" for number in range(700)}
    await redis.execute(P, "ZADD", keys.due(W), *[word for user in users for word in (NOW, user)])
    await redis.execute(P, "ZADD", keys.flight(W), NOW, "UFLYING")
    found: set[str] = set()
    cursor, pages = 0, 0
    while cursor or not pages:
        cursor, page = await MemberStore(redis).queue_page(W, Place.DUE, cursor, count=100)
        found |= set(page)
        pages += 1
    assert found == users
    assert pages > 1
    assert await MemberStore(redis).queue_page(W, Place.FLIGHT) == (0, [User("UFLYING")])


async def test_all_chores_of_one_workspace_are_dropped_and_no_others(redis: Redis) -> None:
    store = WorkspaceStore(redis)
    for kind in ("retention", "empty", "purge"):
        await store.plan(Chore(kind, W), at_ms=NOW)
    await redis.execute(P, "ZADD", keys.chores(P), NOW, f"purge:{OTHER}")
    await store.drop_all(W)
    assert await redis.execute(P, "ZRANGE", keys.chores(P), 0, -1) == [f"purge:{OTHER}".encode()]


async def test_the_servers_tell_what_they_are(redis: Redis) -> None:
    facts = await ServerStore(redis).facts()
    assert len(facts) == (3 if redis.clustered else 1)
    for server in facts:
        assert server.name in ("redis", "valkey")
        assert server.version >= (7, 0)
        assert server.clustered is redis.clustered
        assert server.used_bytes > 0
        assert server.options is not None
        assert server.options["appendfsync"] == "always"
        assert server.options["maxmemory-policy"] == "noeviction"
        assert server.options["hash-max-listpack-value"] == "512"

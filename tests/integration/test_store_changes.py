"""What the operator hears of changed workspaces, on every kind of server."""

from collections.abc import AsyncIterator

import msgspec.structs
import pytest

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import Joined, PublishAsked
from rotavatar.records import Member, Status, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.store import ChangeStore, MemberStore, Outcome, WorkspaceStore

W = Workspace("T0TEST")
P = keys.partition_of(W)
COLLEAGUES = [Workspace(name) for name in (f"T0C{n}" for n in range(500)) if keys.partition_of(Workspace(name)) == P]


@pytest.fixture(params=["valkey", pytest.param("redis7", marks=pytest.mark.redis7), "cluster"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    redis = await Redis.connect(request.getfixturevalue(request.param).url, name="test")
    yield redis
    await redis.close()


async def install(redis: Redis, user: str, *, workspace: Workspace = W, at: int = 5, bot: bool = True) -> None:
    await WorkspaceStore(redis).install(
        workspace,
        User(user),
        record=WorkspaceRecord(app="A1", credential=b"bot", credential_at=at) if bot else None,
        member=Member(credential=b"tok", credential_at=at),
        joined=Joined(workspace=workspace, user=User(user), at=at, trace="t"),
        publish=PublishAsked(workspace=workspace, user=User(user), at=at, trace="t"),
    )


async def changed(redis: Redis) -> list[Workspace]:
    return [change.workspace for change in await ChangeStore(redis).page(P)]


async def settle_all(redis: Redis) -> None:
    store = ChangeStore(redis)
    for change in await store.page(P):
        assert await store.settle(*change)
    assert await changed(redis) == []


async def test_an_installation_and_a_new_member_are_told_and_a_consent_given_again_is_not(redis: Redis) -> None:
    await install(redis, "U1")
    assert await changed(redis) == [W]
    await settle_all(redis)
    await install(redis, "U2", bot=False)
    assert await changed(redis) == [W]
    await settle_all(redis)
    await install(redis, "U2", at=6, bot=False)
    assert await changed(redis) == []
    await install(redis, "U2", at=4)
    assert await changed(redis) == [], "older than what is stored, so nothing changed"
    await install(redis, "U2", at=7)
    assert await changed(redis) == [W], "another bot token"


async def test_a_change_by_anybody_but_the_operator_is_told(redis: Redis) -> None:
    await install(redis, "U1")
    await settle_all(redis)
    store = WorkspaceStore(redis)
    before = await store.read(W)
    assert before is not None
    named = msgspec.structs.replace(before, name="Maps", tenant="maps/maps/uid-1", source="uid-2/77")
    assert await store.commit(W, before, named, announce=False) is Outcome.OK
    assert await changed(redis) == []
    now = await store.read(W)
    assert now is not None
    assert (now.tenant, now.source, now.declared) == ("maps/maps/uid-1", "uid-2/77", True)
    assert await store.commit(W, before, named) is Outcome.STALE
    assert await changed(redis) == [], "a commit that came to nothing is no change"
    assert await store.commit(W, now, msgspec.structs.replace(now, source="")) is Outcome.OK
    assert await changed(redis) == [W]


async def test_settling_a_change_does_not_hide_a_later_one(redis: Redis) -> None:
    store = ChangeStore(redis)
    await install(redis, "U1")
    (seen,) = await store.page(P)
    await install(redis, "U2", bot=False)
    assert not await store.settle(*seen)
    (later,) = await store.page(P)
    assert later.number > seen.number
    assert await store.settle(*later)
    assert await store.settle(*later), "once more is harmless"
    await install(redis, "U3", bot=False)
    assert not await store.settle(*later), "neither does one that was settled by somebody else long ago"
    assert await changed(redis) == [W]


async def test_changes_come_in_order_page_by_page_and_again_from_the_beginning(redis: Redis) -> None:
    store = ChangeStore(redis)
    for colleague in COLLEAGUES:
        await install(redis, "U1", workspace=colleague)
    await install(redis, "U2", workspace=COLLEAGUES[0], bot=False)
    expected = [*COLLEAGUES[1:], COLLEAGUES[0]]
    found: list[Workspace] = []
    after = 0
    while page := await store.page(P, after=after, count=7):
        assert len(page) <= 7
        found += [change.workspace for change in page]
        after = page[-1].number
    assert found == expected
    assert len(expected) > 14
    assert await changed(redis) == expected


@pytest.mark.parametrize("tenant", ["", "maps/maps/uid-1"])
async def test_the_end_of_a_workspace_is_told_where_a_tenant_governs_it(redis: Redis, tenant: str) -> None:
    await install(redis, "U1")
    store = WorkspaceStore(redis)
    before = await store.read(W)
    assert before is not None
    gone = msgspec.structs.replace(before, status=Status.UNINSTALLED, tenant=tenant)
    assert await store.commit(W, before, gone) is Outcome.OK
    if tenant:
        await settle_all(redis)
    assert await MemberStore(redis).purge(W, [User("U1")], epoch=before.epoch) == 0
    assert await store.read(W) is None
    assert await changed(redis) == ([W] if tenant else [])

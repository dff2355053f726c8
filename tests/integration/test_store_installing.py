"""Who may install and connect, judged by the script that stores it, on every kind of server."""

import asyncio
from collections.abc import AsyncIterator

import msgspec.structs
import pytest

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import Joined, PublishAsked
from rotavatar.policy import Policy
from rotavatar.records import Idle, Member, Status, Suspension, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.settings import InstallPolicy
from rotavatar.store import Commit, MemberStore, Outcome, Place, WorkspaceStore
from rotavatar.store.workspaces import Installed

W = Workspace("T0TEST")
P = keys.partition_of(W)


@pytest.fixture(params=["valkey", pytest.param("redis7", marks=pytest.mark.redis7), "cluster"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    redis = await Redis.connect(request.getfixturevalue(request.param).url, name="test")
    yield redis
    await redis.close()


async def install(
    redis: Redis, user: str, *, bot: bool = True, at: int = 5, rule: InstallPolicy = "open", member: bool = True
) -> Installed:
    return await WorkspaceStore(redis).install(
        W,
        User(user),
        record=WorkspaceRecord(app="A1", credential=b"bot", credential_at=at) if bot else None,
        member=Member(credential=b"tok", credential_at=at) if member else None,
        joined=Joined(workspace=W, user=User(user), at=at, trace="t"),
        publish=PublishAsked(workspace=W, user=User(user), at=at, trace="t"),
        rule=rule,
    )


async def record_of(redis: Redis) -> WorkspaceRecord:
    record = await WorkspaceStore(redis).read(W)
    assert record is not None
    return record


async def change(redis: Redis, **values: object) -> None:
    before = await record_of(redis)
    after = msgspec.structs.replace(before, **values)
    assert await WorkspaceStore(redis).commit(W, before, after) is Outcome.OK


async def leave(redis: Redis, user: str, place: Place = Place.IDLE) -> None:
    seen = await MemberStore(redis).snapshot(W, User(user))
    assert seen is not None and seen.member is not None
    left = msgspec.structs.replace(seen.member, idle=Idle.LEFT, credential=b"", left_at=9)
    assert await MemberStore(redis).commit(seen, Commit(member=left, place=place)) is Outcome.OK


async def test_no_more_members_than_policy_allows_however_many_come_at_once(redis: Redis) -> None:
    assert await install(redis, "U0") is Installed.OK
    await change(redis, policy=Policy(max_members=5))
    outcomes = await asyncio.gather(*(install(redis, f"U{n}", bot=False) for n in range(1, 31)))
    assert (outcomes.count(Installed.OK), outcomes.count(Installed.FULL)) == (4, 26)
    store = MemberStore(redis)
    assert (await store.count(W), await store.places(W)) == (5, 5)
    refused = f"U{1 + outcomes.index(Installed.FULL)}"
    seen = await store.snapshot(W, User(refused))
    assert seen is not None and seen.member is None, "nothing of them is stored"
    assert await redis.execute(P, "XLEN", keys.schedule_jobs(P)) == 5
    assert await redis.execute(P, "XLEN", keys.publish_jobs(P)) == 31, "their tab says that all places are taken"


async def test_who_is_a_member_stays_one_and_may_consent_again(redis: Redis) -> None:
    for user in ("U1", "U2", "U3"):
        await install(redis, user)
    await change(redis, policy=Policy(max_members=2))
    assert await install(redis, "U3", at=6, bot=False) is Installed.OK
    assert await install(redis, "U4", at=6, bot=False) is Installed.FULL
    assert await MemberStore(redis).places(W) == 3


async def test_who_leaves_gives_up_their_place_and_who_lost_their_token_does_not(redis: Redis) -> None:
    await install(redis, "U1")
    await install(redis, "U2")
    await change(redis, policy=Policy(max_members=2))
    seen = await MemberStore(redis).snapshot(W, User("U2"))
    assert seen is not None and seen.member is not None
    broken = msgspec.structs.replace(seen.member, idle=Idle.RECONNECT, credential=b"", left_at=9)
    assert await MemberStore(redis).commit(seen, Commit(member=broken, place=Place.IDLE)) is Outcome.OK
    assert await install(redis, "U3", bot=False) is Installed.FULL
    assert await install(redis, "U2", at=6, bot=False) is Installed.OK
    await leave(redis, "U1")
    assert await MemberStore(redis).places(W) == 1
    assert await install(redis, "U3", bot=False) is Installed.OK
    assert await install(redis, "U1", at=7, bot=False) is Installed.FULL, "somebody else has it now"
    await leave(redis, "U3", place=Place.GONE)
    assert await install(redis, "U1", at=7, bot=False) is Installed.OK
    assert (await MemberStore(redis).count(W), await MemberStore(redis).places(W)) == (2, 2)


async def test_a_full_workspace_can_be_installed_anew(redis: Redis) -> None:
    await install(redis, "U1")
    await change(redis, policy=Policy(max_members=1), status=Status.UNINSTALLED, credential=b"")
    await MemberStore(redis).wipe(W, [User("U1")], reason=Idle.RECONNECT, now_ms=9)
    assert await install(redis, "U2", at=6) is Installed.FULL
    record = await record_of(redis)
    assert (record.status, record.credential) == (Status.ACTIVE, b"bot")
    assert await install(redis, "U1", at=7, bot=False) is Installed.OK, "the place of who was wiped is kept for them"


async def test_a_new_workspace_waits_for_approval_and_one_that_is_known_does_not(redis: Redis) -> None:
    outcomes = await asyncio.gather(*(install(redis, f"U{n}", rule="approve", at=5 + n) for n in range(8)))
    assert set(outcomes) == {Installed.WAITING}
    assert (await record_of(redis)).suspended is Suspension.APPROVAL
    assert await install(redis, "U9", bot=False, rule="approve") is Installed.WAITING
    await change(redis, suspended=Suspension.NO)
    assert await install(redis, "U1", at=20, rule="approve") is Installed.OK
    await change(redis, suspended=Suspension.OPERATOR)
    assert await install(redis, "U1", at=21, rule="approve") is Installed.OK
    assert (await record_of(redis)).suspended is Suspension.OPERATOR, "nobody ends a suspension by installing again"


async def test_only_declared_workspaces_install_and_those_that_are_here_stay(redis: Redis) -> None:
    assert await install(redis, "U1", rule="declared") is Installed.UNDECLARED
    assert await WorkspaceStore(redis).read(W) is None
    assert await redis.execute(P, "EXISTS", keys.workspaces(P), keys.publish_jobs(P), keys.changed(P)) == 0
    declared = WorkspaceRecord(tenant="maps/maps/uid-1")
    assert await WorkspaceStore(redis).commit(W, None, declared) is Outcome.OK
    assert await install(redis, "U1", rule="declared") is Installed.OK
    await change(redis, tenant="")
    assert await install(redis, "U1", at=6, rule="declared") is Installed.OK, "it was let in, and is here"
    await change(redis, status=Status.UNINSTALLED, credential=b"")
    assert await install(redis, "U1", at=7, rule="declared") is Installed.UNDECLARED
    assert (await record_of(redis)).status is Status.UNINSTALLED


async def test_a_token_that_comes_by_oauth_is_no_longer_that_of_a_secret(redis: Redis) -> None:
    await install(redis, "U1")
    await change(redis, source="uid/1", tenant="maps/maps/uid-1")
    await install(redis, "U1", at=6)
    record = await record_of(redis)
    assert (record.source, record.tenant) == ("", "maps/maps/uid-1")


async def test_a_purge_forgets_who_left(redis: Redis) -> None:
    await install(redis, "U1")
    await leave(redis, "U1")
    assert await redis.execute(P, "SMEMBERS", keys.left(W)) == [b"U1"]
    assert await MemberStore(redis).purge(W, [User("U1")], epoch=1) == 0
    assert await redis.execute(P, "EXISTS", keys.left(W)) == 0

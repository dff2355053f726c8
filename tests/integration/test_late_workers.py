"""Who comes late changes nothing: workers whose lease ended, consents that are overtaken, holders who died."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import Joined, PublishAsked, ShuffleAsked
from rotavatar.records import Member, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.store import LeaseStore, MemberStore, WorkspaceStore
from tests.pictures import draw_catalogue
from tests.rotating import Stage, stage
from tests.servers import Server

W, U = Workspace("T0LATE"), User("U0LATE")


@pytest.fixture
async def on(valkey: Server, tmp_path: Path) -> AsyncIterator[Stage]:
    draw_catalogue(tmp_path / "catalogue", packs={"critters": 12})
    async with stage(valkey.url, tmp_path) as it:
        yield it


@pytest.fixture
async def redis(valkey: Server) -> AsyncIterator[Redis]:
    redis = await Redis.connect(valkey.url, name="test")
    yield redis
    await redis.close()


async def test_who_lost_the_lease_writes_no_photo_and_no_result(on: Stage) -> None:
    team = on.simulator.add_team("Team").id
    person = on.simulator.add_member(team)
    await on.install(person, team)
    on.clock.advance(1)
    await on.say(ShuffleAsked(workspace=Workspace(team), user=User(person.id), at=on.now_ms, trace=""))
    (slow,) = await on.claim()
    on.clock.advance(31)
    (quick,) = await on.claim()
    before = await on.seen(team, person.id)
    await on.rotation.carry_out(slow, claimed_at=on.clock.now())
    assert await on.seen(team, person.id) == before
    assert on.calls("users.profile.get") == on.calls("users.setPhoto") == 0
    await on.rotation.carry_out(quick, claimed_at=on.clock.now())
    assert on.calls("users.setPhoto") == 1
    await on.rotation.carry_out(slow, claimed_at=on.clock.now())
    assert on.calls("users.setPhoto") == 1
    await on.check_places(team)


async def test_a_consent_that_is_stored_after_a_newer_one_replaces_nothing(redis: Redis) -> None:
    async def consent(at: int, name: bytes) -> None:
        await WorkspaceStore(redis).install(
            W,
            U,
            record=WorkspaceRecord(app="A1", credential=b"bot " + name, credential_at=at),
            member=Member(credential=b"user " + name, credential_at=at),
            joined=Joined(workspace=W, user=U, at=at, trace=""),
            publish=PublishAsked(workspace=W, user=U, at=at, trace=""),
        )

    await consent(2_000, b"new")
    await consent(1_000, b"old")
    seen = await MemberStore(redis).snapshot(W, U)
    assert seen is not None and seen.member is not None
    assert (seen.record.credential, seen.record.epoch) == (b"bot new", 1)
    assert (seen.member.credential, seen.member.credential_at, seen.member.epoch) == (b"user new", 2_000, 1)
    await consent(3_000, b"newest")
    seen = await MemberStore(redis).snapshot(W, U)
    assert seen is not None and seen.member is not None
    assert (seen.member.credential, seen.member.epoch, seen.record.epoch) == (b"user newest", 2, 2)


async def test_the_leases_of_who_died_end(redis: Redis) -> None:
    held = [LeaseStore(redis).person("E1", U, seconds=30), LeaseStore(redis).refresh(W, U, seconds=20)]
    assert [await lease.__aenter__() for lease in held] == [True, True]
    left = [
        await redis.execute(keys.partition_of(Workspace("E1")), "PTTL", keys.person("E1", U)),
        await redis.execute(keys.partition_of(W), "PTTL", keys.refresh(W, U)),
    ]
    assert 20_000 < left[0] <= 30_000
    assert 10_000 < left[1] <= 20_000

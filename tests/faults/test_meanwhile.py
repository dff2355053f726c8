"""What people and Slack do in the middle of a rotation: it is neither lost nor done twice."""

from collections.abc import Callable
from typing import Any

import msgspec.structs
import pytest

from rotavatar.credentials import open_credential
from rotavatar.keys import User, Workspace, partition_of
from rotavatar.messages import (
    FrequencyChosen,
    Joined,
    LeaveAsked,
    PackChosen,
    Paused,
    ProfileChanged,
    RestoreAsked,
    ScheduleMessage,
    ShuffleAsked,
    TokensRevoked,
    UndoAsked,
    Uninstalled,
)
from rotavatar.records import OWN_PICTURE, Idle, Member, Wish
from rotavatar.store import Commit, LeaseStore, Outcome, Place
from rotavatar.tokens import BUDGET
from rotavatar.vault import Owner
from slack_simulator import lifecycle
from tests.faults.dying import A_MONTH, OWN, TEAM, USER, Fuse, Meanwhile, World

HOUR = 3600
POINTS = ("claim", "/api/users.profile.get", "/api/users.setPhoto")
Kind = Callable[..., ScheduleMessage]


async def interrupted(world: World, point: str, kind: Kind, **fields: Any) -> Member | None:
    """A shuffle of somebody who has shuffled before, and `kind` right after `point`; the record in the end."""
    meanwhile = Meanwhile(point, lambda: world.elsewhere(kind, **fields))
    await world.reset(meanwhile)
    await world.install()
    await world.say(FrequencyChosen, seconds=HOUR)
    await world.say(ShuffleAsked)
    await world.wait(20)
    await world.arm()
    await world.say(ShuffleAsked)
    assert meanwhile.happened
    await world.check()
    seen = await world.outside.members.snapshot(Workspace(TEAM), User(USER))
    member = seen.member if seen else None
    assert member is None or member.wish is Wish.NONE
    return member


@pytest.mark.parametrize("point", POINTS)
async def test_leaving_during_a_rotation(world: World, point: str) -> None:
    member = await interrupted(world, point, LeaveAsked)
    assert member is not None
    assert (member.idle, member.credential, member.picture) == (Idle.LEFT, b"", OWN_PICTURE)
    assert world.shows(OWN)


@pytest.mark.parametrize("point", POINTS)
async def test_being_forgotten_during_a_rotation(world: World, point: str) -> None:
    assert await interrupted(world, point, LeaveAsked, forget=True) is None
    assert world.shows(OWN)
    assert [photo async for photo in world.outside.photos.photos()] == []


@pytest.mark.parametrize("point", POINTS)
async def test_restoring_during_a_rotation(world: World, point: str) -> None:
    member = await interrupted(world, point, RestoreAsked)
    assert member is not None
    assert (member.picture, member.idle) == (OWN_PICTURE, Idle.PAUSED)
    assert world.shows(OWN)


@pytest.mark.parametrize("point", POINTS)
async def test_pausing_during_a_rotation(world: World, point: str) -> None:
    member = await interrupted(world, point, Paused)
    assert member is not None
    assert (member.idle, member.paused) == (Idle.PAUSED, True)


@pytest.mark.parametrize("point", POINTS)
async def test_choosing_during_a_rotation(world: World, point: str) -> None:
    member = await interrupted(world, point, FrequencyChosen, seconds=2 * HOUR)
    assert member is not None
    assert member.frequency == 2 * HOUR
    assert world.outside.calls("users.setPhoto") == 2
    member = await interrupted(world, point, PackChosen, pack="planets")
    assert member is not None
    assert member.next.startswith("ctests/planets/")


@pytest.mark.parametrize("point", POINTS)
async def test_shuffling_again_during_a_rotation(world: World, point: str) -> None:
    member = await interrupted(world, point, ShuffleAsked)
    assert member is not None
    assert world.outside.calls("users.setPhoto") == (3 if point == "/api/users.setPhoto" else 2)
    assert member.wish is Wish.NONE


@pytest.mark.parametrize("forget", [False, True])
async def test_the_event_of_our_own_revocation_does_not_undo_the_leaving(world: World, forget: bool) -> None:
    async def told() -> None:
        world.clock.advance(10)
        await world.elsewhere(TokensRevoked, users=(User(USER),))

    await world.reset(Meanwhile("/api/auth.revoke", told))
    await world.install()
    await world.say(ShuffleAsked)
    await world.arm()
    world.clock.advance(20)
    await world.say(LeaveAsked, forget=forget)
    await world.check()
    seen = await world.outside.members.snapshot(Workspace(TEAM), User(USER))
    assert seen is not None
    assert (seen.member is None) if forget else (seen.member is not None and seen.member.idle is Idle.LEFT)


async def test_uninstalling_does_not_lose_a_wish_to_be_forgotten(world: World) -> None:
    await world.reset(Fuse())
    await world.install()
    await world.say(ShuffleAsked)
    world.clock.advance(60)
    await world.elsewhere(LeaveAsked, forget=True)
    await world.elsewhere(Uninstalled)
    await world.settle()
    assert await world.outside.members.count(Workspace(TEAM)) == 0
    assert [photo async for photo in world.outside.photos.photos()] == []


async def test_what_failed_with_the_old_token_does_not_end_the_new_consent(world: World) -> None:
    await world.reset(Meanwhile("/api/users.profile.get", lambda: world.outside.consent(world.person, TEAM)))
    await world.install()
    lifecycle.revoke_user(
        world.simulator.slack, next(iter(world.simulator.slack.world.installations.values())), USER, tell=False
    )
    await world.arm()
    await world.say(FrequencyChosen, seconds=HOUR)
    await world.wait_until_due()
    await world.wait(60)
    member = await world.outside.member(TEAM, USER)
    assert member.credential
    assert member.idle is Idle.NO
    await world.check()


async def test_a_refreshed_token_does_not_replace_a_newer_consent(world: World) -> None:
    async def consent() -> None:
        await world.outside.consent(world.person, TEAM)
        newest.append((await world.outside.member(TEAM, USER)).credential)

    newest: list[bytes] = []
    await world.reset(Meanwhile("/api/oauth.v2.access", consent))
    world.simulator.configure(token_rotation=True)
    await world.install()
    world.clock.advance(11 * HOUR)
    await world.arm()
    await world.say(ShuffleAsked)
    assert (await world.outside.member(TEAM, USER)).credential == newest[0]
    await world.check()


async def test_a_refreshed_token_does_not_bring_a_revoked_credential_back(world: World) -> None:
    await world.reset(Meanwhile("/api/oauth.v2.access", lambda: world.elsewhere(TokensRevoked, users=(User(USER),))))
    world.simulator.configure(token_rotation=True)
    await world.install()
    world.clock.advance(11 * HOUR)
    await world.arm()
    await world.say(ShuffleAsked)
    member = await world.outside.member(TEAM, USER)
    assert (member.credential, member.idle) == (b"", Idle.RECONNECT)
    await world.check()


async def test_who_is_not_the_one_who_refreshes_waits_even_with_an_expired_token(world: World) -> None:
    await world.reset(Fuse())
    world.simulator.configure(token_rotation=True)
    await world.install()
    world.clock.advance(13 * HOUR)
    async with world.outside.tokens._leases.refresh(Workspace(TEAM), USER, seconds=30):
        await world.add(ShuffleAsked)
        await world._round()
    member = await world.outside.member(TEAM, USER)
    assert (bool(member.credential), member.idle, member.wish) == (True, Idle.NO, Wish.SHUFFLE)
    await world.settle()
    assert world.outside.calls("users.setPhoto", result="ok") == 1


async def test_a_late_join_overwrites_no_choice(world: World) -> None:
    await world.reset(Fuse())
    await world.outside.consent(world.person, TEAM)
    joined = world.outside.now_ms
    await world.check()
    world.clock.advance(5)
    await world.say(FrequencyChosen, seconds=2 * HOUR)
    await world.say(ShuffleAsked)
    world.clock.advance(5)
    await world.elsewhere(LeaveAsked)
    late = Joined(workspace=Workspace(TEAM), user=User(USER), at=joined, trace="late")
    await world.outside.job_store.add(late)
    await world.settle()
    member = await world.outside.member(TEAM, USER)
    assert (member.idle, member.frequency) == (Idle.LEFT, 2 * HOUR)


async def test_a_leave_of_before_the_return_is_not_done_after_it(world: World) -> None:
    await world.reset(Fuse())
    await world.install()
    world.clock.advance(1)
    at = world.outside.now_ms
    await world.say(LeaveAsked, forget=True)
    world.clock.advance(60)
    await world.install(bot=False)
    old = LeaveAsked(workspace=Workspace(TEAM), user=User(USER), at=at, trace="old", forget=True)
    await world.outside.job_store.add(old)
    await world.settle()
    member = await world.outside.member(TEAM, USER)
    assert member.credential


async def test_strangers_profiles_publish_nothing(world: World) -> None:
    await world.reset(Fuse())
    await world.install()
    stream = "rv:{p04}:jobs:publish"
    before = await world.redis.execute(4, "XLEN", stream)
    stranger = ProfileChanged(workspace=Workspace(TEAM), user=User("U0OTHER"), at=5, trace="", avatar_hash="abc")
    await world.outside.job_store.add(stranger)
    await world.say(ProfileChanged, avatar_hash="whatever")
    assert await world.redis.execute(4, "XLEN", stream) == before


async def test_members_of_a_workspace_that_came_back_before_we_heard_of_its_end(world: World) -> None:
    """The first member's consent ended with the uninstalling; the second one's is newer."""
    await world.reset(Fuse())
    await world.install()
    other = world.simulator.slack.world.member(TEAM, "U0OTHER") or world.simulator.add_member(TEAM, user="U0OTHER")
    world.clock.advance(60)
    uninstalled = Uninstalled(workspace=Workspace(TEAM), at=world.outside.now_ms, trace="")
    world.clock.advance(60)
    await world.outside.consent(other, TEAM)
    await world.outside.job_store.add(uninstalled)
    await world.settle()
    assert (await world.outside.member(TEAM, USER)).idle is Idle.RECONNECT
    assert (await world.outside.member(TEAM, other.id)).credential
    assert (await world.outside.seen(TEAM, USER)).record.credential


async def test_retention_holds_for_members_whom_a_return_left_behind(world: World) -> None:
    await world.reset(Fuse())
    await world.install()
    await world.say(ShuffleAsked)
    world.clock.advance(60)
    await world.say(Uninstalled)
    other = world.simulator.slack.world.member(TEAM, "U0OTHER") or world.simulator.add_member(TEAM, user="U0OTHER")
    world.clock.advance(60)
    await world.outside.consent(other, TEAM)
    await world.settle()
    await world.wait(A_MONTH)
    seen = await world.outside.members.snapshot(Workspace(TEAM), User(USER))
    assert seen is not None
    assert seen.member is None
    assert [photo async for photo in world.outside.photos.photos()] == []
    assert (await world.outside.member(TEAM, other.id)).credential


async def test_a_large_workspace_is_purged_whole(world: World) -> None:
    """SSCAN from the beginning finds nothing any more once the first buckets are empty."""
    await world.reset(Fuse())
    await world.install()
    names = [f"U{number:06d}" for number in range(3_000)]
    await world.redis.execute(4, "SADD", f"rv:{{p04}}:members:{TEAM}", *names)
    world.clock.advance(60)
    await world.say(Uninstalled)
    await world.wait(A_MONTH)
    assert await world.outside.workspaces.read(Workspace(TEAM)) is None
    assert await world.outside.members.count(Workspace(TEAM)) == 0


def test_the_partition_that_these_tests_name() -> None:
    assert partition_of(Workspace(TEAM)) == 4


async def test_a_picture_to_undo_that_is_gone_ends_the_wish(world: World) -> None:
    await world.reset(Fuse())
    await world.install()
    await world.say(ShuffleAsked)
    await world.wait(20)
    await world.say(ShuffleAsked)
    await world.wait(20)
    seen = await world.outside.seen(TEAM, USER)
    assert seen.member is not None
    gone = msgspec.structs.replace(seen.member, previous="colder/critters/3")
    assert await world.outside.members.commit(seen, Commit(member=gone, place=Place.STAY)) is Outcome.OK
    await world.say(UndoAsked)
    member = await world.outside.member(TEAM, USER)
    assert (member.wish, member.previous) == (Wish.NONE, "")
    await world.check()


async def test_a_credential_opens_after_all_this(world: World) -> None:
    await world.reset(Fuse())
    await world.install()
    member = await world.outside.member(TEAM, USER)
    owner = Owner("member", Workspace(TEAM), User(USER))
    assert open_credential(world.vault, member.credential, owner).access_token.reveal()


async def test_when_the_budget_of_refreshes_is_spent_the_old_token_serves_and_an_expired_one_waits(
    world: World,
) -> None:
    await world.reset(Fuse())
    world.simulator.configure(token_rotation=True)
    await world.install()
    leases = LeaseStore(world.outside.redis)
    world.clock.advance(11 * HOUR)
    while await leases.refresh_slot(Workspace(TEAM), BUDGET, now_ms=world.outside.now_ms) == world.outside.now_ms:
        pass
    await world.add(ShuffleAsked)
    await world._round()
    assert world.outside.calls("oauth.v2.access") == 0
    assert world.outside.calls("users.setPhoto", result="ok") == 1
    world.clock.advance(2 * HOUR)
    while await leases.refresh_slot(Workspace(TEAM), BUDGET, now_ms=world.outside.now_ms) == world.outside.now_ms:
        pass
    await world.add(ShuffleAsked)
    await world._round()
    member = await world.outside.member(TEAM, USER)
    assert (bool(member.credential), member.wish) == (True, Wish.SHUFFLE)
    pace = await world.outside.redis.execute(
        partition_of(Workspace(TEAM)), "HGET", f"rv:{{p{partition_of(Workspace(TEAM)):02d}}}:pace:{TEAM}", "profile!"
    )
    assert pace is None
    await world.settle()
    assert world.outside.calls("users.setPhoto", result="ok") == 2

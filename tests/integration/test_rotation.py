"""Photos change on time, and never the wrong one: the rotator's parts over real Redis and a simulated Slack."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec.structs
import pytest

from rotator.resemblance import resembles
from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import (
    FrequencyChosen,
    KeepAsked,
    LeaveAsked,
    PackChosen,
    Paused,
    RestoreAsked,
    Resumed,
    ShuffleAsked,
    TokensRevoked,
    UndoAsked,
    Uninstalled,
)
from rotavatar.pacing import Limits
from rotavatar.records import OWN_PICTURE, Idle, Member, Suspension, Wish
from rotavatar.store import Outcome
from slack_simulator import lifecycle, people
from slack_simulator.state import Member as Person
from tests.pictures import draw_catalogue, picture
from tests.rotating import Stage, stage

HOUR = 3600


@pytest.fixture(params=["valkey", "cluster"])
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    draw_catalogue(tmp_path / "catalogue", packs={"critters": 12, "planets": 6})
    server = request.getfixturevalue(request.param)
    async with stage(server.url, tmp_path) as it:
        yield it


@pytest.fixture
def team(on: Stage) -> str:
    return on.simulator.add_team("Team").id


class Somebody:
    """One member, and what they say."""

    def __init__(self, on: Stage, team: str, person: Person) -> None:
        self.on, self.team, self.person = on, team, person
        self.base: dict[str, Any] = {"workspace": Workspace(team), "user": User(person.id), "trace": "t"}

    @property
    def at(self) -> int:
        self.on.clock.advance(0.01)
        return self.on.now_ms

    async def frequency(self, seconds: int) -> None:
        await self.on.say(FrequencyChosen(**self.base, at=self.at, seconds=seconds))

    async def shuffle(self) -> None:
        await self.on.say(ShuffleAsked(**self.base, at=self.at))

    @property
    def hash(self) -> str:
        photo = self.on.simulator.slack.world.member(self.team, self.person.id).photo  # type: ignore[union-attr]
        return photo.avatar_hash if photo else ""

    async def record(self) -> Member:
        return await self.on.member(self.team, self.person.id)


@pytest.fixture
async def ana(on: Stage, team: str) -> Somebody:
    person = on.simulator.add_member(team, name="ana")
    people.set_photo(on.simulator.slack, team=team, member=person, content=picture(7777))
    await on.install(person, team)
    return Somebody(on, team, person)


async def test_a_new_member_is_off_and_has_a_next_picture(on: Stage, team: str, ana: Somebody) -> None:
    member = await ana.record()
    assert (member.idle, member.frequency) == (Idle.OFF, 0)
    assert member.next.startswith("ctests/critters/")
    assert member.zone == "Europe/Berlin"
    await on.check_places(team)


async def test_the_photo_changes_when_it_is_due_and_not_before(on: Stage, team: str, ana: Somebody) -> None:
    before = ana.hash
    await ana.frequency(HOUR)
    promised = (await ana.record()).next
    assert await on.rotate() == 0
    await on.advance_to_due(team, ana.person.id)
    assert await on.rotate() == 1
    member = await ana.record()
    assert ana.hash != before
    assert (member.picture, member.our_hash, member.previous) == (promised, ana.hash, OWN_PICTURE)
    assert member.next not in ("", promised)
    seen = await on.seen(team, ana.person.id)
    assert seen.due is not None
    assert HOUR * 500 <= seen.due - on.now_ms <= HOUR * 1500
    assert on.calls("users.setPhoto") == 1
    await on.check_places(team)


async def test_the_own_photo_is_kept_before_it_is_replaced_and_can_be_put_back(
    on: Stage, team: str, ana: Somebody
) -> None:
    await ana.shuffle()
    assert await on.rotate() == 1
    await ana.frequency(HOUR)
    await on.say(RestoreAsked(**ana.base, at=ana.at))
    on.clock.advance(10)
    assert await on.rotate() == 1
    member = await ana.record()
    assert (member.picture, member.idle, member.paused) == (OWN_PICTURE, Idle.PAUSED, True)
    shown = await on.slack.fetch_photo(member.image_url, allow=lambda _: True)
    assert resembles(shown.content, picture(7777))
    await on.say(Resumed(**ana.base, at=ana.at))
    await on.advance_to_due(team, ana.person.id)
    assert await on.rotate() == 1
    assert (await ana.record()).own == member.own
    await on.check_places(team)


async def test_a_default_photo_is_restored_by_deleting_ours(on: Stage, team: str) -> None:
    person = on.simulator.add_member(team, name="bo")
    await on.install(person, team)
    bo = Somebody(on, team, person)
    await bo.shuffle()
    await on.rotate()
    assert bo.hash
    await on.say(RestoreAsked(**bo.base, at=bo.at))
    on.clock.advance(10)
    await on.rotate()
    assert bo.hash == ""
    assert on.calls("users.deletePhoto") == 1
    await bo.shuffle()
    on.clock.advance(10)
    await on.rotate()
    assert bo.hash


async def test_the_look_after_an_answer_without_a_profile_is_paced(on: Stage, team: str, ana: Somebody) -> None:
    on.simulator.slack.trouble.of(team).no_profile = True
    await ana.shuffle()
    granted = await _profile_tat(on, team)
    assert await on.rotate() == 1
    assert (await ana.record()).our_hash == ana.hash
    assert on.calls("users.profile.get") == 2
    per_call = Limits().profile.interval_ms
    assert await _profile_tat(on, team) - max(granted, on.now_ms) == 2 * per_call


async def test_where_no_second_look_is_granted_the_next_claim_looks(on: Stage, team: str, ana: Somebody) -> None:
    on.simulator.slack.trouble.of(team).no_profile = True
    before = await ana.record()
    await ana.shuffle()
    (claim,) = await on.claim()
    while await on.members.grant(Workspace(team), "profile", now_ms=on.now_ms) <= on.now_ms:
        pass
    await on.rotation.carry_out(claim, claimed_at=on.clock.now())
    member = await ana.record()
    assert (on.calls("users.setPhoto"), on.calls("users.profile.get")) == (1, 1)
    assert member.intent is not None and member.intent.picture == before.next
    assert (member.wish, member.attempt, member.our_hash) == (Wish.SHUFFLE, 0, "")
    await on.check_places(team)
    assert await on.rotate() == 0, "the workspace has no look left"
    on.clock.advance(10)
    assert await on.rotate() == 1
    member = await ana.record()
    assert (member.picture, member.our_hash, member.intent) == (before.next, ana.hash, None)
    assert (on.calls("users.setPhoto"), on.calls("users.profile.get")) == (1, 2)
    assert member.wish is Wish.NONE
    await on.check_places(team)


async def _profile_tat(on: Stage, team: str) -> int:
    workspace = Workspace(team)
    return int(await on.redis.execute(keys.partition_of(workspace), "HGET", keys.pace(workspace), "profile") or 0)


async def test_a_photo_changed_outside_stays_and_is_asked_about(on: Stage, team: str, ana: Somebody) -> None:
    await ana.frequency(HOUR)
    await on.advance_to_due(team, ana.person.id)
    await on.rotate()
    people.set_photo(on.simulator.slack, team=team, member=ana.person, content=picture(8888))
    theirs = ana.hash
    await on.advance_to_due(team, ana.person.id)
    await on.rotate()
    assert (await ana.record()).idle is Idle.OUTSIDE
    assert ana.hash == theirs
    await ana.shuffle()
    assert await on.rotate() == 0
    await on.say(KeepAsked(**ana.base, at=ana.at))
    assert (await ana.record()).idle is Idle.PAUSED
    await on.say(Resumed(**ana.base, at=ana.at))
    await on.advance_to_due(team, ana.person.id)
    await on.rotate()
    member = await ana.record()
    assert member.own is not None
    assert member.own.hash == theirs
    assert ana.hash == member.our_hash
    await on.check_places(team)


async def test_undo_brings_back_the_picture_before_the_last(on: Stage, team: str, ana: Somebody) -> None:
    for _ in range(2):
        await ana.shuffle()
        on.clock.advance(10)
        await on.rotate()
    before = await ana.record()
    await on.say(UndoAsked(**ana.base, at=ana.at))
    on.clock.advance(10)
    await on.rotate()
    after = await ana.record()
    assert after.picture == before.previous
    assert after.next == before.next
    assert after.previous == ""


async def test_leaving_restores_revokes_and_keeps_the_choices_for_a_return(on: Stage, team: str, ana: Somebody) -> None:
    await ana.frequency(HOUR)
    await ana.shuffle()
    await on.rotate()
    await on.say(LeaveAsked(**ana.base, at=ana.at))
    on.clock.advance(10)
    await on.rotate()
    member = await ana.record()
    assert (member.idle, member.credential, member.picture) == (Idle.LEFT, b"", OWN_PICTURE)
    assert on.calls("auth.revoke") == 1
    await on.install(ana.person, team, bot=False)
    member = await ana.record()
    assert (member.idle, member.frequency) == (Idle.NO, HOUR)
    own = member.own
    await ana.shuffle()
    on.clock.advance(10)
    await on.rotate()
    assert (await ana.record()).own == own
    await on.check_places(team)


async def test_leave_and_forget_leaves_nothing(on: Stage, team: str, ana: Somebody) -> None:
    await ana.shuffle()
    await on.rotate()
    await on.say(LeaveAsked(**ana.base, at=ana.at, forget=True))
    on.clock.advance(10)
    await on.rotate()
    assert (await on.seen(team, ana.person.id)).member is None
    assert [photo async for photo in on.photos.photos()] == []
    on.clock.advance(2 * HOUR)
    while await on.chores.round():
        pass
    on.clock.advance(31 * 24 * HOUR)
    while await on.chores.round():
        pass
    assert await on.workspaces.read(Workspace(team)) is None


async def test_an_older_choice_never_overwrites_a_newer_one(on: Stage, team: str, ana: Somebody) -> None:
    first, second = ana.at, ana.at
    newer = FrequencyChosen(**ana.base, at=second, seconds=HOUR)
    older = FrequencyChosen(**ana.base, at=first, seconds=2 * HOUR)
    await on.say(newer, older, newer, older)
    assert (await ana.record()).frequency == HOUR
    shuffle = ShuffleAsked(**ana.base, at=ana.at)
    await on.say(shuffle, shuffle)
    await on.rotate()
    await on.say(shuffle)
    on.clock.advance(20)
    assert await on.rotate() == 0
    assert on.calls("users.setPhoto") == 1


async def test_pausing_until_a_time_is_due_again_after_it(on: Stage, team: str, ana: Somebody) -> None:
    await ana.frequency(HOUR)
    until = int(on.clock.now()) + 24 * HOUR
    await on.say(Paused(**ana.base, at=ana.at, until=until))
    seen = await on.seen(team, ana.person.id)
    assert seen.due is not None
    assert seen.due / 1000 > until
    await on.say(Paused(**ana.base, at=ana.at))
    assert (await ana.record()).idle is Idle.PAUSED
    await on.check_places(team)


async def test_another_pack_gives_another_next_picture(on: Stage, team: str, ana: Somebody) -> None:
    await on.say(PackChosen(**ana.base, at=ana.at, pack="planets"))
    assert (await ana.record()).next.startswith("ctests/planets/")
    await on.say(PackChosen(**ana.base, at=ana.at, pack="nonsense"))
    assert (await ana.record()).pack == "planets"


async def suspend(on: Stage, team: str) -> None:
    before = (await on.seen(team, "U0NOBODY")).record
    after = msgspec.structs.replace(before, suspended=Suspension.OPERATOR)
    assert await on.workspaces.commit(Workspace(team), before, after) is Outcome.OK


async def test_a_suspended_workspace_lets_its_members_go(on: Stage, team: str, ana: Somebody) -> None:
    await ana.shuffle()
    await on.rotate()
    await suspend(on, team)
    await ana.shuffle()
    on.clock.advance(10)
    assert await on.rotate() == 0
    await on.say(LeaveAsked(**ana.base, at=ana.at, forget=True))
    assert await on.rotate() == 1
    assert on.calls("users.setPhoto", result="ok") == 2, "their own photo is back"
    assert (await on.seen(team, ana.person.id)).member is None
    assert [photo async for photo in on.photos.photos()] == []
    assert on.calls("auth.revoke", result="ok") == 1


async def test_who_was_claimed_before_the_suspension_and_not_begun_is_given_back(
    on: Stage, team: str, ana: Somebody
) -> None:
    await ana.shuffle()
    (claim,) = await on.claim()
    await suspend(on, team)
    await on.rotation.carry_out(claim, claimed_at=on.clock.now())
    assert on.calls("users.profile.get") == on.calls("users.setPhoto") == 0
    member = await ana.record()
    assert (member.wish, member.attempt) == (Wish.SHUFFLE, 0)
    await on.check_places(team)
    assert await on.rotate() == 0


async def test_colleagues_never_wear_the_same_picture_while_others_are_free(on: Stage, team: str) -> None:
    somebodies = []
    for number in range(5):
        person = on.simulator.add_member(team, name=f"p{number}")
        await on.install(person, team, bot=number == 0)
        somebodies.append(Somebody(on, team, person))
    for _ in range(3):
        for one in somebodies:
            await one.shuffle()
            on.clock.advance(10)
            await on.rotate()
            worn = [m.picture for m in [await each.record() for each in somebodies] if m.picture]
            promised = [m.next for m in [await each.record() for each in somebodies]]
            assert len({*worn, *promised}) == len(worn) + len(promised)


async def test_a_dead_token_asks_to_reconnect_and_choices_survive(on: Stage, team: str, ana: Somebody) -> None:
    await ana.frequency(HOUR)
    await ana.shuffle()
    installation = on.simulator.slack.world.serving(on.simulator.slack.app.app_id, team)
    assert installation is not None
    lifecycle.revoke_user(on.simulator.slack, installation, ana.person.id, tell=False)
    await on.rotate()
    member = await ana.record()
    assert (member.idle, member.credential, member.frequency) == (Idle.RECONNECT, b"", HOUR)
    assert on.calls("chat.postMessage", result="ok") == 1
    on.clock.advance(HOUR)
    assert await on.rotate() == 0
    assert on.calls("chat.postMessage") == 1
    await on.install(ana.person, team, bot=False)
    assert (await ana.record()).idle is Idle.NO
    await on.check_places(team)


async def test_a_revocation_older_than_the_credential_is_ignored(on: Stage, team: str, ana: Somebody) -> None:
    base: dict[str, Any] = {"workspace": Workspace(team), "trace": "t"}
    on.clock.advance(60)
    await on.say(TokensRevoked(**base, at=on.now_ms - 120_000, users=(User(ana.person.id),), bot=True))
    assert (await ana.record()).credential
    await on.say(Uninstalled(**base, at=on.now_ms - 120_000))
    assert (await on.seen(team, ana.person.id)).record.status == ""
    await on.say(TokensRevoked(**base, at=on.now_ms, users=(User(ana.person.id),)))
    member = await ana.record()
    assert (member.credential, member.idle) == (b"", Idle.RECONNECT)


async def test_uninstalling_destroys_credentials_and_after_the_retention_everything(
    on: Stage, team: str, ana: Somebody
) -> None:
    await ana.frequency(HOUR)
    await ana.shuffle()
    await on.rotate()
    on.clock.advance(60)
    await on.say(Uninstalled(workspace=Workspace(team), trace="t", at=on.now_ms))
    await on.chores.round()
    seen = await on.seen(team, ana.person.id)
    assert seen.member is not None
    assert (seen.record.credential, seen.member.credential, seen.member.idle) == (b"", b"", Idle.RECONNECT)
    await on.check_places(team)
    on.clock.advance(31 * 24 * HOUR)
    while await on.chores.round():
        pass
    assert await on.members.snapshot(Workspace(team), User(ana.person.id)) is None
    assert [photo async for photo in on.photos.photos()] == []
    for partition in range(16):
        _, left = await on.redis.execute(partition, "SCAN", 0, "MATCH", f"*{team}*", "COUNT", 10_000)
        assert left == []

"""Another policy reaches every member: when they change, from what, and what their Home tab says."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec.structs
import pytest

from publisher.state import Mood, Queue, home_state
from publisher.state import Place as Addresses
from rotator.placement import placed
from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import FrequencyChosen, PackChosen, PublishAsked, ShuffleAsked, UndoAsked, decode
from rotavatar.pacing import Limit, Limits
from rotavatar.policy import Policy, Quiet
from rotavatar.records import Idle, Suspension
from rotavatar.schedule import is_open
from tests.governing import govern
from tests.pictures import draw_catalogue
from tests.rotating import Stage, stage

HOUR = 3600
LAZY = Policy(frequencies=(24 * HOUR,))


@pytest.fixture(params=["valkey", pytest.param("redis7", marks=pytest.mark.redis7), "cluster"])
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    draw_catalogue(tmp_path / "catalogue", packs={"critters": 12, "planets": 6})
    async with stage(request.getfixturevalue(request.param).url, tmp_path) as it:
        yield it


@pytest.fixture
async def team(on: Stage) -> str:
    """A workspace with three members who change every hour."""
    team = on.simulator.add_team("Team").id
    for name in ("ana", "ben", "eva"):
        person = on.simulator.add_member(team, name=name)
        await on.install(person, team, bot=name == "ana")
        on.clock.advance(0.01)
        await on.say(FrequencyChosen(**base(team, person.id), at=on.now_ms, seconds=HOUR))
    return team


def base(team: str, user: str) -> dict[str, Any]:
    return {"workspace": Workspace(team), "user": User(user), "trace": "t"}


async def users(on: Stage, team: str) -> list[str]:
    return sorted((await on.members.page(Workspace(team)))[1])


async def first_due(on: Stage, team: str) -> str:
    """Whose turn comes first; when all three are due only two are taken at a time."""
    dues = {user: (await on.seen(team, user)).due for user in await users(on, team)}
    return min(dues, key=lambda user: dues[user] or 0.0)


async def rule(on: Stage, team: str, policy: Policy | None = None, **values: Any) -> None:
    """Another policy, and the chore that follows it."""
    await govern(on.workspaces, team, policy, now_ms=on.now_ms, **values)
    await on.chores.round()


async def mood(on: Stage, team: str, user: str) -> Mood:
    library = on.wardrobe.library
    place = Addresses(public_url="https://rota.example.com", app="A1")
    state = home_state(await on.seen(team, user), Queue(), now_ms=on.now_ms, library=library, place=place)
    assert state is not None
    return state.mood


async def asked(on: Stage, team: str) -> list[PublishAsked]:
    """The jobs that wait for a publisher; they are taken away."""
    partition = keys.partition_of(Workspace(team))
    stream = keys.publish_jobs(partition)
    rows = await on.redis.execute(partition, "XRANGE", stream, "-", "+")
    await on.redis.execute(partition, "DEL", stream)
    jobs = [decode(fields[1]) for _, fields in rows]
    assert all(isinstance(job, PublishAsked) for job in jobs)
    return [job for job in jobs if isinstance(job, PublishAsked)]


async def test_a_frequency_that_is_forbidden_stops_and_one_that_is_allowed_again_goes_on(on: Stage, team: str) -> None:
    ana, *_ = await users(on, team)
    await asked(on, team)
    await rule(on, team, LAZY)
    member, seen = await on.member(team, ana), await on.seen(team, ana)
    assert (member.frequency, member.idle, seen.due) == (HOUR, Idle.OFF, None)
    assert await mood(on, team, ana) is Mood.NOT_ALLOWED
    told = await asked(on, team)
    assert sorted(job.user for job in told) == await users(on, team)
    assert not any(job.later for job in told)
    on.clock.advance(3 * HOUR)
    assert await on.rotate() == 0
    await on.check_places(team)
    await rule(on, team, Policy())
    assert (await on.member(team, ana)).idle is Idle.NO
    assert await mood(on, team, ana) is not Mood.NOT_ALLOWED
    await on.advance_to_due(team, ana)
    assert await on.rotate() >= 1
    await on.check_places(team)


async def test_what_is_due_before_the_chore_obeys_already(on: Stage, team: str) -> None:
    ana = await first_due(on, team)
    await on.advance_to_due(team, ana)
    await govern(on.workspaces, team, LAZY, now_ms=on.now_ms)
    assert await on.rotate() >= 1
    assert on.calls("users.setPhoto") == 0
    assert (await on.member(team, ana)).idle is Idle.OFF


async def test_a_promised_picture_that_is_forbidden_is_replaced_and_never_shown(on: Stage, team: str) -> None:
    ana, ben, _ = await users(on, team)
    await on.say(PackChosen(**base(team, ben), at=on.now_ms, pack="planets"))
    before = await on.member(team, ben)
    assert before.next.startswith("ctests/planets/")
    kept = (await on.member(team, ana)).next
    await asked(on, team)
    await rule(on, team, Policy(packs=("critters",)))
    after = await on.member(team, ben)
    assert after.next.startswith("ctests/critters/")
    assert after.pack == "planets", "their choice is kept, for a time when it is allowed again"
    assert (await on.member(team, ana)).next == kept, "what is allowed stays promised"
    assert {job.user: job.later for job in await asked(on, team)}[User(ben)] is False
    (bit,) = on.wardrobe.bits(before.next)
    worn = await on.members.worn(Workspace(team))
    assert not worn[bit // 8 :][:1] or not worn[bit // 8] & (0x80 >> bit % 8), "nobody is kept from it any more"
    await on.advance_to_due(team, ben)
    while not (await on.member(team, ben)).picture:
        await on.rotate()
        on.clock.advance(10)
    assert (await on.member(team, ben)).picture == after.next


async def test_a_forbidden_picture_is_not_shown_even_before_the_chore(on: Stage, team: str) -> None:
    ana, *_ = await users(on, team)
    await govern(on.workspaces, team, Policy(packs=("planets",)), now_ms=on.now_ms)
    await on.say(ShuffleAsked(**base(team, ana), at=on.now_ms))
    while not (await on.member(team, ana)).picture:
        await on.rotate()
        on.clock.advance(10)
    assert (await on.member(team, ana)).picture.startswith("ctests/planets/")


async def test_undo_brings_no_forbidden_picture_back(on: Stage, team: str) -> None:
    ana, *_ = await users(on, team)
    for _ in range(2):
        on.clock.advance(10)
        await on.say(ShuffleAsked(**base(team, ana), at=on.now_ms))
        while (await on.member(team, ana)).wish:
            await on.rotate()
            on.clock.advance(10)
    before = await on.member(team, ana)
    assert before.previous.startswith("ctests/critters/")
    await rule(on, team, Policy(packs=("planets",)))
    on.clock.advance(10)
    await on.say(UndoAsked(**base(team, ana), at=on.now_ms))
    await on.rotate()
    after = await on.member(team, ana)
    assert (after.picture, after.previous, after.wish) == (before.picture, "", "")


async def test_quiet_hours_move_who_was_due_in_them_and_nobody_else(on: Stage, team: str) -> None:
    everybody = await users(on, team)
    dues = {user: (await on.seen(team, user)).due for user in everybody}
    noon = int(on.clock.now() // 86400 * 86400)
    first = min(due for due in dues.values() if due is not None)
    minute = int(first / 1000 - noon) // 60 % 1440
    policy = Policy(quiet=Quiet(start=(minute - 1) % 1440, end=(minute + 1) % 1440), zone="UTC")
    await rule(on, team, policy)
    for user in everybody:
        due = (await on.seen(team, user)).due
        assert due is not None
        assert is_open(due / 1000, policy=policy, zone="UTC")
        old = dues[user]
        assert old is not None
        assert (due == old) is is_open(old / 1000, policy=policy, zone="UTC")


async def test_who_is_late_rests_in_quiet_hours_and_a_wish_does_not(on: Stage, team: str) -> None:
    ana, ben, eva = await users(on, team)
    on.clock.advance(3 * HOUR)
    await on.say(ShuffleAsked(**base(team, eva), at=on.now_ms))
    minute = int(on.clock.now() % 86400) // 60
    policy = Policy(quiet=Quiet(start=(minute - 5) % 1440, end=(minute + 60) % 1440), zone="UTC")
    await govern(on.workspaces, team, policy, now_ms=on.now_ms)
    for _ in range(4):
        await on.rotate()
        on.clock.advance(10)
    assert on.calls("users.setPhoto") == 1
    assert (await on.member(team, eva)).picture
    for user in (ana, ben):
        due = (await on.seen(team, user)).due
        assert due is not None
        assert is_open(due / 1000, policy=policy, zone="UTC")
    await on.check_places(team)


async def test_who_is_late_keeps_their_turn(on: Stage, team: str) -> None:
    ana, *_ = await users(on, team)
    on.clock.advance(3 * HOUR)
    before = (await on.seen(team, ana)).due
    await rule(on, team, Policy(packs=("critters",)))
    assert (await on.seen(team, ana)).due == before


async def test_who_is_in_flight_lands_under_the_new_policy(on: Stage, team: str) -> None:
    ana = await first_due(on, team)
    await on.advance_to_due(team, ana)
    (claim,) = [claim for claim in await on.claim() if claim.user == ana]
    answered = on.slack.get_profile

    async def meanwhile(token: str, *rest: Any, **named: Any) -> Any:
        profile = await answered(token, *rest, **named)
        await rule(on, team, LAZY)
        return profile

    on.slack.get_profile = meanwhile  # type: ignore[method-assign]
    await on.rotation.carry_out(claim, claimed_at=on.clock.now())
    member, seen = await on.member(team, ana), await on.seen(team, ana)
    assert (member.picture, member.idle, seen.due, seen.lease) == ("", Idle.OFF, None, None)
    assert on.calls("users.setPhoto") == 0
    await on.check_places(team)


async def test_a_choice_that_was_read_under_the_old_policy_does_not_count(on: Stage, team: str) -> None:
    ana, *_ = await users(on, team)
    old = await on.members.snapshot(Workspace(team), User(ana))
    await rule(on, team, Policy(packs=("critters",)))
    assert old is not None and old.member is not None
    assert (await on.member(team, ana)).version == old.member.version, "it touched nothing of theirs"
    change = placed(old, old.member, now_ms=on.now_ms)
    assert await on.members.commit(old, change) == "STALE"


async def test_limits_act_at_once_in_both_directions(on: Stage, team: str) -> None:
    workspace = Workspace(team)
    slow = Limits(photo=Limit(per_minute=2, burst=1))
    fast = Limits()
    await rule(on, team, Policy(limits=slow))
    assert await on.members.grant(workspace, "photo", now_ms=on.now_ms) == on.now_ms
    wait = await on.members.grant(workspace, "photo", now_ms=on.now_ms) - on.now_ms
    assert wait == slow.photo.interval_ms
    await rule(on, team, Policy(limits=fast))
    record = await on.workspaces.read(workspace)
    assert record is not None and not record.limits
    assert await on.members.grant(workspace, "photo", now_ms=on.now_ms) == on.now_ms, "one of three has left"
    assert await on.members.grant(workspace, "photo", now_ms=on.now_ms) == on.now_ms
    wait = await on.members.grant(workspace, "photo", now_ms=on.now_ms) - on.now_ms
    assert 0 < wait <= fast.photo.interval_ms
    await rule(on, team, Policy(limits=slow))
    wait = await on.members.grant(workspace, "photo", now_ms=on.now_ms) - on.now_ms
    assert 2 * slow.photo.interval_ms < wait <= 3 * slow.photo.interval_ms, "three calls have left"


async def test_limits_without_a_time_are_refused(on: Stage, team: str) -> None:
    before = await on.workspaces.read(Workspace(team))
    assert before is not None
    with pytest.raises(ValueError, match="now_ms"):
        await on.workspaces.commit(Workspace(team), before, msgspec.structs.replace(before, limits="1 1"))


async def test_a_suspension_and_its_end_are_told_to_everybody_when_nobody_else_wants_a_publish(
    on: Stage, team: str
) -> None:
    ana, *_ = everybody = await users(on, team)
    for suspension, expected in ((Suspension.OPERATOR, Mood.SUSPENDED), (Suspension.NO, Mood.FIRST)):
        await asked(on, team)
        versions = [(await on.member(team, user)).version for user in everybody]
        await rule(on, team, suspended=suspension)
        assert await mood(on, team, ana) is expected
        assert sorted((job.user, job.later) for job in await asked(on, team)) == [(user, True) for user in everybody]
        assert [(await on.member(team, user)).version for user in everybody] == versions, "nothing else is written"
    on.clock.advance(3 * HOUR)
    assert await on.rotate() > 0


async def test_what_is_told_later_waits_for_all_others(on: Stage, team: str) -> None:
    ana, ben, eva = await users(on, team)
    partition = keys.partition_of(Workspace(team))
    await asked(on, team)
    streams = [keys.publish_jobs(each) for each in range(keys.PARTITIONS)]
    await on.job_store.create_groups(streams)
    for user, later, looking in ((ana, True, False), (ben, False, False), (eva, True, True)):
        await on.job_store.add(PublishAsked(**base(team, user), at=1, later=later, looking=looking))
    entries = await on.job_store.read(streams, [partition], consumer="c", count=10, block_ms=1, redis=on.redis)
    jobs = [(entry, decode(entry.body)) for entry in entries]
    now = on.now_ms
    await on.publishing.mark(partition, jobs, now_ms=now, look_until_ms=now + 60_000)  # type: ignore[arg-type]
    tabs = await on.publishing.claim(partition, now_ms=now, lease_end_ms=now + 30_000, want=9, most=9)
    assert [(tab.user, tab.marked_ms) for tab in tabs] == [(eva, now), (ben, now), (ana, now)]


async def test_the_chore_done_again_changes_nobody(on: Stage, team: str) -> None:
    everybody = await users(on, team)
    await rule(on, team, Policy(packs=("planets",), quiet=Quiet(start=60, end=120)))
    before = [await on.seen(team, user) for user in everybody]
    await rule(on, team, before[0].record.policy)
    assert [(seen.member, seen.due) for seen in before] == [
        ((await on.seen(team, user)).member, (await on.seen(team, user)).due) for user in everybody
    ]
    partition = keys.partition_of(Workspace(team))
    assert await on.redis.execute(partition, "ZCARD", keys.chores(partition)) == 0

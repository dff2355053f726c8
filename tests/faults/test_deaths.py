"""Death at every write boundary: whoever comes next ends where the undisturbed run ends."""

from collections.abc import Awaitable, Callable

import pytest

from rotavatar.keys import User
from rotavatar.messages import (
    FrequencyChosen,
    KeepAsked,
    LeaveAsked,
    PackChosen,
    ProfileChanged,
    RestoreAsked,
    Resumed,
    ShuffleAsked,
    TokensRevoked,
    UndoAsked,
    Uninstalled,
)
from slack_simulator import lifecycle, people
from tests.faults.dying import A_MONTH, OWN, TEAM, USER, Fuse, How, World
from tests.pictures import picture

HOUR = 3600
Scenario = Callable[[World], Awaitable[None]]


async def join(world: World) -> None:
    await world.arm()
    await world.install()


async def choose_and_rotate(world: World) -> None:
    await world.install()
    await world.arm()
    await world.say(FrequencyChosen, seconds=HOUR)
    await world.wait_until_due()


async def choose_a_pack(world: World) -> None:
    await world.install()
    await world.arm()
    await world.say(PackChosen, pack="planets")


async def first_shuffle(world: World) -> None:
    await world.install()
    await world.arm()
    await world.say(ShuffleAsked)


async def second_shuffle(world: World) -> None:
    await shuffled(world)
    await world.arm()
    await world.say(ShuffleAsked)


async def shuffled(world: World) -> None:
    await world.install()
    await world.say(ShuffleAsked)
    await world.wait(20)


async def undo(world: World) -> None:
    await shuffled(world)
    await world.say(ShuffleAsked)
    await world.wait(20)
    await world.arm()
    await world.say(UndoAsked)


async def restore(world: World) -> None:
    await shuffled(world)
    await world.arm()
    await world.say(RestoreAsked)


async def restore_a_default_photo(world: World) -> None:
    await world.reset(world.armed, own=None)
    await shuffled(world)
    await world.arm()
    await world.say(RestoreAsked)


async def leave(world: World) -> None:
    await shuffled(world)
    await world.arm()
    await world.say(LeaveAsked)


async def leave_and_forget(world: World) -> None:
    await shuffled(world)
    await world.arm()
    await world.say(LeaveAsked, forget=True)


async def last_departure(world: World) -> None:
    await shuffled(world)
    await world.say(LeaveAsked)
    await world.arm()
    await world.wait(2 * HOUR)
    await world.wait(A_MONTH)


async def outside_change(world: World) -> None:
    await changed_outside(world)
    await world.arm()
    await told_of_it(world)


async def changed_outside(world: World) -> None:
    await shuffled(world)
    await world.say(FrequencyChosen, seconds=HOUR)
    people.set_photo(world.simulator.slack, team=TEAM, member=world.person, content=picture(8888))


async def told_of_it(world: World) -> None:
    photo = world.person.photo
    assert photo is not None
    await world.say(ProfileChanged, avatar_hash=photo.avatar_hash)


async def keep_what_was_changed_outside(world: World) -> None:
    await changed_outside(world)
    await told_of_it(world)
    await world.arm()
    await world.say(KeepAsked)
    await world.say(Resumed)
    await world.say(ShuffleAsked)


async def uninstall(world: World) -> None:
    await shuffled(world)
    world.clock.advance(60)
    lifecycle.uninstall(world.simulator.slack, next(iter(world.simulator.slack.world.installations.values())))
    await world.arm()
    await world.say(Uninstalled)
    await world.wait(A_MONTH)


async def revoked(world: World) -> None:
    await shuffled(world)
    world.clock.advance(60)
    await world.arm()
    await world.say(TokensRevoked, users=(User(USER),))


async def rotating_tokens(world: World) -> None:
    world.simulator.configure(token_rotation=True)
    await shuffled(world)
    world.clock.advance(11 * HOUR)
    await world.arm()
    await world.say(ShuffleAsked)
    await world.wait(20)
    await world.say(ShuffleAsked)


async def come_back(world: World) -> None:
    await shuffled(world)
    await world.say(LeaveAsked)
    world.clock.advance(60)
    await world.arm()
    await world.install(bot=False)
    await world.say(ShuffleAsked)


SCENARIOS: tuple[Scenario, ...] = (
    join,
    choose_and_rotate,
    choose_a_pack,
    first_shuffle,
    second_shuffle,
    undo,
    restore,
    restore_a_default_photo,
    leave,
    leave_and_forget,
    last_departure,
    outside_change,
    keep_what_was_changed_outside,
    uninstall,
    revoked,
    rotating_tokens,
    come_back,
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_death_at_every_boundary(scenario: Scenario, world: World) -> None:
    undisturbed = Fuse()
    await world.reset(undisturbed)
    await scenario(world)
    await world.check()
    expected, calls = await world.end_state(), world.calls()
    assert undisturbed.effects
    for how in How:
        for k in range(1, len(undisturbed.effects) + 1):
            fuse = Fuse(k, how)
            await world.reset(fuse)
            where = f"{how} at {k} of {undisturbed.effects}"
            try:
                await scenario(world)
            except Exception as error:
                raise AssertionError(where) from error
            await world.check()
            assert fuse.struck, where
            assert world.deaths == (how is not How.LOST), where
            assert await world.end_state() == expected, where
            assert world.calls() <= calls + 1, where


async def test_the_undisturbed_run_restores_the_own_photo(world: World) -> None:
    """What the runs above are compared with is right itself."""
    for scenario in (restore, leave, leave_and_forget):
        await world.reset(Fuse())
        await scenario(world)
        assert world.shows(OWN)

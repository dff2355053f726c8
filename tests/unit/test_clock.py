"""The schedule's clock: a change of speed is one instant for everybody, and time never jumps."""

import asyncio

import pytest

from rotavatar.clock import ATTENTIVE_SECONDS, MAX_SPEED, NOTICE_SECONDS, Pace, RedisClock

HOUR = 3600.0


def test_a_new_speed_holds_from_its_instant_on_and_not_before() -> None:
    fast = Pace().changed(wall=1000.0, speed=1.0).changed(wall=1010.0, speed=HOUR)
    assert fast.at(1009.0) == 1009.0
    assert fast.at(1010.0) == 1010.0
    assert fast.at(1011.0) == 1010.0 + HOUR
    assert (fast.speed_at(1009.9), fast.speed_at(1010.0)) == (1.0, HOUR)


def test_slowing_down_does_not_turn_time_back() -> None:
    fast = Pace().changed(wall=1000.0, speed=HOUR)
    slow = fast.changed(wall=1000.3, speed=1.0)
    shown = [slow.at(1000.0 + tenth / 10) for tenth in range(10)]
    assert shown == sorted(shown)
    assert slow.at(1000.2) == fast.at(1000.2)


@pytest.mark.parametrize("speed", [0.5, 0.0, -1.0, MAX_SPEED + 1])
def test_impossible_speeds_are_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="between 1 and 3600"):
        Pace().changed(wall=0.0, speed=speed)


async def test_a_clock_that_has_a_speed_is_watched_attentively() -> None:
    measured = asyncio.Queue[float]()

    async def measure() -> tuple[float, Pace]:
        measured.put_nowait(asyncio.get_running_loop().time())
        return 1000.0, Pace(real=1000.0, virtual=1000.0)

    clock = RedisClock(measure=measure, period=3600.0)
    await clock.synchronise()
    running = asyncio.create_task(clock.run())
    async with asyncio.timeout(50 * ATTENTIVE_SECONDS):
        for _ in range(3):
            await measured.get()
    running.cancel()


async def test_a_clock_that_could_not_look_for_a_while_is_never_ahead() -> None:
    counter = [0.0]

    async def measure() -> tuple[float, Pace]:
        return 1000.0 + counter[0], Pace(real=1000.0, virtual=1000.0, speed=HOUR)

    clock = RedisClock(measure=measure, monotonic=lambda: counter[0])
    await clock.synchronise()
    counter[0] = NOTICE_SECONDS
    assert clock.now() == 1000.0 + NOTICE_SECONDS * HOUR
    counter[0] += 2.0
    assert clock.now() == 1000.0 + NOTICE_SECONDS * HOUR + 2.0
    await clock.synchronise()
    assert clock.now() == 1000.0 + counter[0] * HOUR

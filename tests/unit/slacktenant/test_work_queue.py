"""Per key in order, at most so many at once, nothing lost, fresh changes first."""

import asyncio
import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotavatar.keys import Workspace
from slacktenant_operator.work_queue import FRESH_IN_A_ROW, LONGEST_BACKOFF_SECONDS, Pending, WorkQueue

KEYS = [Workspace(f"T{n}") for n in range(6)]
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(KEYS), st.booleans()),
        st.tuples(st.just("take"), st.none(), st.none()),
        st.tuples(st.just("done"), st.integers(0, 5), st.none()),
        st.tuples(st.just("plan"), st.sampled_from(KEYS), st.floats(0, 20)),
        st.tuples(st.just("ripen"), st.none(), st.none()),
    ),
    max_size=80,
)


@given(ACTS)
def test_each_key_runs_once_at_a_time_and_after_each_change(acts: list[tuple[str, object, object]]) -> None:
    """Against a model that knows only: who was added or became due has to run once more after that."""
    pending, owed, running, plans, now = Pending(), set(), list[Workspace](), dict[Workspace, float](), 0.0
    for act, key, value in acts:
        now += 1.0
        match act:
            case "add":
                pending.add(key, now=now, fresh=bool(value))  # type: ignore[arg-type]
                owed.add(key)
            case "take":
                taken = pending.take()
                assert taken not in running
                if taken is None:
                    assert owed <= set(running)
                else:
                    owed.remove(taken)
                    running.append(taken)
            case "done" if running:
                pending.done(running.pop(int(key) % len(running)))  # type: ignore[call-overload]
            case "plan":
                pending.plan(key, at=value)  # type: ignore[arg-type]
                plans[key] = value  # type: ignore[index, assignment]
            case "ripen":
                ripe = {key for key, at in plans.items() if at <= now}
                pending.ripen(now=now)
                owed |= ripe
                plans = {key: at for key, at in plans.items() if key not in ripe}
        assert pending.depth == len(owed)
        assert pending.next_plan() == min(plans.values(), default=None)
    for key in running:
        pending.done(key)
    while (taken := pending.take()) is not None:
        owed.remove(taken)
    assert not owed


def test_fresh_changes_overtake_the_backlog_and_do_not_starve_it() -> None:
    pending = Pending()
    for n in range(3):
        pending.add(Workspace(f"old{n}"), now=0.0, fresh=False)
    for n in range(FRESH_IN_A_ROW + 2):
        pending.add(Workspace(f"new{n}"), now=1.0, fresh=True)
    order = [pending.take() for _ in range(FRESH_IN_A_ROW + 5)]
    assert order[:FRESH_IN_A_ROW] == [f"new{n}" for n in range(FRESH_IN_A_ROW)]
    assert order[FRESH_IN_A_ROW] == "old0"
    assert order[-2:] == ["old1", "old2"]


def test_a_fresh_change_lifts_a_key_out_of_the_backlog_and_keeps_its_age() -> None:
    pending = Pending()
    for key in KEYS[:3]:
        pending.add(key, now=1.0, fresh=False)
    pending.add(KEYS[2], now=9.0, fresh=True)
    assert pending.oldest() == 1.0
    assert pending.take() == KEYS[2]
    assert pending.depth == 2


def test_a_later_plan_takes_the_place_of_the_one_before() -> None:
    pending = Pending()
    pending.plan(KEYS[0], at=5.0)
    pending.plan(KEYS[0], at=50.0)
    assert pending.ripen(now=10.0) == 0
    pending.plan(KEYS[0], at=None)
    assert pending.next_plan() is None
    assert pending.ripen(now=100.0) == 0


async def test_many_changes_at_once_are_all_seen_by_few_workers() -> None:
    seed = random.Random(7)
    at_once, most, changed, seen = 0, 0, Counter[Workspace](), Counter[Workspace]()
    active: set[Workspace] = set()

    async def work(key: Workspace) -> None:
        nonlocal at_once, most
        assert key not in active
        active.add(key)
        at_once += 1
        most = max(most, at_once)
        version = changed[key]
        await asyncio.sleep(seed.random() / 500)
        seen[key] = version
        at_once -= 1
        active.remove(key)

    queue = WorkQueue(work, parallel=4)
    running = asyncio.create_task(queue.run())
    keys = [Workspace(f"T{n}") for n in range(40)]
    for _ in range(800):
        key = seed.choice(keys)
        changed[key] += 1
        queue.add(key, fresh=seed.random() < 0.5)
        if seed.random() < 0.2:
            await asyncio.sleep(0)
    while not queue.idle:
        await asyncio.sleep(0.001)
    assert seen == changed
    assert most == 4
    queue.stop()
    await asyncio.wait_for(running, 10)


async def test_what_raises_is_tried_again_after_a_growing_wait() -> None:
    now, tries = 0.0, list[float]()
    woken = asyncio.Event()

    async def work(_: Workspace) -> None:
        tries.append(now)
        woken.set()
        raise RuntimeError("not yet")

    queue = WorkQueue(work, parallel=1, monotonic=lambda: now, jitter=lambda: 1.0)
    running = asyncio.create_task(queue.run())
    queue.add(KEYS[0])
    for _ in range(12):
        await asyncio.wait_for(woken.wait(), 10)
        woken.clear()
        await asyncio.sleep(0)
        plan = queue._pending.next_plan()
        assert plan is not None
        now = plan
        queue._replanned.set()
    waits = [after - before for before, after in pairwise(tries)]
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == LONGEST_BACKOFF_SECONDS
    queue.stop()
    await asyncio.wait_for(running, 10)


async def test_a_round_plans_the_next_look() -> None:
    rounds = 0

    async def work(_: Workspace) -> float | None:
        nonlocal rounds
        rounds += 1
        return 0.01 if rounds < 3 else None

    queue = WorkQueue(work)
    running = asyncio.create_task(queue.run())
    queue.add(KEYS[0], fresh=False)
    async with asyncio.timeout(10):
        while rounds < 3:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    assert rounds == 3
    queue.stop()
    await asyncio.wait_for(running, 10)


async def test_stopping_lets_a_round_end() -> None:
    began, release, ended = asyncio.Event(), asyncio.Event(), list[Workspace]()

    async def work(key: Workspace) -> None:
        began.set()
        await release.wait()
        ended.append(key)

    queue = WorkQueue(work, parallel=1)
    running = asyncio.create_task(queue.run())
    queue.add(KEYS[0])
    queue.add(KEYS[1])
    await began.wait()
    queue.stop()
    await asyncio.sleep(0.01)
    assert not running.done()
    release.set()
    await asyncio.wait_for(running, 10)
    assert ended == [KEYS[0]]


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_the_wait_is_spread_over_its_second_half(jitter: float) -> None:
    async def work(_: Workspace) -> None: ...

    queue = WorkQueue(work, jitter=lambda: jitter)
    assert queue._backoff(KEYS[0]) == 0.5 + jitter / 2

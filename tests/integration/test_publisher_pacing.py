"""At Slack's pace: counted where the calls arrive, over several replicas, on a clock that runs twenty times as fast."""

import asyncio
from pathlib import Path

import pytest

from rotavatar.pacing import Limits
from rotavatar.store.publishing import UNDER_WAY
from slack_simulator.config import Rules
from slack_simulator.state import Member
from tests.publishing import TEAM, Stage, stage, until
from tests.servers import Server

SPEED = 20
BACKGROUND = 2_000
LOOKERS = 15
LIMIT = Limits().publish.per_minute


@pytest.mark.slow
async def test_who_looks_comes_before_two_thousand_in_the_background_and_slacks_limit_holds(
    valkey: Server, tmp_path: Path
) -> None:
    async with stage(valkey.url, tmp_path, speed=SPEED, rules=Rules(cache_images=True), replicas=3) as it:
        users = [(await installed(it)).id]
        users += [it.simulator.add_member(TEAM).id for _ in range(BACKGROUND + LOOKERS - 1)]
        lookers, others = users[:LOOKERS], users[LOOKERS:]
        await asyncio.gather(*(it.ask(user, looking=False) for user in others))
        await until(lambda: it.calls("ok") > 2 * LIMIT)
        # A fifth of the rate is kept for who looks, so that there is always some left at once.
        assert it.journal.busiest(team=TEAM, method="views.publish") <= Limits().background.per_minute
        waited = [await seconds_until_shown(it, user) for user in lookers]
        crowd = others[-2 * LIMIT :]
        await asyncio.gather(*(it.ask(user) for user in crowd))
        await until(lambda: all(it.home(user) for user in crowd))
        assert it.journal.busiest(team=TEAM, method="views.publish") <= LIMIT
        assert it.calls("ratelimited") == 0
        # The pacer lets one more go each 0.93 s; the rest of the wait is this machine's, twenty times as long.
        assert sorted(waited)[LOOKERS // 2] < 15
        assert max(waited) < 60
        behind = sum(it.home(user) is None for user in others)
        assert behind > BACKGROUND / 2


async def seconds_until_shown(it: Stage, user: str) -> float:
    """How long, on the schedule's clock, somebody waits who opens the tab now."""
    asked = it.clock.now()
    await it.ask(user)
    await until(lambda: it.home(user) is not None)
    return it.clock.now() - asked


async def installed(it: Stage) -> Member:
    return await it.install(it.simulator.add_member(TEAM))


@pytest.mark.slow
async def test_workspaces_that_answer_slowly_delay_no_other(valkey: Server, tmp_path: Path) -> None:
    """Ten of them could fill all slots: each has twenty grants at once."""
    async with stage(valkey.url, tmp_path, rules=Rules(cache_images=True)) as it:
        slow = [it.simulator.add_team(f"Slow {n}", members=20).id for n in range(10)]
        quick = [it.simulator.add_team(f"Quick {n}").id for n in range(50)]
        for team in slow:
            it.simulator.slack.trouble.of(team).slow = 9.0
            people = it.simulator.slack.world.members(team)
            await it.install(people[0], team=team)
            await asyncio.gather(*(it.ask(person.id, team=team) for person in people))
        await until(lambda: all(it.journal.arrivals[team, "views.publish"] for team in slow))
        newcomers = [(await it.install(it.simulator.add_member(team), team=team), team) for team in quick]
        for person, team in newcomers:
            await it.ask(person.id, team=team)
        await until(lambda: all(it.home(person.id, team=team) for person, team in newcomers), seconds=5)
        assert not any(it.calls(team=team) for team in slow)
        assert all(len(it.journal.arrivals[team, "views.publish"]) <= UNDER_WAY for team in slow)
        it.simulator.slack.trouble.clear()

"""The publisher's everyday work, on every kind of server: jobs become Home tabs that show what is stored."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from rotavatar import keys
from rotavatar.keys import Workspace
from rotavatar.policy import HOUR
from rotavatar.records import Idle, Member, WorkspaceRecord
from tests.publishing import Stage, stage, until


@pytest.fixture(params=["valkey", pytest.param("redis7", marks=pytest.mark.redis7), "cluster"])
async def it(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(request.getfixturevalue(request.param).url, tmp_path) as running:
        yield running


async def test_a_visitor_sees_how_to_connect_and_a_member_what_comes_next(it: Stage) -> None:
    person = await it.install(it.simulator.add_member("T0PUBLISH"))
    await it.ask(person.id)
    visitor = await it.shows(person.id, "Connect me")
    assert "/slack/install?team=T0PUBLISH" in str(visitor)
    due = it.clock.now() + HOUR
    await it.store(person.id, Member(credential=b"c", frequency=HOUR, next="ctests/critters/1", rotated_at=1), due=due)
    await it.ask(person.id)
    settled = await it.shows(person.id, "A new photo every hour")
    assert f"<!date^{int(due)}^" in str(settled)
    assert "/pictures/ctests/critters/" in str(settled)


async def test_many_jobs_of_a_member_are_few_publishes_and_the_last_state_wins(it: Stage) -> None:
    person = await it.install(it.simulator.add_member("T0PUBLISH"))
    for number in range(50):
        await it.store(person.id, Member(credential=b"c", frequency=HOUR, paused=number % 2 == 0))
        await it.ask(person.id, looking=False)
    await it.store(person.id, Member(credential=b"c", idle=Idle.LEFT))
    await it.ask(person.id, looking=False)
    await it.shows(person.id, "Goodbye")
    assert it.calls("ok") < 25
    assert await it.publishing.backlog(0) == 0


def found_fresh() -> float:
    """How many asked for a tab that showed the present state."""
    return REGISTRY.get_sample_value("rotavatar_publishes_total", {"outcome": "fresh"}) or 0.0


async def test_opening_a_tab_that_shows_the_present_state_publishes_nothing(it: Stage) -> None:
    person = await it.install(it.simulator.add_member("T0PUBLISH"))
    await it.store(person.id)
    await it.ask(person.id)
    shown = await it.shows(person.id, "A new photo every 4 hours")
    judged = found_fresh() + 5
    for _ in range(5):
        await it.ask(person.id, shown=shown["private_metadata"])
    await until(lambda: found_fresh() == judged)  # or some of them find another state than the one that is shown
    await it.store(person.id, Member(credential=b"c", idle=Idle.OUTSIDE))
    await it.ask(person.id, shown=shown["private_metadata"])
    await it.shows(person.id, "changed elsewhere")
    assert it.calls() == 2


async def test_what_slack_holds_up_for_one_member_is_told_to_the_others_too(it: Stage) -> None:
    person = await it.install(it.simulator.add_member("T0PUBLISH"))
    due, held = it.clock.now() + 60, it.clock.now() + HOUR
    await it.members.hold(Workspace("T0PUBLISH"), "profile", until_ms=int(held * 1000))
    await it.store(person.id, due=due)
    await it.ask(person.id)
    shown = str(await it.shows(person.id, "Slack has asked us"))
    minutes = [int(found) for found in re.findall(r"<!date\^(\d+)\^", shown)]
    assert any(held <= minute <= held + 60 for minute in minutes)


async def test_a_workspace_without_the_app_is_left_alone(it: Stage) -> None:
    bare = Workspace("T0PUBLISH")
    await it.workspaces.commit(bare, None, WorkspaceRecord(app="A1"))
    for team in ("T0PUBLISH", "T0UNKNOWN"):
        await it.ask("U1", team=team)
    await it.idle()
    assert it.calls() == 0
    unknown = Workspace("T0UNKNOWN")
    for key in (keys.wanted(unknown), keys.looking(unknown), keys.pace(unknown)):
        assert await it.redis.execute(keys.partition_of(unknown), "EXISTS", key) == 0

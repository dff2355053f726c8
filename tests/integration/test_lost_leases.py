"""A member of whom each worker dies is retried ever more rarely, said aloud, and brought back by a click."""

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
import structlog
from prometheus_client import REGISTRY
from structlog.testing import LogCapture

from rotator import given_up
from rotator.rotation import LEASE_SECONDS
from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import LeaveAsked, ShuffleAsked
from rotavatar.records import BROKEN, Suspension, Wish
from rotavatar.redis import Redis
from rotavatar.store import Claim
from tests.claiming import LEASE_MS, NOW, Team
from tests.pictures import draw_catalogue
from tests.rotating import Stage, stage
from tests.servers import Server

HOUR_MS = 3_600_000
ROW = 5
"""Workers in a row of whom a member may die before they are given up."""


@pytest.fixture(params=["valkey", pytest.param("redis7", marks=pytest.mark.redis7), "cluster"])
async def team(request: pytest.FixtureRequest) -> AsyncIterator[Team]:
    redis = await Redis.connect(request.getfixturevalue(request.param).url, name="test")
    yield Team(redis)
    await redis.close()


@pytest.fixture
async def on(valkey: Server, tmp_path: Path) -> AsyncIterator[Stage]:
    draw_catalogue(tmp_path / "catalogue", packs={"critters": 12})
    async with stage(valkey.url, tmp_path) as it:
        yield it


async def deaths(team: Team, *, until_ms: int) -> tuple[list[int], list[int]]:
    """When claims were made, of workers that all die at once, and when members were given up."""
    begun: list[int] = []
    given_up: list[int] = []
    while (ready := await team.ready()) is not None and ready <= until_ms:
        now_ms = int(ready)
        for claim in await team.claim(now_ms):
            (given_up if claim.given_up else begun).append(now_ms - NOW)
    return begun, given_up


async def test_whoever_each_worker_dies_of_is_given_up_and_tried_rarely(team: Team) -> None:
    await team.install("U1")
    await team.due("U1", NOW)
    begun, given_up = await deaths(team, until_ms=NOW + 24 * HOUR_MS)
    assert begun[:2] == [0, LEASE_MS], "one crash costs no more than a lease"
    waits = [after - before for before, after in pairwise(begun)]
    assert waits[:ROW] == sorted(waits[:ROW])
    assert given_up[0] == begun[ROW - 1] + LEASE_MS < HOUR_MS / 4
    assert len(given_up) == 4, "once in six hours after that"
    assert len(begun) == ROW + 3
    seen = await team.seen("U1")
    assert seen.member is not None
    assert (seen.lease, seen.due, seen.member.lost) == (None, given_up[-1] + NOW + 6 * HOUR_MS, ROW + 3)


async def test_who_was_given_up_takes_no_room_in_flight(team: Team) -> None:
    await team.install("U1", "U2", "U3", "U4")
    await team.due("U1", NOW)
    while not any(claim.given_up for claim in await team.claim(int(await team.ready() or 0))):
        pass
    now_ms = NOW + HOUR_MS
    for user in ("U2", "U3", "U4"):
        await team.due(user, now_ms)
    assert await team.claimed(now_ms) == ["U2", "U3"], "the cap of the workspace is free"


async def test_who_was_in_the_hands_of_a_worker_that_another_killed_is_soon_done(team: Team) -> None:
    await team.install("U1", "U2")
    for user in ("U1", "U2"):
        await team.due(user, NOW)
    waiting = {"U2"}
    for _ in range(2 * ROW):
        now_ms = int(await team.ready() or 0)
        claims = await team.claim(now_ms, want=2)
        if not any(claim.user == "U1" for claim in claims):
            waiting -= {claim.user for claim in claims if not claim.given_up}
        if not waiting:
            break
    assert (await team.member("U2")).lost < ROW
    assert not waiting


async def test_who_leaves_keeps_their_place_before_others_while_they_wait(team: Team) -> None:
    await team.install("U1")
    await team.due("U1", NOW, wish=Wish.LEAVE)
    await team.record(suspended=Suspension.OPERATOR)
    begun, given_up = await deaths(team, until_ms=NOW + 7 * HOUR_MS)
    assert (len(begun), len(given_up)) == (ROW + 1, 2)
    assert await team.ready() == (await team.seen("U1")).due


class Cursed:
    """A member whom every worker dies of."""

    def __init__(self, on: Stage, team: str, user: str) -> None:
        self.on, self.team, self.user = on, team, user

    async def die(self) -> Claim:
        """Claim and die, again and again, until the claim is given up."""
        while True:
            self.on.clock.advance(LEASE_SECONDS)
            for claim in await self.on.claim():
                if claim.given_up:
                    return claim


@pytest.fixture
async def cursed(on: Stage) -> Cursed:
    team = on.simulator.add_team("Team").id
    person = on.simulator.add_member(team)
    await on.install(person, team)
    await shuffled(on, team, person.id)
    return Cursed(on, team, person.id)


async def shuffled(on: Stage, team: str, user: str) -> None:
    on.clock.advance(1)
    await on.say(ShuffleAsked(workspace=Workspace(team), user=User(user), at=on.now_ms, trace=""))


def given_up_counted() -> float:
    return REGISTRY.get_sample_value("rotavatar_rotations_total", {"outcome": "given up"}) or 0.0


async def test_the_end_is_said_to_the_operator_and_to_the_member(
    on: Stage, cursed: Cursed, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = await cursed.die()
    said = LogCapture()
    monkeypatch.setattr(given_up, "log", structlog.wrap_logger(None, processors=[said]))
    partition = keys.partition_of(Workspace(cursed.team))
    asked = int(await on.redis.execute(partition, "XLEN", keys.publish_jobs(partition)))
    before = given_up_counted()
    await on.rotation.carry_out(claim, claimed_at=on.clock.now())
    assert given_up_counted() == before + 1
    assert [(event["event"], event["user"], event["log_level"]) for event in said.entries] == [
        ("rotation given up", cursed.user, "error")
    ]
    seen = await on.seen(cursed.team, cursed.user)
    assert seen.member is not None and seen.due is not None
    assert (seen.member.problem, seen.member.wish) == (BROKEN, Wish.SHUFFLE)
    assert seen.due > on.now_ms + 5 * HOUR_MS
    assert await on.redis.execute(partition, "XLEN", keys.publish_jobs(partition)) == asked + 1
    assert on.calls("users.setPhoto") == 0
    await on.check_places(cursed.team)


async def test_a_click_brings_back_who_was_given_up(on: Stage, cursed: Cursed) -> None:
    await on.rotation.carry_out(await cursed.die(), claimed_at=on.clock.now())
    on.clock.advance(60)
    assert await on.rotate() == 0
    await shuffled(on, cursed.team, cursed.user)
    assert await on.rotate() == 1
    member = await on.member(cursed.team, cursed.user)
    assert (on.calls("users.setPhoto"), member.problem, member.lost) == (1, "", 0)


async def test_who_was_given_up_is_tried_again_without_a_click(on: Stage, cursed: Cursed) -> None:
    await on.rotation.carry_out(await cursed.die(), claimed_at=on.clock.now())
    await on.advance_to_due(cursed.team, cursed.user)
    assert await on.rotate() == 1
    member = await on.member(cursed.team, cursed.user)
    assert (on.calls("users.setPhoto"), member.problem, member.lost) == (1, "", 0)


async def test_who_leaves_may_still_say_so_after_they_were_given_up(on: Stage, cursed: Cursed) -> None:
    await on.rotation.carry_out(await cursed.die(), claimed_at=on.clock.now())
    on.clock.advance(1)
    leave = LeaveAsked(workspace=Workspace(cursed.team), user=User(cursed.user), at=on.now_ms, trace="", forget=True)
    await on.say(leave)
    assert await on.rotate() == 1
    assert (await on.seen(cursed.team, cursed.user)).member is None


async def test_a_worker_that_lives_ends_the_row(on: Stage, cursed: Cursed) -> None:
    await on.claim()
    on.clock.advance(LEASE_SECONDS)
    await on.claim()
    assert (await on.member(cursed.team, cursed.user)).lost == 1
    on.clock.advance(LEASE_SECONDS)
    await on.claim()
    await on.advance_to_due(cursed.team, cursed.user)
    assert await on.rotate() == 1
    assert (await on.member(cursed.team, cursed.user)).lost == 0

"""Suspension stops a workspace at once and survives what Slack says, on every kind of server we support."""

from collections.abc import AsyncIterator

import pytest

from rotavatar import keys
from rotavatar.keys import User
from rotavatar.records import Idle, Status, Suspension, Wish
from rotavatar.redis import Redis
from rotavatar.store import Commit, Outcome, Place
from tests.claiming import LEASE_MS, NOW, P, Team, W

HOUR = 3_600_000


@pytest.fixture(params=["valkey", pytest.param("redis7", marks=pytest.mark.redis7), "cluster"])
async def team(request: pytest.FixtureRequest) -> AsyncIterator[Team]:
    redis = await Redis.connect(request.getfixturevalue(request.param).url, name="test")
    yield Team(redis)
    await redis.close()


@pytest.mark.parametrize("reason", [Suspension.OPERATOR, Suspension.APPROVAL])
async def test_suspending_stops_claims_at_once_and_resuming_starts_them(team: Team, reason: Suspension) -> None:
    await team.install("U1")
    await team.due("U1", NOW)
    assert await team.ready() == NOW
    await team.record(suspended=reason)
    assert await team.ready() is None
    assert await team.claimed(NOW) == []
    await team.record(suspended=Suspension.NO)
    assert await team.ready() == NOW
    assert await team.claimed(NOW) == ["U1"]


async def test_nothing_that_happens_in_a_suspended_workspace_makes_it_ready(team: Team) -> None:
    await team.install("U1", "U2")
    await team.record(suspended=Suspension.OPERATOR)
    await team.due("U1", NOW)
    await team.members.hold(W, "photo", until_ms=NOW + 1)
    assert await team.ready() is None
    assert await team.claimed(NOW + LEASE_MS) == []


async def test_a_claim_that_finds_a_suspended_workspace_takes_nobody_from_it(team: Team) -> None:
    await team.install("U1")
    await team.due("U1", NOW)
    await team.redis.execute(P, "HSET", keys.workspace(W), "su", "operator")
    assert await team.claimed(NOW) == []
    assert await team.ready() is None


async def test_installing_again_ends_what_slack_said_and_not_a_suspension(team: Team) -> None:
    await team.install("U1")
    await team.due("U1", NOW)
    await team.record(suspended=Suspension.OPERATOR, status=Status.UNINSTALLED)
    await team.install("U2")
    record = (await team.seen("U1")).record
    assert (record.status, record.suspended) == (Status.ACTIVE, Suspension.OPERATOR)
    assert await team.ready() is None
    await team.record(suspended=Suspension.NO)
    assert await team.claimed(NOW) == ["U1"]


async def test_an_installation_may_begin_with_waiting_for_approval(team: Team) -> None:
    await team.install("U1", suspended=Suspension.APPROVAL)
    await team.due("U1", NOW)
    assert (await team.seen("U1")).record.suspended is Suspension.APPROVAL
    assert await team.claimed(NOW) == []


async def test_who_leaves_is_served_in_a_suspended_workspace_and_nobody_else(team: Team) -> None:
    await team.install("U1", "U2", "U3")
    await team.due("U1", NOW - HOUR)
    await team.due("U2", NOW, wish=Wish.LEAVE)
    await team.due("U3", NOW + HOUR, wish=Wish.FORGET)
    await team.record(suspended=Suspension.OPERATOR)
    assert await team.ready() == NOW
    assert [(claim.user, claim.due_ms) for claim in await team.claim(NOW)] == [("U2", NOW)]
    assert await team.ready() == NOW + LEASE_MS
    await team.place("U2", Place.IDLE, idle=Idle.LEFT)
    assert await team.ready() == NOW + HOUR
    assert await team.claimed(NOW + HOUR - 1) == []
    assert await team.claimed(NOW + HOUR) == ["U3"]
    await team.place("U3", Place.GONE)
    assert await team.ready() is None
    await team.record(suspended=Suspension.NO)
    assert await team.claimed(NOW + HOUR) == ["U1"]


async def test_who_leaves_goes_first_and_their_due_time_reads_like_any_other(team: Team) -> None:
    await team.install("U1", "U2", "U3")
    await team.due("U1", NOW - HOUR)
    await team.due("U2", NOW - 1, wish=Wish.FORGET)
    await team.due("U3", NOW + HOUR, wish=Wish.LEAVE)
    assert (await team.seen("U2")).due == NOW - 1
    assert (await team.seen("U3")).due == NOW + HOUR
    assert await team.ready() == NOW - HOUR
    assert await team.members.queue_ahead(W, User("U1"), now_ms=NOW) == (2, 2)
    assert [(claim.user, claim.due_ms) for claim in await team.claim(NOW, want=1)] == [("U2", NOW - 1)]
    assert await team.claimed(NOW, want=1) == ["U1"]


async def test_a_try_to_leave_that_comes_later_holds_up_nobody(team: Team) -> None:
    await team.install("U1", "U2", "U3")
    for user in ("U1", "U2"):
        await team.due(user, NOW + HOUR, wish=Wish.LEAVE)
    await team.due("U3", NOW + 1)
    assert await team.ready() == NOW + 1
    assert await team.claimed(NOW) == []
    assert await team.claimed(NOW + 1) == ["U3"]
    await team.place("U3", Place.IDLE, idle=Idle.OFF)
    assert await team.ready() == NOW + HOUR
    assert await team.claimed(NOW + HOUR) == ["U1", "U2"]


async def test_a_lease_that_is_lost_in_a_suspended_workspace_waits_unless_its_member_leaves(team: Team) -> None:
    await team.install("U1", "U2")
    await team.due("U1", NOW)
    await team.due("U2", NOW, wish=Wish.LEAVE)
    (leaving, waiting) = await team.claim(NOW)
    assert (leaving.user, waiting.user) == ("U2", "U1")
    await team.record(suspended=Suspension.OPERATOR)
    late = await team.seen("U1")
    assert await team.claimed(NOW + LEASE_MS) == ["U2"]
    seen = await team.seen("U1")
    assert (seen.due, seen.lease) == (NOW + LEASE_MS, None)
    assert late.member is not None
    landed = Commit(member=late.member, place=Place.DUE, time_ms=NOW + HOUR)
    assert await team.members.commit(late, landed) is Outcome.STALE, "the worker that was late has lost its claim"
    await team.record(suspended=Suspension.NO)
    assert await team.claimed(NOW + LEASE_MS) == ["U1"]


async def test_a_new_consent_ends_the_wish_to_leave_and_its_place_in_the_queue(team: Team) -> None:
    await team.install("U1")
    await team.due("U1", NOW, wish=Wish.LEAVE)
    await team.record(suspended=Suspension.OPERATOR)
    assert await team.ready() == NOW
    await team.install("U1")
    assert await team.ready() is None
    seen = await team.seen("U1")
    assert seen.member is not None
    assert (seen.due, seen.member.wish) == (NOW, Wish.NONE)
    assert await team.claimed(NOW) == []


async def test_nobody_leaves_a_workspace_that_took_the_app_away(team: Team) -> None:
    await team.install("U1")
    await team.due("U1", NOW, wish=Wish.LEAVE)
    await team.record(suspended=Suspension.OPERATOR, status=Status.UNINSTALLED)
    assert await team.ready() is None
    assert await team.claimed(NOW) == []

"""Suspension stops a workspace at once and survives what Slack says, on every kind of server we support."""

from collections.abc import AsyncIterator

import pytest

from rotavatar import keys
from rotavatar.records import Status, Suspension
from rotavatar.redis import Redis
from tests.claiming import LEASE_MS, NOW, P, Team, W


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

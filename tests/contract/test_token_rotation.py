"""Line 4, second half: tokens that expire after 43,200 s, and refresh tokens that work once."""

import random
from typing import Any

import httpx
import msgspec
import pytest

from rotavatar.clock import ManualClock
from slack_simulator import lifecycle
from slack_simulator.app import Simulator
from slack_simulator.timing import ManualTiming
from tests.contract.conftest import APP
from tests.patience import SECONDS

LIFE = 43_200
GRACE = 60


class Rotating:
    def __init__(self, sim: Simulator, client: httpx.AsyncClient, clock: ManualClock, timing: ManualTiming) -> None:
        self.sim, self.client, self.clock, self.timing = sim, client, clock, timing
        self.team = sim.add_team().id
        self.user = sim.add_member(self.team).id
        self.tokens = sim.install(self.team, self.user)

    async def refresh(self, token: str | None) -> Any:
        fields = {"grant_type": "refresh_token", "refresh_token": token or ""}
        auth = (APP.client_id, APP.client_secret)
        return (await self.client.post("/api/oauth.v2.access", data=fields, auth=auth)).json()

    async def test(self, token: str) -> Any:
        answer = await self.client.post("/api/auth.test", headers={"Authorization": f"Bearer {token}"})
        return answer.json().get("error", "ok")


@pytest.fixture
async def rotating():
    app = msgspec.structs.replace(APP, token_rotation=True)
    clock, timing = ManualClock(), ManualTiming()
    async with (
        Simulator(app, clock=clock, timing=timing, rng=random.Random(7)) as sim,
        httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client,
    ):
        yield Rotating(sim, client, clock, timing)


@pytest.mark.parametrize(("kind", "prefix"), [("bot", "xoxe.xoxb-1-"), ("user", "xoxe.xoxp-1-")])
async def test_shape_and_life_of_rotating_tokens(rotating, kind, prefix):
    issued = rotating.tokens[kind]
    assert issued.access.startswith(prefix)
    assert issued.refresh.startswith("xoxe-1-")
    assert (len(issued.access), len(issued.refresh)) == (177, 153)
    assert issued.expires_in == LIFE
    rotating.clock.advance(LIFE - 1)
    assert await rotating.test(issued.access) == "ok"
    rotating.clock.advance(1)
    assert await rotating.test(issued.access) == "token_expired"


async def test_auth_test_says_how_long_the_token_lives(rotating):
    rotating.clock.advance(200)
    headers = {"Authorization": f"Bearer {rotating.tokens['bot'].access}"}
    answer = await rotating.client.post("/api/auth.test", headers=headers)
    assert answer.json()["expires_in"] == LIFE - 200


@pytest.mark.parametrize("kind", ["bot", "user"])
async def test_refreshing_leaves_the_current_token_alone(rotating, kind):
    old = rotating.tokens[kind]
    answer = await rotating.refresh(old.refresh)
    assert answer["ok"]
    assert answer["expires_in"] == LIFE
    assert answer["token_type"] == kind
    assert answer["refresh_token"] != old.refresh
    assert await rotating.test(old.access) == "ok"
    assert await rotating.test(answer["access_token"]) == "ok"


async def test_a_spent_refresh_token_works_only_during_the_grace(rotating):
    spent = rotating.tokens["user"].refresh
    first = await rotating.refresh(spent)
    rotating.timing.advance(GRACE - 1)
    second = await rotating.refresh(spent)
    assert second["ok"]
    assert second["access_token"] != first["access_token"]
    rotating.timing.advance(1)
    assert (await rotating.refresh(spent))["error"] == "invalid_refresh_token"
    assert (await rotating.refresh(second["refresh_token"]))["ok"]


async def test_a_third_active_token_revokes_the_oldest(rotating):
    first = rotating.tokens["user"]
    second = await rotating.refresh(first.refresh)
    third = await rotating.refresh(second["refresh_token"])
    assert await rotating.test(first.access) == "token_revoked"
    assert await rotating.test(second["access_token"]) == "ok"
    assert await rotating.test(third["access_token"]) == "ok"


async def test_an_expired_token_does_not_count_as_active(rotating):
    first = rotating.tokens["user"]
    rotating.clock.advance(LIFE)
    second = await rotating.refresh(first.refresh)
    third = await rotating.refresh(second["refresh_token"])
    assert await rotating.test(first.access) == "token_expired"
    assert await rotating.test(second["access_token"]) == await rotating.test(third["access_token"]) == "ok"


@pytest.mark.parametrize("token", ["", "xoxe-1-unknown"])
async def test_an_unknown_refresh_token(rotating, token):
    assert (await rotating.refresh(token))["error"] == "invalid_refresh_token"


async def test_an_access_token_is_no_refresh_token(rotating):
    assert (await rotating.refresh(rotating.tokens["user"].access))["error"] == "invalid_refresh_token"


async def test_after_an_uninstallation_nothing_can_be_refreshed(rotating):
    lifecycle.uninstall(rotating.sim.slack, rotating.sim.slack.world.installation(APP.app_id, rotating.team))
    for kind in ("bot", "user"):
        assert (await rotating.refresh(rotating.tokens[kind].refresh))["error"] == "invalid_refresh_token"


async def test_auth_revoke_takes_only_that_token_and_sends_no_event(rotating):
    user = rotating.tokens["user"]
    headers = {"Authorization": f"Bearer {user.access}"}
    assert (await rotating.client.post("/api/auth.revoke", headers=headers)).json()["revoked"]
    assert await rotating.test(user.access) == "token_revoked"
    answer = await rotating.refresh(user.refresh)
    assert answer["ok"]
    assert await rotating.test(rotating.tokens["bot"].access) == "ok"
    assert not [e for e in rotating.sim.slack.journal.after(0) if e.kind == "event"]


async def test_refreshing_one_member_leaves_the_others_alone(rotating):
    other = rotating.sim.add_member(rotating.team).id
    theirs = rotating.sim.install(rotating.team, other, bot=False)["user"]
    refresh_token = rotating.tokens["user"].refresh
    for _ in range(3):
        refresh_token = (await rotating.refresh(refresh_token))["refresh_token"]
    assert await rotating.test(theirs.access) == "ok"
    assert (await rotating.refresh(theirs.refresh))["ok"]

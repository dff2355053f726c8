"""Line 5: what a dead token answers, and which events follow, in which order."""

import asyncio
import random
from typing import Any

import httpx
import pytest

from slack_simulator import lifecycle
from slack_simulator.app import Simulator
from tests.contract.conftest import APP, Target, connect, member_of, text_view
from tests.contract.receiver import Receiver
from tests.patience import SECONDS


def team_of(sim) -> Any:
    return next(iter(sim.slack.world.workspaces))


def installation(sim, team: str = ""):
    return sim.slack.world.installation(APP.app_id, team or team_of(sim))


async def test_no_token(target: Target):
    assert (await target.call("auth.test"))["error"] == "not_authed"


async def test_an_unknown_token(target: Target):
    assert (await target.call("auth.test", token="xoxb-no-such-token"))["error"] == "invalid_auth"


async def test_bearer_is_case_sensitive(target: Target):
    answer = await target.send("auth.test", headers={"Authorization": f"bearer {target.user_token}"})
    assert answer.json()["error"] == "not_authed"


async def test_the_token_may_come_in_a_form_and_never_in_the_address(target: Target):
    assert (await target.call("auth.test", data={"token": target.user_token}))["ok"]
    assert (await target.call("auth.test", params={"token": target.user_token}))["error"] == "not_authed"


async def test_a_json_body_needs_the_header(target: Target):
    assert (await target.call("auth.test", json={"token": target.user_token}))["error"] == "not_authed"


@pytest.mark.parametrize(("body", "error"), [(b"{", "invalid_json"), (b"[]", "json_not_object")])
async def test_broken_json(target: Target, body, error):
    headers = {"Content-Type": "application/json"}
    answer = await target.call("views.publish", token=target.bot_token, content=body, headers=headers)
    assert answer["error"] == error


async def test_an_unknown_method(target: Target):
    assert (await target.call("users.setMood", token=target.user_token))["error"] == "unknown_method"


async def test_who_a_token_is(target: Target):
    bot = await target.call("auth.test", token=target.bot_token)
    user = await target.call("auth.test", token=target.user_token)
    assert bot["team_id"] == user["team_id"]
    assert "bot_id" in bot
    assert "bot_id" not in user
    assert user["user_id"] == target.user
    assert user["is_enterprise_install"] is False


async def test_the_scopes_come_with_every_answer(target: Target):
    answer = await target.send("users.profile.get", token=target.user_token)
    assert "users.profile:write" in answer.headers["x-oauth-scopes"]
    assert answer.headers["x-accepted-oauth-scopes"] == "users.profile:read"


async def test_a_revoked_user_token(sim, app: Receiver, member: Target):
    lifecycle.revoke_user(sim.slack, installation(sim), member.user)
    assert (await member.call("auth.test", token=member.user_token))["error"] == "token_revoked"
    assert (await member.call("auth.test", token=member.bot_token))["ok"]
    (received,) = await app.wait_for(1)
    assert received.event["tokens"] == {"oauth": [member.user]}


async def test_a_deactivated_member_is_told_only_by_tokens_revoked(sim, app: Receiver, member: Target):
    person = sim.slack.world.member(team_of(sim), member.user)
    lifecycle.deactivate(sim.slack, team=team_of(sim), member=person)
    await sim.slack.delivery.settled()
    assert (await member.call("users.profile.get", token=member.user_token))["error"] == "token_revoked"
    assert [r.event["type"] for r in app.received] == ["tokens_revoked"]
    assert sim.open_home(team_of(sim), member.user) == ""
    lifecycle.reactivate(sim.slack, team=team_of(sim), member=person)
    assert (await member.call("users.profile.get", token=member.user_token))["error"] == "token_revoked"


async def test_a_member_who_returns_gets_a_new_token(sim, member: Target):
    person = sim.slack.world.member(team_of(sim), member.user)
    lifecycle.deactivate(sim.slack, team=team_of(sim), member=person)
    lifecycle.reactivate(sim.slack, team=team_of(sim), member=person)
    fresh = sim.install(team_of(sim), member.user, bot=False)["user"].access
    assert fresh != member.user_token
    assert (await member.call("auth.test", token=fresh))["ok"]


async def test_uninstalling_kills_every_token(sim, app: Receiver, member: Target):
    lifecycle.uninstall(sim.slack, installation(sim))
    assert (await member.call("auth.test", token=member.user_token))["error"] == "token_revoked"
    assert (await member.call("auth.test", token=member.bot_token))["error"] == "account_inactive"
    await app.wait_for(2)
    (revoked,) = app.of_type("tokens_revoked")
    assert revoked["tokens"]["oauth"] == [member.user]
    assert len(revoked["tokens"]["bot"]) == 1
    assert len(app.of_type("app_uninstalled")) == 1
    assert sim.open_home(team_of(sim), member.user) == ""


async def test_the_two_events_of_an_uninstallation_come_in_either_order(receiver: Receiver):
    orders = set()
    async with (
        Simulator(APP, rng=random.Random(1)) as sim,
        httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client,
    ):
        connect(sim, receiver)
        for _ in range(20):
            team = sim.add_team().id
            member_of(sim, client, team)
            receiver.received.clear()
            lifecycle.uninstall(sim.slack, installation(sim, team))
            await sim.slack.delivery.settled()
            orders.add(tuple(r.event["type"] for r in receiver.received))
    assert orders == {("tokens_revoked", "app_uninstalled"), ("app_uninstalled", "tokens_revoked")}


async def test_the_events_may_arrive_after_a_reinstallation(sim, receiver: Receiver, member: Target):
    receiver.always(500)
    connect(sim, receiver)
    lifecycle.uninstall(sim.slack, installation(sim))
    await receiver.wait_for(4)
    receiver.always(200)
    fresh = sim.install(team_of(sim), member.user)
    installed_at = installation(sim).installed_at
    assert fresh["bot"].access != member.bot_token
    await sim.slack.delivery.settled()
    stale = [r.json for r in receiver.received]
    assert {envelope["event"]["type"] for envelope in stale} == {"tokens_revoked", "app_uninstalled"}
    assert all(envelope["event_time"] <= installed_at for envelope in stale)
    assert (await member.call("auth.test", token=fresh["user"].access))["ok"]


async def test_auth_revoke_ends_the_authorisation(sim, app: Receiver, member: Target):
    assert (await member.call("auth.revoke", token=member.user_token, data={"test": "1"})) == {
        "ok": True,
        "revoked": False,
    }
    assert (await member.call("auth.revoke", token=member.user_token))["revoked"]
    assert (await member.call("auth.revoke", token=member.user_token))["error"] == "token_revoked"
    (received,) = await app.wait_for(1)
    assert received.event == {**received.event, "type": "tokens_revoked", "tokens": {"oauth": [member.user]}}


async def test_revoking_the_bot_token_does_not_uninstall_the_app(sim, app: Receiver, member: Target):
    assert (await member.call("auth.revoke", token=member.bot_token))["revoked"]
    await sim.slack.delivery.settled()
    assert [r.event["type"] for r in app.received] == ["tokens_revoked"]
    assert (await member.call("auth.test", token=member.user_token))["ok"]
    assert installation(sim) is not None


async def test_apps_uninstall(sim, member: Target):
    credentials = {"client_id": APP.client_id, "client_secret": APP.client_secret}
    sim.slack.limiter.enforced = False
    refused = [
        await member.call("apps.uninstall", token=member.user_token, data={**credentials, "client_id": "1.2"}),
        await member.call("apps.uninstall", token=member.user_token, data={**credentials, "client_secret": "no"}),
        await member.call("apps.uninstall", token=member.bot_token, data=credentials),
    ]
    assert [r["error"] for r in refused] == ["invalid_client_id", "bad_client_secret", "no_permission"]
    assert (await member.call("apps.uninstall", token=member.user_token, data=credentials))["ok"]
    assert (await member.call("auth.test", token=member.bot_token))["error"] == "account_inactive"


async def test_the_same_user_id_in_two_workspaces_is_two_people(sim, member: Target):
    other = sim.add_team("Other").id
    sim.add_member(other, user=member.user, name="namesake")
    theirs = sim.install(other, member.user)["user"].access
    lifecycle.revoke_user(sim.slack, installation(sim), member.user)
    answer = await member.call("users.profile.get", token=theirs)
    assert answer["profile"]["real_name"] == "Namesake"


async def test_no_token_in_the_log(sim, app: Receiver, member: Target):
    await member.publish(text_view())
    await asyncio.gather(member.call("auth.test", token=member.user_token), member.call("auth.test"))
    sim.open_home(team_of(sim), member.user)
    await sim.slack.delivery.settled()
    log = (await member.client.get("/ui/api/log?after=0")).text + (await member.client.get("/ui/api/state")).text
    assert "xox" not in log
    assert "auth.test" in log

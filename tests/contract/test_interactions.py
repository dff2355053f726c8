"""Line 9 and the payloads of clicks and commands: trigger_id, response_url, what a select remembers."""

import asyncio
import json
import random
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from slack_simulator.app import Simulator
from slack_simulator.config import DeliveryRules, Rules
from slack_simulator.interactions import NothingThere
from slack_simulator.timing import ManualTiming
from tests.contract.conftest import APP, Target, connect, member_of
from tests.contract.receiver import Receiver
from tests.contract.test_views_publish import actions, button, option, options, plain, section, select
from tests.patience import SECONDS

MODAL = {"type": "modal", "title": plain("Title"), "blocks": [{"type": "divider"}]}


class Clicks:
    def __init__(self, sim: Simulator, app: Receiver, member: Target) -> None:
        self.sim, self.app, self.member = sim, app, member
        self.team = next(iter(sim.slack.world.workspaces))

    async def show(self, *blocks: dict[str, Any]) -> Any:
        answer = await self.member.publish({"type": "home", "blocks": [*blocks]})
        assert answer["ok"], answer
        return answer["view"]

    async def act(self, **action) -> Any:
        await self.sim.act(self.team, self.member.user, **action)
        return json.loads(self.app.received[-1].form["payload"])

    async def trigger(self) -> Any:
        await self.show({**actions(button(action_id="go")), "block_id": "b"})
        return (await self.act(block_id="b", action_id="go"))["trigger_id"]

    async def open(self, trigger_id: str) -> Any:
        body = {"trigger_id": trigger_id, "view": MODAL}
        return await self.member.call("views.open", token=self.member.bot_token, json=body)


@pytest.fixture
def clicks(sim, app: Receiver, member: Target) -> Clicks:
    return Clicks(sim, app, member)


@pytest.fixture
async def timed(timing: ManualTiming, receiver: Receiver):
    async with (
        Simulator(APP, timing=timing, rng=random.Random(7)) as sim,
        httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client,
    ):
        connect(sim, receiver)
        member = member_of(sim, client)
        yield Clicks(sim, receiver, member), timing


async def test_the_payload_of_a_button_in_a_home_tab(clicks):
    view = await clicks.show({**actions(button(action_id="go", value="7", style="primary")), "block_id": "b.v3"})
    payload = await clicks.act(block_id="b.v3", action_id="go")
    assert payload["type"] == "block_actions"
    assert payload["user"]["id"] == clicks.member.user
    assert payload["user"]["team_id"] == payload["team"]["id"] == clicks.team
    assert payload["api_app_id"] == APP.app_id
    assert payload["container"] == {"type": "view", "view_id": view["id"]}
    assert payload["view"]["hash"] == view["hash"]
    assert not {"response_url", "channel", "message"} & payload.keys()
    assert payload["enterprise"] is None
    assert payload["is_enterprise_install"] is False
    (action,) = payload["actions"]
    assert action.pop("action_ts")
    assert action == {
        "type": "button",
        "block_id": "b.v3",
        "action_id": "go",
        "text": plain(),
        "value": "7",
        "style": "primary",
    }
    assert clicks.app.received[-1].path == "/slack/interactions"


async def test_a_select_sends_its_option_and_the_state(clicks):
    await clicks.show({**section(select(options=options(3), initial_option=option("v1"))), "block_id": "b"})
    payload = await clicks.act(block_id="b", action_id="s", selected_option=option("v2"))
    assert payload["actions"][0]["selected_option"] == option("v2")
    assert payload["view"]["state"]["values"]["b"]["s"] == {"type": "static_select", "selected_option": option("v2")}


async def test_an_untouched_select_holds_what_the_app_set_or_nothing(clicks):
    first = {**section(select(options=options(3), initial_option=option("v1"))), "block_id": "b"}
    second = {**section(select(options=options(3))), "block_id": "c"}
    values = (await clicks.show(first, second))["state"]["values"]
    assert values["b"]["s"]["selected_option"] == option("v1")
    assert values["c"]["s"]["selected_option"] is None


async def test_a_selection_outlives_publishing_unless_the_block_id_changes(clicks):
    block = section(select(options=options(3), initial_option=option("v0")))
    await clicks.show({**block, "block_id": "b.1"})
    await clicks.act(block_id="b.1", action_id="s", selected_option=option("v2"))
    kept = (await clicks.show({**block, "block_id": "b.1"}))["state"]["values"]
    assert kept["b.1"]["s"]["selected_option"] == option("v2")
    fresh = (await clicks.show({**block, "block_id": "b.2"}))["state"]["values"]
    assert fresh["b.2"]["s"]["selected_option"] == option("v0")
    again = (await clicks.show({**block, "block_id": "b.1"}))["state"]["values"]
    assert again["b.1"]["s"]["selected_option"] == option("v0")


async def test_nobody_can_click_what_is_not_there(clicks):
    with pytest.raises(NothingThere):
        await clicks.sim.act(clicks.team, clicks.member.user, block_id="b", action_id="go")
    await clicks.show({"type": "divider"})
    with pytest.raises(NothingThere):
        await clicks.sim.act(clicks.team, clicks.member.user, block_id="b", action_id="go")


async def test_a_click_is_never_repeated(clicks):
    clicks.app.always(500)
    await clicks.trigger()
    await asyncio.sleep(0.05)
    assert len(clicks.app.received) == 1


async def test_a_trigger_opens_one_modal(clicks):
    trigger = await clicks.trigger()
    assert (await clicks.open(trigger))["view"]["type"] == "modal"
    assert (await clicks.open(trigger))["error"] == "exchanged_trigger_id"


async def test_an_unknown_trigger(clicks):
    assert (await clicks.open("1.2.3"))["error"] == "invalid_trigger_id"


async def test_a_modal_that_slack_does_not_take_leaves_the_trigger_unused(clicks):
    trigger = await clicks.trigger()
    body = {"trigger_id": trigger, "view": {"type": "modal", "blocks": [{"type": "divider"}]}}
    refused = await clicks.member.call("views.open", token=clicks.member.bot_token, json=body)
    assert refused["error"] == "invalid_arguments"
    assert (await clicks.open(trigger))["ok"]


async def test_a_trigger_lives_three_seconds(timed):
    clicks, timing = timed
    early, late = await clicks.trigger(), await clicks.trigger()
    timing.advance(2.9)
    assert (await clicks.open(early))["ok"]
    timing.advance(0.2)
    assert (await clicks.open(late))["error"] == "expired_trigger_id"


async def test_the_fields_of_a_command(clicks):
    await clicks.sim.command(clicks.team, clicks.member.user, "pause 2 days")
    form = clicks.app.received[-1].form
    assert (form["command"], form["text"]) == ("/avatar", "pause 2 days")
    assert (form["team_id"], form["user_id"]) == (clicks.team, clicks.member.user)
    assert form["is_enterprise_install"] == "false"
    assert form["response_url"].startswith(f"{clicks.sim.url}/hooks/commands/")
    assert "enterprise_id" not in form
    assert (await clicks.open(form["trigger_id"]))["ok"]


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (PlainTextResponse("done"), "done"),
        (JSONResponse({"response_type": "ephemeral", "text": "done"}), "done"),
        (Response(status_code=200), None),
    ],
)
async def test_the_answer_of_a_command_is_shown(clicks, answer, shown):
    async def answering(_received):
        return answer

    clicks.app.answering = answering
    assert (await clicks.sim.command(clicks.team, clicks.member.user, "status")).ok
    assert [m["text"] for m in clicks.sim.slack.messages] == ([shown] if shown else [])


async def test_a_command_that_takes_longer_than_three_seconds(receiver: Receiver):
    over = asyncio.Event()

    async def answering(_received):
        await over.wait()
        return PlainTextResponse("too late")

    receiver.answering = answering
    rules = Rules(delivery=DeliveryRules(timeout=0.3))
    async with Simulator(APP, rules=rules) as sim, httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client:
        member = member_of(sim, client)
        connect(sim, receiver)
        body = {"team": next(iter(sim.slack.world.workspaces)), "user": member.user, "command": "/avatar"}
        answer = (await client.post("/ui/api/command", json={**body, "text": "status"})).json()
        over.set()
        assert answer["error"] == "operation_timeout"
        assert answer["ms"] >= 300
        assert not sim.slack.messages
    assert DeliveryRules().timeout == 3.0


async def test_a_response_url_takes_five_answers(clicks):
    await clicks.sim.command(clicks.team, clicks.member.user)
    url = clicks.app.received[-1].form["response_url"]
    answers = [await clicks.member.client.post(url, json={"text": str(n)}) for n in range(6)]
    assert [a.status_code for a in answers] == [200] * 5 + [404]
    assert answers[-1].text == "used_url"
    assert [m["text"] for m in clicks.sim.slack.messages] == list("01234")


async def test_a_response_url_lives_half_an_hour(timed):
    clicks, timing = timed
    await clicks.sim.command(clicks.team, clicks.member.user)
    url = clicks.app.received[-1].form["response_url"]
    timing.advance(1799)
    assert (await clicks.member.client.post(url, json={"text": "x"})).status_code == 200
    timing.advance(1)
    assert (await clicks.member.client.post(url, json={"text": "x"})).text == "expired_url"


async def test_a_response_url_wants_an_object(clicks):
    await clicks.sim.command(clicks.team, clicks.member.user)
    url = clicks.app.received[-1].form["response_url"]
    for body in (b"", b"{", b"[]"):
        assert (await clicks.member.client.post(url, content=body)).status_code == 400


async def test_a_direct_message(clicks):
    body = {"channel": clicks.member.user, "text": "Please connect again"}
    assert (await clicks.member.call("chat.postMessage", token=clicks.member.bot_token, json=body))["ok"]
    assert clicks.sim.slack.messages[-1]["text"] == "Please connect again"
    assert not clicks.sim.slack.messages[-1]["private"]
    unknown = await clicks.member.call(
        "chat.postMessage", token=clicks.member.bot_token, json={**body, "channel": "C0NOTHING"}
    )
    assert unknown["error"] == "channel_not_found"

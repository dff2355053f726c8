"""Line 8: views.publish: Block Kit's limits with json-pointers, hashes, pictures, and what is remembered."""

import asyncio
import json
import random
from typing import Any

import httpx
import pytest
from starlette.responses import RedirectResponse, Response

from slack_simulator.app import Simulator
from slack_simulator.config import Rules
from tests.contract.conftest import APP, Target, member_of, picture, text_view
from tests.contract.receiver import Receiver
from tests.patience import SECONDS


def plain(text: str = "x") -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def option(value: str = "v", text: str = "t", **more) -> dict[str, Any]:
    return {"text": plain(text), "value": value, **more}


def options(count: int) -> list[dict[str, Any]]:
    return [option(f"v{n}") for n in range(count)]


def button(**more) -> dict[str, Any]:
    return {"type": "button", "action_id": "a", "text": plain(), **more}


def select(**more) -> dict[str, Any]:
    return {"type": "static_select", "action_id": "s", "placeholder": plain(), **more}


def section(accessory: dict[str, Any] | None = None, **more) -> dict[str, Any]:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}, **more}
    return block if accessory is None else {**block, "accessory": accessory}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": [*elements]}


CONFIRM = {"title": plain(), "text": plain(), "confirm": plain(), "deny": plain()}

ACCEPTED = {
    "100 blocks": [{"type": "divider"}] * 100,
    "25 buttons": [actions(*(button(action_id=f"a{n}") for n in range(25)))],
    "10 context elements": [{"type": "context", "elements": [plain()] * 10}],
    "header of 150": [{"type": "header", "text": plain("x" * 150)}],
    "section of 3000": [{"type": "section", "text": plain("x" * 3000)}],
    "10 fields of 2000": [{"type": "section", "fields": [plain("x" * 2000)] * 10}],
    "100 options": [section(select(options=options(100)))],
    "option groups": [section(select(option_groups=[{"label": plain(), "options": options(3)}]))],
    "option value of 150": [section(select(options=[option("v" * 150, "t" * 75)]))],
    "initial option": [section(select(options=options(3), initial_option=option("v1")))],
    "10 radio buttons": [section({"type": "radio_buttons", "action_id": "r", "options": options(10)})],
    "5 overflow options": [section({"type": "overflow", "action_id": "o", "options": options(5)})],
    "button": [actions(button(text=plain("x" * 75), value="v" * 2000, style="danger", confirm=CONFIRM))],
    "time": [actions({"type": "timepicker", "action_id": "t", "initial_time": "23:59", "timezone": "Europe/Berlin"})],
    "date": [actions({"type": "datepicker", "action_id": "d", "initial_date": "2026-02-28"})],
    "input": [{"type": "input", "label": plain(), "dispatch_action": True, "element": select(options=options(2))}],
    "ids of 255": [section(button(action_id="a" * 255), block_id="b" * 255)],
}

REFUSED = {
    "no blocks": ([], "/view/blocks"),
    "101 blocks": ([{"type": "divider"}] * 101, "/view/blocks"),
    "unknown block": ([{"type": "carousel"}], "/view/blocks/0/type"),
    "26 buttons": ([actions(*(button(action_id=f"a{n}") for n in range(26)))], "/view/blocks/0/elements"),
    "no button": ([actions()], "/view/blocks/0/elements"),
    "11 context elements": ([{"type": "context", "elements": [plain()] * 11}], "/view/blocks/0/elements"),
    "header of 151": ([{"type": "header", "text": plain("x" * 151)}], "/view/blocks/0/text/text"),
    "header in mrkdwn": ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "/view/blocks/0/text/type"),
    "section of 3001": ([{"type": "section", "text": plain("x" * 3001)}], "/view/blocks/0/text/text"),
    "empty text": ([{"type": "section", "text": plain("")}], "/view/blocks/0/text/text"),
    "section without text": ([{"type": "section"}], "/view/blocks/0"),
    "11 fields": ([{"type": "section", "fields": [plain()] * 11}], "/view/blocks/0/fields"),
    "field of 2001": ([{"type": "section", "fields": [plain("x" * 2001)]}], "/view/blocks/0/fields/0/text"),
    "field that is text": ([{"type": "section", "fields": ["x"]}], "/view/blocks/0/fields/0"),
    "101 options": ([section(select(options=options(101)))], "/view/blocks/0/accessory/options"),
    "no options": ([section(select(options=[]))], "/view/blocks/0/accessory/options"),
    "options and groups": (
        [section(select(options=options(1), option_groups=[{"label": plain(), "options": options(1)}]))],
        "/view/blocks/0/accessory",
    ),
    "option text of 76": ([section(select(options=[option(text="t" * 76)]))], "/options/0/text/text"),
    "option value of 151": ([section(select(options=[option("v" * 151)]))], "/options/0/value"),
    "option description of 76": ([section(select(options=[option(description=plain("d" * 76))]))], "/description/text"),
    "url in a select": ([section(select(options=[option(url="https://a.b")]))], "/options/0"),
    "initial option that is none": (
        [section(select(options=options(3), initial_option=option("other")))],
        "/accessory/initial_option",
    ),
    "initial option with another text": (
        [section(select(options=options(3), initial_option=option("v1", "other")))],
        "/accessory/initial_option",
    ),
    "placeholder of 151": ([section(select(options=options(1), placeholder=plain("p" * 151)))], "/placeholder/text"),
    "11 radio buttons": ([section({"type": "radio_buttons", "action_id": "r", "options": options(11)})], "/options"),
    "11 checkboxes": ([section({"type": "checkboxes", "action_id": "r", "options": options(11)})], "/options"),
    "6 overflow options": ([section({"type": "overflow", "action_id": "o", "options": options(6)})], "/options"),
    "button text of 76": ([actions(button(text=plain("x" * 76)))], "/elements/0/text/text"),
    "button value of 2001": ([actions(button(value="v" * 2001))], "/elements/0/value"),
    "button style": ([actions(button(style="warning"))], "/elements/0/style"),
    "button url of 3001": ([actions(button(url="https://" + "x" * 2993))], "/elements/0/url"),
    "confirm title of 101": ([actions(button(confirm={**CONFIRM, "title": plain("x" * 101)}))], "/confirm/title/text"),
    "confirm text of 301": ([actions(button(confirm={**CONFIRM, "text": plain("x" * 301)}))], "/confirm/text/text"),
    "confirm button of 31": ([actions(button(confirm={**CONFIRM, "deny": plain("x" * 31)}))], "/confirm/deny/text"),
    "time": ([actions({"type": "timepicker", "action_id": "t", "initial_time": "24:00"})], "/initial_time"),
    "date": ([actions({"type": "datepicker", "action_id": "d", "initial_date": "2026-13-01"})], "/initial_date"),
    "date and time": (
        [actions({"type": "datetimepicker", "action_id": "d", "initial_date_time": 12})],
        "/initial_date_time",
    ),
    "block id of 256": ([section(block_id="b" * 256)], "/view/blocks/0/block_id"),
    "action id of 256": ([section(button(action_id="a" * 256))], "/accessory/action_id"),
    "the same block id twice": ([section(block_id="b"), section(block_id="b")], "/view/blocks/1/block_id"),
    "the same action id twice": ([actions(button(), button())], "/view/blocks/0"),
    "image without description": ([{"type": "image", "image_url": "https://a.b/c.png"}], "/view/blocks/0"),
    "image without source": ([{"type": "image", "alt_text": "x"}], "/view/blocks/0"),
    "image with two sources": (
        [{"type": "image", "alt_text": "x", "image_url": "https://a.b/c.png", "slack_file": {"id": "F1"}}],
        "/view/blocks/0",
    ),
    "a file that nobody shared": (
        [{"type": "image", "alt_text": "x", "slack_file": {"id": "F1"}}],
        "/view/blocks/0/slack_file",
    ),
    "alt text of 2001": (
        [{"type": "image", "alt_text": "x" * 2001, "image_url": "https://a.b/c.png"}],
        "/view/blocks/0/alt_text",
    ),
    "unknown field": ([{"type": "divider", "colour": "red"}], "/view/blocks/0"),
    "a block that is text": (["x"], "/view/blocks/0"),
}


@pytest.mark.parametrize("name", ACCEPTED)
async def test_what_is_within_the_limits(target: Target, name):
    answer = await target.publish({"type": "home", "blocks": ACCEPTED[name]})
    assert answer["ok"], answer


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_beyond_the_limits(target: Target, name):
    blocks, pointer = REFUSED[name]
    answer = await target.publish({"type": "home", "blocks": blocks})
    assert answer["error"] == "invalid_arguments"
    messages = answer["response_metadata"]["messages"]
    assert any(f"{pointer}]" in message for message in messages), messages
    assert all(message.startswith("[ERROR] ") for message in messages)


@pytest.mark.parametrize(
    "view",
    [
        text_view(private_metadata="x" * 3001),
        text_view(callback_id="x" * 256),
        text_view(title=plain("no title in a Home tab")),
        {**text_view(), "type": "modal"},
        {"type": "home"},
        "not json",
        [],
    ],
)
async def test_what_is_wrong_with_the_view_itself(target: Target, view):
    assert (await target.publish(view))["error"] == "invalid_arguments"


async def test_250_kilobytes(target: Target):
    blocks = [{"type": "section", "text": plain("x" * 2900)}] * 87
    assert (await target.publish({"type": "home", "blocks": blocks}))["error"] == "view_too_large"
    assert (await target.publish({"type": "home", "blocks": blocks[:80]}))["ok"]


async def test_json_and_form_are_the_same(target: Target):
    as_text = {"user_id": target.user, "view": json.dumps(text_view("as form"))}
    for body in ({"data": as_text}, {"json": as_text}, {"json": {**as_text, "view": text_view("as form")}}):
        answer = await target.call("views.publish", token=target.bot_token, **body)
        assert answer["view"]["blocks"][0]["text"]["text"] == "as form"


async def test_what_the_answer_adds(target: Target):
    view = (await target.publish({"type": "home", "blocks": [{"type": "divider"}]}))["view"]
    assert {"id", "team_id", "state", "hash", "root_view_id", "previous_view_id", "app_id", "bot_id"} <= view.keys()
    assert view["blocks"][0]["block_id"]
    assert view["state"] == {"values": {}}


async def test_hashes(target: Target):
    first = (await target.publish(text_view("1")))["view"]["hash"]
    second = (await target.publish(text_view("2"), hash=first))["view"]["hash"]
    assert first != second
    assert (await target.publish(text_view("3"), hash=first))["error"] == "hash_conflict"
    assert (await target.publish(text_view("3"), hash=""))["error"] == "hash_conflict"
    assert (await target.publish(text_view("3")))["ok"]


async def test_of_two_publishes_with_one_hash_only_one_is_taken(target: Target):
    known = (await target.publish(text_view("1")))["view"]["hash"]
    answers = await asyncio.gather(*(target.publish(text_view(str(n)), hash=known) for n in range(5)))
    assert sorted(answer.get("error", "ok") for answer in answers) == ["hash_conflict"] * 4 + ["ok"]


async def test_a_hash_for_somebody_without_a_home_tab(sim, member: Target):
    assert (await member.publish(text_view(), hash="1.abc"))["error"] == "hash_conflict"


async def test_only_a_bot_may(target: Target):
    body = {"user_id": target.user, "view": text_view()}
    answer = await target.call("views.publish", token=target.user_token, json=body)
    assert answer["error"] == "not_allowed_token_type"


async def test_an_unknown_user(target: Target):
    body = {"user_id": "U000000", "view": text_view()}
    answer = await target.call("views.publish", token=target.bot_token, json=body)
    assert answer["response_metadata"]["messages"] == ["invalid `user_id`"]


async def test_the_home_tab_may_be_switched_off(sim, member: Target):
    await member.client.post("/ui/api/trouble/home_tab_off", json={"on": True})
    assert (await member.publish(text_view()))["error"] == "not_enabled"
    await member.client.post("/ui/api/trouble/clear", json={})
    sim.configure(home_tab=False)
    assert (await member.publish(text_view()))["error"] == "not_enabled"


async def test_external_ids_are_unique(sim, member: Target):
    team = next(iter(sim.slack.world.workspaces))
    other = member_of(sim, member.client, team)
    assert (await member.publish(text_view(external_id="one")))["ok"]
    assert (await member.publish(text_view(external_id="one")))["ok"]
    assert (await other.publish(text_view(external_id="one")))["error"] == "duplicate_external_id"


async def test_the_next_opening_carries_the_view(sim, app: Receiver, member: Target):
    team = next(iter(sim.slack.world.workspaces))
    sim.open_home(team, member.user)
    (first,) = await app.wait_for(1)
    assert "view" not in first.event
    published = (await member.publish(text_view(private_metadata="kept")))["view"]
    sim.open_home(team, member.user)
    _, second = await app.wait_for(2)
    view = second.event["view"]
    assert (view["hash"], view["private_metadata"]) == (published["hash"], "kept")
    assert view["app_installed_team_id"] == team


async def test_each_member_has_a_home_tab_of_their_own(sim, member: Target):
    team = next(iter(sim.slack.world.workspaces))
    other = member_of(sim, member.client, team)
    await member.publish(text_view("mine"))
    await other.publish(text_view("yours"))
    assert sim.home(team, member.user)["blocks"][0]["text"]["text"] == "mine"
    assert sim.home(team, other.user)["blocks"][0]["text"]["text"] == "yours"


class TestPictures:
    """Slack fetches each picture of a view while it handles the call."""

    def view(self, url: str) -> dict[str, Any]:
        image = {"type": "image", "image_url": url, "alt_text": "x"}
        return {"type": "home", "blocks": [section(image), {"type": "context", "elements": [image]}, image]}

    async def test_each_address_is_fetched_once_a_call(self, receiver: Receiver, member: Target):
        async def answering(_received):
            return Response(picture(), media_type="image/png")

        receiver.answering = answering
        assert (await member.publish(self.view(f"{receiver.url}/a.png")))["ok"]
        assert [r.path for r in receiver.received] == ["/a.png"]
        assert receiver.received[0].header("user-agent").startswith("Slackbot")

    @pytest.mark.parametrize(
        "answer",
        [
            Response(status_code=404),
            Response(status_code=503),
            Response(picture()[:200], media_type="image/png"),
            Response(b"<svg/>", media_type="image/svg+xml"),
            Response(picture(kind="WEBP"), media_type="image/webp"),
            Response(b"", media_type="image/png"),
        ],
    )
    async def test_a_picture_that_is_none_refuses_the_whole_view(self, receiver: Receiver, member: Target, answer):
        async def answering(_received):
            return answer

        receiver.answering = answering
        refused = await member.publish(self.view(f"{receiver.url}/a"))
        assert refused["error"] == "invalid_arguments"
        messages = refused["response_metadata"]["messages"]
        assert any("[json-pointer:/view/blocks/0/accessory/image_url]" in message for message in messages)
        assert any("[json-pointer:/view/blocks/1/elements/0/image_url]" in message for message in messages)
        team = next(iter(member.simulator.slack.world.workspaces))
        assert member.simulator.home(team, member.user) is None

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
    async def test_the_content_counts_and_not_its_label(self, receiver: Receiver, member: Target, kind):
        async def answering(_received):
            return Response(picture(kind=kind), media_type="application/octet-stream")

        receiver.answering = answering
        assert (await member.publish(self.view(f"{receiver.url}/a")))["ok"]

    async def test_a_hash_is_compared_again_once_the_pictures_are_there(self, receiver: Receiver, member: Target):
        async def answering(_received):
            await asyncio.sleep(0.1)
            return Response(picture(), media_type="image/png")

        receiver.answering = answering
        known = (await member.publish(text_view()))["view"]["hash"]
        view = self.view(f"{receiver.url}/a.png")
        answers = await asyncio.gather(*(member.publish(view, hash=known) for _ in range(3)))
        assert sorted(answer.get("error", "ok") for answer in answers) == ["hash_conflict", "hash_conflict", "ok"]

    async def test_nobody_listens(self, member: Target):
        refused = await member.publish(self.view("http://127.0.0.1:1/a.png"))
        assert "downloading image failed" in refused["response_metadata"]["messages"][1]

    async def test_a_slow_picture_is_given_up(self, receiver: Receiver):
        async def answering(_received):
            await asyncio.sleep(1)
            return Response(picture())

        receiver.answering = answering
        async with (
            Simulator(APP, rules=Rules(image_timeout=0.1), rng=random.Random(7)) as sim,
            httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client,
        ):
            refused = await member_of(sim, client).publish(self.view(f"{receiver.url}/a"))
        assert refused["error"] == "invalid_arguments"

    async def test_endless_redirects_are_given_up(self, receiver: Receiver, member: Target):
        async def answering(received):
            return RedirectResponse(f"{receiver.url}{received.path}x")

        receiver.answering = answering
        assert (await member.publish(self.view(f"{receiver.url}/a")))["error"] == "invalid_arguments"

    async def test_pictures_can_be_made_unreachable(self, sim, member: Target):
        profile = (await member.set_photo(picture()))["profile"]
        assert (await member.publish(self.view(profile["image_512"])))["ok"]
        await member.client.post("/ui/api/trouble/images_unreachable", json={"on": True})
        assert (await member.publish(self.view(profile["image_512"])))["error"] == "invalid_arguments"
        assert (await member.publish(text_view()))["ok"]

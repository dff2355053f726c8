"""Home tabs: publishing them, opening them, and what their readers selected.

A select keeps what its reader chose across views.publish unless its block_id changes
(https://github.com/slackapi/bolt-python/issues/629).
"""

import asyncio
import time
from typing import Any

import aiohttp
import msgspec

from slack_simulator.delivery import SENDER
from slack_simulator.errors import SlackError, invalid_arguments
from slack_simulator.ids import ALNUM
from slack_simulator.lifecycle import send
from slack_simulator.photos import decodable
from slack_simulator.shown import show_home, show_member
from slack_simulator.slack import Slack
from slack_simulator.state import Home, Installation
from slack_simulator.views import MAX_VIEW_BYTES, controls, image_urls, view_errors

MAX_IMAGE = 10_000_000
"""Bytes of a picture that are fetched before it is given up."""


def checked_view(raw: Any, *, kind: str) -> dict[str, Any]:
    """A view from the arguments of a call: an object, or a string that holds one. Raises SlackError."""
    view = raw
    if isinstance(raw, str):
        try:
            view = msgspec.json.decode(raw)
        except msgspec.DecodeError as error:
            raise invalid_arguments("[ERROR] must be a valid JSON object [json-pointer:/view]") from error
    if len(msgspec.json.encode(view)) > MAX_VIEW_BYTES:
        raise SlackError("view_too_large")
    errors = view_errors(view, kind=kind)
    if errors:
        raise invalid_arguments("[ERROR] failed to match all allowed schemas [json-pointer:/view]", *errors)
    checked: dict[str, Any] = view
    return checked


async def publish(
    slack: Slack, installation: Installation, *, team: str, user: str, view: dict[str, Any], expected: str | None
) -> dict[str, Any]:
    """Put `view` into the user's Home tab. `expected` is the hash to compare with, None for none. Raises SlackError."""
    _compare(installation.homes.get(user), expected)
    await fetch_images(slack, team=team, view=view)
    before = installation.homes.get(user)
    _compare(before, expected)
    now = slack.clock.now()
    full = {
        "id": before.view["id"] if before else slack.ids.slack_id("V"),
        "team_id": team,
        "type": "home",
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        **view,
        "blocks": [_with_block_id(slack, block) for block in view["blocks"]],
        "hash": f"{int(slack.timing.wall())}.{slack.ids.hexadecimal(8)}",
        "clear_on_close": False,
        "notify_on_close": False,
        "root_view_id": None,
        "previous_view_id": None,
        "app_id": installation.app_id,
        "app_installed_team_id": installation.workspace_id,
        "bot_id": installation.bot_id,
    }
    full["root_view_id"] = full["id"]
    home = Home(view=full, hash=full["hash"], updated_at=now, chosen=_kept(before, full["blocks"]))
    installation.homes[user] = home
    slack.changed()
    show_home(slack, installation.workspace_id, user)
    show_member(slack, installation.workspace_id, user)
    return {**full, "state": state(home)}


def open_home(slack: Slack, *, app_id: str, team: str, user: str) -> str:
    """The user looks at the Home tab: app_home_opened. Returns the event's id, '' where nobody can look at one."""
    installation = slack.world.serving(app_id, team)
    member = slack.world.member(team, user)
    if installation is None or installation.bot is None or member is None or member.deactivated:
        return ""
    event: dict[str, object] = {
        "type": "app_home_opened",
        "user": user,
        "channel": "D" + user[1:],
        "event_ts": f"{slack.timing.wall():.6f}".replace(".", ""),
        "tab": "home",
    }
    home = installation.homes.get(user)
    if home is not None:
        event["view"] = {**home.view, "state": state(home)}
    return send(slack, installation, event, team=team)


def choose(installation: Installation, *, user: str, block_id: str, action_id: str, chosen: dict[str, Any]) -> None:
    """Remember what the user selected in an element of the Home tab."""
    home = installation.homes[user]
    selected = {**home.chosen, block_id: {**home.chosen.get(block_id, {}), action_id: chosen}}
    installation.homes[user] = msgspec.structs.replace(home, chosen=selected)


def state(home: Home) -> dict[str, Any]:
    """`state.values` of the view: what each select holds, chosen by the reader or set by the app."""
    values: dict[str, dict[str, Any]] = {}
    for block_id, element in controls(home.view["blocks"]):
        held = _initial(element)
        if held is not None:
            chosen = home.chosen.get(block_id, {}).get(element["action_id"])
            values.setdefault(block_id, {})[element["action_id"]] = chosen or held
    return {"values": values}


async def fetch_images(slack: Slack, *, team: str, view: dict[str, Any]) -> None:
    """Download every picture that `view` shows, as Slack does before it takes a view. Raises SlackError."""
    places = [*image_urls(view)]
    if not places:
        return
    urls = dict.fromkeys(url for _, url in places)
    problems = dict(zip(urls, await asyncio.gather(*(_problem(slack, team, url) for url in urls)), strict=True))
    errors = [f"[ERROR] {problems[url]} [json-pointer:{pointer}]" for pointer, url in places if problems[url]]
    if errors:
        raise invalid_arguments("[ERROR] failed to match all allowed schemas [json-pointer:/view]", *errors)


async def _problem(slack: Slack, team: str, url: str) -> str:
    if slack.trouble.any(team, "images_unreachable"):
        slack.note("image", team=team, method="GET", error="unreachable", detail=url)
        return "downloading image failed"
    if slack.rules.cache_images and url in slack.fetched:
        return ""
    started = time.perf_counter()
    status, problem = await _fetch(slack, url)
    slack.note(
        "image",
        team=team,
        method="GET",
        status=status,
        error=problem,
        ms=(time.perf_counter() - started) * 1000,
        detail=url,
    )
    if slack.rules.cache_images and not problem:
        slack.fetched.add(url)
    return problem


async def _fetch(slack: Slack, url: str) -> tuple[int, str]:
    try:
        async with (
            asyncio.timeout(slack.rules.image_timeout),
            slack.session.get(url, headers=SENDER, max_redirects=2) as response,
        ):
            if response.status != 200:  # noqa: PLR2004
                return response.status, "downloading image failed"
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > MAX_IMAGE:
                    return response.status, "downloading image failed"
    except (TimeoutError, aiohttp.ClientError, ValueError):
        return 0, "downloading image failed"
    return (response.status, "") if decodable(bytes(content)) else (response.status, "image format not supported")


def _compare(home: Home | None, expected: str | None) -> None:
    if expected is not None and (home is None or home.hash != expected):
        raise SlackError("hash_conflict")


def _with_block_id(slack: Slack, block: dict[str, Any]) -> dict[str, Any]:
    return block if "block_id" in block else {**block, "block_id": slack.ids.text(ALNUM, 5)}


def _kept(before: Home | None, blocks: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    if before is None:
        return {}
    present = {(block_id, element["action_id"]) for block_id, element in controls(blocks)}
    kept: dict[str, dict[str, Any]] = {}
    for block_id, actions in before.chosen.items():
        for action_id, chosen in actions.items():
            if (block_id, action_id) in present:
                kept.setdefault(block_id, {})[action_id] = chosen
    return kept


SELECTED = {
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "multi_static_select": ("selected_options", "initial_options"),
    "checkboxes": ("selected_options", "initial_options"),
    "timepicker": ("selected_time", "initial_time"),
    "datepicker": ("selected_date", "initial_date"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "users_select": ("selected_user", "initial_user"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "plain_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
}
"""By element type: the field that says what is selected, and the field with which the app sets it."""


def _initial(element: dict[str, Any]) -> dict[str, Any] | None:
    fields = SELECTED.get(element["type"])
    if fields is None:
        return None
    selected, initial = fields
    empty: Any = [] if selected == "selected_options" else None
    return {"type": element["type"], selected: element.get(initial, empty)}

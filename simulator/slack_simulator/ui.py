"""The JSON API of the simulator's own page, under /ui/api/."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from slack_simulator import app_settings, homes, interactions, mischief, people, seeds, shown
from slack_simulator.delivery import Answer
from slack_simulator.errors import SlackError
from slack_simulator.interactions import NothingThere
from slack_simulator.pages import SIGNED_IN
from slack_simulator.slack import Slack
from slack_simulator.state import Member

Asked = dict[str, Any]
SetSpeed = Callable[[float], Awaitable[None]]


async def state(slack: Slack, _request: Request) -> Response:
    """GET state: everything that the page shows."""
    return JSONResponse(shown.everything(slack))


async def home(slack: Slack, request: Request) -> Response:
    """GET home: a member's Home tab as it was published, and what is selected in it."""
    team, user = request.query_params.get("team", ""), request.query_params.get("user", "")
    found = slack.world.serving(slack.app.app_id, team) if team in slack.world.workspaces else None
    tab = found.homes.get(user) if found else None
    if tab is None:
        return JSONResponse({"view": None, "hash": None, "updated_at": None, "state": {"values": {}}})
    return JSONResponse({"view": tab.view, "hash": tab.hash, "updated_at": tab.updated_at, "state": homes.state(tab)})


async def log(slack: Slack, request: Request) -> Response:
    """GET log: the entries later than `after`."""
    after = request.query_params.get("after", "0")
    entries = slack.journal.after(int(after) if after.isdecimal() else 0)
    return JSONResponse({"entries": msgspec.to_builtins(entries)})


async def stream(slack: Slack, _request: Request) -> Response:
    """GET stream: Server-Sent Events."""
    return StreamingResponse(slack.feed.frames(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def open_home(slack: Slack, asked: Asked) -> Asked:
    """POST open_home: the member looks at the Home tab."""
    team, member = _member(slack, asked)
    return {"event_id": homes.open_home(slack, app_id=slack.app.app_id, team=team, user=member.id)}


async def action(slack: Slack, asked: Asked) -> Asked:
    """POST action: the member uses a control."""
    team, member = _member(slack, asked)
    return _answered(await interactions.act(slack, team=team, user=member.id, action=asked))


async def command(slack: Slack, asked: Asked) -> Asked:
    """POST command: the member types a slash command; later than 3 s is Slack's operation_timeout."""
    team, member = _member(slack, asked)
    answer = await interactions.command(
        slack,
        team=team,
        user=member.id,
        command=str(asked.get("command", "")),
        text=str(asked.get("text", "")),
    )
    answered = _answered(answer)
    if answer.reason == "http_timeout":
        answered["error"] = "operation_timeout"
    return {**answered, "body": answer.body.decode("utf-8", "replace")}


async def photo(slack: Slack, asked: Asked) -> Asked:
    """POST photo: the member changes the own photo by hand, with one drawn by chance or uploaded as base64."""
    team, member = _member(slack, asked)
    kind = asked.get("kind")
    if kind == "reset":
        people.delete_photo(slack, team=team, member=member)
    elif kind == "upload" and asked.get("image"):
        people.set_photo(slack, team=team, member=member, content=msgspec.convert(asked["image"], bytes))
    elif kind in {"upload", "random"}:
        people.set_photo(slack, team=team, member=member, content=seeds.portrait(slack))
    else:
        raise NothingThere("kind must be upload, random or reset")
    return {}


async def enterprise(slack: Slack, asked: Asked) -> Asked:
    """POST enterprise: found an organisation, and take teams into it."""
    name = str(asked.get("name") or "Harbour Group")
    return {"id": people.found_enterprise(slack, name=name, teams=[str(t) for t in asked.get("teams", [])])}


async def workspace(slack: Slack, asked: Asked) -> Asked:
    """POST workspace: found one more, with one person in it."""
    team = people.found_team(slack, name=str(asked.get("name") or "Tidewater Press"))
    member = people.join(slack, team=team.id, name="noor", real_name="Noor Haddad", title="Editor")
    shown.show_workspace(slack, team.id)
    return {"id": team.id, "user": member.id}


async def install(slack: Slack, asked: Asked) -> Asked:
    """POST install: the member installs the app from its settings at Slack, and sees its bot token there.

    This is the one answer of the page's API with a token in it: the token is what is asked for.
    """
    team, member = _member(slack, asked)
    return {"bot_token": app_settings.install_to_workspace(slack, team=team, user=member.id)}


POSTS: dict[str, Callable[[Slack, Asked], Awaitable[Asked]]] = {
    "open_home": open_home,
    "action": action,
    "command": command,
    "photo": photo,
    "enterprise": enterprise,
    "workspace": workspace,
    "install": install,
}


async def post(slack: Slack, request: Request, *, set_speed: SetSpeed) -> Response:
    """Answer POST /ui/api/<name> and /ui/api/trouble/<name>."""
    name = request.path_params["name"]
    try:
        asked = msgspec.json.decode(await request.body() or b"{}", type=dict[str, Any])
        if name == "signin":
            return _sign_in(slack, asked)
        return JSONResponse({"ok": True, **await _done(slack, name, asked, set_speed=set_speed)})
    except (KeyError, NothingThere) as error:
        said = str(error) if isinstance(error, NothingThere) else f"there is no {name} here"
        return JSONResponse({"error": said}, 404)
    except SlackError as error:
        return JSONResponse({"error": error.code}, 409)
    except (ValueError, TypeError) as error:
        return JSONResponse({"error": str(error)}, 400)


async def _done(slack: Slack, name: str, asked: Asked, *, set_speed: SetSpeed) -> Asked:
    if name == "clock":
        await set_speed(float(asked.get("speed", 1)))
        return {**shown.clock(slack)}
    if name.startswith("trouble/"):
        mischief.make(slack, name.removeprefix("trouble/"), asked)
        return {}
    return await POSTS[name](slack, asked)


def _sign_in(slack: Slack, asked: Asked) -> Response:
    team, member = _member(slack, asked)
    response = JSONResponse({"ok": True})
    response.set_cookie(SIGNED_IN, f"{team}.{member.id}", path="/")
    return response


def _member(slack: Slack, asked: Asked) -> tuple[str, Member]:
    team, user = str(asked.get("team", "")), str(asked.get("user", ""))
    member = slack.world.member(team, user)
    if member is None:
        raise NothingThere("there is no such member")
    return team, member


def _answered(answer: Answer) -> Asked:
    error = "timeout" if answer.reason == "http_timeout" else answer.reason if not answer.status else ""
    return {"status": answer.status, "error": error, "ms": round(answer.ms, 1)}

"""Clicks, slash commands and response URLs: what a member does, sent to the app as Slack sends it.

https://docs.slack.dev/interactivity/handling-user-interaction: signed, 3 s to answer, never repeated. A click in a Home
tab has a trigger_id and no response_url; a command has both.
"""

from typing import Any
from urllib.parse import urlencode

import msgspec

from slack_simulator import homes
from slack_simulator.delivery import FORM, Answer
from slack_simulator.journal import Kind
from slack_simulator.slack import ResponseUrl, Slack, Trigger
from slack_simulator.state import Installation, Member
from slack_simulator.views import controls

REMEMBERED = 600.0
"""Real seconds for which an expired trigger_id is still told apart from one that never was."""


class NothingThere(Exception):
    """There is no such member, Home tab or control."""


def new_trigger(slack: Slack, installation: Installation, *, team: str, user: str) -> str:
    """A trigger_id, good for one views.open within 3 s."""
    trigger = f"{slack.ids.digits(12)}.{slack.ids.digits(11)}.{slack.ids.hexadecimal(32)}"
    wall = slack.timing.wall()
    _forget_expired(slack.triggers, wall - REMEMBERED)
    slack.triggers[trigger] = Trigger(
        app_id=installation.app_id, team=team, user=user, expires_at=wall + slack.rules.trigger_life
    )
    return trigger


def new_response_url(slack: Slack, *, team: str, user: str) -> str:
    """An address that takes up to five answers within half an hour."""
    _forget_expired(slack.response_urls, slack.timing.wall())
    path = f"{team}/{slack.ids.digits(12)}/{slack.ids.text('abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789', 24)}"
    slack.response_urls[path] = ResponseUrl(
        team=team,
        user=user,
        left=slack.rules.response_url_uses,
        expires_at=slack.timing.wall() + slack.rules.response_url_life,
    )
    return f"{slack.base_url}/hooks/commands/{path}"


async def act(slack: Slack, *, team: str, user: str, action: dict[str, Any], app_id: str = "") -> Answer:
    """The member uses a control of the Home tab. `action` holds block_id, action_id and what was chosen.

    Raises NothingThere.
    """
    app_id = app_id or slack.app.app_id
    installation, member = _present(slack, app_id, team, user)
    home = installation.homes.get(user)
    if home is None:
        raise NothingThere("this member has no Home tab")
    block_id, action_id = str(action.get("block_id", "")), str(action.get("action_id", ""))
    element = next((e for b, e in controls(home.view["blocks"]) if (b, e["action_id"]) == (block_id, action_id)), None)
    if element is None:
        raise NothingThere("there is no such control in the Home tab")
    kind = element["type"]
    sent: dict[str, Any] = {
        "type": kind,
        "block_id": block_id,
        "action_id": action_id,
        "action_ts": f"{slack.timing.wall():.6f}",
    }
    if kind == "button":
        sent |= {name: element[name] for name in ("text", "value", "style") if name in element}
    elif kind == "overflow":
        sent["selected_option"] = action.get("selected_option")
    else:
        selected = homes.SELECTED[kind][0]
        sent[selected] = action.get(selected)
        held = {"type": kind, selected: action.get(selected)}
        homes.choose(installation, user=user, block_id=block_id, action_id=action_id, chosen=held)
    if "placeholder" in element:
        sent["placeholder"] = element["placeholder"]
    return await send_actions(slack, installation, team=team, member=member, actions=[sent])


async def send_actions(
    slack: Slack, installation: Installation, *, team: str, member: Member, actions: list[dict[str, Any]]
) -> Answer:
    """Send a block_actions payload for the member's Home tab with exactly these actions."""
    app = slack.app_of(installation)
    workspace = slack.world.workspaces[team]
    home = installation.homes[member.id]
    org = installation.is_enterprise_install
    enterprise = slack.world.workspaces.get(workspace.enterprise_id or "")
    payload = {
        "type": "block_actions",
        "user": {"id": member.id, "username": member.name, "name": member.name, "team_id": team},
        "api_app_id": app.app_id,
        "token": app.verification_token,
        "container": {"type": "view", "view_id": home.view["id"]},
        "trigger_id": new_trigger(slack, installation, team=team, user=member.id),
        "team": None if org else {"id": team, "domain": workspace.domain},
        "enterprise": {"id": enterprise.id, "name": enterprise.name} if enterprise else None,
        "is_enterprise_install": org,
        "view": {**home.view, "state": homes.state(home)},
        "actions": actions,
    }
    body = urlencode({"payload": msgspec.json.encode(payload).decode()}).encode()
    answer = await slack.delivery.post(app, url=app.interactions_url, body=body, media_type=FORM)
    method = str(actions[0].get("action_id", "")) if actions else ""
    _note(slack, "interaction", answer, team=team, user=member.id, method=method)
    return answer


async def command(slack: Slack, *, team: str, user: str, command: str, text: str, app_id: str = "") -> Answer:
    """The member types a slash command. An answer later than 3 s shows operation_timeout. Raises NothingThere."""
    installation, member = _present(slack, app_id or slack.app.app_id, team, user)
    app = slack.app_of(installation)
    workspace = slack.world.workspaces[team]
    enterprise = slack.world.workspaces.get(workspace.enterprise_id or "")
    fields = {
        "token": app.verification_token,
        "team_id": team,
        "team_domain": workspace.domain,
        **({"enterprise_id": enterprise.id, "enterprise_name": enterprise.name} if enterprise else {}),
        "channel_id": "D" + user[1:],
        "channel_name": "directmessage",
        "user_id": user,
        "user_name": member.name,
        "command": command,
        "text": text,
        "api_app_id": app.app_id,
        "is_enterprise_install": "true" if installation.is_enterprise_install else "false",
        "response_url": new_response_url(slack, team=team, user=user),
        "trigger_id": new_trigger(slack, installation, team=team, user=user),
    }
    answer = await slack.delivery.post(app, url=app.commands_url, body=urlencode(fields).encode(), media_type=FORM)
    _note(slack, "command", answer, team=team, user=user, method=f"{command} {text}".strip())
    if answer.ok:
        show_message(slack, team=team, user=user, message=_message(answer))
    return answer


def respond(slack: Slack, *, path: str, message: dict[str, Any]) -> str:
    """Use a response_url. Returns '' or the error that Slack answers."""
    known = slack.response_urls.get(path)
    if known is None or known.expires_at <= slack.timing.wall():
        return "expired_url"
    if known.left <= 0:
        return "used_url"
    known.left -= 1
    show_message(slack, team=known.team, user=known.user, message=message)
    return ""


def show_message(slack: Slack, *, team: str, user: str, message: dict[str, Any], private: bool = True) -> None:
    """Let the page show what the app told this member; what is not `private` is a direct message, and stays."""
    if message.get("text") or message.get("blocks"):
        said = {"text": message.get("text", ""), "blocks": message.get("blocks", [])}
        shown = {"team": team, "user": user, "private": private, **said}
        slack.messages.append(shown)
        slack.feed.send("message", shown)


def _message(answer: Answer) -> dict[str, Any]:
    if answer.media_type == "application/json":
        try:
            decoded = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            return {}
        return decoded if isinstance(decoded, dict) else {}
    return {"text": answer.body.decode("utf-8", "replace")}


def _forget_expired(kept: dict[str, Any], before: float) -> None:
    while kept and kept[oldest := next(iter(kept))].expires_at < before:
        del kept[oldest]


def _present(slack: Slack, app_id: str, team: str, user: str) -> tuple[Installation, Member]:
    installation = slack.world.serving(app_id, team) if team in slack.world.workspaces else None
    member = slack.world.member(team, user)
    if member is None or member.deactivated:
        raise NothingThere("there is no such member, or the account is deactivated")
    if installation is None:
        raise NothingThere("the app is not installed there")
    return installation, member


def _note(slack: Slack, kind: Kind, answer: Answer, *, team: str, user: str, method: str) -> None:
    slack.note(kind, team=team, user=user, method=method, status=answer.status, error=answer.reason, ms=answer.ms)

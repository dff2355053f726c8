"""auth.*, apps.uninstall, api.test, and one kind of message."""

import hmac
from typing import Any

from slack_simulator import lifecycle
from slack_simulator.errors import SlackError
from slack_simulator.interactions import show_message
from slack_simulator.webapi.methods import Call, Result

PAGE = 1_000


async def test(call: Call) -> Result:
    """Who the token is."""
    slack, caller = call.slack, call.caller
    workspace = slack.world.workspaces[caller.team]
    bot = caller.record.kind == "bot"
    org = caller.installation.is_enterprise_install
    expires = caller.record.expires_at
    member = None if bot else slack.world.member(caller.team, caller.user)
    return {
        "url": f"https://{workspace.domain}.slack.com/",
        "team": workspace.name,
        "user": call.app.name.lower() if member is None else member.name,
        "team_id": workspace.id,
        "user_id": caller.user,
        **({"bot_id": caller.installation.bot_id} if bot else {}),
        **({"enterprise_id": workspace.home} if org or workspace.enterprise_id else {}),
        "is_enterprise_install": org,
        **({"expires_in": int(expires - slack.clock.now())} if expires is not None else {}),
    }


async def revoke(call: Call) -> Result:
    """Revoke the token. Without rotation its whole authorisation goes; with it, only this token and without events."""
    if call.text("test") in {"1", "true"}:
        return {"revoked": False}
    if call.app.token_rotation:
        call.slack.tokens.kill(call.caller.token)
        call.slack.changed()
    elif call.caller.record.kind == "bot":
        lifecycle.revoke_bot(call.slack, call.caller.installation)
    else:
        lifecycle.revoke_user(call.slack, call.caller.installation, call.caller.user)
    return {"revoked": True}


async def teams_list(call: Call) -> Result:
    """The teams in which an organisation's installation may act."""
    limit, cursor = call.text("limit") or "100", call.text("cursor") or "0"
    if not limit.isdecimal() or not 1 <= int(limit) <= PAGE:
        raise SlackError("invalid_limit")
    teams = [*call.caller.installation.teams] or [call.caller.team]
    if not cursor.isdecimal() or int(cursor) > len(teams):
        raise SlackError("invalid_cursor")
    first, last = int(cursor), int(cursor) + int(limit)
    names = call.slack.world.workspaces
    return {
        "teams": [{"id": team, "name": names[team].name} for team in teams[first:last]],
        "response_metadata": {"next_cursor": str(last) if last < len(teams) else ""},
    }


async def uninstall(call: Call) -> Result:
    """Remove the app from the workspace. A bot with granular scopes may not."""
    if call.text("client_id") != call.app.client_id:
        raise SlackError("invalid_client_id")
    if not hmac.compare_digest(call.text("client_secret").encode(), call.app.client_secret.encode()):
        raise SlackError("bad_client_secret")
    if call.caller.record.kind == "bot":
        raise SlackError("no_permission")
    lifecycle.uninstall(call.slack, call.caller.installation)
    return {}


async def api_test(call: Call) -> Result:
    """Echo."""
    return {"args": call.arguments.values}


async def post_message(call: Call) -> Result:
    """A direct message from the app: `channel` is a user, or a conversation with one."""
    channel = call.text("channel")
    user = "U" + channel[1:] if channel.startswith("D") else channel
    if call.slack.world.member(call.caller.team, user) is None:
        user = "W" + user[1:]
    if call.slack.world.member(call.caller.team, user) is None:
        raise SlackError("channel_not_found")
    text, blocks = call.text("text"), call.arguments.values.get("blocks")
    if not text and not blocks:
        raise SlackError("no_text")
    message: dict[str, Any] = {"text": text, "blocks": blocks if isinstance(blocks, list) else []}
    show_message(call.slack, team=call.caller.team, user=user, message=message, private=False)
    stamp = f"{call.slack.timing.wall():.6f}"
    return {"channel": "D" + user[1:], "ts": stamp, "message": {"type": "message", "text": text, "ts": stamp}}

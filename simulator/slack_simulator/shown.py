"""What the simulator's own page is told about workspaces and people. Never a token."""

from typing import Any

import msgspec

from slack_simulator.slack import Slack
from slack_simulator.state import Member, Workspace
from slack_simulator.trouble import EVERYWHERE
from slack_simulator.webapi.tiers import tier_of


def everything(slack: Slack) -> dict[str, Any]:
    """The whole state, as GET /ui/api/state answers."""
    app = slack.app
    return {
        "clock": clock(slack),
        "app": {
            "id": app.app_id,
            "name": app.name,
            "install_url": app.install_url,
            "events_disabled": slack.delivery.disabled(app.app_id),
        },
        "workspaces": [
            {**workspace(slack, ws), "members": [member(slack, ws, m) for m in slack.world.members(ws.id)]}
            for ws in slack.world.workspaces.values()
        ],
        "trouble": msgspec.to_builtins(slack.trouble.shown(EVERYWHERE)),
    }


def clock(slack: Slack) -> dict[str, float]:
    """What time it is on the schedule's clock, and how fast that runs."""
    return {"now": slack.clock.now(), "speed": slack.clock.span(1.0)}


def workspace(slack: Slack, ws: Workspace) -> dict[str, Any]:
    """A team or organisation, without its people."""
    installation = slack.world.serving(slack.app.app_id, ws.id)
    key = installation.workspace_id if installation else ws.id
    return {
        "id": ws.id,
        "name": ws.name,
        "kind": ws.kind,
        "enterprise_id": ws.enterprise_id,
        "installed": installation is not None and installation.bot is not None,
        "installed_by": key if installation else None,
        "migrating_to": ws.migrating_to,
        "rate": slack.limiter.used(key, now=slack.clock.now(), tier=tier_of),
        "trouble": msgspec.to_builtins(slack.trouble.shown(ws.id)),
    }


def member(slack: Slack, ws: Workspace, person: Member) -> dict[str, Any]:
    """One person of `ws`, with photo, connection and Home tab."""
    profile = slack.profile(person)
    installation = slack.world.serving(slack.app.app_id, ws.id)
    home = installation.homes.get(person.id) if installation else None
    state = token_state(slack, ws, person)
    return {
        "id": person.id,
        "name": person.name,
        "real_name": person.real_name,
        "title": person.title,
        "tz": person.tz,
        "avatar": {
            "url_72": profile["image_72"],
            "url_512": profile["image_512"],
            "hash": profile["avatar_hash"],
            "custom": person.photo is not None,
        },
        "connected": state == "active",
        "token_state": state,
        "deactivated": person.deactivated,
        "home": {"hash": home.hash, "updated_at": home.updated_at} if home else None,
    }


def token_state(slack: Slack, ws: Workspace, person: Member) -> str:
    """`none`, `active` or `expired` (the app may still refresh it)."""
    installation = slack.world.serving(slack.app.app_id, ws.id)
    grant = installation.users.get(person.id) if installation else None
    if grant is None:
        return "none"
    return "active" if any(True for _ in slack.tokens.alive(grant)) else "expired"


def show_member(slack: Slack, team: str, user: str) -> None:
    """Let open pages draw this member anew."""
    person = slack.world.member(team, user)
    if slack.feed.watched and person is not None:
        ws = slack.world.workspaces[team]
        slack.feed.send("state", {"workspace": workspace(slack, ws), "member": member(slack, ws, person)})


def show_workspace(slack: Slack, team: str) -> None:
    """Let open pages draw this workspace and its people anew."""
    if slack.feed.watched:
        ws = slack.world.workspaces[team]
        people = [member(slack, ws, m) for m in slack.world.members(team)]
        slack.feed.send("state", {"workspace": {**workspace(slack, ws), "members": people}})


def show_trouble(slack: Slack) -> None:
    """Let open pages show which switches hold everywhere."""
    slack.feed.send("state", {"trouble": msgspec.to_builtins(slack.trouble.shown(EVERYWHERE))})


def show_home(slack: Slack, team: str, user: str) -> None:
    """Let open pages draw this member's Home tab anew."""
    installation = slack.world.installation(slack.app.app_id, team)
    home = installation.homes.get(user) if installation else None
    for place in (team, *(installation.teams if installation else ())):
        slack.feed.send("home", {"team": place, "user": user, "hash": home.hash if home else None})

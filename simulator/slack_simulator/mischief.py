"""The buttons that make trouble: POST /ui/api/trouble/<name>."""

from collections.abc import Callable
from typing import Any

from slack_simulator import lifecycle
from slack_simulator.interactions import NothingThere
from slack_simulator.shown import show_trouble, show_workspace
from slack_simulator.slack import Slack
from slack_simulator.state import Installation, Member
from slack_simulator.trouble import EVERYWHERE, Switches

FOREVER = -1
FLAGS = (
    "images_unreachable",
    "deliver_twice",
    "out_of_order",
    "lock_photos",
    "no_profile",
    "home_tab_off",
    "blank_state",
    "bare_denial",
)
COUNTED = ("answer_500", "ratelimited_200")

Asked = dict[str, Any]


def make(slack: Slack, name: str, asked: Asked) -> None:
    """Make the trouble `name`. Raises KeyError for an unknown one, NothingThere, ValueError."""
    team, user = str(asked.get("team") or ""), str(asked.get("user") or "")
    if name in FLAGS:
        setattr(_switches(slack, team), name, bool(asked.get("on", True)))
    elif name in COUNTED:
        setattr(_switches(slack, team), name, _count(asked))
    else:
        ACTIONS[name](slack, asked)
    slack.note("trouble", team=team, user=user, method=name, detail=_described(asked))
    if team:
        show_workspace(slack, team)
    else:
        show_trouble(slack)


def _switches(slack: Slack, team: str) -> Switches:
    if team and team not in slack.world.workspaces:
        raise NothingThere("there is no such workspace")
    return slack.trouble.of(team or EVERYWHERE)


def _count(asked: Asked) -> int:
    if "count" in asked:
        return int(asked["count"])
    return FOREVER if asked.get("on", True) else 0


def _member(slack: Slack, asked: Asked) -> Member:
    member = slack.world.member(str(asked.get("team")), str(asked.get("user")))
    if member is None:
        raise NothingThere("there is no such member")
    return member


def _installation(slack: Slack, asked: Asked) -> Installation:
    team = str(asked.get("team"))
    found = slack.world.serving(slack.app.app_id, team) if team in slack.world.workspaces else None
    if found is None:
        raise NothingThere("the app is not installed there")
    return found


def _revoke_token(slack: Slack, asked: Asked) -> None:
    if not lifecycle.revoke_user(slack, _installation(slack, asked), str(asked.get("user"))):
        raise NothingThere("this member has not connected")


def _revoke_bot(slack: Slack, asked: Asked) -> None:
    if not lifecycle.revoke_bot(slack, _installation(slack, asked)):
        raise NothingThere("there is no bot token")


def _deactivate(slack: Slack, asked: Asked) -> None:
    lifecycle.deactivate(slack, team=str(asked["team"]), member=_member(slack, asked))


def _reactivate(slack: Slack, asked: Asked) -> None:
    lifecycle.reactivate(slack, team=str(asked["team"]), member=_member(slack, asked))


def _uninstall(slack: Slack, asked: Asked) -> None:
    lifecycle.uninstall(slack, _installation(slack, asked))


def _rate_limit(slack: Slack, asked: Asked) -> None:
    seconds = float(asked.get("seconds", 60))
    installation = _installation(slack, asked)
    slack.limiter.close(
        team=installation.workspace_id, method=str(asked.get("method") or "*"), until=slack.clock.now() + seconds
    )


def _slow(slack: Slack, asked: Asked) -> None:
    _switches(slack, str(asked.get("team") or "")).slow = float(asked.get("seconds", 0))


def _cut(slack: Slack, asked: Asked) -> None:
    switches = _switches(slack, str(asked.get("team") or ""))
    when = asked.get("when", "before")
    if when not in {"before", "after"}:
        raise ValueError("when must be before or after")
    switches.cut = when if asked.get("on", True) else ""
    switches.cut_count = int(asked.get("count", FOREVER))


def _team_access(slack: Slack, asked: Asked) -> None:
    team = str(asked.get("team"))
    enterprise = slack.world.workspaces[team].enterprise_id
    installation = slack.world.installation(slack.app.app_id, enterprise or "")
    if installation is None:
        raise NothingThere("the app is not installed in the organisation")
    lifecycle.set_team_access(slack, installation, team=team, on=bool(asked.get("on", True)))


def _migrate(slack: Slack, asked: Asked) -> None:
    team, enterprise = str(asked.get("team")), str(asked.get("enterprise"))
    if team not in slack.world.workspaces or enterprise not in slack.world.workspaces:
        raise NothingThere("there is no such workspace")
    lifecycle.start_migration(slack, team=team, enterprise=enterprise)


def _finish_migration(slack: Slack, asked: Asked) -> None:
    lifecycle.finish_migration(slack, team=str(asked.get("team")))


def _enable_events(slack: Slack, _asked: Asked) -> None:
    slack.delivery.enable(slack.app.app_id)


def _clear(slack: Slack, _asked: Asked) -> None:
    slack.trouble.clear()
    slack.limiter.open()
    show_trouble(slack)
    for team in slack.world.workspaces:
        show_workspace(slack, team)


def _described(asked: Asked) -> str:
    return " ".join(f"{key}={value}" for key, value in asked.items() if key not in {"team", "user"})


ACTIONS: dict[str, Callable[[Slack, Asked], None]] = {
    "revoke_token": _revoke_token,
    "revoke_bot": _revoke_bot,
    "deactivate_member": _deactivate,
    "reactivate_member": _reactivate,
    "uninstall": _uninstall,
    "rate_limit": _rate_limit,
    "slow": _slow,
    "cut_connections": _cut,
    "team_access": _team_access,
    "migrate": _migrate,
    "finish_migration": _finish_migration,
    "enable_events": _enable_events,
    "clear": _clear,
}

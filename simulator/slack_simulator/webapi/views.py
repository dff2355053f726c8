"""Home tabs and modals: https://docs.slack.dev/reference/methods/views.publish and its neighbours."""

from slack_simulator import homes
from slack_simulator.errors import SlackError, invalid_arguments
from slack_simulator.ids import ALNUM
from slack_simulator.webapi.methods import Call, Result


async def publish(call: Call) -> Result:
    """A member's Home tab, compared with `hash` where one is given, an empty one too."""
    user = call.text("user_id")
    if not user:
        raise invalid_arguments("[ERROR] missing required field: user_id")
    if "view" not in call.arguments.values:
        raise invalid_arguments("[ERROR] missing required field: view")
    if not call.app.home_tab or call.slack.trouble.any(call.caller.team, "home_tab_off"):
        raise SlackError("not_enabled")
    if call.slack.world.member(call.caller.team, user) is None:
        raise invalid_arguments("invalid `user_id`")
    _check_team_access(call, user)
    view = homes.checked_view(call.arguments.values["view"], kind="home")
    _check_external_id(call, user, view.get("external_id", ""))
    expected = call.arguments.values.get("hash")
    published = await homes.publish(
        call.slack,
        call.caller.installation,
        team=call.caller.team,
        user=user,
        view=view,
        expected=None if expected is None else str(expected),
    )
    return {"view": published}


async def open_modal(call: Call) -> Result:
    """A modal, for a click that is at most 3 s old and was not used yet."""
    trigger_id = call.text("trigger_id")
    slack = call.slack
    if trigger_id in slack.spent_triggers:
        raise SlackError("exchanged_trigger_id")
    trigger = slack.triggers.get(trigger_id)
    if trigger is None or trigger.app_id != call.app.app_id:
        raise SlackError("invalid_trigger_id")
    if trigger.expires_at <= slack.timing.wall():
        raise SlackError("expired_trigger_id")
    view = homes.checked_view(call.arguments.values.get("view"), kind="modal")
    slack.spent_triggers.add(trigger_id)
    blocks = [b if "block_id" in b else {**b, "block_id": slack.ids.text(ALNUM, 5)} for b in view["blocks"]]
    return {
        "view": {
            **view,
            "id": slack.ids.slack_id("V"),
            "team_id": trigger.team,
            "blocks": blocks,
            "hash": f"{int(slack.timing.wall())}.{slack.ids.hexadecimal(8)}",
            "state": {"values": {}},
            "app_id": call.app.app_id,
            "bot_id": call.caller.installation.bot_id,
        }
    }


def _check_external_id(call: Call, user: str, external_id: str) -> None:
    others = call.caller.installation.homes.items()
    if external_id and any(home.view["external_id"] == external_id and who != user for who, home in others):
        raise SlackError("duplicate_external_id")


def _check_team_access(call: Call, user: str) -> None:
    installation = call.caller.installation
    workspaces = call.slack.world.workspaces
    if installation.is_enterprise_install and not any(user in workspaces[t].member_ids for t in installation.teams):
        raise SlackError("team_access_not_granted")

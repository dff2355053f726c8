"""What the owner of an app does in its settings at Slack, without any redirect: installing it in a workspace."""

from slack_simulator.errors import SlackError
from slack_simulator.lifecycle import grant
from slack_simulator.shown import show_workspace
from slack_simulator.slack import Slack


def install_to_workspace(slack: Slack, *, team: str, user: str) -> str:
    """Press *Install to Workspace* as `user`, and return the Bot User OAuth Token that the page shows then.

    A bot token stands for the app in a workspace, not for who installed it
    (https://docs.slack.dev/authentication/tokens). Slack shows that person's own user token as well; here nobody's
    photo is given away by it, so that one sees who joins.
    Raises SlackError("cannot_install_an_org_installed_app") in a team that its organisation's installation serves.
    """
    serving = slack.world.serving(slack.app.app_id, team)
    if serving is not None and serving.workspace_id != team:
        raise SlackError("cannot_install_an_org_installed_app")
    installation = grant(slack, slack.app, workspace=team, user=user, bot_scopes=slack.app.bot_scopes)
    assert installation.bot is not None
    issued = slack.tokens.issue(slack.app, installation, installation.bot)
    show_workspace(slack, team)
    return issued.access

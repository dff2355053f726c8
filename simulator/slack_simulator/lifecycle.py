"""Installing, granting, revoking, leaving: what happens to authorisations, and the events that tell apps of it.

tokens_revoked names users, not tokens; its order with app_uninstalled is not guaranteed
(https://docs.slack.dev/reference/events/tokens_revoked).
"""

from collections.abc import Iterable

from slack_simulator.config import AppConfig
from slack_simulator.shown import show_member, show_workspace
from slack_simulator.slack import Slack
from slack_simulator.state import Grant, Installation, Member


def grant(
    slack: Slack,
    app: AppConfig,
    *,
    workspace: str,
    user: str,
    bot_scopes: Iterable[str] = (),
    user_scopes: Iterable[str] = (),
) -> Installation:
    """Record that `user` allowed `app` these scopes in `workspace`; they add to those allowed before."""
    installation = slack.world.installation(app.app_id, workspace)
    now = slack.timing.wall()
    if installation is None:
        target = slack.world.workspaces[workspace]
        installation = Installation(
            app_id=app.app_id,
            workspace_id=workspace,
            is_enterprise_install=target.kind == "org",
            bot_id=slack.ids.slack_id("B"),
            bot_user_id=slack.ids.slack_id("U"),
            installed_at=now,
        )
        slack.world.install(installation)
    if bot_scopes:
        bot = installation.bot
        if bot is None:
            bot = installation.bot = Grant(kind="bot", user_id=installation.bot_user_id, scopes=[], granted_at=now)
        bot.scopes = [*dict.fromkeys([*bot.scopes, *bot_scopes])]
    if user_scopes:
        mine = installation.users.get(user)
        if mine is None:
            mine = installation.users[user] = Grant(kind="user", user_id=user, scopes=[], granted_at=now)
        mine.scopes = [*dict.fromkeys([*mine.scopes, *user_scopes])]
    slack.changed()
    return installation


def revoke_user(slack: Slack, installation: Installation, user: str, *, tell: bool = True) -> bool:
    """The user takes the authorisation back. Returns whether there was one."""
    mine = installation.users.get(user)
    if mine is None:
        return False
    slack.tokens.kill_grant(installation, mine)
    if tell:
        tell_revoked(slack, installation, users=[user], bots=[])
    slack.changed()
    show_member(slack, installation.workspace_id, user)
    return True


def revoke_bot(slack: Slack, installation: Installation, *, tell: bool = True) -> bool:
    """The bot's authorisation ends; the app stays installed. Returns whether there was one."""
    bot = installation.bot
    if bot is None:
        return False
    slack.tokens.kill_grant(installation, bot)
    if tell:
        tell_revoked(slack, installation, users=[], bots=[installation.bot_user_id])
    slack.changed()
    return True


def uninstall(slack: Slack, installation: Installation) -> None:
    """An admin removes the app: every token dies, and both events follow in an order of chance."""
    users = [*installation.users]
    bots = [installation.bot_user_id] if installation.bot else []
    for held in [*installation.grants()]:
        slack.tokens.kill_grant(installation, held, bot_error="account_inactive")
    slack.world.forget_installation(installation)
    slack.changed()
    order = ["tokens_revoked", "app_uninstalled"]
    slack.ids.rng.shuffle(order)
    for name in order:
        if name == "app_uninstalled":
            send(slack, installation, {"type": name})
        else:
            tell_revoked(slack, installation, users=users, bots=bots)
    show_workspace(slack, installation.workspace_id)


def deactivate(slack: Slack, *, team: str, member: Member) -> None:
    """The member's account ends, and with it every user token. There is no event of its own for that."""
    member.deactivated = True
    for installation in [*slack.world.installations.values()]:
        workspace = slack.world.workspaces[installation.workspace_id]
        if workspace.home == slack.world.workspaces[team].home and member.id in workspace.member_ids:
            revoke_user(slack, installation, member.id)
    slack.changed()
    show_member(slack, team, member.id)


def reactivate(slack: Slack, *, team: str, member: Member) -> None:
    """The account works again; tokens do not come back."""
    member.deactivated = False
    slack.changed()
    show_member(slack, team, member.id)


def set_team_access(slack: Slack, installation: Installation, *, team: str, on: bool) -> None:
    """An organisation lets an app into one of its teams, or shuts it out."""
    if on:
        installation.teams[team] = None
    else:
        installation.teams.pop(team, None)
    slack.changed()
    send(slack, installation, {"type": "team_access_granted" if on else "team_access_revoked", "team_ids": [team]})
    show_workspace(slack, team)


def start_migration(slack: Slack, *, team: str, enterprise: str) -> None:
    """`team` begins to move into an organisation; its calls get team_added_to_org meanwhile."""
    slack.world.workspaces[team].migrating_to = enterprise
    _tell_migration(slack, team=team, enterprise=enterprise, name="grid_migration_started")


def finish_migration(slack: Slack, *, team: str) -> None:
    """`team` belongs to the organisation now, with its people; its tokens live on."""
    workspace = slack.world.workspaces[team]
    enterprise = workspace.migrating_to
    if enterprise is None:
        return
    people = slack.world.members(team)
    for member in people:
        del slack.world.people[f"{workspace.home}:{member.id}"]
    workspace.enterprise_id, workspace.migrating_to = enterprise, None
    for member in people:
        slack.world.add_member(team, member)
    slack.changed()
    _tell_migration(slack, team=team, enterprise=enterprise, name="grid_migration_finished")
    show_workspace(slack, team)


def tell_profile(slack: Slack, *, team: str, member: Member) -> None:
    """user_profile_changed to every app that may read users there; our own changes cause it too."""
    show_member(slack, team, member.id)
    home = slack.world.workspaces[team].home
    for installation in slack.world.installations.values():
        workspace = slack.world.workspaces[installation.workspace_id]
        if workspace.home != home or member.id not in workspace.member_ids:
            continue
        if installation.bot is None or "users:read" not in installation.bot.scopes:
            continue
        if not slack.delivery.wanted(slack.app_of(installation), "user_profile_changed"):
            continue
        user = slack.user(member, team=workspace.id)
        event = {"type": "user_profile_changed", "user": user, "cache_ts": int(slack.timing.wall())}
        send(slack, installation, event)


def tell_revoked(slack: Slack, installation: Installation, *, users: list[str], bots: list[str]) -> None:
    """tokens_revoked; a key without anybody may be missing."""
    tokens = {key: who for key, who in (("oauth", users), ("bot", bots)) if who}
    if tokens:
        send(slack, installation, {"type": "tokens_revoked", "tokens": tokens})


def send(slack: Slack, installation: Installation, event: dict[str, object], *, team: str | None = None) -> str:
    """Deliver `event` to the app of `installation`, with the envelope that its kind of installation gets.

    Events of an organisation's installation name no team, unless they happened in one: `team`.
    """
    workspace = slack.world.workspaces[installation.workspace_id]
    org = installation.is_enterprise_install
    return slack.delivery.event(
        slack.app_of(installation),
        event,
        team=(None if team == workspace.id else team) if org else workspace.id,
        enterprise=workspace.id if org else workspace.enterprise_id,
        authorized_user=installation.bot_user_id,
        is_enterprise_install=org,
    )


def _tell_migration(slack: Slack, *, team: str, enterprise: str, name: str) -> None:
    slack.changed()
    for installation in slack.world.installations.values():
        if installation.workspace_id == team:
            send(slack, installation, {"type": name, "enterprise_id": enterprise})

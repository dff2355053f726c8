"""`rotavatar teardown`: gives every member their photo back, revokes every token, and forgets everything."""

from typing import Annotated

import typer

from rotavatar_cli import output
from rotavatar_cli.errors import FAULT, MISUSED, CommandError
from rotavatar_cli.session import environment_of, run


def teardown(
    context: typer.Context,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Really do it; there is no way back.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Put every member's own photo back, revoke all tokens, and purge everything that is stored.

    The rotator must run: it does the work, at Slack's pace (about 18 members a minute in each workspace). Stop
    ingress_api first, so that nobody joins meanwhile. Broken off, it goes on when it is started again. Workspaces
    that a SlackTenant declares keep their bot token.
    """
    from rotavatar_cli.ending import count, take_down  # noqa: PLC0415 - half a second that no other command needs

    left = run(count(environment_of(context)))
    told = f"{left.members} members, {left.tokens} of them with a token, in {left.workspaces} workspaces"
    if dry_run:
        output.say(f"Would take down {told}.")
        return
    if not yes:
        raise CommandError(
            f"This ends Rotavatar for {told}, and cannot be undone: repeat it with --yes, or look with --dry-run.",
            code=MISUSED,
        )
    output.say(f"Taking down {told}.")
    if not run(take_down(environment_of(context))):
        raise typer.Exit(FAULT)
    output.say("Nothing is left.")

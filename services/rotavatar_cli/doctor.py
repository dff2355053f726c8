"""`rotavatar doctor`: says whether a configuration works, and what to do where it does not."""

from typing import Annotated

import typer

from rotavatar_cli import output
from rotavatar_cli.errors import FAULT
from rotavatar_cli.output import AsJson
from rotavatar_cli.session import environment_of, run


def doctor(
    context: typer.Context,
    *,
    outside: Annotated[bool, typer.Option(help="Look at ROTAVATAR_PUBLIC_URL as Slack does.")] = True,
    json: AsJson = False,
) -> None:
    """Check the settings and everything that they name: Redis, keys, photos, avatars, Slack, the public address.

    Changes nothing. Exit code 1 says that something does not work; advice alone does not.
    """
    from rotavatar_cli.examination import examine  # noqa: PLC0415 - half a second that no other command needs

    findings = run(examine(environment_of(context), outside=outside))
    if json:
        output.as_json(findings)
    else:
        for finding in findings:
            output.console().print(f"{output.mark(finding.state)} [bold]{finding.subject:<10}[/]", end=" ")
            output.say(finding.sentence)
    if any(finding.state == "fault" for finding in findings):
        raise typer.Exit(FAULT)

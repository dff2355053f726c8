"""The command `rotavatar`."""

import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from rotavatar import VERSION
from rotavatar.errors import ConfigurationError, RotavatarError
from rotavatar_cli import dead_letters, members, vault_keys, workspaces
from rotavatar_cli.catalogue import AS_IT_IS, catalogue
from rotavatar_cli.dev.command import dev
from rotavatar_cli.doctor import doctor
from rotavatar_cli.errors import DONE, FAULT, MISUSED, CommandError
from rotavatar_cli.manifest import manifest
from rotavatar_cli.session import Environment
from rotavatar_cli.teardown import teardown

INTERRUPTED: Final = 130
WIDTH: Final = 100
"""Columns of a help text where the terminal has as many: longer lines are hard to read."""

HELP: Final = """Rotavatar changes people's Slack profile photos on the schedule that each of them chose.

Commands take the same ROTAVATAR_ settings as the processes; with --dev, those of a `rotavatar dev` in this folder.

Exit codes: 0 done; 1 something is wrong, said in one sentence on standard error; 2 the command line or a setting is
wrong and nothing was done; 130 stopped with Ctrl-C.
"""

app = typer.Typer(
    name="rotavatar",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=HELP,
    context_settings={"max_content_width": WIDTH},
)
app.command(short_help="Run everything on this machine, with a simulated Slack")(dev)
app.command(short_help="Say whether a configuration works, and what to do if not")(doctor)
app.add_typer(members.app, name="members", short_help="Who uses Rotavatar, and how each stands")
app.add_typer(workspaces.app, name="workspaces", short_help="Where the app is installed")
app.add_typer(dead_letters.app, name="dead-letters", short_help="Jobs that nobody could do")
app.add_typer(vault_keys.app, name="keys", short_help="The keys that seal tokens and photos")
app.command(context_settings=AS_IT_IS, short_help="Draw and check the avatars")(catalogue)
app.command(short_help="Print the manifest of the Slack app")(manifest)
app.command(short_help="Put every photo back, revoke all tokens, forget all")(teardown)


@app.command(short_help="Print the version")
def version() -> None:
    """Print the version."""
    typer.echo(VERSION)


@app.callback()
def shared(
    context: typer.Context,
    *,
    dev: Annotated[bool, typer.Option("--dev", help="Use the settings of the `rotavatar dev` in this folder.")] = False,
) -> None:
    """Choose where settings come from, before any command."""
    if context.invoked_subcommand != "dev":
        context.obj = Environment.given(dev=dev)


def main() -> None:
    """Run the command line; every error is one sentence on standard error."""
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (by default that of the process) and return its exit code."""
    try:
        app(arguments, prog_name=app.info.name)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else DONE
    except ConfigurationError as error:
        return _failed(error, MISUSED)
    except CommandError as error:
        return _failed(error, error.code)
    except RotavatarError as error:
        return _failed(error, FAULT)
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE


def _failed(error: Exception, code: int) -> int:
    sys.stderr.write(f"{error}\n")
    return code

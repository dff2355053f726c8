"""The command `rotavatar`.

Exit codes: 0 done; 1 something is wrong, said in one sentence on standard error; 2 the command line or a setting is
wrong and nothing was done; 130 stopped with Ctrl-C.
"""

import sys
from typing import Final

import typer

from rotavatar.errors import ConfigurationError, RotavatarError
from rotavatar_cli.dev.command import dev
from rotavatar_cli.errors import FAULT, MISUSED, CommandError

INTERRUPTED: Final = 130

app = typer.Typer(
    name="rotavatar",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Rotavatar changes people's Slack profile photos on the schedule that each of them chose.",
)
app.command()(dev)


@app.callback()
def _shared() -> None:
    pass


def main() -> None:
    """Run the command line; every error is one sentence on standard error."""
    sys.exit(run())


def run() -> int:
    """Run the command line and return its exit code."""
    try:
        app()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else FAULT
    except ConfigurationError as error:
        return _failed(error, MISUSED)
    except CommandError as error:
        return _failed(error, error.code)
    except RotavatarError as error:
        return _failed(error, FAULT)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _failed(error: Exception, code: int) -> int:
    sys.stderr.write(f"{error}\n")
    return code

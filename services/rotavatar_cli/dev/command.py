"""The command `rotavatar dev`."""

import asyncio
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rotavatar.clock import MAX_SPEED
from rotavatar_cli.dev import programs
from rotavatar_cli.dev.folder import Folder
from rotavatar_cli.dev.household import Household, Orders
from rotavatar_cli.dev.ports import FIRST, choose
from rotavatar_cli.dev.screen import Screen
from rotavatar_cli.errors import MISUSED, CommandError


class LogFormat(StrEnum):
    """How the lines of the processes are shown."""

    TEXT = "text"
    JSON = "json"


class Policy(StrEnum):
    """Which workspaces may install the app by OAuth (ROTAVATAR_INSTALL_POLICY)."""

    OPEN = "open"
    APPROVE = "approve"
    DECLARED = "declared"


class LogLevel(StrEnum):
    """The least severe events that are shown."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def dev(
    *,
    port: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", help="First of seven ports in a row, for the page; 0 takes free ones.", min=0, max=65529
        ),
    ] = FIRST,
    speed: Annotated[
        float | None,
        typer.Option(
            metavar="FACTOR",
            help="How many times faster the clock runs; 3600 is an hour a second.",
            min=1,
            max=MAX_SPEED,
        ),
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Forget all workspaces and members first.")] = False,
    kubernetes: Annotated[
        bool, typer.Option("--kubernetes", help="A real Kubernetes API server too, with the operator attached to it.")
    ] = False,
    install_policy: Annotated[
        Policy, typer.Option(help="Which workspaces may add the app by themselves.")
    ] = Policy.OPEN,
    without: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Leave a process out, to run it yourself; repeatable.")
    ] = None,
    ready_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write addresses and process ids here, as JSON, once everything works."),
    ] = None,
    log_format: Annotated[
        LogFormat, typer.Option(help="Lines for people, or one JSON object a line.")
    ] = LogFormat.TEXT,
    log_level: Annotated[LogLevel, typer.Option(help="The least severe events that are shown.")] = LogLevel.INFO,
    colour: Annotated[
        bool | None, typer.Option("--colour/--no-colour", help="Colours; by default on a terminal.", show_default=False)
    ] = None,
    draw: Annotated[
        bool, typer.Option("--draw/--no-draw", help="Draw the whole catalogue of avatars in the background.")
    ] = True,
) -> None:
    """Run all of Rotavatar on this machine, with a simulated Slack; needs no configuration.

    Starts an embedded Valkey, the simulated Slack, ingress_api, rotator and publisher, and names the page to open.
    Ctrl-C stops all of it; the next start goes on from there. A process that dies is named and started again.
    Everything is kept in .rotavatar in the present folder.

    In a script: `rotavatar dev --port 0 --ready-file ready.json &` takes free ports and writes their addresses to
    ready.json once everything works (a line beginning with "ready" says so too). SIGTERM stops it, with exit code 0.

    With --kubernetes it starts the API server of `make cluster` as well, or joins it, and runs the operator with the
    account that we ship. .rotavatar/kubernetes has a SlackTenant for each simulated workspace, for `kubectl apply`.
    """
    if absent := programs.missing(kubernetes=kubernetes):
        raise CommandError(f"This needs {', '.join(absent)}, which are for development: use `make run` in a checkout.")
    folder = Folder(Path.cwd())
    left_out = _checked(without or [], kubernetes=kubernetes)
    if install_policy is Policy.DECLARED and not kubernetes:
        raise CommandError("--install-policy declared needs --kubernetes, where tenants are declared.", code=MISUSED)
    folder.make()
    with folder.alone():
        if reset:
            folder.reset()
            folder.make()
        orders = Orders(
            folder=folder,
            ports=choose(port),
            secrets=folder.secrets(),
            without=left_out,
            speed=speed,
            ready_file=ready_file,
            log_level=log_level.value,
            draw=draw,
            kubernetes=kubernetes,
            install_policy=install_policy.value,
        )
        asyncio.run(Household(orders, _screen(colour=colour, log_format=log_format)).run())


def _checked(names: list[str], *, kubernetes: bool) -> frozenset[str]:
    known = programs.NAMES_WITH_KUBERNETES if kubernetes else programs.NAMES
    possible = [name for name in known if name not in ("valkey", "kubernetes")]
    for name in names:
        if name not in possible:
            raise CommandError(f"--without {name}: there is only {', '.join(possible)}.", code=MISUSED)
    return frozenset(names)


def _screen(*, colour: bool | None, log_format: LogFormat) -> Screen:
    raw = log_format is LogFormat.JSON
    terminal = sys.stdout.isatty() and not raw
    wanted = terminal and "NO_COLOR" not in os.environ if colour is None else colour
    return Screen(colour=wanted and not raw, terminal=terminal and wanted, raw=raw)

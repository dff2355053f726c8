"""`python -m control_plane`: build the programs, and start or stop the control plane of this checkout.

build [PROGRAM …]     build what is missing of these, or of what the tests need
start, stop           the control plane of `make cluster`
serve                 the same in the foreground; `start` runs it
"""

import argparse
import sys
from pathlib import Path

from control_plane import background
from control_plane.building import ensure
from control_plane.errors import ControlPlaneError
from control_plane.pins import CONTROL_PLANE, TESTED
from control_plane.toolchain import CHECKOUT

FOLDER = CHECKOUT / ".rotavatar" / "cluster"


def main() -> int:
    """Do what the command line says; the exit code is 1 when that was not possible."""
    parser = argparse.ArgumentParser(prog="python -m control_plane", description="A local Kubernetes control plane.")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build what is missing")
    build.add_argument("programs", nargs="*", default=TESTED, help="names of programs")
    for name, told in (("start", "start it in the background"), ("stop", "end it"), ("serve", "run it here")):
        one = commands.add_parser(name, help=told)
        one.add_argument("--folder", type=Path, default=FOLDER, help="where its data lies")
    arguments = parser.parse_args()
    try:
        _run(arguments)
    except ControlPlaneError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _run(arguments: argparse.Namespace) -> None:
    if arguments.command == "build":
        ensure(arguments.programs, say)
    elif arguments.command == "start":
        ensure(CONTROL_PLANE, say)
        background.start(arguments.folder, say)
    elif arguments.command == "stop":
        background.stop(arguments.folder, say)
    else:
        background.serve(arguments.folder)


def say(line: str) -> None:
    """Print a line at once, whatever reads it."""
    print(line, flush=True)  # noqa: T201 - a command's answer


if __name__ == "__main__":
    sys.exit(main())

"""The page docs/cli.md, made of the commands' own help texts: `python -m rotavatar_cli.documentation`."""

import sys
from collections.abc import Iterator
from typing import Any, Final

import typer

from rotavatar_cli.main import WIDTH, app

INTRODUCTION: Final = """\
Made from the commands themselves by `make docs`; `rotavatar COMMAND --help` shows the same. Results go to standard
output, everything else to standard error. `--json`, where a command has it, prints the same result for programs; its
fields do not lose their names between versions.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | something is wrong, or a check found a fault; one sentence on standard error says what to do |
| 2 | the command line or a setting is wrong, and nothing was done |
| 130 | stopped with Ctrl-C |
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# The command `rotavatar`"
    yield ""
    yield INTRODUCTION
    root = typer.main.get_command(app)
    yield from _help(root, "rotavatar", None)
    for name, command, parent in _commands(root, "rotavatar", None):
        yield ""
        yield f"## `{parent.command_path} {name}`"
        yield ""
        yield from _help(command, name, parent)


def _commands(group: Any, name: str, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every command below `group` with its name and the context of its group, in the order of the help text."""
    context = group.context_class(group, info_name=name, parent=parent)
    for below, command in group.commands.items():
        yield below, command, context
        if hasattr(command, "commands"):
            yield from _commands(command, below, context)


def _help(command: Any, name: str, parent: Any) -> Iterator[str]:
    """The help text as a terminal of WIDTH columns shows it."""
    context = command.context_class(command, info_name=name, parent=parent, terminal_width=WIDTH)
    yield "```text"
    yield from (line.rstrip() for line in command.get_help(context).splitlines())
    yield "```"


if __name__ == "__main__":
    sys.stdout.write(page())

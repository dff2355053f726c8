"""How results are shown: tables and sentences for people, or JSON for programs (`--json`)."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead, for programs.")]

WorkspaceId = Annotated[
    str, typer.Argument(metavar="WORKSPACE", help="Team id, or enterprise id of an org-wide install.")
]
MemberId = Annotated[str, typer.Argument(metavar="MEMBER", help="Slack's user id.")]

UNLIMITED = 10_000
"""Columns where nobody looks at a terminal: nothing is cut or folded then."""

MARKS = {"ok": "green", "advice": "yellow", "fault": "bold red"}


def console() -> Console:
    """Standard output: coloured on a terminal, and never folded elsewhere."""
    return Console(width=None if sys.stdout.isatty() else UNLIMITED, highlight=False, soft_wrap=True)


def as_json(value: Any) -> None:
    """Print `value` as JSON."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print rows below their headings; the sentence `empty` where there are none."""
    shown = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(str(value)) for value in row))
    if shown.row_count:
        console().print(shown)
    else:
        say(empty)


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values below each other."""
    shown = Table.grid(padding=(0, 2))
    for name, value in pairs:
        shown.add_row(Text(name, style="bold"), Text(str(value)))
    console().print(shown)


def say(sentence: str) -> None:
    """Print a sentence."""
    console().print(Text(sentence))


def note(sentence: str) -> None:
    """Print a sentence that is not part of the result, on standard error."""
    sys.stderr.write(f"{sentence}\n")


def mark(state: str) -> str:
    """`ok`, `advice` or `fault`, coloured on a terminal."""
    return f"[{MARKS[state]}]{state:<6}[/]"


def moment(ms: float) -> str:
    """A time in ms since the epoch, in UTC; a dash for never."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z" if ms else "-"


def period(seconds: int) -> str:
    """How often, as members choose it."""
    if seconds == 0:
        return "off"
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"

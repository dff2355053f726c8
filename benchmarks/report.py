"""What was found, and the page that keeps it, row by row."""

import os
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.rig import ROOT

PAGE: Final = ROOT / "benchmarks/RESULTS.md"
TABLE: Final = "| row | figure | must reach | measured | reached |"
PEERS: Final = ("slack-bolt", "streaq", "taskiq-redis", "faststream", "limits", "starlette", "uvicorn", "redis", "kopf")


@dataclass(frozen=True)
class Finding:
    """One figure: what was measured, what it must reach, what came out, and whether that is enough (None: told)."""

    what: str
    target: str
    result: str
    reached: bool | None = None


@dataclass(frozen=True)
class Row:
    """One kind of work: `measure(quick)` finds its figures; `method` says how, in words."""

    name: str
    title: str
    method: str
    measure: Callable[[bool], Sequence[Finding]]


def write_page(rows: Sequence[Row], row: Row, findings: Sequence[Finding], *, seconds: float) -> None:
    """Put what `row` found into RESULTS.md, in place of what it found before; the other rows stay as they are."""
    page = PAGE.read_text() if PAGE.exists() else ""
    names = [each.name for each in rows]
    table = {name: re.findall(rf"^\| \[{name}\]\(#{name}\) \|.*$", page, re.MULTILINE) for name in names}
    told = {name: text.strip() for name, _, text in (part.partition("\n") for part in page.split("\n## ")[1:])}
    table[row.name] = [_line(row.name, finding) for finding in findings]
    told[row.name] = _told(row, seconds)
    lines = ["# What it costs", "", *_head(), "", TABLE, "|---|---|---|---|---|"]
    lines += [line for name in names for line in table[name]]
    lines += [line for name in names if name in told for line in ("", f"## {name}", "", told[name])]
    PAGE.write_text("\n".join(lines) + "\n")


def _line(name: str, finding: Finding) -> str:
    cells = (f"[{name}](#{name})", finding.what, finding.target, finding.result, _word(finding.reached))
    return "| " + " | ".join(cells) + " |"


def _told(row: Row, seconds: float) -> str:
    made = f"Made by `make bench ROW={row.name}` in {seconds:.0f} s, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC."
    return f"{row.title}\n\n{row.method.strip()}\n\n{made}"


def show(findings: Sequence[Finding]) -> None:
    """Print what a row found."""
    for finding in findings:
        target = f"   must reach: {finding.target}" if finding.target else ""
        print(f"  {_word(finding.reached):4} {finding.what}: {finding.result}{target}", flush=True)


def _word(reached: bool | None) -> str:
    return "" if reached is None else "yes" if reached else "NO"


def _head() -> list[str]:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    libraries = ", ".join(f"{name} {version(name)}" for name in PEERS)
    return [
        "Made by `make bench`; `make bench ROW=<row>` measures one row again and changes only that.",
        "",
        "Everything runs on one machine: what is measured is alone on one core; Redis (Valkey without",
        "persistence), the load and the stub of Slack share the others. Variants take turns in rounds of a few",
        "seconds and the medians are compared, so that ratios hold where absolute figures depend on the machine",
        "and on what else it does. *Per core* is per second of CPU time that the measured process used.",
        "",
        f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}; {libraries}.",
    ]

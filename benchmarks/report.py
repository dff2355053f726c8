"""What was found, kept row by row, and the page made from it."""

import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.rig import ROOT

PAGE: Final = ROOT / "benchmarks/RESULTS.md"
TABLE: Final = "| row | figure | must reach | measured | reached |"
KEPT: Final = ROOT / ".cache/bench-results"
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


def keep(row: Row, findings: Sequence[Finding], *, seconds: float) -> None:
    """Remember what a row found, in place of what it found before."""
    KEPT.mkdir(parents=True, exist_ok=True)
    found = {
        "title": row.title,
        "method": row.method,
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "seconds": round(seconds),
        "findings": [asdict(finding) for finding in findings],
    }
    (KEPT / f"{row.name}.json").write_text(json.dumps(found))


def write_page(rows: Sequence[Row]) -> None:
    """Make RESULTS.md from the latest of each row."""
    there = [(row.name, json.loads(path.read_text())) for row in rows if (path := KEPT / f"{row.name}.json").exists()]
    lines = [
        "# What it costs",
        "",
        *_head(),
        "",
        "| row | figure | must reach | measured | reached |",
        "|---|---|---|---|---|",
    ]
    for name, found in there:
        for finding in found["findings"]:
            cells = (
                f"[{name}](#{name})",
                finding["what"],
                finding["target"],
                finding["result"],
                _word(finding["reached"]),
            )
            lines.append("| " + " | ".join(cells) + " |")
    for name, found in there:
        lines += ["", f"## {name}", "", found["title"], "", *found["method"].strip().splitlines(), ""]
        lines += [f"Made by `make bench ROW={name}` in {found['seconds']} s, {found['measured']}."]
    PAGE.write_text("\n".join(lines) + "\n")


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

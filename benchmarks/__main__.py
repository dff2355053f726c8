"""Measure all rows, or those named: `python -m benchmarks [--quick] [row ...]`."""

import argparse
import sys
import time

from benchmarks import (
    ack,
    catalogue,
    claiming,
    click,
    memory,
    pacer,
    publishes,
    reconciles,
    resident,
    rotations,
    streams,
)
from benchmarks.report import Row, show, write_page

ROWS: tuple[Row, ...] = (
    ack.ROW,
    streams.ROW,
    pacer.ROW,
    rotations.ROW,
    publishes.ROW,
    click.ROW,
    memory.ROW,
    claiming.ROW,
    catalogue.ROW,
    resident.ROW,
    reconciles.ROW,
)


def main() -> int:
    """Measure; the exit code says whether every row could be measured, not whether it reached its target."""
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="row", help=f"of {', '.join(names)}; all where none is named")
    parser.add_argument("--quick", action="store_true", help="smaller and fewer: to see that it works; writes no page")
    asked = parser.parse_args()
    if unknown := set(asked.rows) - set(names):
        parser.error(f"there is no row {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    broken = [row.name for row in ROWS if row.name in (asked.rows or names) and not _measured(row, quick=asked.quick)]
    if broken:
        print(f"not measured: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def _measured(row: Row, *, quick: bool) -> bool:
    print(f"{row.name}: {row.title}", flush=True)
    began = time.monotonic()
    try:
        findings = row.measure(quick)
    except Exception as error:  # noqa: BLE001 - one row that cannot be measured must not cost the others
        print(f"  failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return False
    seconds = time.monotonic() - began
    show(findings)
    print(f"  ({seconds:.0f} s)", flush=True)
    if not quick:
        write_page(ROWS, row, findings, seconds=seconds)
    return True


if __name__ == "__main__":
    sys.exit(main())

"""Jobs a second through our consumer and through others, all doing nothing."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.report import Finding, Row
from benchmarks.rig import ARQ_PYTHON, SUBJECT, interleaved, median, program, redis

JOBS: Final = {"ours": 60_000, "taskiq": 10_000, "faststream": 10_000, "arq": 6_000, "streaq": 4_000}
NAMES: Final = {"taskiq": "taskiq-redis", "faststream": "FastStream", "arq": "arq", "streaq": "streaq"}
TARGET: Final = 10


def measure(quick: bool) -> Sequence[Finding]:
    share = 5 if quick else 1
    with redis() as server:

        def one(name: str) -> Callable[[], Any]:
            def run() -> Any:
                server.flush()
                python = ARQ_PYTHON if name == "arq" else Path(sys.executable)
                with program(f"jobs_{name}", server.url, JOBS[name] // share, cores=SUBJECT, python=python) as worker:
                    return worker.report()

            return run

        found = interleaved({name: one(name) for name in JOBS}, rounds=1 if quick else 3)
    per_core = {name: median(jobs["jobs"] / jobs["cpu"] for jobs in rounds) for name, rounds in found.items()}
    rate = {name: median(jobs["jobs"] / jobs["seconds"] for jobs in rounds) for name, rounds in found.items()}
    best = max((name for name in JOBS if name != "ours"), key=lambda name: rate[name])
    ratio = min(rate["ours"] / rate[best], per_core["ours"] / max(per_core[name] for name in NAMES))
    others = ", ".join(f"{NAMES[name]} {rate[name]:,.0f} ({per_core[name]:,.0f})" for name in NAMES)
    return [
        Finding(
            "no-op jobs through the stream consumer, retry, timeout and dead letters on",
            f"≥ {TARGET} × the best of the others",
            f"{ratio:.1f} × {NAMES[best]}: {rate['ours']:,.0f} jobs/s ({per_core['ours']:,.0f} per core); {others}",
            ratio >= TARGET,
        )
    ]


ROW: Final = Row(
    name="streams",
    title="No-op jobs, one worker process on one core, everything queued before it starts.",
    method="""
The clock runs from the first job that a handler sees to the last one; in brackets jobs per second of the worker's
CPU time, and the smaller of the two ratios counts. Ours reads 16 partitions with a timeout and an error boundary
around each job, and acks and deletes what is done; taskiq-redis, FastStream, streaq and arq run with 100 jobs at a
time, streams with acks where they have them, no results kept.""",
    measure=measure,
)

"""Resident memory of the processes, idle and under load."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.household import counts, environ, move_in
from benchmarks.population import NOW_MS
from benchmarks.publishes import ask
from benchmarks.report import Finding, Row
from benchmarks.rig import OTHERS, SUBJECT, program, redis, service, until
from tests.servers import free_port

MOST_MB: Final = 100
EACH: Final = 50
CONNECTIONS: Final = 256
LIMITED: Final = frozenset({"ingress_api", "publisher"})


def measure(quick: bool) -> Sequence[Finding]:
    members, seconds = (1_000, 2) if quick else (4_000, 5)
    with program("slack_stub", cores=OTHERS) as stub:
        url = stub.ready()
        found = {
            "ingress_api": _ingress(url, seconds),
            "rotator": _worker("rotator", "users.setPhoto", url, members),
            "publisher": _worker("publisher", "views.publish", url, members),
        }
    return [
        Finding(
            f"resident memory of {name}, idle and under load",
            f"≤ {MOST_MB} MB" if name in LIMITED else "told",
            f"{idle:.0f} and {loaded:.0f} MB",
            loaded <= MOST_MB if name in LIMITED else None,
        )
        for name, (idle, loaded) in found.items()
    ]


def _ingress(stub: str, seconds: float) -> tuple[float, float]:
    with redis() as server, tempfile.TemporaryDirectory(prefix="rv-bench-") as folder:
        port = free_port()
        settings = environ(redis=server.url, slack=stub, folder=Path(folder)) | {"ROTAVATAR_PORT": str(port)}
        with service("ingress_api", settings, cores=SUBJECT) as running:
            idle = running.memory()[0]
            load = (port, "/slack/events", "/slack/interactions", CONNECTIONS, seconds, 0)
            with program("http_load", *load, cores=OTHERS) as sender:
                sender.report()
            return idle, running.memory()[1]


def _worker(name: str, method: str, stub: str, members: int) -> tuple[float, float]:
    with redis() as server, tempfile.TemporaryDirectory(prefix="rv-bench-") as folder:
        before = counts(stub).get(method, 0)
        with service(name, environ(redis=server.url, slack=stub, folder=Path(folder)), cores=SUBJECT) as running:
            time.sleep(1)
            idle = running.memory()[0]
            due_ms = NOW_MS - 10**10 if name == "rotator" else NOW_MS + 10**12
            enrolled = move_in(server, teams=members // EACH, each=EACH, due_ms=due_ms)
            if name == "publisher":
                ask(server, enrolled, looking=False)
            until(lambda: counts(stub).get(method, 0) - before >= members * 0.95)
            return idle, running.memory()[1]


ROW: Final = Row(
    name="resident",
    title="Resident memory of each process.",
    method="""
Idle: after the start, ready. Under load: the highest so far (`VmHWM`) after 256 connections at full speed,
thousands of rotations, thousands of publishes. One catalogue of one pack; each further pack of 512 takes about 0.3
MB.""",
    measure=measure,
)

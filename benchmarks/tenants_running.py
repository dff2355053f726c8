"""The operator as a process among the tenants, and what it says of itself."""

import re
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.audit_trail import AuditTrail
from benchmarks.household import environ
from benchmarks.rig import OTHERS, SUBJECT, Program, service, until
from benchmarks.tenants import OPERATOR, Tenants
from tests.servers import Server, free_port

BOTH: Final = SUBJECT | OTHERS
"""An operator and its API server share the machine, as those of the yardsticks do."""

UNPACED: Final = {"ROTAVATAR_TOKEN_CHECKS_PER_SECOND": "1000"}
"""Slack's check apart: as fast as it is let."""

PATIENCE_SECONDS: Final = 400.0
"""A cold start takes a tenth of it on a quiet machine."""
STILL_SECONDS: Final = 2.0


class Spent(NamedTuple):
    """What something cost."""

    api_calls: float
    redis_calls: float
    cpu: float


class Running:
    """One operator process."""

    def __init__(self, program: Program, port: int, server: Server, trail: AuditTrail) -> None:
        self.program, self._port, self._server, self.trail = program, port, server, trail

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=10) as answer:
            page = answer.read().decode()
        return sum(map(float, re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)", page, re.MULTILINE)))

    def reconciled(self) -> float:
        """How many rounds it has done."""
        return self.metric("rotavatar_operator_reconcile_seconds_count")

    def settle(self) -> None:
        """Wait until it is ready, and has neither work nor anything to write for two seconds."""
        until(self._is_ready, seconds=PATIENCE_SECONDS, alive=self.program)
        still = time.monotonic()
        before = -1
        while time.monotonic() - still < STILL_SECONDS:
            now = self.trail.read().writes.total()
            if now != before or self.metric("rotavatar_operator_queue_depth"):
                before, still = now, time.monotonic()
            time.sleep(0.1)

    def spent(self) -> Spent:
        """All that it has spent so far."""
        commands = self._server.command("INFO", "commandstats")
        calls = sum(int(each["calls"]) for name, each in commands.items() if name != "cmdstat_info")
        return Spent(self.metric("rotavatar_operator_kubernetes_calls_total"), calls, self.program.cpu())

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def operator(
    tenants: Tenants, server: Server, slack: str, *, environment: dict[str, str] | None = None
) -> Iterator[Running]:
    """An operator that was started this moment, with the rights that we ship."""
    port, trail = free_port(), tenants.trail(OPERATOR)
    with tempfile.TemporaryDirectory(prefix="rv-bench-") as folder:
        settings = {
            **environ(redis=server.url, slack=slack, folder=Path(folder)),
            "KUBECONFIG": str(tenants.kubeconfig(OPERATOR)),
            **(environment or {}),
        }
        with service("slacktenant_operator", settings, cores=BOTH, port=port, wait=False) as program:
            yield Running(program, port, server, trail)

"""From the start of an operator until every tenant, of which nobody has seen one, has its status."""

import time
from typing import Final, NamedTuple

from benchmarks.audit_trail import AuditTrail
from benchmarks.rig import Program, program, until
from benchmarks.tenants import YARDSTICK, Tenants
from benchmarks.tenants_running import BOTH, PATIENCE_SECONDS, STILL_SECONDS, UNPACED, operator
from tests.servers import Server

LOOK_SECONDS: Final = 0.2


class Cold(NamedTuple):
    """How a cold start went."""

    seconds: float
    busy: int
    """Answers of 429."""
    twice: int
    """Objects whose status was written more than once."""
    terminated: int
    """Watches that the API server ended as too slow."""
    cpu: float


def bare(tenants: Tenants) -> float:
    """Seconds of a loop that does nothing but write."""
    token = tenants.plane.token("tenants", YARDSTICK)
    with program("status_patches", tenants.plane.url, tenants.plane.ca, token, tenants.count, cores=BOTH) as loop:
        return float(loop.report()["seconds"])


def noop(tenants: Tenants, how: str) -> Cold:
    """A kopf operator that writes one status of each; `how`: states or events."""
    trail, before = tenants.trail(YARDSTICK), tenants.watchers_terminated()
    environment = {"KUBECONFIG": str(tenants.kubeconfig(YARDSTICK))}
    with program("kopf_noop", how, cores=BOTH, environ=environment) as running:
        _patched(tenants, trail, running)
        last = -1
        while last != (last := trail.read().calls):
            time.sleep(STILL_SECONDS)
        found = _cold(tenants, trail, running, before)
        running.kill()
        return found


def ours(tenants: Tenants, server: Server, slack: str) -> tuple[Cold, int, float]:
    """Our operator, Slack's check apart; how many are ready in the end, and its resident memory (MB, at most)."""
    before = tenants.watchers_terminated()
    with operator(tenants, server, slack, environment=UNPACED) as running:
        _patched(tenants, running.trail, running.program)
        running.settle()
        found = _cold(tenants, running.trail, running.program, before)
        return found, tenants.ready(), running.program.memory()[1]


def _patched(tenants: Tenants, trail: AuditTrail, running: Program) -> None:
    until(
        lambda: len(trail.read().patches) >= tenants.count,
        seconds=PATIENCE_SECONDS,
        alive=running,
        every=LOOK_SECONDS,
    )


def _cold(tenants: Tenants, trail: AuditTrail, running: Program, terminated: int) -> Cold:
    return Cold(
        seconds=trail.last_patch - running.began,
        busy=trail.busy,
        twice=trail.twice,
        terminated=tenants.watchers_terminated() - terminated,
        cpu=running.cpu(),
    )

"""Home tabs published a second of CPU."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.household import counts, environ, move_in
from benchmarks.report import Finding, Row
from benchmarks.rig import OTHERS, SUBJECT, median, program, redis, service, until
from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import PublishAsked, encode
from tests.servers import Server

TARGET: Final = 1000
EACH: Final = 50
WARM: Final = 500


class Run(NamedTuple):
    per_second: float
    cpu: float
    """Seconds of the publisher's CPU for each publish."""


def measure(quick: bool) -> Sequence[Finding]:
    publishes = 2_000 if quick else 5_000
    with program("slack_stub", cores=OTHERS) as stub:
        url = stub.ready()
        runs = [_publish(url, publishes) for _ in range(1 if quick else 3)]
    per_core = median(1 / run.cpu for run in runs)
    return [
        Finding(
            "publishes end to end, paced off",
            f"≥ {TARGET:,} per second and core",
            f"{per_core:,.0f} ({median(run.per_second for run in runs):,.0f}/s on the clock)",
            per_core >= TARGET,
        )
    ]


def ask(server: Server, members: Sequence[tuple[Workspace, User]], *, looking: bool) -> None:
    """A publish job for each of `members`."""
    at = int(time.time() * 1000)
    with server.client() as client, client.pipeline(transaction=False) as pipe:
        for workspace, user in members:
            job = PublishAsked(workspace=workspace, user=user, at=at, trace="0123456789abcdef", looking=looking)
            pipe.xadd(keys.publish_jobs(keys.partition_of(workspace)), {"j": encode(job)})
        pipe.execute()


def _publish(stub: str, publishes: int) -> Run:
    with redis() as server, tempfile.TemporaryDirectory(prefix="rv-bench-") as folder:
        due_ms = int(time.time() * 1000) + 10**7
        members = move_in(server, teams=(publishes + 2 * WARM) // EACH, each=EACH, due_ms=due_ms)
        ask(server, members, looking=False)
        before = counts(stub).get("views.publish", 0)

        def done() -> int:
            return counts(stub).get("views.publish", 0) - before

        with service(
            "publisher", environ(redis=server.url, slack=stub, folder=Path(folder)), cores=SUBJECT
        ) as publisher:
            until(lambda: done() >= WARM)
            first, cpu, began = done(), publisher.cpu(), time.perf_counter()
            until(lambda: done() >= first + publishes - WARM)
            last, spent, seconds = done(), publisher.cpu() - cpu, time.perf_counter() - began
    return Run((last - first) / seconds, spent / (last - first))


ROW: Final = Row(
    name="publishes",
    title="Home tabs published by a real publisher to a Slack that says yes at once.",
    method="""
Thousands of publish jobs of settled members in workspaces of 50, limits raised. `python -m publisher` marks,
claims, reads the state, builds and encodes the view, sends it with the hash of the one before, and records the new
hash. Counted by the stub, which answers with the view as Slack does; CPU is all that the process uses in that time.""",
    measure=measure,
)

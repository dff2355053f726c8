"""Rotations a second of CPU, from the due set to Slack and back."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import uvloop

from benchmarks.household import counts, environ, move_in
from benchmarks.population import NOW_MS, credential
from benchmarks.report import Finding, Row
from benchmarks.rig import OTHERS, SUBJECT, median, program, redis, service, until
from rotavatar.slack import SlackAddresses, SlackClient

WITH_CHECK: Final = 700
WITHOUT: Final = 1000
EACH: Final = 50
WARM: Final = 500
CONCURRENT: Final = 64


class Run(NamedTuple):
    per_second: float
    cpu: float
    """Seconds of the rotator's CPU for each rotation."""


def measure(quick: bool) -> Sequence[Finding]:
    rotations = 2_000 if quick else 5_000
    rounds = 1 if quick else 2
    with program("slack_stub", cores=OTHERS) as stub:
        url = stub.ready()
        runs = [_rotate(url, rotations) for _ in range(rounds)]
        check = median(uvloop.run(_profile_call(url)) for _ in range(3))
    cpu = median(run.cpu for run in runs)
    whole, without = 1 / cpu, 1 / (cpu - check)
    return [
        Finding(
            "rotations end to end, with the profile check",
            f"≥ {WITH_CHECK} per second and core",
            f"{whole:,.0f} ({median(run.per_second for run in runs):,.0f}/s on the clock)",
            whole >= WITH_CHECK,
        ),
        Finding(
            "rotations without the profile check",
            f"≥ {WITHOUT:,} per second and core",
            f"{without:,.0f} (the check costs {check * 1e6:,.0f} of {cpu * 1e6:,.0f} µs)",
            without >= WITHOUT,
        ),
    ]


def _rotate(stub: str, rotations: int) -> Run:
    with redis() as server, tempfile.TemporaryDirectory(prefix="rv-bench-") as folder:
        move_in(server, teams=(rotations + 2 * WARM) // EACH, each=EACH, due_ms=NOW_MS - 10**10)
        before = counts(stub).get("users.setPhoto", 0)

        def done() -> int:
            return counts(stub).get("users.setPhoto", 0) - before

        with service("rotator", environ(redis=server.url, slack=stub, folder=Path(folder)), cores=SUBJECT) as rotator:
            until(lambda: done() >= WARM)
            first, cpu, began = done(), rotator.cpu(), time.perf_counter()
            until(lambda: done() >= first + rotations - WARM)
            last, spent, seconds = done(), rotator.cpu() - cpu, time.perf_counter() - began
    return Run((last - first) / seconds, spent / (last - first))


async def _profile_call(stub: str) -> float:
    """Seconds of CPU of one users.profile.get by the client that the rotator uses, with as many at once."""
    token = credential(rotating=False).access_token.reveal()
    calls = iter(range(3_000))
    async with SlackClient(SlackAddresses(stub), connections=2 * CONCURRENT) as slack:

        async def caller() -> None:
            for _ in calls:
                await slack.get_profile(token)

        await slack.get_profile(token)
        began = time.process_time()
        await asyncio.gather(*(caller() for _ in range(CONCURRENT)))
        return (time.process_time() - began) / 3_000


ROW: Final = Row(
    name="rotations",
    title="Rotations by a real rotator against a Slack that says yes at once.",
    method="""
Thousands of overdue members in workspaces of 50, limits raised, every picture drawn before. `python -m rotator`
claims them, opens the token, reads the profile, records the intent, sends the picture (about 30 KB) and records the
outcome with the next due time, the next picture and a publish job. Counted by the stub; CPU is all that the process
uses in that time, its log in JSON included. *Without the profile check* takes off what one `users.profile.get` of
the same client costs at 64 concurrent, measured in the same run: the product always checks.""",
    measure=measure,
)

"""Acknowledging a signed request of Slack once its job is stored."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.household import catalogue, environ
from benchmarks.report import Finding, Row
from benchmarks.rig import OTHERS, SUBJECT, Program, interleaved, median, program, redis, service
from rotavatar import keys
from tests.servers import Server, free_port

RATE: Final = 300
CONNECTIONS: Final = 64
MANY: Final = 256


class Target(NamedTuple):
    """A server under load."""

    running: Program
    port: str
    events: str
    interactions: str
    jobs: Callable[[], int]
    """How many jobs are in Redis."""


class Served(NamedTuple):
    per_core: float
    per_second: float


def measure(quick: bool) -> Sequence[Finding]:
    seconds, rounds = (1.5, 1) if quick else (4, 3)
    catalogue()
    with redis() as server, ExitStack() as stack:
        targets = {
            "ours": stack.enter_context(_ours(server)),
            "bolt": stack.enter_context(_bolt(server)),
            "ok": stack.enter_context(_ok()),
        }
        variants = {name: _saturation(target, seconds) for name, target in targets.items()}
        found = interleaved(variants, rounds=rounds)
        steady = {name: _steadiness(targets[name], seconds) for name in ("ours", "bolt")}
        calm = interleaved(steady, rounds=rounds)
        lost = {name: _lost(targets[name], server, seconds) for name in ("ours", "bolt")}
    core = {name: median(one.per_core for one in of) for name, of in found.items()}
    rate = {name: median(one.per_second for one in of) for name, of in found.items()}
    p99 = {name: median(one["p99"] for one in of) for name, of in calm.items()}
    p50 = {name: median(one["p50"] for one in of) for name, of in calm.items()}
    return [
        Finding(
            "acks per second and core beside slack_bolt",
            "≥ 5 × slack_bolt",
            f"{core['ours'] / core['bolt']:.1f} ×: {core['ours']:,.0f} and {core['bolt']:,.0f} "
            f"(on the clock {rate['ours']:,.0f} and {rate['bolt']:,.0f}/s)",
            core["ours"] >= 5 * core["bolt"],
        ),
        Finding(
            "acks per second and core beside a bare Starlette that says ok",
            "≥ 0.5 × ok",
            f"{core['ours'] / core['ok']:.2f} ×: {core['ok']:,.0f} (on the clock {rate['ok']:,.0f}/s)",
            core["ours"] >= 0.5 * core["ok"],
        ),
        Finding(
            f"p99 at a steady {RATE} requests/s",
            "≤ ¼ of slack_bolt's",
            f"{p99['ours']:.1f} ms and {p99['bolt']:.1f} ms (p50 {p50['ours']:.1f} and {p50['bolt']:.1f})",
            p99["ours"] <= p99["bolt"] / 4,
        ),
        Finding(
            f"acked but lost at {MANY} connections",
            "0",
            f"{lost['ours'][0]} of {lost['ours'][1]:,}; slack_bolt {lost['bolt'][0]} of {lost['bolt'][1]:,}",
            lost["ours"][0] == 0,
        ),
    ]


def _load(target: Target, *, connections: int, seconds: float, rate: float = 0) -> Any:
    args = (target.port, target.events, target.interactions, connections, seconds, rate)
    with program("http_load", *args, cores=OTHERS) as load:
        return load.report()


def _saturation(target: Target, seconds: float) -> Callable[[], Served]:
    def run() -> Served:
        _load(target, connections=CONNECTIONS, seconds=seconds / 4)
        cpu = target.running.cpu()
        found = _load(target, connections=CONNECTIONS, seconds=seconds)
        return Served(found["ok"] / (target.running.cpu() - cpu), found["ok"] / found["seconds"])

    return run


def _steadiness(target: Target, seconds: float) -> Callable[[], Any]:
    return lambda: _load(target, connections=CONNECTIONS, seconds=seconds, rate=RATE)


def _lost(target: Target, server: Server, seconds: float) -> tuple[int, int]:
    """Answers of 200 without a job, and answers of 200."""
    server.command("FLUSHALL")
    acked = _load(target, connections=MANY, seconds=seconds)["ok"]
    time.sleep(0.5)
    return max(0, acked - target.jobs()), acked


@contextmanager
def _ours(server: Server) -> Iterator[Target]:
    with tempfile.TemporaryDirectory(prefix="rv-bench-") as folder:
        port = str(free_port())
        settings = environ(redis=server.url, slack="http://127.0.0.1:9", folder=Path(folder)) | {"ROTAVATAR_PORT": port}
        streams = [of(p) for of in (keys.schedule_jobs, keys.publish_jobs) for p in range(keys.PARTITIONS)]
        with service("ingress_api", settings, cores=SUBJECT) as running:
            yield Target(
                running=running,
                port=port,
                events="/slack/events",
                interactions="/slack/interactions",
                jobs=lambda: sum(server.command("XLEN", stream) for stream in streams),
            )


@contextmanager
def _bolt(server: Server) -> Iterator[Target]:
    with program("bolt_app", server.url, cores=SUBJECT) as running:
        port = running.ready()
        jobs: Callable[[], int] = lambda: int(server.command("XLEN", "jobs"))  # noqa: E731
        yield Target(running=running, port=port, events="/slack/events", interactions="/slack/events", jobs=jobs)


@contextmanager
def _ok() -> Iterator[Target]:
    with program("ok_app", cores=SUBJECT) as running:
        port = running.ready()
        yield Target(running=running, port=port, events="/slack/events", interactions="/slack/events", jobs=lambda: 0)


ROW: Final = Row(
    name="ack",
    title="A signed request → its job stored in Redis, awaited → 200.",
    method="""
Half block_actions of 4 KB, half app_home_opened, sent over raw sockets by a process of its own: 64 connections that
each wait for their answer; then a steady 300 a second, timed from when each was due; then 256 connections, counting
the answers of 200 whose job is not in Redis. Beside `python -m ingress_api` stand slack_bolt's AsyncApp on
Starlette with its defaults, an authorization in memory and an XADD awaited in each listener by redis-py's default
client (for events Bolt answers before its listener runs, that is its default), and a Starlette that says `ok` to
the same requests without reading them; all on uvicorn with uvloop and httptools.
The load of the steady rate sleeps between its requests. Until it did, it slept for half a millisecond at a time,
which uvloop takes for none at all: it spun (7 voluntary switches in 4 s, a second of CPU for 1,200 requests) on the
core that it shares with Redis where there are two, so an XADD of either side could wait for a time slice of several
milliseconds. Also tried: a full garbage collection took 35 ms of ingress under full load, so what there is after the
start is frozen now.""",
    measure=measure,
)

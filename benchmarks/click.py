"""From a click in Slack to the new Home tab."""

import asyncio
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from benchmarks.household import environ, move_in
from benchmarks.population import workspace_name
from benchmarks.publishes import ask
from benchmarks.report import Finding, Row
from benchmarks.requests_of_slack import FREQUENCIES, clicked, request
from benchmarks.rig import OTHERS, SUBJECT, percentile, redis, service
from benchmarks.stub import serve, url_of
from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.pacing import Limits
from tests.servers import Server, free_port

IDLE_MS: Final = 100
LOADED_MS: Final = 500
WAITING: Final = 2_000
TEAMS: Final = 8
CROWDED: Final = 4
DEFAULTS: Final = Limits().packed()
SETTLE_SECONDS: Final = 3.0
BETWEEN_SECONDS: Final = 5.0
"""Between two clicks in one workspace: what the fifth of the pace that is kept for lookers sustains."""

PATIENCE_SECONDS: Final = 20.0


class _Body(msgspec.Struct):
    user_id: str


class Ear:
    """The stub of Slack in a thread of its own; knows when a member's tab was published."""

    def __init__(self) -> None:
        self.url = ""
        self._waiting: dict[str, asyncio.Future[float]] = {}
        self._loop = uvloop.new_event_loop()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self._up.wait()

    def click(self, port: int, workspace: Workspace, user: User, *, seconds: int) -> float:
        """Click as `user` and wait for the tab; the milliseconds that it took."""
        coroutine = self._click(port, request("/slack/interactions", clicked(workspace, user, seconds=seconds)), user)
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _click(self, port: int, sent: bytes, user: User) -> float:
        shown: asyncio.Future[float] = self._loop.create_future()
        self._waiting[user] = shown
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began = time.perf_counter()
        writer.write(sent)
        answer = await reader.readuntil(b"\r\n")
        if b" 200 " not in answer:
            raise RuntimeError(f"a click was answered with {answer!r}")
        writer.close()
        async with asyncio.timeout(PATIENCE_SECONDS):
            return (await shown - began) * 1000

    def _heard(self, method: str, body: bytes) -> None:
        if method == "views.publish":
            future = self._waiting.pop(_DECODER.decode(body).user_id, None)
            if future is not None and not future.done():
                future.set_result(time.perf_counter())

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(serve(self._heard))
        self.url = url_of(server)
        self._up.set()
        self._loop.run_forever()


_DECODER: Final = msgspec.json.Decoder(_Body)


def measure(quick: bool) -> Sequence[Finding]:
    each, loaded_each = (5, 3) if quick else (15, 8)
    with redis() as server, _house(server) as (ear, port):
        teams = [workspace_name(number) for number in range(TEAMS)]
        idle = []
        for number in range(each):
            for team in teams:
                idle.append(ear.click(port, team, User(f"U{number:010d}"), seconds=FREQUENCIES[number % 4]))
                time.sleep(0.02)
        crowded = [workspace_name(TEAMS + number) for number in range(CROWDED)]
        ask(server, [(team, User(f"U{n:010d}")) for team in crowded for n in range(100, 100 + WAITING)], looking=False)
        time.sleep(SETTLE_SECONDS)
        loaded = []
        for number in range(loaded_each):
            began = time.monotonic()
            for team in crowded:
                loaded.append(ear.click(port, team, User(f"U{number:010d}"), seconds=FREQUENCIES[number % 4]))
                time.sleep(0.05)
            time.sleep(max(0.0, BETWEEN_SECONDS - (time.monotonic() - began)))
        waiting = min(server.command("ZCARD", f"{_prefix(team)}want:{team}") for team in crowded)
    return [
        Finding(
            "click to refreshed Home tab through all processes, idle",
            f"p99 ≤ {IDLE_MS} ms",
            f"p99 {percentile(idle, 0.99):.0f} ms, p50 {percentile(idle, 0.5):.0f} ms of {len(idle)}",
            percentile(idle, 0.99) <= IDLE_MS,
        ),
        Finding(
            f"the same while {WAITING:,} background publishes wait in the same workspace",
            f"p95 ≤ {LOADED_MS} ms",
            f"p95 {percentile(loaded, 0.95):.0f} ms, p50 {percentile(loaded, 0.5):.0f} ms of {len(loaded)} "
            f"({waiting:,} still waited at the end)",
            percentile(loaded, 0.95) <= LOADED_MS,
        ),
    ]


@contextmanager
def _house(server: Server) -> Iterator[tuple[Ear, int]]:
    """All three processes, at the limits that Rotavatar ships."""
    ear, port = Ear(), free_port()
    due_ms = int(time.time() * 1000) + 10**8
    move_in(server, teams=TEAMS, each=50, limits=DEFAULTS, due_ms=due_ms)
    move_in(server, first=TEAMS, teams=CROWDED, each=100 + WAITING, limits=DEFAULTS, due_ms=due_ms)
    try:
        with tempfile.TemporaryDirectory(prefix="rv-bench-") as folder:
            settings = environ(redis=server.url, slack=ear.url, folder=Path(folder)) | {"ROTAVATAR_PORT": str(port)}
            with (
                service("ingress_api", settings, cores=SUBJECT | OTHERS),
                service("rotator", settings, cores=SUBJECT | OTHERS),
                service("publisher", settings, cores=SUBJECT | OTHERS),
            ):
                yield ear, port
    finally:
        ear.close()


def _prefix(team: Workspace) -> str:
    return keys.tag(keys.partition_of(team))


ROW: Final = Row(
    name="click",
    title="From a signed click to the arrival of the new view at Slack, through ingress, rotator and publisher.",
    method="""
Each click chooses another frequency. Idle: one click at a time over eight workspaces, default limits. Loaded: 2,000
members of each of four further workspaces want a background publish and wait for Slack's pace, which the defaults
keep to; other members of the same workspaces click, one each five seconds in a workspace. The time runs from
writing the request to the arrival of `views.publish` with the clicker's tab, one clock for both.""",
    measure=measure,
)

"""Sends signed requests over raw sockets: PORT EVENTS_PATH INTERACTIONS_PATH CONNECTIONS SECONDS RATE.

RATE 0: each connection sends its next request when the last was answered. Else so many a second in all, and the time of
a request counts from when it was due to be sent.
"""

import asyncio
import json
import sys
import time
from collections import deque
from itertools import cycle

import uvloop

from benchmarks.requests_of_slack import mixture
from benchmarks.rig import percentile

TICK_SECONDS = 0.001
"""The shortest sleep that is one. A uvloop timer counts whole milliseconds and takes less than half of one for none at
all: then this loop spins, and whoever shares its core (Redis, where there are only two) waits for a time slice."""


class Sender(asyncio.Protocol):
    """One connection."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._read = bytearray()
        self.due = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def send(self, due: float) -> None:
        self.due = due
        self._transport.write(next(self._load.requests))

    def data_received(self, data: bytes) -> None:
        self._read += data
        end = self._read.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._read[:end]).lower()
        _, found, rest = head.partition(b"content-length:")
        if found and len(self._read) < end + 4 + int(rest.split(b"\r\n", 1)[0]):
            return
        if not found and not self._read.endswith(b"0\r\n\r\n"):
            return
        self._read.clear()
        self._load.answered(self, ok=head.startswith(b"http/1.1 200"))


class Load:
    """All connections and what came back."""

    def __init__(self, requests: list[bytes], *, seconds: float, rate: float) -> None:
        self.requests = cycle(requests)
        self.times: list[float] = []
        self.ok = self.failed = 0
        self._seconds, self._rate = seconds, rate
        self._idle: deque[Sender] = deque()
        self._late: deque[float] = deque()
        self._busy = 0
        self._end = float("inf")

    def answered(self, sender: Sender, *, ok: bool) -> None:
        now = time.perf_counter()
        self.times.append(now - sender.due)
        self.ok, self.failed = self.ok + ok, self.failed + (not ok)
        self._busy -= 1
        if self._rate == 0 and now < self._end:
            self._start(sender, now)
        elif self._late:
            self._start(sender, self._late.popleft())
        else:
            self._idle.append(sender)

    async def run(self, port: int, connections: int) -> float:
        loop = asyncio.get_running_loop()
        senders = [
            (await loop.create_connection(lambda: Sender(self), "127.0.0.1", port))[1] for _ in range(connections)
        ]
        began = time.perf_counter()
        self._end = began + self._seconds
        if self._rate:
            self._idle.extend(senders)
            await self._steadily(began)
        else:
            for sender in senders:
                self._start(sender, began)
        deadline = self._end + 10
        while (self._busy or self._late) and time.perf_counter() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return time.perf_counter() - began

    async def _steadily(self, began: float) -> None:
        sent = 0
        while (now := time.perf_counter()) < self._end:
            while sent < (now - began) * self._rate:
                due = began + sent / self._rate
                sent += 1
                if self._idle:
                    self._start(self._idle.popleft(), due)
                else:
                    self._late.append(due)
            await asyncio.sleep(max(TICK_SECONDS, began + sent / self._rate - time.perf_counter()))

    def _start(self, sender: Sender, due: float) -> None:
        self._busy += 1
        sender.send(due)


async def main() -> None:
    port, events, interactions, connections, seconds, rate = sys.argv[1:]
    load = Load(mixture(events, interactions), seconds=float(seconds), rate=float(rate))
    took = await load.run(int(port), int(connections))
    times = [spent * 1000 for spent in load.times] or [float("inf")]
    found = {
        "ok": load.ok,
        "failed": load.failed,
        "seconds": took,
        "p50": percentile(times, 0.5),
        "p99": percentile(times, 0.99),
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    uvloop.run(main())

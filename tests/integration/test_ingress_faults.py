"""Redis killed, frozen, full, slow, and ingress stopped: what was acked is stored, all else is a quick 503."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from rotavatar import keys
from rotavatar.keys import Workspace
from rotavatar.messages import decode
from tests import ingress as at
from tests.dev import eventually
from tests.ingress import Ingress, signed
from tests.patience import SECONDS
from tests.servers import Server

PARTITION = keys.partition_of(Workspace(at.TEAM))
BODY = json.dumps(at.home_opened()).encode()


@pytest.fixture
def server(own_server: Callable[..., Server]) -> Server:
    return own_server()


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    at.draw(tmp_path / "catalogue")
    return tmp_path / "catalogue"


@pytest.fixture
def ingress(server: Server, catalogue: Path) -> Iterator[Ingress]:
    process = at.start_ingress(at.environment(redis_url=server.url, catalogue=catalogue))
    yield process
    if process.process.poll() is None:
        process.kill()
    assert "Traceback" not in "".join(process.output)


@dataclass
class Load:
    """Many connections that open Home tabs, each under a name of its own."""

    port: int
    going: bool = True
    acked: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0

    async def run(self, connections: int) -> None:
        await asyncio.gather(*(self._one(n) for n in range(connections)))

    async def _one(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        with closing(writer):
            count = 0
            while self.going:
                count += 1
                user = f"U{number:03d}X{count:06d}"
                began = time.monotonic()
                status = await self._post(reader, writer, json.dumps(at.home_opened(user)).encode())
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.statuses[status] += 1
                if status == 200:
                    self.acked.append(user)
                else:
                    await asyncio.sleep(0.02)

    async def once(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        with closing(writer):
            self.statuses[await self._post(reader, writer, json.dumps(at.home_opened(f"U{number}")).encode())] += 1

    async def sees(self, status: int, *, more_than: int) -> None:
        """Wait until so many answers were `status`."""
        async with asyncio.timeout(SECONDS):
            while self.statuses[status] <= more_than:
                await asyncio.sleep(0.02)

    async def _post(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> int:
        lines = "".join(f"{name}: {value}\r\n" for name, value in signed(body).items())
        head = f"POST /slack/events HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(answer.split("content-length: ")[1].split("\r\n")[0]))
        return int(answer.split(" ")[1])


def stored(server: Server) -> set[str]:
    entries = server.command("XRANGE", keys.publish_jobs(PARTITION), "-", "+")
    return {getattr(decode(fields[b"j"]), "user", "") for _, fields in entries}


async def test_nothing_that_was_acknowledged_is_lost_when_redis_is_killed_under_256_connections(
    ingress: Ingress, server: Server
) -> None:
    load = Load(ingress.port)
    running = asyncio.create_task(load.run(256))
    await load.sees(200, more_than=256)
    await asyncio.to_thread(server.kill)
    await load.sees(503, more_than=256)
    await asyncio.to_thread(server.start)
    await load.sees(200, more_than=load.statuses[200] + 500)
    load.going = False
    await running
    assert set(load.statuses) == {200, 503}
    assert set(load.acked) <= stored(server)
    assert load.slowest < 3.0


def post(ingress: Ingress, seconds: float = SECONDS) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    answer = httpx.post(f"{ingress.url}/slack/events", content=BODY, headers=signed(BODY), timeout=seconds)
    return answer, time.monotonic() - began


def test_a_stopped_redis_is_a_503_at_once_and_back_when_it_is_back(ingress: Ingress, server: Server) -> None:
    server.stop()
    for _ in range(5):
        answer, seconds = post(ingress)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert seconds < 1
    assert httpx.get(f"{ingress.metrics_url}/readyz", timeout=SECONDS).status_code == 503
    assert httpx.get(f"{ingress.metrics_url}/healthz", timeout=SECONDS).status_code == 200
    assert httpx.get(f"{ingress.url}/", timeout=SECONDS).status_code == 200
    server.start()
    eventually(lambda: post(ingress)[0].status_code == 200, "ingress acks again")
    assert httpx.get(f"{ingress.metrics_url}/readyz", timeout=SECONDS).status_code == 200


def test_a_frozen_redis_is_a_503_before_slack_gives_up(ingress: Ingress, server: Server) -> None:
    server.pause()
    try:
        first, waited = post(ingress)
        second, at_once = post(ingress)
    finally:
        server.resume()
    assert (first.status_code, second.status_code) == (503, 503)
    assert waited < 2.5
    assert at_once < 0.4


def test_a_full_redis_refuses_and_the_ack_is_a_503(ingress: Ingress, server: Server) -> None:
    server.command("CONFIG", "SET", "maxmemory", 1)
    assert post(ingress)[0].status_code == 503
    server.command("CONFIG", "SET", "maxmemory", 0)
    eventually(lambda: post(ingress)[0].status_code == 200, "ingress acks again")


async def test_a_crowd_at_a_frozen_redis_is_bounded_and_told_to_come_again(ingress: Ingress, server: Server) -> None:
    crowd = Load(ingress.port, going=False)
    server.pause()
    try:
        await asyncio.gather(*(crowd.once(n) for n in range(700)))
    finally:
        server.resume()
    assert set(crowd.statuses) == {503}
    async with httpx.AsyncClient(timeout=SECONDS) as client:
        metrics = (await client.get(f"{ingress.metrics_url}/metrics")).text
    assert 'rotavatar_ingress_requests_total{outcome="shed",reason="busy",route="events"}' in metrics


async def test_a_stop_finishes_what_was_begun_and_takes_nothing_new(ingress: Ingress, server: Server) -> None:
    load = Load(ingress.port)
    running = asyncio.create_task(load.run(64))
    await load.sees(200, more_than=64)
    ingress.process.terminate()
    began = time.monotonic()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await running
    load.going = False
    assert await asyncio.to_thread(ingress.ended) == 0
    assert time.monotonic() - began < 10
    assert set(load.statuses) == {200}
    assert set(load.acked) <= stored(server)


def test_ingress_waits_for_a_redis_that_is_not_there_yet(server: Server, catalogue: Path) -> None:
    server.stop()
    variables = at.environment(redis_url=server.url, catalogue=catalogue)
    waiting = at.start_ingress(variables, event="waiting for redis")
    server.start()
    eventually(lambda: any(line["event"] == "serving" for line in waiting.logs()), "ingress serves")
    assert post(waiting)[0].status_code == 200
    assert waiting.stop() == 0

"""`python -m publisher` as it is deployed: its probes, its metrics, its end, and its death."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from publisher.turns import LEASE_SECONDS
from rotavatar.policy import HOUR
from rotavatar.records import Idle, Member
from tests.patience import SECONDS
from tests.publishing import TEAM, Stage, stage, until
from tests.servers import Server, free_port


@pytest.fixture
async def it(valkey: Server, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(valkey.url, tmp_path, speed=60, replicas=0) as running:
        yield running


@asynccontextmanager
async def publisher(it: Stage, **settings: str) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    port = free_port()
    environ = {**os.environ, **it.environ, "ROTAVATAR_METRICS_PORT": str(port), **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "publisher", env=environ, stdout=PIPE, stderr=STDOUT
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=SECONDS) as client:
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


async def member(it: Stage) -> str:
    person = await it.install(it.simulator.add_member(TEAM))
    await it.store(person.id, Member(credential=b"c", frequency=HOUR, rotated_at=1_000_000))
    return person.id


async def test_it_publishes_counts_and_stops_when_asked_without_a_token_in_its_log(it: Stage) -> None:
    async with publisher(it, ROTAVATAR_LOG_LEVEL="debug") as (process, client):
        await ready(client)
        user = await member(it)
        await it.ask(user)
        await it.shows(user, "A new photo every hour")
        it.simulator.slack.trouble.of(TEAM).answer_500 = 1
        await it.ask(user)
        await until(lambda: it.calls("ok") == 2)
        await it.idle()
        assert (await client.get("/healthz")).status_code == 200
        metrics = (await client.get("/metrics")).text
        assert 'rotavatar_publishes_total{outcome="ok"} 2.0' in metrics
        assert 'rotavatar_publishes_total{outcome="again"} 1.0' in metrics
        assert 'rotavatar_publish_latency_seconds_count{looking="yes"} 2.0' in metrics
        assert "rotavatar_publishes_wanted_tabs 0.0" in metrics
        process.send_signal(signal.SIGTERM)
        out, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == 0
    assert b"tab not published" in out
    for token in it.simulator.slack.world.tokens:
        assert token.encode() not in out + metrics.encode()


async def test_killed_in_the_middle_of_a_publish_the_next_process_shows_the_newest(it: Stage) -> None:
    user = await member(it)
    it.simulator.slack.trouble.of(TEAM).slow = 3.0
    async with publisher(it) as (process, client):
        await ready(client)
        await it.ask(user)
        await until(lambda: bool(it.journal.arrivals[TEAM, "views.publish"]))
        process.kill()
        await process.wait()
    await it.store(user, Member(credential=b"c", idle=Idle.OUTSIDE))
    await it.ask(user)
    it.simulator.slack.trouble.clear()
    await it.pass_time(LEASE_SECONDS + 1)  # for so long the dead process holds the tab
    async with publisher(it) as (_, client):
        await ready(client)
        await it.shows(user, "changed elsewhere")
        await it.idle()


async def test_a_missing_setting_stops_it_with_one_sentence(it: Stage) -> None:
    async with publisher(it, ROTAVATAR_PUBLIC_URL="") as (process, _):
        out, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == 2
    lines = [line for line in out.decode().splitlines() if "ROTAVATAR_PUBLIC_URL" in line]
    assert len(lines) == 1


async def test_while_redis_is_away_it_is_not_ready_and_afterwards_it_goes_on(it: Stage, own_server) -> None:
    server: Server = own_server()
    async with publisher(it, ROTAVATAR_REDIS_URL=server.url) as (process, client):
        await ready(client)
        server.kill()
        async with asyncio.timeout(SECONDS):
            while (await client.get("/readyz")).status_code == 200:
                await asyncio.sleep(0.05)
        assert (await client.get("/healthz")).status_code == 200
        server.start()
        await ready(client)
        assert process.returncode is None

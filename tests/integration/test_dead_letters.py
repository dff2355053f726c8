"""How many dead letters there are, and how old the oldest is: as a process tells it, and as it changes."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY

from rotavatar import keys
from rotavatar.clock import ManualClock
from rotavatar.redis import Redis
from rotavatar.shared.backlog import Backlog
from rotavatar.store import BacklogStore, JobStore
from rotavatar.store.jobs import Entry
from tests.publishing import stage
from tests.servers import Server, free_port


async def bury(jobs: JobStore, partition: int, stream: str, *, at_ms: int) -> None:
    entry = Entry(partition=partition, stream=stream, id="1-1", body=b"2 {}", attempt=6)
    await jobs.create_groups([keys.schedule_jobs(p) for p in range(keys.PARTITIONS)])
    await jobs.create_groups([keys.publish_jobs(p) for p in range(keys.PARTITIONS)])
    await jobs.bury(entry, reason="nobody could", now_ms=at_ms)


def told() -> tuple[dict[str, float], float | None]:
    counts = {
        sample.labels["partition"]: sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == "rotavatar_dead_letters" and sample.value
    }
    return counts, REGISTRY.get_sample_value("rotavatar_dead_letters_age_seconds")


@pytest.mark.parametrize("server", ["valkey", "cluster"])
async def test_dead_letters_of_both_streams_are_counted_and_those_that_went_are_not(
    request: pytest.FixtureRequest, server: str
) -> None:
    redis = await Redis.connect(request.getfixturevalue(server).url, name="test")
    jobs, clock = JobStore(redis), ManualClock()
    now_ms = int(clock.now() * 1000)
    count = Backlog(store=BacklogStore(redis), jobs=jobs, clock=clock)
    await count.count_letters()
    assert told() == ({}, 0.0)
    await bury(jobs, 3, keys.schedule_jobs(3), at_ms=now_ms - 7_000)
    await bury(jobs, 3, keys.publish_jobs(3), at_ms=now_ms - 1_000)
    await bury(jobs, 9, keys.publish_jobs(9), at_ms=now_ms - 90_000)
    await count.count_letters()
    assert told() == ({"3": 2.0, "9": 1.0}, 90.0)
    for letter in await jobs.dead_letters(9):
        await jobs.drop(letter)
    await count.count_letters()
    assert told() == ({"3": 2.0}, 7.0)
    await redis.close()


async def test_the_rotator_tells_them_on_its_metrics_page(valkey: Server, tmp_path: Path) -> None:
    async with stage(valkey.url, tmp_path, speed=1, replicas=0) as it:
        redis = await Redis.connect(valkey.url, name="test")
        await bury(JobStore(redis), 5, keys.schedule_jobs(5), at_ms=1)
        await redis.close()
        port = free_port()
        environ = {
            **os.environ,
            **it.environ,
            "ROTAVATAR_METRICS_PORT": str(port),
            "ROTAVATAR_PHOTO_STORE_URL": str(tmp_path / "photos"),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "rotator", env=environ, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            assert 'rotavatar_dead_letters{partition="5"} 1.0' in await metrics(port, until="rotavatar_dead_letters{")
        finally:
            process.kill()
            await process.wait()


async def metrics(port: int, *, until: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(30):
        while True:
            try:
                page = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
                if until in page:
                    return page
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)

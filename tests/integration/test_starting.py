"""A process that starts before Redis waits for it."""

import asyncio
from collections.abc import Callable

import httpx

from rotavatar.process import Life
from rotavatar.settings import ProcessSettings, load
from rotavatar.starting import redis_when_there
from tests.patience import SECONDS
from tests.servers import Server, free_port


def process(port: int = 0) -> ProcessSettings:
    return load(ProcessSettings, {"ROTAVATAR_HOST": "127.0.0.1", "ROTAVATAR_METRICS_PORT": str(port)})


async def test_who_starts_before_redis_works_as_soon_as_it_is_there(own_server: Callable[..., Server]) -> None:
    server = own_server()
    server.kill()
    waiting = asyncio.create_task(
        redis_when_there(server.url, name="early", life=Life(), process=process(), patience=1.0)
    )
    await asyncio.sleep(0.3)
    assert not waiting.done()
    server.restart()
    async with asyncio.timeout(SECONDS):
        redis = await waiting
    assert redis is not None
    assert await redis.check() is None
    await redis.close()


async def test_who_waits_for_redis_can_be_stopped(own_server: Callable[..., Server]) -> None:
    server = own_server()
    server.kill()
    life = Life()
    waiting = asyncio.create_task(
        redis_when_there(server.url, name="early", life=life, process=process(), patience=1.0)
    )
    life.stop("test")
    async with asyncio.timeout(SECONDS):
        assert await waiting is None


async def test_who_waits_for_redis_lives_and_is_not_ready(own_server: Callable[..., Server]) -> None:
    """A liveness probe must not restart it, and a readiness probe must keep requests away."""
    server = own_server()
    server.kill()
    life, port = Life(), free_port()
    waiting = asyncio.create_task(redis_when_there(server.url, name="early", life=life, process=process(port)))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as probe:
        async with asyncio.timeout(SECONDS):
            while not await _listens(probe):
                await asyncio.sleep(0.05)
        assert (await probe.get("/healthz")).status_code == 200
        ready = await probe.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["failing"]["redis"].startswith("waiting for redis: Redis is away")
    server.restart()
    async with asyncio.timeout(SECONDS):
        redis = await waiting
    assert redis is not None
    await redis.close()


async def _listens(probe: httpx.AsyncClient) -> bool:
    try:
        await probe.get("/healthz")
    except httpx.TransportError:
        return False
    return True

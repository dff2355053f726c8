"""A process that starts before Redis waits for it."""

import asyncio
from collections.abc import Callable

from rotavatar.process import Life
from rotavatar.starting import redis_when_there
from tests.patience import SECONDS
from tests.servers import Server


async def test_who_starts_before_redis_works_as_soon_as_it_is_there(own_server: Callable[..., Server]) -> None:
    server = own_server()
    server.kill()
    waiting = asyncio.create_task(redis_when_there(server.url, name="early", life=Life(), patience=1.0))
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
    waiting = asyncio.create_task(redis_when_there(server.url, name="early", life=life, patience=1.0))
    life.stop("test")
    async with asyncio.timeout(SECONDS):
        assert await waiting is None

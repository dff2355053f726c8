"""taskiq-redis with a task that does nothing: REDIS_URL JOBS."""

import asyncio
import sys

import uvloop
from taskiq.api import run_receiver_task
from taskiq_redis import RedisStreamBroker

from benchmarks.programs.counting import Count


async def main(url: str, number: int) -> None:
    broker = RedisStreamBroker(url, consumer_id="0", max_connection_pool_size=200)
    count, done = Count(number), asyncio.Event()

    @broker.task  # type: ignore[untyped-decorator]
    async def nothing(_number: int) -> None:
        if count.one():
            done.set()

    await broker.startup()
    for first in range(0, number, 100):
        await asyncio.gather(*(nothing.kiq(first + n) for n in range(min(100, number - first))))
    running = asyncio.create_task(run_receiver_task(broker, max_async_tasks=100, max_prefetch=100))
    await asyncio.wait((running, asyncio.ensure_future(done.wait())), return_when=asyncio.FIRST_COMPLETED)
    count.report()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))

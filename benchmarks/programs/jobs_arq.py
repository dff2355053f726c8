"""arq with a task that does nothing: REDIS_URL JOBS. Runs in an environment of its own."""

import asyncio
import logging
import sys
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker, func

from benchmarks.programs.counting import Count


async def main(url: str, number: int) -> None:
    logging.disable(logging.CRITICAL)
    settings = RedisSettings.from_dsn(url)
    settings.max_connections = 200
    pool = await create_pool(settings)
    count, done = Count(number), asyncio.Event()

    async def nothing(_context: dict[Any, Any], _number: int) -> None:
        if count.one():
            done.set()

    for first in range(0, number, 100):
        await asyncio.gather(*(pool.enqueue_job("nothing", first + n) for n in range(min(100, number - first))))
    worker = Worker(
        functions=[func(nothing, name="nothing", keep_result=0)],
        redis_settings=settings,
        max_jobs=100,
        poll_delay=0.01,
        handle_signals=False,
    )
    running = asyncio.create_task(worker.async_run())
    await asyncio.wait((running, asyncio.ensure_future(done.wait())), return_when=asyncio.FIRST_COMPLETED)
    count.report()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))

"""streaq with a task that does nothing: REDIS_URL JOBS."""

import asyncio
import sys

import uvloop
from streaq import Worker

from benchmarks.programs.counting import Count


async def main(url: str, number: int) -> None:
    worker = Worker(redis_url=url, concurrency=100, prefetch=100, handle_signals=False)
    count, done = Count(number), asyncio.Event()

    @worker.task(ttl=0)  # type: ignore[untyped-decorator]
    async def nothing(_number: int) -> None:
        if count.one():
            done.set()

    for first in range(0, number, 1000):
        async with worker:
            await worker.enqueue_many([nothing.enqueue(first + n) for n in range(min(1000, number - first))])
    running = asyncio.create_task(worker.run_async())
    await asyncio.wait((running, asyncio.ensure_future(done.wait())), return_when=asyncio.FIRST_COMPLETED)
    count.report()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))

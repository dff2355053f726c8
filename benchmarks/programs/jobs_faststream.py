"""FastStream on Redis streams with a subscriber that does nothing: REDIS_URL JOBS."""

import asyncio
import logging
import sys

import uvloop
from faststream.redis import RedisBroker, StreamSub

from benchmarks.programs.counting import Count


async def main(url: str, number: int) -> None:
    broker = RedisBroker(url, logger=None)
    logging.disable(logging.CRITICAL)
    count, done = Count(number), asyncio.Event()
    stream = StreamSub("jobs", group="workers", consumer="bench", last_id=">", max_records=100, polling_interval=10)

    @broker.subscriber(stream=stream, max_workers=1)  # type: ignore[untyped-decorator]
    async def nothing(_number: int) -> None:
        if count.one():
            done.set()

    await broker.connect()
    client = broker._connection  # noqa: SLF001 - its group must exist before the first message, or it is not delivered
    assert client is not None
    await client.xgroup_create("jobs", "workers", "0", mkstream=True)
    for first in range(0, number, 100):
        await asyncio.gather(*(broker.publish(first + n, stream="jobs") for n in range(min(100, number - first))))
    await broker.start()
    await done.wait()
    count.report()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))

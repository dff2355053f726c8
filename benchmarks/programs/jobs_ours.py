"""Our consumer with a handler that does nothing: REDIS_URL JOBS."""

import asyncio
import sys

import uvloop

from benchmarks.programs.counting import Count
from rotavatar import keys
from rotavatar.clock import SystemClock
from rotavatar.consumer import Consumer
from rotavatar.keys import User, Workspace
from rotavatar.messages import FrequencyChosen, Job
from rotavatar.redis import Redis
from rotavatar.store import JobStore
from rotavatar.store.jobs import Entry


async def main(url: str, number: int) -> None:
    redis = await Redis.connect(url, name="bench")
    jobs = JobStore(redis)
    for first in range(0, number, 5_000):
        await asyncio.gather(*(jobs.add(message(first + n)) for n in range(min(5_000, number - first))))
    streams = [keys.schedule_jobs(partition) for partition in range(keys.PARTITIONS)]
    consumer = Consumer(redis=redis, jobs=jobs, clock=SystemClock(), streams=streams, name="bench")
    count = Count(number)

    async def handle(_entry: Entry, _job: Job) -> bool:
        if count.one():
            consumer.stop()
        return False

    await consumer.run(handle)
    await redis.close()
    count.report()


def message(number: int) -> FrequencyChosen:
    workspace, user = Workspace(f"T{number % 1000:08d}"), User(f"U{number:010d}")
    return FrequencyChosen(workspace=workspace, user=user, at=1_795_000_000_000, trace="0123456789abcdef", seconds=3600)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))

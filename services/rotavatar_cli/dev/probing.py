"""Asks the processes whether they can do their work."""

import asyncio
from urllib.parse import urlsplit

from rotavatar.errors import Unavailable
from rotavatar.redis import Redis

SECONDS = 3.0


async def answers(url: str) -> tuple[bool, str]:
    """Whether GET `url` is answered with 200, and the body or why not."""
    try:
        async with asyncio.timeout(SECONDS):
            status, body = await request(url)
    except (OSError, ValueError, TimeoutError) as error:
        return False, "no answer yet" if not str(error) or isinstance(error, OSError) else str(error)
    return status == 200, body  # noqa: PLR2004


async def request(url: str, *, method: str = "GET", body: bytes = b"") -> tuple[int, str]:
    """One plain HTTP request to this machine: the status and the body. Raises OSError, ValueError."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        head = f"{method} {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        status = int((await reader.readline()).split()[1])
        while (await reader.readline()).strip():
            pass
        return status, (await reader.read()).decode(errors="replace")
    except IndexError:
        raise ValueError("no HTTP answer") from None
    finally:
        writer.close()


async def redis_answers(url: str) -> bool:
    """Whether the Redis at `url` has loaded its data and answers."""
    try:
        redis = await Redis.connect(url, name="rotavatar-dev", patience=1.0)
    except Unavailable:
        return False
    await redis.close()
    return True


async def clock_speed(url: str) -> float:
    """How fast the schedule's clock in the Redis at `url` runs. Raises Unavailable."""
    redis = await Redis.connect(url, name="rotavatar-dev", patience=1.0)
    try:
        _, pace = await redis.measure()
    finally:
        await redis.close()
    return pace.speed

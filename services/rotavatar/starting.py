"""What every process does first: wait for Redis instead of dying where it starts later than we do."""

from typing import Final

import structlog

from rotavatar.errors import Unavailable
from rotavatar.process import Life
from rotavatar.redis import Redis

log = structlog.get_logger()

LOOK_SECONDS: Final = 1.0


async def redis_when_there(url: str, *, name: str, life: Life, patience: float = 5.0) -> Redis | None:
    """Redis, as soon as it answers; None when the process was asked to stop before. See `Redis.connect`."""
    while True:
        try:
            return await Redis.connect(url, name=name, patience=patience)
        except Unavailable as error:
            log.warning("waiting for redis", reason=str(error))
        if not await life.pause(LOOK_SECONDS):
            return None

"""What every process does first: wait for Redis instead of dying where it starts later than we do."""

from typing import Final

import structlog

from rotavatar.errors import Unavailable
from rotavatar.health import serving_probes
from rotavatar.process import Life
from rotavatar.redis import Redis, RedisAccess
from rotavatar.settings import ProcessSettings

log = structlog.get_logger()

LOOK_SECONDS: Final = 1.0


async def redis_when_there(
    to: RedisAccess | str, *, name: str, life: Life, process: ProcessSettings, patience: float = 5.0
) -> Redis | None:
    """Redis, as soon as it answers; None when the process was asked to stop before. See `Redis.connect`.

    While it waits, the metrics port says that the process lives and why it is not ready: otherwise Kubernetes would
    restart it for as long as Redis is away.
    """
    reason = ""

    async def waiting() -> str | None:
        return f"waiting for redis: {reason}"

    try:
        return await Redis.connect(to, name=name, patience=patience)
    except Unavailable as error:
        reason = str(error)
    async with serving_probes(host=process.host, port=process.metrics_port, checks={"redis": waiting}):
        while True:
            log.warning("waiting for redis", reason=reason)
            if not await life.pause(LOOK_SECONDS):
                return None
            try:
                return await Redis.connect(to, name=name, patience=patience)
            except Unavailable as error:
                reason = str(error)

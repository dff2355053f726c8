"""Which OAuth states were used: each works once."""

from typing import Final

from rotavatar import keys
from rotavatar.redis import Redis

PARTITION: Final = 0
"""The partition that these keys lie in."""


class ConsentStore:
    """Remembers used states until they would have expired anyway."""

    def __init__(self, redis: Redis) -> None:
        """Remember them in `redis`."""
        self._redis = redis

    async def spend(self, nonce: str, *, seconds: int) -> bool:
        """Use a state, remembered for `seconds`; False where somebody has used it before."""
        return await self._redis.execute(PARTITION, "SET", keys.consent(nonce), "1", "NX", "EX", seconds) is not None

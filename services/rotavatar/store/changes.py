"""Which workspaces changed since the operator looked at them: small, and exact after any crash."""

from typing import NamedTuple

from rotavatar import keys
from rotavatar.keys import Workspace
from rotavatar.redis import Redis


class Change(NamedTuple):
    """A workspace that changed. `number` grows with each change of the partition and is given once."""

    workspace: Workspace
    number: int


class ChangeStore:
    """Reads the marks that the scripts leave, and takes them away."""

    def __init__(self, redis: Redis) -> None:
        """Read them in `redis`."""
        self._redis = redis

    async def page(self, partition: int, *, after: int = 0, count: int = 100) -> list[Change]:
        """Up to `count` workspaces of a partition that changed, in the order of their last change, later than `after`.

        Begin with 0, and whatever nobody has settled is there again.
        """
        rows = await self._redis.execute(
            partition,
            "ZRANGE", keys.changed(partition), f"({after}", "+inf", "BYSCORE", "LIMIT", 0, count, "WITHSCORES",
        )  # fmt: skip
        return [
            Change(Workspace(name.decode()), int(number)) for name, number in zip(rows[::2], rows[1::2], strict=True)
        ]

    async def last(self, partition: int) -> int:
        """The number of the last change in a partition. Less than before: this Redis lost what it held."""
        return int(await self._redis.execute(partition, "GET", keys.change_counter(partition)) or 0)

    async def settle(self, workspace: Workspace, number: int) -> bool:
        """The workspace is as the change `number` wants it; False where it changed again and is to be looked at."""
        partition = keys.partition_of(workspace)
        return bool(await self._redis.run(partition, "settle", [keys.changed(partition)], [workspace, number]))

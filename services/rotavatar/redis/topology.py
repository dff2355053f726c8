"""Where the partitions live: all on one server, or each on the cluster node that owns its slot."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog
from redis.crc import key_slot
from redis.exceptions import AskError, NoScriptError

from rotavatar import keys
from rotavatar.clock import CLOCK_KEY, PACE_FIELDS, Pace
from rotavatar.configuration import Secret
from rotavatar.errors import ConfigurationError, Unavailable
from rotavatar.redis.access import Connector, RedisAccess, connector
from rotavatar.redis.pipe import Argument, Pipe, Reply
from rotavatar.redis.scripts import script

log = structlog.get_logger()

MOVES = 5
"""How often a command follows a slot that moves: redis-cli gives up after as many redirections."""


class Redis:
    """Every command of this process goes through here, addressed to a partition.

    Use `await Redis.connect(...)`. All methods raise Unavailable when the server is away.
    """

    def __init__(self, access: RedisAccess, *, name: str, patience: float) -> None:
        """See `connect`."""
        self._access = access
        self._name = name
        self._patience = patience
        self._pipes: dict[tuple[str, int] | None, Pipe] = {}
        self._connectors: list[Connector] = []
        self._owners: list[tuple[str, int] | None] = [None] * keys.PARTITIONS
        self.clustered = False

    @classmethod
    async def connect(cls, to: RedisAccess | str, *, name: str, patience: float = 5.0) -> "Redis":
        """Connect as client `name`, to an access or a URL; replies must come within `patience` seconds.

        Raises ConfigurationError where this Redis was laid out for another number of partitions, Unavailable where
        it cannot be reached.
        """
        access = RedisAccess(url=Secret(to)) if isinstance(to, str) else to
        redis = cls(access, name=name, patience=patience)
        try:
            redis.clustered = b"cluster_enabled:1" in await redis._introduce()
            await redis.refresh()
            await redis._check_layout()
        except BaseException:
            await redis.close()
            raise
        return redis

    async def refresh(self) -> None:
        """Ask the cluster again which node owns which partition. Nothing to do on a single server."""
        if not self.clustered:
            return
        for first, last, (host, port, *_), *_replicas in await self._pipe(None).execute("CLUSTER", "SLOTS"):
            for partition in range(keys.PARTITIONS):
                if first <= key_slot(b"p%02d" % partition) <= last:
                    self._owners[partition] = (host.decode(), port)

    def groups(self) -> list[list[int]]:
        """The partitions by server: one blocking read can name all of a group."""
        if not self.clustered:
            return [list(range(keys.PARTITIONS))]
        return [[partition] for partition in range(keys.PARTITIONS)]

    async def execute(self, partition: int, *command: Argument) -> Reply:
        """One command to the server of `partition`."""
        if not self.clustered:
            return await self._pipe(None).execute(*command)
        for attempt in range(MOVES):
            try:
                return await self._pipe(self._owners[partition]).execute(*command)
            except AskError:  # MovedError is one of them
                await asyncio.sleep(0.05 * attempt)
                await self.refresh()
        raise Unavailable("Redis Cluster keeps moving this partition")

    async def run(self, partition: int, name: str, names: Sequence[str], args: Sequence[Argument]) -> Reply:
        """Run the script `name` on the keys `names` of `partition`."""
        code = script(name)
        try:
            return await self.execute(partition, "EVALSHA", code.sha, len(names), *names, *args)
        except NoScriptError:
            return await self.execute(partition, "EVAL", code.text, len(names), *names, *args)

    def blocking(self, *, seconds: float) -> "Redis":
        """Another Redis over connections of its own, for commands that block up to `seconds`."""
        twin = Redis(self._access, name=self._name, patience=seconds + self._patience)
        twin.clustered = self.clustered
        twin._owners = list(self._owners)
        return twin

    async def check(self) -> str | None:
        """Whether Redis answers: None, or why not (for `/readyz`)."""
        try:
            await self.execute(0, "PING")
        except Unavailable as error:
            return str(error)
        return None

    async def measure(self) -> tuple[float, Pace]:
        """Redis' time in seconds since the epoch, and the speed of the schedule's clock."""
        time, pace = await asyncio.gather(self.execute(0, "TIME"), self.execute(0, "HMGET", CLOCK_KEY, *PACE_FIELDS))
        seconds, micros = time
        return int(seconds) + int(micros) / 1e6, Pace(*(float(value) for value in pace if value is not None))

    async def close(self) -> None:
        """Finish what is queued and disconnect."""
        for pipe in self._pipes.values():
            await pipe.close()
        for connecting in self._connectors:
            await connecting.close()

    def _pipe(self, address: tuple[str, int] | None) -> Pipe:
        pipe = self._pipes.get(address)
        if pipe is None:
            connecting = connector(self._access, name=self._name, node=address)
            self._connectors.append(connecting)
            pipe = self._pipes[address] = Pipe(connecting, timeout=self._patience)
        return pipe

    async def _introduce(self) -> Reply:
        """What the first of the given hosts that answers says about clusters: one node that is away is no reason."""
        for _ in self._access.address.hosts[1:]:
            with suppress(Unavailable):
                return await self._pipe(None).execute("INFO", "cluster")
        return await self._pipe(None).execute("INFO", "cluster")

    async def _check_layout(self) -> None:
        await self.execute(0, "HSETNX", keys.LAYOUT, "partitions", keys.PARTITIONS)
        recorded = int(await self.execute(0, "HGET", keys.LAYOUT, "partitions"))
        if recorded != keys.PARTITIONS:
            raise ConfigurationError(
                f"ROTAVATAR_REDIS_URL: this Redis holds {recorded} partitions and this version works with "
                f"{keys.PARTITIONS}: start the version that wrote it, or use an empty Redis"
            )

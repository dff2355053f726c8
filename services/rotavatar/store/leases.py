"""Leases: who may do something now. Every one expires by itself."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.pacing import Limit
from rotavatar.redis import Redis


class LeaseStore:
    """Leases that are keys with an expiry in real time."""

    def __init__(self, redis: Redis) -> None:
        """Keep the leases in `redis`."""
        self._redis = redis

    @asynccontextmanager
    async def person(self, enterprise: str, user: User, *, seconds: float) -> AsyncIterator[bool]:
        """Hold the one lease under which a person's photo is written; yields whether we got it."""
        partition = keys.partition_of(Workspace(enterprise))
        async with self._held(partition, keys.person(enterprise, user), seconds) as got:
            yield got

    @asynccontextmanager
    async def refresh(self, workspace: Workspace, subject: str, *, seconds: float) -> AsyncIterator[bool]:
        """Hold the lease under which one credential is refreshed (`subject`: a user id, or `bot`)."""
        async with self._held(keys.partition_of(workspace), keys.refresh(workspace, subject), seconds) as got:
            yield got

    @asynccontextmanager
    async def photos(self, workspace: Workspace, user: User, *, seconds: float) -> AsyncIterator[bool]:
        """Hold the lease under which a member's photos are written or swept; yields whether we got it."""
        async with self._held(keys.partition_of(workspace), keys.photos(workspace, user), seconds) as got:
            yield got

    async def hold_office(self, name: str, *, seconds: float) -> bool:
        """Whether the process `name` is the one that tells the shared facts; it is for `seconds` where nobody was."""
        return bool(await self._redis.run(0, "office", [keys.OFFICE], [name, int(seconds * 1000)]))

    async def leave_office(self, name: str) -> None:
        """Let another process tell the shared facts, if `name` is the one that does."""
        await self._redis.run(0, "release", [keys.OFFICE], [name])

    async def refresh_slot(self, workspace: Workspace, limit: Limit, *, now_ms: int) -> int:
        """One token refresh out of the share of the workspace's partition, `limit`: `now_ms`, or when to ask again."""
        partition = keys.partition_of(workspace)
        args = [now_ms, limit.interval_ms, limit.burst]
        return int(await self._redis.run(partition, "budget", [keys.refresh_budget(partition)], args))

    @asynccontextmanager
    async def _held(self, partition: int, key: str, seconds: float) -> AsyncIterator[bool]:
        token = secrets.token_hex(8)
        got = await self._redis.execute(partition, "SET", key, token, "NX", "PX", int(seconds * 1000))
        try:
            yield got is not None
        finally:
            if got is not None:
                await self._redis.run(partition, "release", [key], [token])

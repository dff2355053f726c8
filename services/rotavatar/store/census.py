"""Members, credentials and keys, counted over everything there is: page by page, so that each answer is bounded."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import msgspec

from rotavatar import keys
from rotavatar.errors import VaultError
from rotavatar.keys import PARTITIONS, User, Workspace
from rotavatar.records import Idle, Status, Suspension
from rotavatar.redis import Redis
from rotavatar.store.members import MemberStore
from rotavatar.store.workspaces import WorkspaceStore
from rotavatar.vault import key_id_of

UNREADABLE = "?"
"""The key of what is no sealed blob."""

CONSENTS_AGAIN = frozenset({Idle.RECONNECT.value, Idle.CONSENT.value})


class Census(msgspec.Struct, frozen=True):
    """How many there are. A set that grows while it is read may give a name twice: close, not exact."""

    workspaces: Counter[str] = msgspec.field(default_factory=Counter)
    """By status."""
    members: Counter[str] = msgspec.field(default_factory=Counter)
    """By the reason why they have no due time; `scheduled` where they have one."""
    tokens: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    """By owner and state."""
    sealed: Counter[str] = msgspec.field(default_factory=Counter)
    """Credentials by the id of their key."""
    overdue: Counter[str] = msgspec.field(default_factory=Counter)
    """Members whose due time has passed, under `members`."""


class CensusStore:
    """Counts everything."""

    def __init__(self, redis: Redis) -> None:
        """Count in `redis`."""
        self._redis = redis
        self._members = MemberStore(redis)
        self._workspaces = WorkspaceStore(redis)

    async def count(self, *, now_ms: float) -> Census:
        """Everything, as of `now_ms`. Raises Unavailable. Costs two commands for a workspace and one for a member."""
        census = Census()
        for partition in range(PARTITIONS):
            async for workspace in self._every_workspace(partition):
                await self._count(census, partition, workspace, now_ms=now_ms)
        return census

    async def _every_workspace(self, partition: int) -> AsyncIterator[Workspace]:
        cursor, first = 0, True
        while cursor or first:
            first = False
            cursor, names = await self._workspaces.page(partition, cursor)
            for name in names:
                yield name

    async def _count(self, census: Census, partition: int, workspace: Workspace, *, now_ms: float) -> None:
        (status, suspended, credential), overdue = await asyncio.gather(
            self._redis.execute(partition, "HMGET", keys.workspace(workspace), "s", "su", "c"),
            self._redis.execute(partition, "ZCOUNT", keys.due(workspace), 0, now_ms),
        )
        stands = _status(status, suspended)
        census.workspaces[stands] += 1
        census.overdue["members"] += int(overdue)
        lost = "none" if stands == Status.UNINSTALLED.value else "missing"
        census.tokens["bot", "sealed" if credential else lost] += 1
        _note_key(census, credential)
        cursor, first = 0, True
        while cursor or first:
            first = False
            cursor, users = await self._members.page(workspace, cursor, count=200)
            rows = await asyncio.gather(*(self._row(partition, workspace, user) for user in users))
            for idle, token in rows:
                census.members[idle or "scheduled"] += 1
                census.tokens["member", _token(idle, token)] += 1
                _note_key(census, token)

    async def _row(self, partition: int, workspace: Workspace, user: User) -> tuple[str, bytes | None]:
        idle, token = await self._redis.execute(partition, "HMGET", keys.member(workspace, user), "i", "c")
        return (idle or b"").decode(), token


def _status(status: bytes | None, suspended: bytes | None) -> str:
    """What Slack did to a workspace counts before what its operator did."""
    if status:
        return Status(status.decode()).value
    return f"suspended_{Suspension(suspended.decode())}" if suspended else "active"


def _token(idle: str, token: bytes | None) -> str:
    if token:
        return "sealed"
    return "missing" if idle in CONSENTS_AGAIN else "none"


def _note_key(census: Census, blob: bytes | None) -> None:
    if blob:
        try:
            census.sealed[key_id_of(blob)] += 1
        except VaultError:
            census.sealed[UNREADABLE] += 1

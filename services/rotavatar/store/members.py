"""Member records and their places: claimed, read, and replaced only by who saw their present version."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import PublishAsked, encode
from rotavatar.pacing import Limits
from rotavatar.records import (
    LEAVING,
    MEMBER_FIELDS,
    WORKSPACE_FIELDS,
    Member,
    Snapshot,
    WorkspaceRecord,
    changes,
    unpack,
)
from rotavatar.redis import Redis, Reply
from rotavatar.store.jobs import GROUP, Ack
from rotavatar.store.usage import month_of

IN_FLIGHT: Final = 2
"""Photo writes of one workspace at a time: enough for Slack's rate, too few to fill a worker with slow answers."""

LEAVING_MS: Final = 10**14
"""Who leaves is scored lower than everybody else by this much in the due set: the scripts' LEAVING."""

DEFAULT_LIMITS: Final = Limits().packed()


class Place(StrEnum):
    """Where a commit leaves the member."""

    DUE = "due"
    IDLE = "idle"
    FLIGHT = "flight"
    GONE = "gone"
    STAY = "stay"


class Outcome(StrEnum):
    """What became of a commit."""

    OK = "OK"
    STALE = "STALE"
    """The record has changed since it was read: read it again and decide again."""
    TAKEN = "TAKEN"
    """A colleague has taken the picture since: choose another."""


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """A decision about a member, ready to be made true in one step."""

    member: Member
    place: Place
    time_ms: int = 0
    """Due time or lease end, where the place has one."""
    take: int | None = None
    """Bit of the picture that the member wears or will wear from now on."""
    share: bool = False
    """Take it although a colleague wears it: there is no free one."""
    release: tuple[int, ...] = ()
    """Bits of pictures that the member no longer wears nor will wear."""
    publish: PublishAsked | None = None


class Claim(msgspec.Struct, frozen=True):
    """One member whose photo this worker may write now. `fence` tells this claim from every other.

    `due_ms` is when they were due; None where the claim takes over a lease that ran out. Where `fence` is 0 there is
    nothing to carry out: too many workers have died of the member in a row, and they rest until they are due again.
    """

    workspace: Workspace
    user: User
    fence: int
    due_ms: float | None = None
    ready_ms: float = 0.0
    """From when on the pacers, and Slack, let somebody of the workspace go: what was later than this is our doing."""

    @property
    def given_up(self) -> bool:
        """Whether the member was given up, which somebody has to tell."""
        return self.fence == 0


class Tally(msgspec.Struct, frozen=True):
    """How many members of a workspace stand where. Each number is of its own instant."""

    members: int
    due: int
    flight: int
    wanted: int


class MemberStore:
    """Reads and writes member records."""

    def __init__(self, redis: Redis, *, in_flight: int = IN_FLIGHT) -> None:
        """Allow `in_flight` photo writes of one workspace at a time."""
        self._redis = redis
        self._cap = in_flight

    async def snapshot(self, workspace: Workspace, user: User) -> Snapshot | None:
        """Everything a decision about the member is made from; None where the workspace is unknown."""
        partition = keys.partition_of(workspace)
        names = [kind(workspace) for kind in (keys.workspace, keys.due, keys.flight, keys.pace)]
        names.insert(1, keys.member(workspace, user))
        ws, raw, due, lease, holds = await self._redis.run(partition, "snapshot", names, [user])
        if not ws:
            return None
        return Snapshot(
            workspace=workspace,
            user=user,
            record=unpack(WorkspaceRecord, WORKSPACE_FIELDS, _pairs(ws)),
            member=unpack(Member, MEMBER_FIELDS, _pairs(raw)) if raw else None,
            due=_due_of(due) if due else None,
            lease=float(lease) if lease else None,
            held_until=max(float(hold or 0) for hold in holds),
        )

    async def commit(self, seen: Snapshot, change: Commit, *, ack: Ack | None = None) -> Outcome:
        """Make `change` true if member and workspace are still as in `seen`, and finish the job `ack` in that step."""
        before = seen.member or Member()
        put, drop = changes(MEMBER_FIELDS, before, change.member)
        put.pop("v", None)
        args: list[str | bytes | int] = [
            keys.tag(keys.partition_of(seen.workspace)),
            seen.workspace,
            seen.user,
            seen.member.version if seen.member else "",
            seen.record.version,
            change.place,
            _scored(change),
            self._cap,
            DEFAULT_LIMITS,
            "" if change.take is None else change.take,
            "1" if change.share else "",
            len(change.release),
            *change.release,
            2 * len(put),
        ]
        for pair in put.items():
            args.extend(pair)
        args += [len(drop), *drop, encode(change.publish) if change.publish else ""]
        args += [ack.stream, GROUP, ack.id] if ack else ["", "", ""]
        rotated = change.member.rotated_at
        args.append(month_of(rotated) if rotated != before.rotated_at else "")
        partition = keys.partition_of(seen.workspace)
        return Outcome(
            (await self._redis.run(partition, "commit", [keys.member(seen.workspace, seen.user)], args)).decode()
        )

    async def claim(self, partition: int, *, now_ms: int, lease_end_ms: int, want: int) -> list[Claim]:
        """Up to `want` members of a partition whose rotation may start now, each charged to its workspace's pacer.

        Those who were given up come on top.
        """
        reply = await self._redis.run(
            partition,
            "claim",
            [keys.ready(partition)],
            [keys.tag(partition), now_ms, want, lease_end_ms, self._cap, DEFAULT_LIMITS, want],
        )
        rows = zip(*(reply[place::5] for place in range(5)), strict=True)
        return [
            Claim(Workspace(w.decode()), User(u.decode()), int(fence), float(due) if due else None, float(ready or 0))
            for w, u, fence, due, ready in rows
        ]

    async def next_ready(self, partition: int) -> float | None:
        """When (ms) the first workspace of a partition may rotate somebody; None when nothing is planned."""
        return _head(await self._redis.execute(partition, "ZRANGE", keys.ready(partition), 0, 0, "WITHSCORES"))

    async def hold(self, workspace: Workspace, method: str, *, until_ms: int) -> None:
        """Slack asked to wait: no call of `method` (photo, profile, publish) for the workspace before `until_ms`."""
        partition = keys.partition_of(workspace)
        await self._redis.run(
            partition,
            "hold",
            [keys.pace(workspace)],
            [keys.tag(partition), workspace, method, until_ms, self._cap, DEFAULT_LIMITS],
        )

    async def grant(self, workspace: Workspace, method: str, *, now_ms: int) -> int:
        """One more call of `method` (photo, profile): `now_ms` when it may start, else when to ask again."""
        partition = keys.partition_of(workspace)
        names = [keys.pace(workspace), keys.workspace(workspace)]
        return int(await self._redis.run(partition, "grant", names, [method, now_ms, DEFAULT_LIMITS]))

    async def worn(self, workspace: Workspace) -> bytes:
        """The bitmap of pictures that are worn or promised in the workspace, most significant bit first."""
        bitmap: bytes | None = await self._redis.execute(keys.partition_of(workspace), "GET", keys.worn(workspace))
        return bitmap or b""

    async def count(self, workspace: Workspace) -> int:
        """How many members the workspace has, those who left included."""
        return int(await self._redis.execute(keys.partition_of(workspace), "SCARD", keys.members(workspace)))

    async def places(self, workspace: Workspace) -> int:
        """How many members the workspace has, without those who left. Each number is of its own instant."""
        partition = keys.partition_of(workspace)
        members, left = await asyncio.gather(
            self._redis.execute(partition, "SCARD", keys.members(workspace)),
            self._redis.execute(partition, "SCARD", keys.left(workspace)),
        )
        return int(members) - int(left)

    async def page(self, workspace: Workspace, cursor: int = 0, *, count: int = 100) -> tuple[int, list[User]]:
        """Some members of the workspace and where to go on; 0 means that these were the last."""
        after, users = await self._redis.execute(
            keys.partition_of(workspace), "SSCAN", keys.members(workspace), cursor, "COUNT", count
        )
        return int(after), [User(user.decode()) for user in users]

    async def tally(self, workspace: Workspace) -> Tally:
        """How many members the workspace has, and how many of them are due, in flight and waiting for a publish."""
        partition = keys.partition_of(workspace)
        counts = await asyncio.gather(
            self._redis.execute(partition, "SCARD", keys.members(workspace)),
            self._redis.execute(partition, "ZCARD", keys.due(workspace)),
            self._redis.execute(partition, "ZCARD", keys.flight(workspace)),
            self._redis.execute(partition, "ZCARD", keys.wanted(workspace)),
        )
        return Tally(*map(int, counts))

    async def queue_page(
        self, workspace: Workspace, place: Place, cursor: int = 0, *, count: int = 100
    ) -> tuple[int, list[User]]:
        """Some members that stand in the set of those due or in flight (`place`), and where to go on; 0: no more."""
        key = keys.due(workspace) if place is Place.DUE else keys.flight(workspace)
        after, pairs = await self._redis.execute(keys.partition_of(workspace), "ZSCAN", key, cursor, "COUNT", count)
        return int(after), [User(user.decode()) for user in pairs[::2]]

    async def queue_ahead(self, workspace: Workspace, user: User, *, now_ms: int) -> tuple[int, int]:
        """How many members of the workspace are overdue, and how many stand before this one in the queue."""
        partition = keys.partition_of(workspace)
        leaving, others, rank = await asyncio.gather(
            self._redis.execute(partition, "ZCOUNT", keys.due(workspace), "-inf", now_ms - LEAVING_MS),
            self._redis.execute(partition, "ZCOUNT", keys.due(workspace), 0, now_ms),
            self._redis.execute(partition, "ZRANK", keys.due(workspace), user),
        )
        return int(leaving) + int(others), int(rank or 0)

    async def wipe(self, workspace: Workspace, users: Sequence[User], *, reason: str, now_ms: int) -> list[User]:
        """Destroy the credentials of `users` of an uninstalled workspace; they wait as `reason` from now on.

        Returns those who had asked to be forgotten, which is still to be done. Nothing is done where the workspace
        has been installed again.
        """
        partition = keys.partition_of(workspace)
        leaving = await self._redis.run(
            partition, "wipe", [keys.workspace(workspace)], [keys.tag(partition), workspace, reason, now_ms, *users]
        )
        return [User(user.decode()) for user in leaving]

    async def purge(self, workspace: Workspace, users: Sequence[User], *, epoch: int) -> int:
        """Remove `users`, and with the last of them the workspace. Returns how many are left, -1 if epoch changed."""
        partition = keys.partition_of(workspace)
        return int(
            await self._redis.run(
                partition, "purge", [keys.workspace(workspace)], [keys.tag(partition), workspace, epoch, *users]
            )
        )


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _scored(change: Commit) -> int:
    """The due time as the due set holds it."""
    leaves = change.place is Place.DUE and change.member.wish in LEAVING
    return change.time_ms - LEAVING_MS if leaves else change.time_ms


def _due_of(score: bytes) -> float:
    time_ms = float(score)
    return time_ms + LEAVING_MS if time_ms < 0 else time_ms


def _head(reply: Reply) -> float | None:
    return float(reply[1]) if reply else None

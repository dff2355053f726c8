"""Workspace records, installations, and the long work on a workspace."""

from enum import StrEnum
from typing import NamedTuple

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import Joined, PublishAsked, encode
from rotavatar.records import MEMBER_FIELDS, WORKSPACE_FIELDS, Member, WorkspaceRecord, changes, unpack
from rotavatar.redis import Redis
from rotavatar.settings import InstallPolicy
from rotavatar.store.jobs import GROUP, Ack
from rotavatar.store.members import DEFAULT_LIMITS, IN_FLIGHT, Outcome


class ChoreKind(StrEnum):
    """What the rotator does at length."""

    WIPE = "wipe"
    """Destroy the credentials of every member of a workspace that took the app away."""
    PURGE = "purge"
    """Remove everything about a workspace whose retention has ended."""
    RETENTION = "retention"
    """Remove members who left or lost their token longer ago than the retention."""
    EMPTY = "empty"
    """Give up a workspace in which nobody uses the app any more."""
    MIGRATION = "migration"
    """Start again where Slack never said that a migration had finished."""
    POLICY = "policy"
    """Carry another policy, or a suspension, to every member."""
    SWEEP = "sweep"
    """Take away photos that no record mentions: in the whole store, so it belongs to no workspace."""


class Chore(NamedTuple):
    """Long work on a workspace, done in steps. A newer version may know kinds that this one does not."""

    kind: str
    workspace: Workspace


class Installed(StrEnum):
    """What became of an installation."""

    OK = "OK"
    WAITING = "WAITING"
    """Stored; the workspace waits to be approved."""
    UNDECLARED = "UNDECLARED"
    """Only workspaces with a SlackTenant may install, and this one has none: nothing is stored."""
    FULL = "FULL"
    """The workspace has as many members as it may: nothing of the member is stored."""


class WorkspaceStore:
    """Reads and writes workspace records."""

    def __init__(self, redis: Redis) -> None:
        """Keep them in `redis`."""
        self._redis = redis

    async def read(self, workspace: Workspace) -> WorkspaceRecord | None:
        """The record, or None where the workspace is unknown."""
        raw = await self._redis.execute(keys.partition_of(workspace), "HGETALL", keys.workspace(workspace))
        if not raw:
            return None
        return unpack(WorkspaceRecord, WORKSPACE_FIELDS, dict(zip(raw[::2], raw[1::2], strict=True)))

    async def commit(
        self,
        workspace: Workspace,
        before: WorkspaceRecord | None,
        after: WorkspaceRecord,
        *,
        chore: tuple[Chore, int] | None = None,
        ack: Ack | None = None,
        announce: bool = True,
        now_ms: int | None = None,
    ) -> Outcome:
        """Replace `before` by `after` if it is still stored; with a chore and its time (ms), and finishing a job.

        The operator is told, unless it is the operator who commits (`announce=False`): its own change is no news to it.
        Other limits hold from `now_ms` on; raises ValueError where limits that hold already change without it.
        """
        if now_ms is None and before is not None and after.limits != before.limits:
            raise ValueError("limits change at a time: pass now_ms")
        put, drop = changes(WORKSPACE_FIELDS, before or WorkspaceRecord(), after)
        put.pop("v", None)
        partition = keys.partition_of(workspace)
        args: list[str | bytes | int] = [
            keys.tag(partition),
            workspace,
            before.version if before else "",
            IN_FLIGHT,
            DEFAULT_LIMITS,
            2 * len(put),
        ]
        for pair in put.items():
            args.extend(pair)
        args += [len(drop), *drop]
        args += [f"{chore[0].kind}:{workspace}", chore[1]] if chore else ["", ""]
        args += [ack.stream, GROUP, ack.id] if ack else ["", "", ""]
        args += ["1" if announce else "", now_ms or 0]
        reply = await self._redis.run(partition, "commit_workspace", [keys.workspace(workspace)], args)
        return Outcome(reply.decode())

    async def install(
        self,
        workspace: Workspace,
        user: User,
        *,
        record: WorkspaceRecord | None,
        member: Member | None,
        joined: Joined,
        publish: PublishAsked,
        rule: InstallPolicy = "open",
    ) -> Installed:
        """Store what an installation brought: only the fields that `record` and `member` set, and the jobs after it.

        `rule` says which workspaces may install; the workspace's own policy how many members it may have. Both are
        judged in the same step.
        """
        partition = keys.partition_of(workspace)
        args: list[str | bytes | int] = [keys.tag(partition), workspace, user]
        workspace_put = changes(WORKSPACE_FIELDS, WorkspaceRecord(), record)[0] if record else {}
        member_put = changes(MEMBER_FIELDS, Member(), member)[0] if member else {}
        for put in (workspace_put, member_put):
            args.append(2 * len(put))
            for pair in put.items():
                args.extend(pair)
        args += [encode(joined), encode(publish), IN_FLIGHT, DEFAULT_LIMITS, rule]
        names = [keys.workspace(workspace), keys.member(workspace, user)]
        return Installed((await self._redis.run(partition, "install", names, args)).decode())

    async def page(self, partition: int, cursor: int = 0, *, count: int = 100) -> tuple[int, list[Workspace]]:
        """Some workspaces of a partition and where to go on; 0 means that these were the last."""
        after, names = await self._redis.execute(partition, "SSCAN", keys.workspaces(partition), cursor, "COUNT", count)
        return int(after), [Workspace(name.decode()) for name in names]

    async def plan(self, chore: Chore, *, at_ms: int, sooner: bool = False) -> None:
        """Plan the next step of a chore; with `sooner` an earlier plan stays."""
        partition = keys.partition_of(chore.workspace)
        mode = ["LT"] if sooner else []
        await self._redis.execute(
            partition, "ZADD", keys.chores(partition), *mode, at_ms, f"{chore.kind}:{chore.workspace}"
        )

    async def end_step(self, chore: Chore, *, lease_end_ms: int, again_ms: int | None) -> None:
        """The step that was claimed until `lease_end_ms` is over: go on at `again_ms`, or (None) the chore is done.

        A plan that somebody made during the step stays, where it is the earlier one.
        """
        partition = keys.partition_of(chore.workspace)
        args: list[str | bytes | int | float] = [
            f"{chore.kind}:{chore.workspace}",
            lease_end_ms,
            "" if again_ms is None else again_ms,
        ]
        await self._redis.run(partition, "end_chore", [keys.chores(partition)], args)

    async def swept(self) -> str:
        """How far the sweep of the photo store has come: the last path that it looked at; empty before the first."""
        path: bytes | None = await self._redis.execute(0, "GET", keys.SWEPT)
        return (path or b"").decode()

    async def note_swept(self, path: str) -> None:
        """Remember how far the sweep has come; empty when it is through."""
        await self._redis.execute(0, "SET", keys.SWEPT, path)

    async def drop_all(self, workspace: Workspace) -> None:
        """Every chore of a workspace that is no more is done."""
        partition = keys.partition_of(workspace)
        cursor, first = 0, True
        while cursor or first:
            first = False
            after, pairs = await self._redis.execute(
                partition, "ZSCAN", keys.chores(partition), cursor, "MATCH", f"*:{workspace}", "COUNT", 500
            )
            cursor = int(after)
            if pairs:
                await self._redis.execute(partition, "ZREM", keys.chores(partition), *pairs[::2])

    async def claim_chores(self, partition: int, *, now_ms: int, lease_end_ms: int, most: int) -> list[Chore]:
        """Chores whose next step is due, under a lease."""
        names = await self._redis.run(partition, "claim_chore", [keys.chores(partition)], [now_ms, lease_end_ms, most])
        pairs = (name.decode().split(":", 1) for name in names)
        return [Chore(kind, Workspace(workspace)) for kind, workspace in pairs]

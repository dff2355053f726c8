"""Long work on a workspace, in steps that anybody may repeat: each step leaves less to do than it found."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

import msgspec.structs
import structlog

from rotator.farewell import Farewell
from rotator.measures import chores as measured
from rotator.policing import Policing
from rotator.sweeping import Sweep
from rotator.wardrobe import Wardrobe
from rotavatar.clock import Clock
from rotavatar.keys import PARTITIONS, User, Workspace
from rotavatar.photo_store import PhotoStore
from rotavatar.records import Idle, Member, Snapshot, Status, Wish, WorkspaceRecord
from rotavatar.store import Commit, MemberStore, Outcome, Place, WorkspaceStore
from rotavatar.store.workspaces import Chore, ChoreKind
from rotavatar.tokens import Tokens

log = structlog.get_logger()

LEASE_SECONDS = 60.0
"""For one step of a hundred members."""

Step = Callable[[Workspace], Awaitable[int | None]]
"""Does one step for a workspace; returns when (ms) the next one is due, None for never."""

RETRY_SECONDS = 60.0
PAGE = 100


class Claimed(NamedTuple):
    """A chore under a lease that ends at `lease_end_ms`."""

    chore: Chore
    lease_end_ms: int


class Chores:
    """Takes chores that are due and does their next step."""

    def __init__(
        self,
        *,
        clock: Clock,
        tokens: Tokens,
        members: MemberStore,
        workspaces: WorkspaceStore,
        photos: PhotoStore,
        wardrobe: Wardrobe,
        leaving: Farewell,
        policing: Policing,
        sweep: Sweep,
    ) -> None:
        """Everything the chores touch."""
        self._clock = clock
        self._tokens = tokens
        self._members = members
        self._workspaces = workspaces
        self._photos = photos
        self._wardrobe = wardrobe
        self._leaving = leaving
        self._policing = policing
        self._steps: dict[str, Step] = {
            ChoreKind.WIPE: self._wipe,
            ChoreKind.PURGE: self._purge,
            ChoreKind.RETENTION: self._retention,
            ChoreKind.EMPTY: self._empty,
            ChoreKind.MIGRATION: self._migration,
            ChoreKind.POLICY: self._policy,
            ChoreKind.SWEEP: sweep.step,
        }

    async def round(self) -> int:
        """Do one step of every chore that is due, one after the other; returns how many there were."""
        claimed = await self.claim(most=10 * PARTITIONS)
        for each in claimed:
            await self.step(each)
        return len(claimed)

    async def claim(self, *, most: int) -> list[Claimed]:
        """About `most` chores whose next step is due, of all partitions alike."""
        now_ms = self._now_ms()
        end = now_ms + int(self._clock.span(LEASE_SECONDS) * 1000)
        each = -(-most // PARTITIONS)
        heads = await asyncio.gather(
            *(
                self._workspaces.claim_chores(partition, now_ms=now_ms, lease_end_ms=end, most=each)
                for partition in range(PARTITIONS)
            )
        )
        return [Claimed(chore, end) for chores in heads for chore in chores]

    async def step(self, claimed: Claimed) -> None:
        """Do the next step of a chore, and plan the one after it. Raises Unavailable where Redis is away."""
        chore, lease_end_ms = claimed
        step = self._steps.get(chore.kind)
        if step is None:
            log.error("chore of an unknown kind: left for a newer version", kind=chore.kind, workspace=chore.workspace)
            return
        try:
            again_ms = await step(chore.workspace)
        except Exception as error:  # noqa: BLE001 - one workspace's trouble must not end the chores of all
            measured.labels(kind=chore.kind, outcome="put off").inc()
            log.warning(
                "chore put off",
                kind=chore.kind,
                workspace=chore.workspace,
                error=type(error).__name__,
                reason=str(error),
            )
            again_ms = self._now_ms() + int(RETRY_SECONDS * 1000)
        else:
            measured.labels(kind=chore.kind, outcome="done").inc()
        await self._workspaces.end_step(chore, lease_end_ms=lease_end_ms, again_ms=again_ms)

    async def _wipe(self, workspace: Workspace) -> int | None:
        record = await self._workspaces.read(workspace)
        if record is None or record.status is not Status.UNINSTALLED:
            return None
        async for users in self._pages(workspace):
            now_ms = self._now_ms()
            for user in await self._members.wipe(workspace, users, reason=Idle.RECONNECT, now_ms=now_ms):
                await self._forget(workspace, user)
        ends_ms = record.status_at + self._leaving.retention_ms
        await self._workspaces.plan(Chore(ChoreKind.PURGE, workspace), at_ms=ends_ms)
        # The workspace may come back without them: their own retention begins now.
        await self._workspaces.plan(Chore(ChoreKind.RETENTION, workspace), at_ms=ends_ms, sooner=True)
        return None

    async def _forget(self, workspace: Workspace, user: User) -> None:
        """Forget a member whose wish the uninstalling overtook: nothing can be put back any more."""
        while True:
            seen = await self._members.snapshot(workspace, user)
            if seen is None or seen.member is None or seen.member.credential or seen.member.wish is not Wish.FORGET:
                return
            if await self._remove(seen):
                return

    async def _remove(self, seen: Snapshot) -> bool:
        """Remove a member and their photos; False where the record changed meanwhile.

        The record lets go of the photo first: who comes back in between must not count on what is being deleted.
        """
        member = seen.member or Member()
        bare = msgspec.structs.replace(member, own=None)
        if await self._members.commit(seen, Commit(member=bare, place=Place.STAY)) is not Outcome.OK:
            return False
        await self._leaving.forget(seen.workspace, seen.user)
        seen = msgspec.structs.replace(seen, member=msgspec.structs.replace(bare, version=member.version + 1))
        release = self._wardrobe.bits(member.picture, member.next)
        gone = Commit(member=bare, place=Place.GONE, release=release)
        return await self._members.commit(seen, gone) is Outcome.OK

    async def _pages(self, workspace: Workspace) -> AsyncIterator[list[User]]:
        """Every member who was there from beginning to end, in pages, as SSCAN promises; some may come twice."""
        cursor, first = 0, True
        while cursor or first:
            first = False
            cursor, users = await self._members.page(workspace, cursor, count=PAGE)
            if users:
                yield users

    async def _purge(self, workspace: Workspace) -> int | None:
        """Photos first: a workspace whose record is gone could not be found again."""
        record = await self._workspaces.read(workspace)
        if record is None or record.status is not Status.UNINSTALLED:
            return None
        if self._now_ms() < record.status_at + self._leaving.retention_ms:
            return record.status_at + self._leaving.retention_ms
        return await self.purge_step(workspace, record)

    async def purge_step(self, workspace: Workspace, record: WorkspaceRecord) -> int | None:
        """Remove photos, a chunk at a time, then all members; None when nothing is left, else when to go on (now)."""
        if not await self._photos.delete_workspace(workspace):
            return self._now_ms()
        left = await self._members.purge(workspace, [], epoch=record.epoch)
        async for users in self._pages(workspace):
            left = await self._members.purge(workspace, users, epoch=record.epoch)
            if left < 0:
                return None
        return self._now_ms() if left > 0 else None

    async def _retention(self, workspace: Workspace) -> int | None:
        """Remove who left long enough ago; returns when to look again, None where nobody is left."""
        upcoming: int | None = None
        async for users in self._pages(workspace):
            for user in users:
                ends = await self._expire(workspace, user)
                if ends is not None:
                    upcoming = min(ends, upcoming or ends)
        return upcoming

    async def _expire(self, workspace: Workspace, user: User) -> int | None:
        """Remove the member if their retention has ended; else when to look again."""
        while True:
            now_ms = self._now_ms()
            seen = await self._members.snapshot(workspace, user)
            if seen is None or seen.member is None:
                return None
            if seen.member.credential or not seen.member.left_at:
                # They may leave while others are looked at, and be missed.
                return now_ms + self._leaving.retention_ms
            ends = seen.member.left_at + self._leaving.retention_ms
            if ends > now_ms:
                return ends
            await self._remove(seen)

    async def _empty(self, workspace: Workspace) -> int | None:
        """Where an OAuth-born workspace has nobody left: revoke the bot token, then wait out the retention."""
        record = await self._workspaces.read(workspace)
        if record is None or record.declared or record.status is Status.UNINSTALLED:
            return None
        if await self._somebody(workspace):
            return None
        await self._tokens.revoke_bot(workspace, record)
        now_ms = self._now_ms()
        given_up = msgspec.structs.replace(
            record, status=Status.UNINSTALLED, status_at=now_ms, credential=b"", refresh_at=0
        )
        chore = (Chore(ChoreKind.WIPE, workspace), now_ms)
        if await self._workspaces.commit(workspace, record, given_up, chore=chore) is not Outcome.OK:
            return now_ms
        log.info("workspace given up", workspace=workspace)
        return None

    async def _somebody(self, workspace: Workspace) -> bool:
        async for users in self._pages(workspace):
            for user in users:
                seen = await self._members.snapshot(workspace, user)
                if seen is not None and (seen.member or Member()).credential:
                    return True
        return False

    async def _policy(self, workspace: Workspace) -> int | None:
        record = await self._workspaces.read(workspace)
        if record is not None and record.status is not Status.UNINSTALLED:
            await self._policing.carry_out(workspace)
        return None

    async def _migration(self, workspace: Workspace) -> int | None:
        record = await self._workspaces.read(workspace)
        if record is None or record.status is not Status.MIGRATING:
            return None
        active = msgspec.structs.replace(record, status=Status.ACTIVE)
        if await self._workspaces.commit(workspace, record, active) is not Outcome.OK:
            return self._now_ms()
        return None

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)

"""Taking away photos that no record mentions, a page of the store at a time.

A photo is an orphan when its record was never written (the process died in between), or let go of it and the deletion
failed. What is being kept just now looks the same, so only what is old counts; and because the same photo has the same
name, an old orphan may be written anew while it is swept: the lease of the member's photos keeps the two apart.
"""

import asyncio
from typing import Final

import structlog

from rotator.farewell import DAY
from rotator.measures import swept
from rotavatar.clock import Clock
from rotavatar.keys import Workspace
from rotavatar.photo_store import CHUNK, PhotoRef, PhotoStore
from rotavatar.store import LeaseStore, MemberStore, WorkspaceStore
from rotavatar.store.workspaces import Chore, ChoreKind

log = structlog.get_logger()

OLD_SECONDS: Final = float(DAY)
"""Age of an orphan in real time: no chain of leases and retries between a photo and its record is nearly as long."""

EVERY_SECONDS: Final = float(DAY)
"""From the end of one sweep to the begin of the next."""

LEASE_SECONDS: Final = 60.0
"""To look again and delete, each as slow as the photo store may be."""

FEW: Final = 10
"""So many orphans on a page are deleted whatever else is there."""

WHOLE_STORE: Final = Chore(ChoreKind.SWEEP, Workspace(""))


class Sweep:
    """The chore of the whole photo store."""

    def __init__(
        self,
        *,
        clock: Clock,
        photos: PhotoStore,
        members: MemberStore,
        workspaces: WorkspaceStore,
        leases: LeaseStore,
    ) -> None:
        self._clock = clock
        self._photos = photos
        self._members = members
        self._workspaces = workspaces
        self._leases = leases

    async def plan(self) -> None:
        """See to it that there is a next sweep. One that is planned or under way stays as it is."""
        await self._workspaces.plan(WHOLE_STORE, at_ms=self._later_ms(), sooner=True)

    async def step(self, _whole_store: Workspace) -> int:
        """Sweep one page; returns when (ms) to go on. May be repeated, and by two at a time."""
        after = await self._workspaces.swept()
        page, last = await self._photos.page(after, count=CHUNK)
        old = [photo.ref for photo in page if self._is_old(photo.modified)]
        mentioned = await asyncio.gather(*map(self._is_mentioned, old))
        orphans = [ref for ref, known in zip(old, mentioned, strict=True) if not known]
        if len(orphans) > max(FEW, len(page) // 2):
            # A Redis that is empty, or another installation's, mentions nothing, and photos cannot be had again.
            swept.labels(outcome="refused").inc(len(orphans))
            log.error("photos not swept: most of them are in no record", orphans=len(orphans), photos=len(page))
        else:
            for ref in orphans:
                await self._remove(ref)
        await self._workspaces.note_swept(last)
        return int(self._clock.now() * 1000) if last else self._later_ms()

    async def _remove(self, ref: PhotoRef) -> None:
        async with self._leases.photos(ref.workspace, ref.user, seconds=LEASE_SECONDS) as free:
            if not free or await self._is_mentioned(ref) or not self._is_old(await self._photos.modified(ref)):
                return
            await self._photos.delete(ref)
        swept.labels(outcome="deleted").inc()
        log.info("photo swept", workspace=ref.workspace, user=ref.user)

    async def _is_mentioned(self, ref: PhotoRef) -> bool:
        seen = await self._members.snapshot(ref.workspace, ref.user)
        own = None if seen is None or seen.member is None else seen.member.own
        return own is not None and own.name == ref.name

    def _is_old(self, modified: float | None) -> bool:
        return modified is not None and self._clock.wall() - modified > OLD_SECONDS

    def _later_ms(self) -> int:
        return int((self._clock.now() + EVERY_SECONDS) * 1000)

"""Another policy, or a suspension, reaches every member of a workspace."""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec.structs
import structlog

from rotator.placement import placed_anew
from rotator.wardrobe import Wardrobe
from rotavatar.clock import Clock
from rotavatar.keys import User, Workspace
from rotavatar.messages import PublishAsked
from rotavatar.records import Idle, Snapshot
from rotavatar.store import JobStore, MemberStore, Outcome, Place

log = structlog.get_logger()

PAGE: Final = 200
"""Members that are looked at together: they share round trips, and others' commands still come in between."""


class Policing:
    """Places members anew, promises them pictures that are allowed, and has their Home tabs say so."""

    def __init__(self, *, clock: Clock, members: MemberStore, jobs: JobStore, wardrobe: Wardrobe) -> None:
        """Everything that it touches."""
        self._clock = clock
        self._members = members
        self._jobs = jobs
        self._wardrobe = wardrobe

    async def carry_out(self, workspace: Workspace) -> None:
        """Look at every member once. May be repeated: who is placed well already is left alone, but for their tab."""
        cursor, first, changed, looked_at = 0, True, 0, 0
        while cursor or first:
            first = False
            cursor, users = await self._members.page(workspace, cursor, count=PAGE)
            changed += await self._page(workspace, users)
            looked_at += len(users)
        log.info("policy carried to members", workspace=workspace, members=looked_at, changed=changed)

    async def _page(self, workspace: Workspace, users: Sequence[User]) -> int:
        return sum(await asyncio.gather(*(self._member(workspace, user) for user in users)))

    async def _member(self, workspace: Workspace, user: User) -> bool:
        """Put one member where they belong now; whether anything but their tab had to change."""
        while True:
            seen = await self._members.snapshot(workspace, user)
            if seen is None or seen.member is None or seen.member.idle is Idle.LEFT:
                return False
            change = placed_anew(seen, now_ms=self._now_ms())
            if seen.lease is None:
                change = await self._wardrobe.dressed(seen, change, worn=self._members.worn)
            if change.member == seen.member and change.place is Place.STAY:
                await self._jobs.add(self._publish(seen, later=True))
                return False
            change = msgspec.structs.replace(change, publish=self._publish(seen, later=False))
            if await self._members.commit(seen, change) is Outcome.OK:
                return True

    def _publish(self, seen: Snapshot, *, later: bool) -> PublishAsked:
        return PublishAsked(workspace=seen.workspace, user=seen.user, at=self._now_ms(), trace="", later=later)

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)

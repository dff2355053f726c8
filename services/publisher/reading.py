"""Reads what one Home tab has to show at this moment."""

import asyncio
from typing import NamedTuple

from publisher.state import HomeState, Place, Queue, connects, home_state
from rotavatar.catalogue import Library
from rotavatar.clock import Clock
from rotavatar.keys import User, Workspace
from rotavatar.messages import trace_for
from rotavatar.records import Snapshot, WorkspaceRecord
from rotavatar.store import MemberStore, PublishStore


class Reading(NamedTuple):
    """One tab's state, the workspace that shows it, and Slack's hash of the view that it shows now (empty: none).

    `trace` is that of the newest thing the member did of which the state knows; empty where they did nothing.
    """

    record: WorkspaceRecord
    state: HomeState
    view_hash: str
    trace: str = ""


class TabReader:
    """Makes HomeStates from Redis and the catalogue."""

    def __init__(
        self, *, members: MemberStore, publishing: PublishStore, clock: Clock, library: Library, place: Place
    ) -> None:
        """`place` says where links and pictures lead."""
        self._members = members
        self._publishing = publishing
        self._clock = clock
        self._library = library
        self._place = place

    async def read(self, workspace: Workspace, user: User) -> Reading | None:
        """The present state; None where there is no app that could show a tab."""
        now_ms = int(self._clock.now() * 1000)
        seen, view_hash, (overdue, ahead) = await asyncio.gather(
            self._members.snapshot(workspace, user),
            self._publishing.view_hash(workspace, user),
            self._members.queue_ahead(workspace, user, now_ms=now_ms),
        )
        if seen is None or not seen.record.credential:
            return None
        queue = Queue(overdue=overdue, ahead=ahead)
        full = await self._full(seen) if connects(seen) else False
        state = home_state(seen, queue, now_ms=now_ms, library=self._library, place=self._place, full=full)
        if state is None:
            return None
        return Reading(record=seen.record, state=state, view_hash=view_hash, trace=_newest(seen))

    async def _full(self, seen: Snapshot) -> bool:
        most = seen.record.policy.max_members
        return most > 0 and await self._members.places(seen.workspace) >= most


def _newest(seen: Snapshot) -> str:
    """The trace of what the member did last."""
    member = seen.member
    if member is None:
        return ""
    at = max(member.credential_at, member.frequency_at, member.pack_at, member.pause_at, member.wish_at)
    return trace_for(seen.workspace, seen.user, at) if at else ""

"""Stores what was decided about a workspace, if its record is still the one that was decided upon."""

import structlog

from rotavatar.clock import Clock
from rotavatar.keys import Workspace
from rotavatar.records import WorkspaceRecord
from rotavatar.store import Outcome, WorkspaceStore
from rotavatar.store.workspaces import Chore
from slacktenant_operator.decision import chore_of

log = structlog.get_logger()


class Stale(Exception):
    """The record changed since it was read."""


class Committing:
    """Writes records, each with the long work that its change makes necessary."""

    def __init__(self, workspaces: WorkspaceStore, clock: Clock) -> None:
        """Write to `workspaces`."""
        self._workspaces = workspaces
        self._clock = clock

    async def commit(self, workspace: Workspace, before: WorkspaceRecord | None, after: WorkspaceRecord) -> bool:
        """Store a record; whether it was another one. Raises Stale."""
        if after == before:
            return False
        kind = chore_of(before, after)
        now_ms = self.now_ms()
        chore = (Chore(kind, workspace), now_ms) if kind else None
        outcome = await self._workspaces.commit(workspace, before, after, chore=chore, now_ms=now_ms, announce=False)
        if outcome is not Outcome.OK:
            raise Stale
        log.info("workspace changed", workspace=workspace, tenant=after.tenant, chore=kind or "")
        return True

    def now_ms(self) -> int:
        """The schedule's time."""
        return int(self._clock.now() * 1000)

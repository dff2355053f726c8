"""Looks each second which workspaces changed in Redis, and settles what was reconciled."""

import asyncio
from collections.abc import Callable

import structlog

from rotavatar.errors import Unavailable
from rotavatar.keys import PARTITIONS, Workspace
from rotavatar.process import Life
from rotavatar.store import ChangeStore

log = structlog.get_logger()

LOOK_SECONDS = 1.0
PAGE = 500


class Changes:
    """The marks that other processes leave on workspaces that they changed."""

    def __init__(self, store: ChangeStore, *, changed: Callable[[Workspace], None], life: Life) -> None:
        """`changed` is called for each workspace that was marked."""
        self._store = store
        self._changed = changed
        self._life = life
        self._after = [0] * PARTITIONS
        self._marks: dict[Workspace, int] = {}

    async def run(self) -> None:
        """Look until the process stops."""
        while await self._life.pause(LOOK_SECONDS):
            try:
                await asyncio.gather(*(self._look(partition) for partition in range(PARTITIONS)))
            except Unavailable as error:
                log.debug("changes not looked at", reason=str(error))

    async def _look(self, partition: int) -> None:
        """Pass on what was marked after the last look. Redis that was lost counts from the beginning again."""
        while page := await self._store.page(partition, after=self._after[partition], count=PAGE):
            for change in page:
                self._marks[change.workspace] = change.number
                self._changed(change.workspace)
            self._after[partition] = page[-1].number
            if len(page) < PAGE:
                return

    def restart(self) -> None:
        """Look at every mark again: Redis may be another one, whose numbers are smaller."""
        self._after = [0] * PARTITIONS

    def seen(self, workspace: Workspace) -> int | None:
        """The mark of a workspace that is about to be reconciled."""
        return self._marks.get(workspace)

    async def settle(self, workspace: Workspace, number: int) -> None:
        """The workspace was reconciled after it was `seen` with this mark."""
        if await self._store.settle(workspace, number) and self._marks.get(workspace) == number:
            del self._marks[workspace]

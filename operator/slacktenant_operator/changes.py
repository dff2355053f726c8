"""Looks each second which workspaces changed in Redis, and settles what was reconciled.

It notices as well when Redis holds something else than before: it was emptied, or set back to a backup or a replica
that was behind. The numbers of changes then go back; and whoever was away may come back so.
"""

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

    def __init__(
        self, store: ChangeStore, *, changed: Callable[[Workspace], None], doubted: Callable[[], None], life: Life
    ) -> None:
        """`changed` is called for each workspace that was marked, `doubted` where any may be another than before."""
        self._store = store
        self._changed = changed
        self._doubted = doubted
        self._life = life
        self._after = [0] * PARTITIONS
        self._last = [0] * PARTITIONS
        self._marks: dict[Workspace, int] = {}

    async def run(self) -> None:
        """Look until the process stops."""
        away = False
        while await self._life.pause(LOOK_SECONDS):
            try:
                await asyncio.gather(*(self._look(partition) for partition in range(PARTITIONS)))
            except Unavailable as error:
                log.debug("changes not looked at", reason=str(error))
                away = True
                continue
            if away:
                log.info("redis is back")
                self._doubted()
            away = False

    async def _look(self, partition: int) -> None:
        """Pass on what was marked after the last look."""
        last = await self._store.last(partition)
        if last < self._last[partition]:
            log.warning("redis lost what it held", partition=partition)
            self._after[partition] = 0
            self._doubted()
        self._last[partition] = last
        while self._after[partition] < last:
            page = await self._store.page(partition, after=self._after[partition], count=PAGE)
            for change in page:
                self._marks[change.workspace] = change.number
                self._changed(change.workspace)
            if len(page) == PAGE:
                self._after[partition] = page[-1].number
            else:
                self._after[partition] = max([last, *(change.number for change in page)])

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

"""What is to be reconciled, and when: each workspace by one worker at a time, nothing lost, fresh changes first.

A workspace that is added while it waits is there once; one that is added while it is worked on runs again afterwards.
A plan is a time at which a workspace is added by itself; each round's result replaces the plan of the round before.
"""

import asyncio
import heapq
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from rotavatar.keys import Workspace
from slacktenant_operator import measures

log = structlog.get_logger()

PARALLEL: Final = 16
"""More at once gain nothing on one API server and meet its fairness limits (429) sooner."""

FRESH_IN_A_ROW: Final = 8
"""After so many fresh ones one of the backlog is taken: a stream of changes must not starve it."""

FIRST_BACKOFF_SECONDS: Final = 1.0
LONGEST_BACKOFF_SECONDS: Final = 60.0


class Pending:
    """Which workspaces wait, run and are planned. Knows no time of its own and no tasks; times are seconds."""

    def __init__(self) -> None:
        self._fresh: OrderedDict[Workspace, float] = OrderedDict()
        self._backlog: OrderedDict[Workspace, float] = OrderedDict()
        self._running: set[Workspace] = set()
        self._again: dict[Workspace, tuple[float, bool]] = {}
        self._plans: dict[Workspace, float] = {}
        self._heap: list[tuple[float, Workspace]] = []
        self._in_a_row = 0

    @property
    def depth(self) -> int:
        """How many wait for a worker."""
        return len(self._fresh) + len(self._backlog) + len(self._again)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing runs; plans do not count."""
        return not self.depth and not self._running

    def oldest(self) -> float | None:
        """Since when the one waits that has waited longest; None where none does."""
        heads = [next(iter(queue.values())) for queue in (self._fresh, self._backlog) if queue]
        return min([*heads, *(since for since, _ in self._again.values())], default=None)

    def add(self, key: Workspace, *, now: float, fresh: bool) -> None:
        """Something about `key` may have changed. A fresh change overtakes the backlog."""
        if key in self._running:
            since, was_fresh = self._again.get(key, (now, False))
            self._again[key] = (since, was_fresh or fresh)
        elif key in self._fresh:
            return
        elif fresh:
            self._fresh[key] = self._backlog.pop(key, now)
        else:
            self._backlog.setdefault(key, now)

    def plan(self, key: Workspace, *, at: float | None) -> None:
        """Add `key` at `at`, in place of what was planned for it; None: no plan."""
        if at is None:
            self._plans.pop(key, None)
            return
        self._plans[key] = at
        heapq.heappush(self._heap, (at, key))

    def next_plan(self) -> float | None:
        """When the next plan is due."""
        while self._heap and self._plans.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def ripen(self, *, now: float) -> int:
        """Add to the backlog whose time has come; returns how many those were."""
        ripe = 0
        while (at := self.next_plan()) is not None and at <= now:
            _, key = heapq.heappop(self._heap)
            del self._plans[key]
            self.add(key, now=now, fresh=False)
            ripe += 1
        return ripe

    def take(self) -> Workspace | None:
        """The next one to work on; it runs until `done`."""
        starved = self._in_a_row >= FRESH_IN_A_ROW and self._backlog
        queue = self._fresh if self._fresh and not starved else self._backlog
        if not queue:
            return None
        self._in_a_row = self._in_a_row + 1 if queue is self._fresh else 0
        key, _ = queue.popitem(last=False)
        self._running.add(key)
        return key

    def done(self, key: Workspace) -> None:
        """A worker has ended its round; what was added meanwhile waits now."""
        self._running.discard(key)
        again = self._again.pop(key, None)
        if again is not None:
            since, fresh = again
            (self._fresh if fresh else self._backlog)[key] = since


Work = Callable[[Workspace], Awaitable[float | None]]
"""Makes everything true about one workspace; returns the seconds until it wants to look again, None: not by itself."""


class WorkQueue:
    """Runs `work` on what is added, at most `parallel` at once; what raises is tried again after a growing wait."""

    def __init__(
        self,
        work: Work,
        *,
        parallel: int = PARALLEL,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`jitter` gives numbers from 0 to 1."""
        self._work = work
        self._parallel = parallel
        self._monotonic = monotonic
        self._jitter = jitter
        self._pending = Pending()
        self._failures: dict[Workspace, int] = {}
        self._ready = asyncio.Semaphore(0)
        self._replanned = asyncio.Event()
        self._stopping = False
        measures.queue_depth.set_function(lambda: self._pending.depth)
        measures.queue_oldest.set_function(self.oldest_age)

    @property
    def depth(self) -> int:
        """How many wait."""
        return self._pending.depth

    @property
    def idle(self) -> bool:
        """Whether nothing waits or runs."""
        return self._pending.idle

    def oldest_age(self) -> float:
        """Seconds for which the one waits that has waited longest."""
        since = self._pending.oldest()
        return 0.0 if since is None else max(0.0, self._monotonic() - since)

    def add(self, key: Workspace, *, fresh: bool = True) -> None:
        """Reconcile `key` soon: after what is fresh already, before the backlog."""
        self._pending.add(key, now=self._monotonic(), fresh=fresh)
        self._ready.release()

    def plan(self, key: Workspace, *, seconds: float) -> None:
        """Reconcile `key` after `seconds`, in place of what was planned for it."""
        self._pending.plan(key, at=self._monotonic() + seconds)
        self._replanned.set()

    def stop(self) -> None:
        """End `run` once the rounds that are under way are over."""
        self._stopping = True
        self._replanned.set()
        for _ in range(self._parallel):
            self._ready.release()

    async def run(self) -> None:
        """Work until `stop`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_plans(), name="plans")
            for number in range(self._parallel):
                tasks.create_task(self._keep_working(), name=f"worker {number}")

    async def _keep_working(self) -> None:
        while True:
            await self._ready.acquire()
            if self._stopping:
                return
            key = self._pending.take()
            if key is not None:
                await self._round(key)

    async def _round(self, key: Workspace) -> None:
        """One round on `key`. A permit is given back for whoever was added meanwhile."""
        try:
            seconds = await self._work(key)
        except Exception as error:  # noqa: BLE001 - one workspace's trouble must not end the work on all
            seconds = self._backoff(key)
            log.warning(
                "reconcile put off",
                workspace=key,
                seconds=round(seconds, 1),
                error=type(error).__name__,
                reason=str(error),
            )
        else:
            self._failures.pop(key, None)
        self._pending.plan(key, at=None if seconds is None else self._monotonic() + seconds)
        self._replanned.set()
        self._pending.done(key)
        self._ready.release()

    def _backoff(self, key: Workspace) -> float:
        """Doubled with each failure in a row; spread over its second half, so that many come back apart."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 20))
        return longest * (0.5 + self._jitter() / 2)

    async def _keep_plans(self) -> None:
        while not self._stopping:
            self._replanned.clear()
            for _ in range(self._pending.ripen(now=self._monotonic())):
                self._ready.release()
            at = self._pending.next_plan()
            try:
                async with asyncio.timeout(None if at is None else max(0.0, at - self._monotonic())):
                    await self._replanned.wait()
            except TimeoutError:
                continue

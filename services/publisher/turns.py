"""Whose turn it is: claims tabs of all partitions as slots come free, and publishes them.

The loop sleeps until the next tab may be published, until somebody wakes it, or for a second; so it never spins, and
what another replica marks is seen within that second.
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Final

import structlog

from publisher.publishing import Publisher
from rotavatar import keys
from rotavatar.clock import Clock
from rotavatar.errors import Unavailable
from rotavatar.health import Heartbeat
from rotavatar.store import PublishStore
from rotavatar.store.publishing import Tab

log = structlog.get_logger()

SLOTS: Final = 128
"""Publishes under way at once: 16 workspaces whose Slack does not answer fill them."""

LEASE_SECONDS: Final = 30.0
"""A grant waits 5 s, a call takes 10 s at most; so the lease outlasts them twice."""

LOOK_SECONDS: Final = 1.0
"""How often all partitions are looked at, whoever marked there."""

BREATH_SECONDS: Final = 0.02
"""The least sleep after a look that found nothing to claim where something was ready."""


class Turns:
    """The claim loop of one process."""

    def __init__(
        self, *, publishing: PublishStore, publisher: Publisher, clock: Clock, heartbeat: Heartbeat, slots: int = SLOTS
    ) -> None:
        """At most `slots` publishes at once."""
        self._publishing = publishing
        self._publisher = publisher
        self._clock = clock
        self._heartbeat = heartbeat
        self._slots = slots
        self._under_way: set[asyncio.Task[None]] = set()
        self._ready = [0.0] * keys.PARTITIONS
        self._first = 0
        self._stirred = asyncio.Event()
        self._stopping = False

    def wake(self, partition: int) -> None:
        """Look at `partition` at once."""
        self._ready[partition] = 0.0
        self._stirred.set()

    def stop(self) -> None:
        """Claim nothing more; `run` returns when what was claimed is published."""
        self._stopping = True
        self._stirred.set()

    async def run(self) -> None:
        """Claim and publish until stopped."""
        loop = asyncio.get_running_loop()
        look = 0.0
        while not self._stopping:
            self._heartbeat.beat()
            try:
                if loop.time() >= look:
                    look = loop.time() + LOOK_SECONDS
                    await self._look()
                await self._claim()
            except Unavailable as error:
                log.warning("no tabs claimed", reason=str(error))
                self._ready = [math.inf] * keys.PARTITIONS
            await self._rest(look - loop.time())
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _look(self) -> None:
        await asyncio.gather(*(self._look_at(p) for p in range(keys.PARTITIONS)))

    async def _look_at(self, partition: int) -> None:
        # Forgotten before it is asked for: whoever wakes the partition meanwhile is not overwritten.
        self._ready[partition] = math.inf
        self._expect(partition, await self._publishing.next_ready(partition))

    def _expect(self, partition: int, at: float | None) -> None:
        if at is not None:
            self._ready[partition] = min(self._ready[partition], at)

    async def _claim(self) -> None:
        """One claim in each partition that is ready, as far as slots go; partitions take turns at being first."""
        now_ms = int(self._clock.now() * 1000)
        free = self._slots - len(self._under_way)
        ready = [p for p in self._in_turn() if self._ready[p] <= now_ms][:free]
        if ready:
            self._first = (ready[-1] + 1) % keys.PARTITIONS
            await asyncio.gather(*(self._claim_in(p, now_ms=now_ms, want=free // len(ready)) for p in ready))

    async def _claim_in(self, partition: int, *, now_ms: int, want: int) -> None:
        self._ready[partition] = math.inf
        lease_end = now_ms + int(self._clock.span(LEASE_SECONDS) * 1000)
        tabs, at = await asyncio.gather(
            self._publishing.claim(partition, now_ms=now_ms, lease_end_ms=lease_end, want=want, most=want),
            self._publishing.next_ready(partition),
        )
        self._start(tabs, now_ms)
        if at is not None and not tabs:
            at = max(at, now_ms + self._clock.span(BREATH_SECONDS) * 1000)
        self._expect(partition, at)

    def _in_turn(self) -> Sequence[int]:
        return [*range(self._first, keys.PARTITIONS), *range(self._first)]

    def _start(self, tabs: Sequence[Tab], now_ms: int) -> None:
        for tab in tabs:
            task = asyncio.create_task(self._publish(tab, now_ms), name="publish")
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._stirred.set()

    async def _publish(self, tab: Tab, claimed_ms: int) -> None:
        self._expect(keys.partition_of(tab.workspace), await self._publisher.publish(tab, claimed_ms=claimed_ms))

    async def _rest(self, longest: float) -> None:
        """Sleep until something is ready and a slot is free, but no longer than `longest` seconds."""
        self._stirred.clear()
        ahead = (min(self._ready) / 1000 - self._clock.now()) / self._clock.span(1.0)
        full = len(self._under_way) >= self._slots
        seconds = longest if full else min(longest, ahead)
        if seconds <= 0 and not full:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stirred.wait()
        except TimeoutError:
            pass

"""The claim loop: as many members as there are free hands, of whichever workspaces may go now."""

import asyncio
from functools import partial
from typing import Final

import structlog

from rotator.chores import Chores, Claimed
from rotator.measures import lateness, under_way
from rotator.rotation import LEASE_SECONDS, Rotation
from rotavatar.clock import Clock
from rotavatar.errors import Unavailable
from rotavatar.health import Heartbeat
from rotavatar.keys import PARTITIONS, User, Workspace
from rotavatar.process import Life
from rotavatar.store import Claim, MemberStore

log = structlog.get_logger()

HANDS: Final = 64
"""Rotations that one process carries out at a time: at half a second each that is 128 a second."""

LONGEST_SLEEP: Final = 1.0
"""Another process may have put something into a partition: look at least this often."""

CHORES_SECONDS: Final = 0.5
"""How often chores are looked for: a policy that somebody changed reaches members within two seconds."""

BREATH_SECONDS: Final = 0.05
"""After chores were found: their next steps may follow at once."""

CHORES: Final = 16
"""Chores that one process does at a time, so that a long one delays no other workspace's."""


class Claims:
    """Claims, and hands over to Rotation."""

    def __init__(
        self,
        *,
        clock: Clock,
        members: MemberStore,
        rotation: Rotation,
        chores: Chores,
        life: Life,
        heartbeat: Heartbeat,
        hands: int = HANDS,
    ) -> None:
        """Carry out at most `hands` claims at a time until `life` ends."""
        self._clock = clock
        self._members = members
        self._rotation = rotation
        self._chores = chores
        self._life = life
        self._heartbeat = heartbeat
        self._hands = hands
        self._busy = 0
        self._first = 0
        self._woken = asyncio.Event()
        self._at_work: dict[tuple[Workspace, User], asyncio.Task[None]] = {}

    def wake(self) -> None:
        """There may be something to claim."""
        self._woken.set()

    async def run(self) -> None:
        """Claim until the process stops, then wait for what was begun."""
        async with asyncio.TaskGroup() as tasks:
            while not self._life.stopping.is_set():
                self._woken.clear()
                self._heartbeat.beat()
                try:
                    seconds = await self._round(tasks)
                except Unavailable as error:
                    log.warning("nothing claimed", reason=str(error))
                    seconds = LONGEST_SLEEP
                if seconds > 0:
                    await self._sleep(seconds)

    async def run_chores(self) -> None:
        """Do chores until the process stops, then finish the steps that were begun."""
        under_way: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as tasks:
            going = True
            while going:
                try:
                    claimed = await self._chores.claim(most=CHORES) if len(under_way) < CHORES else []
                except Unavailable as error:
                    log.warning("no chores claimed", reason=str(error))
                    claimed = []
                for each in claimed:
                    task = tasks.create_task(self._do_chore(each))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                going = await self._life.pause(BREATH_SECONDS if claimed else CHORES_SECONDS)

    async def _do_chore(self, claimed: Claimed) -> None:
        try:
            await self._chores.step(claimed)
        except Unavailable as error:
            log.warning("chore left to its lease", kind=claimed.chore.kind, reason=str(error))

    async def _round(self, tasks: asyncio.TaskGroup) -> float:
        """Claim once from every partition that is ready; the seconds after which another round makes sense."""
        ready = await asyncio.gather(*(self._members.next_ready(partition) for partition in range(PARTITIONS)))
        now = self._clock.now()
        self._first = (self._first + 1) % PARTITIONS
        claimed = 0
        for step in range(PARTITIONS):
            partition = (self._first + step) % PARTITIONS
            time_ms = ready[partition]
            if time_ms is not None and time_ms <= now * 1000 and self._busy < self._hands:
                claimed += await self._claim(partition, tasks)
        if claimed:
            return 0.0
        upcoming = [time_ms / 1000 - now for time_ms in ready if time_ms is not None and time_ms > now * 1000]
        wait = min([*upcoming, self._clock.span(LONGEST_SLEEP)]) / self._clock.span(1.0)
        return max(0.005, wait)

    async def _claim(self, partition: int, tasks: asyncio.TaskGroup) -> int:
        now = self._clock.now()
        claims = await self._members.claim(
            partition,
            now_ms=int(now * 1000),
            lease_end_ms=int((now + self._clock.span(LEASE_SECONDS)) * 1000),
            want=self._hands - self._busy,
        )
        for claim in claims:
            self._measure(claim, now)
            self._busy += 1
            before = self._at_work.get((claim.workspace, claim.user))
            task = tasks.create_task(self._carry_out(claim, now, after=before))
            self._at_work[claim.workspace, claim.user] = task
            task.add_done_callback(partial(self._done, claim))
        return len(claims)

    def _measure(self, claim: Claim, now: float) -> None:
        """Count how late a rotation is, and how much of that the pacer or Slack's Retry-After made."""
        if claim.due_ms is None:
            return
        due, free = claim.due_ms / 1000, max(claim.due_ms, claim.ready_ms) / 1000
        lateness.labels("slack").observe(max(0.0, min(now, free) - due) / self._clock.span(1.0))
        lateness.labels("ours").observe(max(0.0, now - free) / self._clock.span(1.0))

    def _done(self, claim: Claim, task: asyncio.Task[None]) -> None:
        if self._at_work.get((claim.workspace, claim.user)) is task:
            del self._at_work[claim.workspace, claim.user]

    async def _carry_out(self, claim: Claim, claimed_at: float, *, after: asyncio.Task[None] | None) -> None:
        """Carry out `claim`, but `after` the claim of the same member that this process still works on.

        That one's lease ended too early: in local development the clock was sped up during its call to Slack. Its
        photo, landing after a second one, would look like somebody else's.
        """
        if after is not None:
            await asyncio.wait({after})
        with under_way.track_inprogress():
            try:
                await self._rotation.carry_out(claim, claimed_at=claimed_at)
            except Unavailable as error:
                log.warning("claim left to its lease", workspace=claim.workspace, user=claim.user, reason=str(error))
            except Exception:
                log.exception("claim failed", workspace=claim.workspace, user=claim.user)
            finally:
                self._busy -= 1
                self._woken.set()

    async def _sleep(self, seconds: float) -> None:
        """Until woken, or until the process stops, or for `seconds`."""
        stopping = asyncio.ensure_future(self._life.stopping.wait())
        woken = asyncio.ensure_future(self._woken.wait())
        await asyncio.wait((stopping, woken), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        woken.cancel()

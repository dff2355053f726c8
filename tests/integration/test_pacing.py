"""The photo pacer over real Redis: several replicas claim at once in a time that the test makes, and Slack counts.

Counted is where calls arrive, after each grant has waited as long as it may; tests/faults has the same for claims one
after the other under any limits, tests/integration/test_publisher_pacing.py for publishes.
"""

import asyncio
import heapq
import random
from collections.abc import AsyncIterator
from itertools import count
from typing import NamedTuple

import pytest

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.pacing import GRANT_SECONDS, Limit, Limits
from rotavatar.records import Member, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.store import Claim, Commit, MemberStore, Outcome, Place, WorkspaceStore
from tests.servers import Server

W = Workspace("T0PACE")
P = keys.partition_of(W)
START = 1_700_000_000_000
MINUTE = 60_000
LEASE = 30_000
GRANT = GRANT_SECONDS * 1000
REPLICAS = 3
MEMBERS = 40


class Event(NamedTuple):
    """What a worker does later. `order` keeps the heap from comparing claims."""

    at: int
    order: int
    what: str
    claim: Claim


class Trouble(NamedTuple):
    """Which share of the claims is given back before any call, and which is lost after its calls: taken over then."""

    given_back: float = 0.0
    lost: float = 0.0


UNTROUBLED = Trouble()


class Workers:
    """Replicas, what they have under way, and when their calls reached Slack."""

    def __init__(self, stores: list[MemberStore], seed: int, trouble: Trouble = UNTROUBLED) -> None:
        self.stores, self.random, self.trouble = stores, random.Random(seed), trouble
        self.now = START
        self.photos: list[int] = []
        self.profiles: list[int] = []
        self.claimed: list[int] = []
        self._order = count()
        self._ahead: list[Event] = []

    def plan(self, at: int, what: str, claim: Claim) -> None:
        heapq.heappush(self._ahead, Event(at, next(self._order), what, claim))

    async def claim(self) -> int:
        """All replicas at the same moment, each with a clock that is a little off."""
        claims = await asyncio.gather(
            *(
                store.claim(P, now_ms=self.now - self.random.randrange(3), lease_end_ms=self.now + LEASE, want=20)
                for store in self.stores
            )
        )
        found = [claim for some in claims for claim in some]
        for claim in found:
            self.claimed.append(self.now)
            await self.start(claim)
        return len(found)

    async def start(self, claim: Claim) -> None:
        """A worker gives the claim back, or calls: the look at the profile first, then the photo."""
        waits = self.random.randrange(GRANT)
        if self.random.random() < self.trouble.given_back:
            await self.settle(claim, self.now + 1 + self.random.randrange(3_000))
            return
        self.profiles.append(self.now + waits)
        looked = self.now + waits + self.random.randrange(2_000)
        if looked <= self.now + GRANT:
            self.photos.append(self.random.randrange(looked, self.now + GRANT + 1))
            self.plan(looked + 500, "land", claim)
        else:
            self.plan(looked, "regrant", claim)

    async def regrant(self, claim: Claim, store: MemberStore) -> None:
        """The look took longer than a grant is good for: another one, or the claim goes back."""
        granted = await store.grant(W, "photo", now_ms=self.now)
        if granted > self.now:
            await self.settle(claim, granted)
        else:
            self.photos.append(self.now + self.random.randrange(GRANT + 1))
            self.plan(self.now + GRANT, "land", claim)

    async def settle(self, claim: Claim, due: int) -> None:
        """Due again at `due`, unless the claim was taken over."""
        seen = await self.stores[0].snapshot(W, claim.user)
        assert seen is not None and seen.member is not None
        if seen.member.fence == claim.fence and seen.lease is not None:
            change = Commit(member=seen.member, place=Place.DUE, time_ms=due)
            assert await self.stores[0].commit(seen, change) is Outcome.OK

    async def work(self, until: int) -> None:
        """Everything that comes, up to `until`."""
        while self.now < until:
            while self._ahead and self._ahead[0].at <= self.now:
                event = heapq.heappop(self._ahead)
                if event.what == "regrant":
                    await self.regrant(event.claim, self.random.choice(self.stores))
                elif self.random.random() >= self.trouble.lost:
                    await self.settle(event.claim, self.now + 20_000)
            await self.claim()
            self.now += self.random.choice([1, 40, 300, 1_500])


@pytest.fixture
async def stores(valkey: Server) -> AsyncIterator[list[MemberStore]]:
    """As many processes, each with a connection of its own; MEMBERS members who are always due."""
    connections = [await Redis.connect(valkey.url, name=f"replica-{n}") for n in range(REPLICAS)]
    yield [MemberStore(redis, in_flight=MEMBERS) for redis in connections]
    for redis in connections:
        await redis.close()


async def populate(stores: list[MemberStore], limits: Limits | None = None) -> None:
    record = WorkspaceRecord(limits=limits.packed() if limits else "")
    assert await WorkspaceStore(stores[0]._redis).commit(W, None, record) is Outcome.OK
    for number in range(MEMBERS):
        seen = await stores[0].snapshot(W, User(f"U{number:03}"))
        assert seen is not None
        change = Commit(member=Member(credential=b"c"), place=Place.DUE, time_ms=START)
        assert await stores[0].commit(seen, change) is Outcome.OK


def busiest(arrivals: list[int]) -> int:
    """The most arrivals in any 60 s, both ends included."""
    arrivals, most, first = sorted(arrivals), 0, 0
    for last, at in enumerate(arrivals):
        while at - arrivals[first] > MINUTE:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize(
    "trouble", [UNTROUBLED, Trouble(given_back=0.2, lost=0.1), Trouble(lost=1.0)], ids=["none", "some", "all are lost"]
)
@pytest.mark.parametrize(
    "limits",
    [
        None,
        Limits(photo=Limit(per_minute=30, burst=12)),
        Limits(photo=Limit(per_minute=40, burst=10), profile=Limit(per_minute=12, burst=1)),
    ],
    ids=["defaults", "in bursts", "bound by the profile"],
)
async def test_no_minute_at_slack_holds_more_calls_than_the_limit(
    stores: list[MemberStore], limits: Limits | None, trouble: Trouble
) -> None:
    await populate(stores, limits)
    workers = Workers(stores, 1, trouble)
    await workers.work(START + 5 * MINUTE)
    held = limits or Limits()
    assert busiest(workers.photos) <= held.photo.per_minute
    assert busiest(workers.profiles) <= held.profile.per_minute
    assert len(workers.photos) > 20


@pytest.mark.parametrize("limit", [Limits().photo, Limit(per_minute=5, burst=1), Limit(per_minute=50, burst=5)])
async def test_nearly_all_of_the_rate_is_used(stores: list[MemberStore], limit: Limit) -> None:
    await populate(stores, Limits(photo=limit))
    workers, minutes = Workers(stores, 0), 10
    while workers.now < START + minutes * MINUTE:
        for store in stores:
            for claim in await store.claim(P, now_ms=workers.now, lease_end_ms=workers.now + LEASE, want=20):
                workers.photos.append(workers.now)
                await workers.settle(claim, workers.now + 500)
        ready = await stores[0].next_ready(P)
        assert ready is not None
        workers.now = max(workers.now + 1, int(ready))
    granted = minutes * MINUTE / limit.interval_ms + limit.burst - 1
    assert granted - 1 <= len(workers.photos) <= granted + 1
    # Four fifths of what Slack would let through: the rest is the burst, and the five seconds that a grant may wait.
    assert len(workers.photos) / minutes >= 0.72 * limit.per_minute


@pytest.mark.parametrize("method", ["photo", "profile"])
async def test_nothing_starts_before_the_end_of_a_retry_after(stores: list[MemberStore], method: str) -> None:
    await populate(stores)
    workers = Workers(stores, 1)
    await workers.work(START + MINUTE)
    until = workers.now + 45_000
    await stores[0].hold(W, method, until_ms=until)
    await stores[1].hold(W, method, until_ms=until - 20_000)  # a colleague's shorter one does not end it
    held_at = workers.now
    assert await stores[2].grant(W, method, now_ms=held_at) >= until
    await workers.work(until + MINUTE)
    after = [at for at in workers.claimed if at >= held_at]
    assert after
    assert min(after) >= until


async def test_limits_that_change_count_from_the_next_claim_on(stores: list[MemberStore]) -> None:
    await populate(stores, Limits(photo=Limit(per_minute=60, burst=10)))
    store, workspaces = stores[0], WorkspaceStore(stores[0]._redis)
    assert len(await store.claim(P, now_ms=START, lease_end_ms=START + LEASE, want=20)) == 10
    before = await workspaces.read(W)
    strict = WorkspaceRecord(limits=Limits(photo=Limit(per_minute=2, burst=1)).packed())
    assert await workspaces.commit(W, before, strict, now_ms=START) is Outcome.OK
    first = await store.next_ready(P)
    assert first is not None and first > START + 10_000
    assert len(await store.claim(P, now_ms=int(first), lease_end_ms=int(first) + LEASE, want=20)) == 1
    assert await store.next_ready(P) == first + Limit(per_minute=2, burst=1).interval_ms


@pytest.mark.parametrize("limit", [Limits().photo, Limit(per_minute=60, burst=10)])
async def test_the_worst_minute_begins_with_all_that_waited(stores: list[MemberStore], limit: Limit) -> None:
    await populate(stores, Limits(photo=limit))
    workers = Workers(stores, 0)
    while workers.now <= START + GRANT + MINUTE:
        waits = max(0, START + GRANT - workers.now)
        for claim in await stores[0].claim(P, now_ms=workers.now, lease_end_ms=workers.now + LEASE, want=20):
            workers.photos.append(workers.now + waits)
            await workers.settle(claim, workers.now + 500)
        ready = await stores[0].next_ready(P)
        assert ready is not None
        workers.now = max(workers.now + 1, int(ready))
    assert limit.per_minute - 1 <= busiest(workers.photos) <= limit.per_minute

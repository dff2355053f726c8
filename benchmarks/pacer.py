"""Grants a second from our pacer and from `limits`, and whether a minute ever sees too many."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter

from benchmarks.population import fill
from benchmarks.report import Finding, Row
from benchmarks.rig import cpu_of, interleaved, median, redis
from rotavatar import keys
from rotavatar.clock import ManualClock
from rotavatar.pacing import GRANT_SECONDS, WINDOW_SECONDS, Limit, Limits
from rotavatar.redis import Redis
from rotavatar.store import MemberStore
from tests.servers import Server

TARGET: Final = 3
KEYS: Final = 1000
DUE_MS: Final = 1_800_000_000_000
EACH: Final = 12
PEER_GRANTS: Final = 6_000
CONCURRENT: Final = 100
OPEN: Final = Limits(photo=Limit(per_minute=30_000, burst=1000), profile=Limit(per_minute=30_000, burst=1000)).packed()


def measure(quick: bool) -> Sequence[Finding]:
    with redis() as server:
        variants = {
            "ours": lambda: asyncio.run(_ours(server)),
            "moving": lambda: asyncio.run(_limits(server, MovingWindowRateLimiter)),
            "fixed": lambda: asyncio.run(_limits(server, FixedWindowRateLimiter)),
        }
        found = interleaved(variants, rounds=1 if quick else 5)
    rate = {name: median(grants / seconds for grants, seconds, _ in rounds) for name, rounds in found.items()}
    cpu = {name: median(spent / grants * 1e6 for grants, _, spent in rounds) for name, rounds in found.items()}
    best_rate, best_cpu = max(rate["moving"], rate["fixed"]), min(cpu["moving"], cpu["fixed"])
    ratio = min(rate["ours"] / best_rate, best_cpu / cpu["ours"])
    windows, above, most = asyncio.run(_windows(minutes=5 if quick else 20))
    return [
        Finding(
            "grants, batched as the claim does, over 1,000 workspaces",
            f"≥ {TARGET} × limits",
            f"{ratio:.1f} ×: {rate['ours']:,.0f}/s ({cpu['ours']:.0f} µs of CPU each), "
            f"limits {rate['moving']:,.0f}/s ({cpu['moving']:.0f} µs) with its moving window, "
            f"{rate['fixed']:,.0f}/s ({cpu['fixed']:.0f} µs) with the fixed one",
            ratio >= TARGET,
        ),
        Finding(
            "windows of 60 s with more grants than the limit, four replicas, each grant used up to 5 s late",
            "0",
            f"{above} of {windows:,}; the fullest has {most} of {Limits().photo.per_minute}",
            above == 0,
        ),
    ]


async def _ours(server: Server) -> tuple[int, float, float]:
    """Claims of many members that all may go: each is a grant of two methods, and more work besides."""
    server.flush()
    fill(server, workspaces=KEYS, each=EACH, due_ms=DUE_MS, step_ms=1, limits=OPEN)
    client = await Redis.connect(server.url, name="bench")
    store = MemberStore(client, in_flight=EACH)

    async def partition(number: int) -> int:
        granted = 0
        while claims := await store.claim(number, now_ms=DUE_MS + 1000, lease_end_ms=DUE_MS + 10**9, want=500):
            granted += len(claims)
        return granted

    began, cpu = time.perf_counter(), time.process_time() + cpu_of(server)
    granted = sum(await asyncio.gather(*map(partition, range(keys.PARTITIONS))))
    seconds, spent = time.perf_counter() - began, time.process_time() + cpu_of(server) - cpu
    await client.close()
    return granted, seconds, spent


async def _limits(server: Server, strategy: type[RateLimiter]) -> tuple[int, float, float]:
    """As many callers as keep it busy; only its moving window keeps to a limit in any window."""
    server.flush()
    limiter = strategy(RedisStorage(f"async+{server.url}", implementation="redispy"))
    limit = RateLimitItemPerMinute(30_000)
    left = iter(range(PEER_GRANTS))
    granted = 0

    async def caller() -> None:
        nonlocal granted
        for number in left:
            hit = await limiter.hit(limit, "users.setPhoto", str(number % KEYS))
            granted += hit

    began, cpu = time.perf_counter(), time.process_time() + cpu_of(server)
    await asyncio.gather(*(caller() for _ in range(CONCURRENT)))
    return granted, time.perf_counter() - began, time.process_time() + cpu_of(server) - cpu


async def _windows(*, minutes: int) -> tuple[int, int, int]:
    """Windows of 60 s seen, those above the limit, the most calls in one; claims as fast as they are granted."""
    with redis() as server:
        fill(server, workspaces=1, each=18 * minutes + 100, due_ms=DUE_MS - 10**6, step_ms=1)
        client = await Redis.connect(server.url, name="bench")
        clock = ManualClock(DUE_MS / 1000)
        stores = [MemberStore(client, in_flight=10**6) for _ in range(4)]
        calls: list[float] = []
        workspace = keys.Workspace("T00000000")
        partition = keys.partition_of(workspace)
        for turn in range(minutes * WINDOW_SECONDS * 4):
            now = int(clock.now() * 1000)
            claims = await asyncio.gather(
                *(s.claim(partition, now_ms=now, lease_end_ms=now + 10**9, want=64) for s in stores)
            )
            late = GRANT_SECONDS * (turn // 100 % 2)
            calls += [clock.now() + late for claim in claims for _ in claim]
            clock.advance(0.25)
        await client.close()
    calls.sort()
    counts = [bisect_left(calls, start + WINDOW_SECONDS) - at for at, start in enumerate(calls)]
    return len(counts), sum(count > Limits().photo.per_minute for count in counts), max(counts)


ROW: Final = Row(
    name="pacer",
    title="Grants to call Slack.",
    method="""
Ours: members due in 1,000 workspaces claimed 500 at a time, where each claim is a grant of two methods and moves
the member into flight besides. `limits` 5 over redis.asyncio with 100 callers at once; the better of its strategies
counts. CPU is of the asking process and Redis together; the smaller of the two ratios counts. Windows: every claim
that the default limits allow, on a clock that this benchmark moves, with all calls of alternating 25-second
stretches leaving 5 s after their grant, as late as a worker may; each window that begins with a call is counted.""",
    measure=measure,
)

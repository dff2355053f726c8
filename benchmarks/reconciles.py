"""The operator with ten thousand tenants, beside kopf operators that do next to nothing."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from benchmarks import tenants_cold, tenants_restart, tenants_secrets
from benchmarks.report import Finding, Row
from benchmarks.rig import OTHERS, interleaved, median, percentile, program, redis
from benchmarks.tenants import Tenants, seeded
from benchmarks.tenants_cold import Cold
from benchmarks.tenants_restart import Untouched
from tests.servers import Server

TENANTS: Final = 10_000
SECRETS: Final = 1_000
NOOP: Final = 1.0
BARE: Final = 2.0
EMPTY: Final = 1.5
RESTART_SECONDS: Final = 8
SECRET_MS: Final = 250
CHECKED_MS: Final = 1_000
CHECK_SECONDS: Final = 0.1
"""What auth.test takes in the variant with Slack's check."""

MOST_MB: Final = 192


class _ColdStarts(NamedTuple):
    bare: float
    noop: Cold
    light: Cold
    ours: Cold
    ready: int


def measure(quick: bool) -> Sequence[Finding]:
    count, changed = (600, 100) if quick else (TENANTS, SECRETS)
    with (
        seeded(count) as tenants,
        redis() as server,
        program("slack_stub", cores=OTHERS) as at_once,
        program("slack_stub", f"auth.test={CHECK_SECONDS}", cores=OTHERS) as slow,
    ):
        slack, slow_slack = at_once.ready(), slow.ready()
        starts, most = _cold_starts(tenants, server, slack)
        untouched = tenants_restart.untouched(tenants, server, slack)
        return [
            *_of_cold(tenants, starts),
            *_of_restarts(tenants, server, slack, rounds=1 if quick else 2, untouched=untouched),
            *_of_secrets(tenants, server, slack, slow_slack, changed),
            Finding(
                f"resident memory with {count:,} tenants, at most: cold start, restart",
                f"≤ {MOST_MB} MB",
                f"{most:.0f} and {untouched.megabytes:.0f} MB",
                max(most, untouched.megabytes) <= MOST_MB,
            ),
            Finding(
                "a look at one unchanged tenant: calls of Kubernetes, of Redis, CPU",
                "told",
                f"{untouched.each.api_calls:.1f}, {untouched.each.redis_calls:.1f}, {untouched.each.cpu * 1e6:.0f} µs",
            ),
        ]


def _cold_starts(tenants: Tenants, server: Server, slack: str) -> tuple[_ColdStarts, float]:
    """One of each from the same data, ours last: what it leaves is the state in step."""
    bare = tenants_cold.bare(tenants)
    tenants.restore()
    noop = tenants_cold.noop(tenants, "states")
    tenants.restore()
    light = tenants_cold.noop(tenants, "events")
    tenants.restore()
    ours, ready, most = tenants_cold.ours(tenants, server, slack)
    return _ColdStarts(bare, noop, light, ours, ready), most


def _of_cold(tenants: Tenants, found: _ColdStarts) -> list[Finding]:
    seconds = found.ours.seconds
    of_noop, of_bare = seconds / found.noop.seconds, seconds / found.bare
    return [
        Finding(
            f"{tenants.count:,} tenants, cold: from the start to all ready, Slack's check apart",
            f"≤ {NOOP:g} × a no-op kopf operator, ≤ {BARE:g} × a bare loop of status patches; all ready",
            f"{of_noop:.2f} × and {of_bare:.2f} ×: {seconds:.1f} s (CPU {found.ours.cpu:.1f} s), no-op "
            f"{found.noop.seconds:.1f} s (CPU {found.noop.cpu:.1f} s), with on.event and one patch each "
            f"{found.light.seconds:.1f} s (CPU {found.light.cpu:.1f} s), loop {found.bare:.1f} s; "
            f"{found.ready:,} of {tenants.count:,} ready",
            of_noop <= NOOP and of_bare <= BARE and found.ready == tenants.count,
        ),
        Finding(
            "answers of 429, statuses written more than once, watches that the API server ended, in that start",
            "told",
            f"{_words(found.ours)}; no-op {_words(found.noop)}, with on.event {_words(found.light)}",
        ),
    ]


def _words(cold: Cold) -> str:
    return f"{cold.busy:,}, {cold.twice:,}, {cold.terminated}"


def _of_restarts(tenants: Tenants, server: Server, slack: str, *, rounds: int, untouched: Untouched) -> list[Finding]:
    turns = iter(range(2 * rounds))
    found = interleaved(
        {
            "empty": lambda: tenants_restart.empty(tenants, next(turns)),
            "ours": lambda: tenants_restart.ours(tenants, server, slack, next(turns)),
        },
        rounds=rounds,
    )
    empty, ours = median(found["empty"]), median(found["ours"])
    return [
        Finding(
            f"restart with {tenants.count:,} in step: from the start until the last of five changes, made after one "
            "second, is applied",
            f"≤ {EMPTY:g} × an empty on.event operator, ≤ {RESTART_SECONDS} s",
            f"{ours / empty:.2f} ×: {ours:.1f} s, empty {empty:.1f} s",
            ours <= EMPTY * empty and ours <= RESTART_SECONDS,
        ),
        Finding(
            "writes of a restart with nothing changed: at the API server, in Redis",
            "0",
            f"{untouched.writes} and {untouched.redis_writes}",
            untouched.writes == 0 and untouched.redis_writes == 0,
        ),
    ]


def _of_secrets(tenants: Tenants, server: Server, slack: str, slow: str, changed: int) -> list[Finding]:
    took = tenants_secrets.changes(tenants, server, slack, count=changed, generation=1)
    checked = tenants_secrets.changes(tenants, server, slow, count=changed, generation=2)
    shown = tenants_secrets.in_use(tenants, server, slack)
    what = f"a Secret changed until the services find its token in Redis, {changed:,} changes at 50/s"
    return [
        _within(f"{what}, Slack's check at once", took, SECRET_MS),
        _within(f"{what}, Slack's check in {CHECK_SECONDS * 1000:.0f} ms", checked, CHECKED_MS),
        Finding(
            "a Secret changed until a publisher shows its token to Slack, once",
            f"≤ {CHECKED_MS / 1000:g} s",
            f"{shown * 1000:.0f} ms",
            shown * 1000 <= CHECKED_MS,
        ),
    ]


def _within(what: str, took: list[float], most: int) -> Finding:
    last = percentile(took, 0.99)
    return Finding(
        what,
        f"p99 ≤ {most} ms",
        f"p99 {last:.0f} ms, p50 {percentile(took, 0.5):.0f} ms of {len(took):,}",
        last <= most,
    )


ROW: Final = Row(
    name="operator",
    title="SlackTenants reconciled on a real API server, each with a Secret of its own.",
    method="""
etcd, kube-apiserver and the operator share both cores with Redis, the load and the stub of Slack; so do the
yardsticks, which take turns on the same data: etcd goes back to one snapshot before each cold start. All of them are
service accounts, so the API server's fairness limits hold for each; the operator has the rights that we ship. When
the last status was written is read from the audit log, and so are writes and answers of 429.

*No-op*: kopf with one handler for create, update and resume that sets one field of the status, listing in chunks, no
limit of workers, everything else as kopf has it: that includes its annotation, so it patches each object twice. *With
on.event* the same handler hears of events only and patches once. The *bare loop* patches the status of 10,000 objects
whose names it knows, 16 at a time. *Empty* is an on.event handler that does nothing but say when it heard of the
changed tenants.

Cold: nobody has seen a tenant, Redis is empty. The operator reads each Secret, asks the stub of Slack, which says yes
at once, seals the token, writes the record and the status. ROTAVATAR_TOKEN_CHECKS_PER_SECOND is 1000 for that; at the
100 that is shipped, 10,000 new tokens take 100 s, as they should. Restart: five tenants that lie evenly in the
listing get another policy one second after the process was started; applied is when their records say so, or when the
empty operator's handler was called. Writes are those of a restart before, without any change. A Secret's change is
timed from when it was due until the record names the version that it made. A look at an unchanged tenant: all 10,000
are marked in Redis as changed, as an installation does, though none is; taking the mark away is part of it.
resyncPeriod is 24h, so that next to no slow look at a whole tenant falls into a measurement.""",
    measure=measure,
)

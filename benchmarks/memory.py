"""Redis bytes per member, everything counted."""

from collections.abc import Sequence
from typing import Final

from benchmarks.population import fill
from benchmarks.report import Finding, Row
from benchmarks.rig import redis

SIZES: Final = (100_000, 1_000_000)
EACH: Final = 1000
TARGETS: Final = {False: 600, True: 850}
SAME: Final = 0.03
"""What may lie between the two sizes: the tables of Redis grow by doubling, so they are never equally full."""


def measure(quick: bool) -> Sequence[Finding]:
    findings = []
    for rotating, target in TARGETS.items():
        sizes = [_bytes_each(size // (10 if quick else 1), rotating=rotating) for size in SIZES]
        spread = abs(sizes[1] - sizes[0]) / sizes[0]
        findings.append(
            Finding(
                f"bytes per member, {'rotating' if rotating else 'unrotated'} tokens, at 100,000 and 1,000,000 members",
                f"≤ {target}, the same at both",
                f"{sizes[0]:.0f} and {sizes[1]:.0f}",
                max(sizes) <= target and spread <= SAME,
            )
        )
    return findings


def _bytes_each(members: int, *, rotating: bool) -> float:
    with redis() as server:
        before = server.command("INFO", "memory")["used_memory"]
        fill(server, workspaces=members // EACH, each=EACH, rotating=rotating)
        return float(server.command("INFO", "memory")["used_memory"] - before) / members


ROW: Final = Row(
    name="memory",
    title="What a member takes of Redis.",
    method="""
The growth of Valkey's `used_memory` over all keys: member record (a sealed token of 76 characters, or a rotating
pair of 166 and 147; next, present and previous picture, hashes, Slack's image address of 85 characters, zone, times
of each choice, hash of the view), due set, member set, and of each workspace of 1,000 members its record, pacer,
bitmap of worn pictures and place in the ready set. `hash-max-listpack-value` is 512, as shipped. Members differ in
pack, zone and history.""",
    measure=measure,
)

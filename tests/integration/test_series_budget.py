"""However many tenants there are, the processes tell a bounded number of series."""

import asyncio
import importlib
import pkgutil
from typing import Any

import pytest
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from rotavatar import keys
from rotavatar.clock import ManualClock
from rotavatar.configuration import Secret
from rotavatar.keyring import KeyRing, generate_key
from rotavatar.keys import Workspace
from rotavatar.redis import Redis
from rotavatar.shared import measures
from rotavatar.shared.backlog import Backlog
from rotavatar.shared.counting import Counting
from rotavatar.store import BacklogStore, CensusStore, JobStore
from slacktenant_operator import measures as of_operator
from slacktenant_operator.cache import Cache
from slacktenant_operator.reasons import Kind
from tests.servers import Server
from tests.unit.slacktenant.tenants import tenant

TENANTS = 10_000
BUDGET = 250
"""Series that tenants could add to: those of the shared facts and of the operator."""

LABELS = frozenset(
    [
        "route",
        "outcome",
        "reason",
        "kind",
        "partition",
        "stream",
        "state",
        "work",
        "owner",
        "key",
        "status",
        "condition",
        "verb",
        "code",
        "method",
        "loop",
        "process",
        "version",
        "python",
        "cause",
        "looking",
        "form",
    ]
)
"""Words of which there are few, whoever uses Rotavatar. A label that is not here needs a reason to be."""


def every_metric() -> set[MetricWrapperBase]:
    found = set()
    for package in ("rotavatar", "ingress_api", "rotator", "publisher", "slacktenant_operator"):
        root = importlib.import_module(package)
        for module in pkgutil.walk_packages(root.__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                values = vars(importlib.import_module(module.name)).values()
                found |= {value for value in values if isinstance(value, MetricWrapperBase)}
    return found


def test_labels_are_words_of_which_there_are_few() -> None:
    metrics = every_metric()
    assert len(metrics) > 40
    assert {label for metric in metrics for label in metric._labelnames} == LABELS


def count(metrics: set[str]) -> int:
    return sum(len(family.samples) for family in REGISTRY.collect() if family.name in metrics)


STATUS = {
    "conditions": [
        {
            "type": kind.value,
            "status": "True",
            "reason": "Ready",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for kind in Kind
    ]
}


async def populate(redis: Redis) -> None:
    """TENANTS workspaces of two members each, one of whom has a token of some key."""
    for begin in range(0, TENANTS, 500):
        commands: list[Any] = []
        for number in range(begin, begin + 500):
            workspace = Workspace(f"T{number:07}")
            partition = keys.partition_of(workspace)
            commands += [
                (partition, "SADD", keys.workspaces(partition), workspace),
                (partition, "HSET", keys.workspace(workspace), "v", 1, "c", b"\x11k" + b"." * 40),
                (partition, "SADD", keys.members(workspace), "U1", "U2"),
                (partition, "ZADD", keys.due(workspace), 1, "U1"),
                (partition, "ZADD", keys.ready(partition), 1, workspace),
                (partition, "HSET", keys.member(workspace, keys.User("U1")), "v", 1, "c", b"\x11k" + b"." * 40),
                (partition, "HSET", keys.member(workspace, keys.User("U2")), "v", 1, "i", "reconnect"),
            ]
        await asyncio.gather(*(redis.execute(*command) for command in commands))


@pytest.mark.slow
async def test_ten_thousand_tenants_add_no_series(valkey: Server) -> None:
    cache = Cache()
    for number in range(TENANTS):
        cache.put(tenant(f"t{number}", spec={"workspace": f"T{number:07}"}, status=STATUS))
    redis, clock = await Redis.connect(valkey.url, name="test"), ManualClock()
    await populate(redis)
    await Backlog(store=BacklogStore(redis), jobs=JobStore(redis), clock=clock).count()
    await Counting(store=CensusStore(redis), clock=clock, keys=KeyRing(Secret(generate_key()))).count()
    try:
        assert REGISTRY.get_sample_value("rotavatar_workspaces", {"status": "active"}) == TENANTS
        assert REGISTRY.get_sample_value("rotavatar_overdue_members") == TENANTS
        shared = {gauge._name for gauge in (*measures.EVERY, *measures.PLAIN)}
        operators = {metric._name for metric in vars(of_operator).values() if isinstance(metric, MetricWrapperBase)}
        assert count(shared | operators) <= BUDGET
    finally:
        measures.forget()
        await redis.close()

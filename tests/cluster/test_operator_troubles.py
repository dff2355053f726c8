"""The whole process between an API server and a Redis that refuse, forget and cut: nothing is lost, nothing flaps."""

import asyncio
import copy
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from control_plane.plane import ControlPlane
from rotavatar.records import Status
from tests.cluster.between import Between
from tests.cluster.conftest import OwnAudit
from tests.cluster.operating import Operator, grant, operating
from tests.cluster.test_operator_straight import TEAM, declared
from tests.servers import Server, free_port, valkey_binary

IMPATIENT = """
from slacktenant_operator import comparing
comparing.PERIOD_SECONDS = 1
import runpy
runpy.run_module("slacktenant_operator", run_name="__main__")
"""
"""Compares each second what it compares every ten minutes."""


@pytest.fixture
async def between(tenants_plane: ControlPlane) -> AsyncIterator[Between]:
    async with Between(tenants_plane) as between:
        yield between


@pytest.fixture
async def beyond(
    tenants_plane: ControlPlane, between: Between, namespace: str, valkey: Server, tmp_path: Path
) -> AsyncIterator[Operator]:
    """An operator whose way to the API server leads through `between`, and who compares each second."""
    real = grant(tenants_plane, namespace, tmp_path, "namespaced")
    kubeconfig = between.kubeconfig(real, tmp_path)
    async with operating(tenants_plane, valkey, tmp_path, namespace=namespace, kubeconfig=kubeconfig) as operator:
        operator.program = ["-c", IMPATIENT]
        yield operator


async def ready(operator: Operator, names: list[str], reason: str = "Ready") -> None:
    """Wait until all of them say so; one list instead of a request for each."""

    async def stand() -> bool:
        found = Counter(
            condition["reason"]
            for tenant in await operator.tenants()
            if tenant["metadata"]["name"] in names
            for condition in tenant.get("status", {}).get("conditions", [])
            if condition["type"] == "Ready" and condition["observedGeneration"] == tenant["metadata"]["generation"]
        )
        return found[reason] == len(names)

    await operator.until(stand, f"{len(names)} are {reason}")


async def test_an_api_server_that_refuses_every_fifth_request(between: Between, beyond: Operator) -> None:
    chance = random.Random(5)

    def refuses(request: web.Request) -> int:
        if chance.random() > 1 / 5:
            return 0
        return chance.choice([429, 500, 503] if request.method == "GET" else [409, 429, 500, 503])

    between.refuses, between.ends_watches_after = refuses, 7
    await beyond.start()
    assert beyond.process is not None
    pid = beyond.process.pid
    names = [f"t{n}" for n in range(20)]
    for n, name in enumerate(names):
        await declared(beyond, f"T0TROUBLE{n}", name)
    await ready(beyond, names)
    token = beyond.renewed_token("T0TROUBLE3")
    await beyond.apply_secret("t3-slack", token=token)
    await beyond.until_token("T0TROUBLE3", token)
    await beyond.patch_tenant("t4", suspend=True)
    await beyond.delete_tenant("t5")
    await beyond.until_condition("t4", "False", "Suspended")

    async def ended() -> bool:
        record = await beyond.record("T0TROUBLE5")
        return record is not None and record.status is Status.UNINSTALLED

    await beyond.until(ended, "what was deleted ended")
    assert between.refused > 10
    assert between.watches > 5
    assert beyond.process.pid == pid
    assert beyond.process.returncode is None


async def test_watches_that_end_during_the_first_list_lose_nobody(between: Between, beyond: Operator) -> None:
    names = [f"many{n}" for n in range(300)]
    for n, name in enumerate(names[:150]):
        await beyond.create_tenant(name, workspace=f"T0MANY{n}")
    between.ends_watches_after = 20
    starting = asyncio.create_task(beyond.start())
    for n, name in enumerate(names[150:], 150):
        await beyond.create_tenant(name, workspace=f"T0MANY{n}")
    await starting
    await ready(beyond, names, "NotInstalled")
    assert between.watches > 10


async def test_deletions_in_a_gap_of_the_history(between: Between, beyond: Operator) -> None:
    await beyond.start()
    await declared(beyond)
    await declared(beyond, "T0GONE", "gone")
    await ready(beyond, ["acme", "gone"])
    between.withholds = lambda event: event["type"] == "DELETED"
    await beyond.delete_secret("acme-slack")
    await beyond.delete_tenant("gone")
    await beyond.until(lambda: between.withheld >= 2, "nobody was told")
    between.withholds, between.forgets = lambda _: False, 2
    between.end_watches()
    await beyond.until_condition("acme", "False", "SecretNotFound")
    assert await beyond.token(TEAM) != ""

    async def ended() -> bool:
        record = await beyond.record("T0GONE")
        return record is not None and record.status is Status.UNINSTALLED

    await beyond.until(ended, "what was deleted ended")


@pytest.mark.parametrize("k", [1, 3])
async def test_sigkill_right_after_a_write(between: Between, beyond: Operator, k: int) -> None:
    """The API server has done it, and whoever asked for it is dead."""
    await beyond.start()
    await declared(beyond)
    await ready(beyond, ["acme"])
    await beyond.install(TEAM, "U0ANA")
    await beyond.settled()
    writes: list[str] = []

    def wrote(what: str) -> None:
        writes.append(what)
        if len(writes) == k and beyond.process is not None:
            beyond.process.kill()

    between.wrote = wrote
    await beyond.patch_tenant("acme", suspend=True)
    await beyond.until(lambda: writes, "the suspension is told")
    await beyond.until_condition("acme", "False", "Suspended")
    await beyond.delete_tenant("acme")
    await beyond.until(lambda: len(writes) >= k, "it died")
    assert beyond.process is not None
    await beyond.process.wait()
    await beyond.start()
    await beyond.until_gone("acme")
    record = await beyond.record(TEAM)
    assert record is not None
    assert (record.status, record.tenant, record.credential) == (Status.UNINSTALLED, "", b"")


async def test_a_secret_that_is_rotated_twice_deleted_and_made_anew(operator: Operator) -> None:
    await operator.start()
    await declared(operator)
    await operator.until_condition("acme", "True", "Ready")
    for _ in range(2):
        token = operator.renewed_token(TEAM)
        await operator.apply_secret("acme-slack", token=token)
    await operator.until_token(TEAM, token)
    await operator.delete_secret("acme-slack")
    token = operator.renewed_token(TEAM)
    made = await operator.apply_secret("acme-slack", token=token)
    await operator.until_token(TEAM, token)
    await operator.until_condition("acme", "True", "Ready")
    record = await operator.record(TEAM)
    assert record is not None
    assert record.source.startswith(made["metadata"]["uid"])


async def test_a_tenant_that_is_replaced_under_its_name(operator: Operator) -> None:
    await operator.start()
    await declared(operator)
    await operator.until_condition("acme", "True", "Ready")
    await operator.delete_tenant("acme")
    made = await operator.create_tenant(
        "acme", workspace=TEAM, botToken={"name": "acme-slack"}, policy={"lifelike": True}
    )
    await operator.until_condition("acme", "True", "Ready")
    await operator.settled()
    record = await operator.record(TEAM)
    assert record is not None
    assert record.tenant.endswith(made["metadata"]["uid"])
    assert record.policy.lifelike
    assert record.status is Status.ACTIVE


async def test_two_operators_by_mistake_come_to_rest(operator: Operator, audit_log: OwnAudit, tmp_path: Path) -> None:
    twin = copy.copy(operator)
    twin.metrics_port, twin.folder = free_port(), tmp_path / "twin"
    twin.folder.mkdir()
    try:
        await asyncio.gather(operator.start(), twin.start())
        for n in range(5):
            await declared(operator, f"T0TWIN{n}", f"twin{n}")
        await ready(operator, [f"twin{n}" for n in range(5)])
        for n in range(5):
            await operator.patch_tenant(f"twin{n}", suspend=True)
        await ready(operator, [f"twin{n}" for n in range(5)], "Suspended")
        await operator.settled()
        before, writes = await operator.tenants(), operator.writes()
        await asyncio.sleep(3)  # nothing to wait for: that is what it is about
        assert await operator.tenants() == before
        assert operator.writes() == writes
        ours = f"system:serviceaccount:{operator.namespace}:rotavatar-operator"
        patches = Counter(
            event.object_ref.name
            for event in audit_log.events()
            if event.user.username == ours and event.verb == "patch" and event.object_ref.resource == "slacktenants"
        )
        assert max(patches.values()) <= 2 * 2, patches
    finally:
        await twin.stop()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "own-valkey").mkdir()
    server = Server(valkey_binary(), tmp_path / "own-valkey").start()
    yield server
    server.stop()


async def test_a_redis_that_is_slow_and_then_takes_no_writes(
    tenants_plane: ControlPlane, namespace: str, own_valkey: Server, tmp_path: Path
) -> None:
    kubeconfig = grant(tenants_plane, namespace, tmp_path, "namespaced")
    async with operating(tenants_plane, own_valkey, tmp_path, namespace=namespace, kubeconfig=kubeconfig) as operator:
        await operator.start()
        token = await declared(operator)
        await operator.until_condition("acme", "True", "Ready")
        own_valkey.command("CLIENT", "PAUSE", 2000, "ALL")
        await operator.patch_tenant("acme", suspend=True)
        await operator.until_condition("acme", "False", "Suspended")
        own_valkey.command("REPLICAOF", "127.0.0.1", free_port())
        await operator.patch_tenant("acme", suspend=False)
        await operator.until_condition("acme", "False", "RedisUnavailable", kind="Synced")
        own_valkey.command("REPLICAOF", "NO", "ONE")
        await operator.until_condition("acme", "True", "Ready")
        assert await operator.token(TEAM) == token
        record = await operator.record(TEAM)
        assert record is not None
        assert not record.suspended

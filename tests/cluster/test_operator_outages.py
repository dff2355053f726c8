"""The API server and Redis go and come back: nothing is lost, and nobody waits for ever."""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from control_plane.plane import ControlPlane
from rotavatar.errors import Unavailable
from rotavatar.records import Status
from tests.cluster.operating import Operator, grant, operating
from tests.cluster.tenants import install_definition
from tests.cluster.test_operator_straight import TEAM, declared
from tests.servers import Server, valkey_binary


@pytest.fixture
async def alone(own_control_plane: Callable[..., ControlPlane], tmp_path: Path) -> AsyncIterator[Operator]:
    """An operator with a control plane and a Valkey that the test may stop."""
    plane = own_control_plane(controllers=True)
    install_definition(plane)
    plane.api.post("/api/v1/namespaces", {"metadata": {"name": "tenants"}})
    kubeconfig = grant(plane, "tenants", tmp_path, "namespaced")
    (tmp_path / "valkey").mkdir()
    valkey = Server(valkey_binary(), tmp_path / "valkey").start()
    try:
        async with operating(plane, valkey, tmp_path, namespace="tenants", kubeconfig=kubeconfig) as operator:
            yield operator
    finally:
        valkey.stop()


async def test_an_api_server_that_was_away_is_caught_up_with(alone: Operator) -> None:
    await alone.start()
    await declared(alone)
    await alone.until_condition("acme", "True", "Ready")
    second = await alone.on_a_thread(lambda: alone.plane.add_api_server("second"))
    assert alone.process is not None
    pid = alone.process.pid
    await alone.on_a_thread(alone.plane.api_server.stop)
    first = alone.plane.api_server.api
    alone.speaks_to(second.api)
    token = alone.renewed_token(TEAM)
    await alone.apply_secret("acme-slack", token=token)
    await alone.patch_tenant("acme", policy={"lifelike": True})
    await declared(alone, "T0MEANWHILE", "meanwhile")
    await alone.on_a_thread(alone.plane.api_server.start)
    alone.speaks_to(first)
    await alone.until_token(TEAM, token)
    await alone.until_condition("acme", "True", "Ready")
    await alone.until_condition("meanwhile", "True", "Ready")
    record = await alone.record(TEAM)
    assert record is not None
    assert record.policy.lifelike
    assert alone.process.pid == pid
    assert alone.process.returncode is None


async def test_a_tenant_that_went_while_the_watch_was_broken(alone: Operator) -> None:
    """Lost history: the API server comes back without the events of the time between."""
    await alone.start()
    await declared(alone)
    await alone.until_condition("acme", "True", "Ready")
    second = await alone.on_a_thread(lambda: alone.plane.add_api_server("second"))
    await alone.on_a_thread(alone.plane.api_server.stop)
    first = alone.plane.api_server.api
    alone.speaks_to(second.api)
    await alone.delete_tenant("acme")
    await alone.delete_secret("acme-slack")
    await alone.on_a_thread(alone.plane.compact)
    await alone.on_a_thread(alone.plane.api_server.start)
    alone.speaks_to(first)
    await alone.stop()
    await alone.start()

    async def ended() -> bool:
        record = await alone.record(TEAM)
        return record is not None and record.status is Status.UNINSTALLED

    await alone.until(ended, "what it left was cleaned")


async def test_redis_that_is_away_is_said_and_caught_up_with(alone: Operator) -> None:
    await alone.start()
    await declared(alone)
    await alone.until_condition("acme", "True", "Ready")
    await alone.install(TEAM, "U0ANA")
    await alone.settled()
    alone.valkey.stop()
    await alone.patch_tenant("acme", policy={"lifelike": True})
    await alone.until_condition("acme", "False", "RedisUnavailable", kind="Synced")
    await alone.delete_tenant("acme")
    assert await alone.probe("healthz") == 200
    assert await alone.probe("readyz") == 503
    assert await alone.tenant("acme") is not None
    alone.valkey.restart()
    await alone.until_gone("acme")

    async def ended() -> bool:
        with suppress(Unavailable):  # the test's own connection notices the restart by failing once
            record = await alone.record(TEAM)
            return record is not None and (record.status, record.tenant) == (Status.UNINSTALLED, "")
        return False

    await alone.until(ended, "the installation ended")


async def test_an_api_server_that_is_not_there_yet_is_waited_for(alone: Operator) -> None:
    await alone.on_a_thread(alone.plane.api_server.stop)
    await alone.start(ready=False)
    await alone.until(lambda: "waiting for Kubernetes" in alone.log, "it says what it waits for")
    await alone.on_a_thread(alone.plane.api_server.start)
    await alone.until(alone.is_ready, "the operator is ready")

"""The metrics port says whether the process turns and whether it can work."""

import asyncio
import socket
import time

import httpx
import pytest
from prometheus_client import REGISTRY

from rotavatar import health
from rotavatar.errors import ConfigurationError, Unavailable
from rotavatar.health import Heartbeat, failing, listen, serving_probes, watch_loop


class Ticks:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def get(port: int, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://127.0.0.1:{port}{path}", headers=headers)


async def ready() -> str | None:
    return None


def test_a_heartbeat_dies_after_its_limit():
    ticks = Ticks()
    beat = Heartbeat("claims", limit=10, monotonic=ticks)
    ticks.now = 10.0
    assert beat.alive()
    ticks.now = 10.1
    assert not beat.alive()
    beat.beat()
    assert (beat.alive(), beat.age()) == (True, 0.0)


async def test_the_three_pages():
    ticks = Ticks()
    beat = Heartbeat("claims", limit=10, monotonic=ticks)
    reasons: list[str | None] = [None]

    async def redis() -> str | None:
        return reasons[0]

    async with serving_probes(host="127.0.0.1", port=0, heartbeats=[beat], checks={"redis": redis}) as port:
        assert (await get(port, "/healthz")).json() == {"ok": True, "failing": {}}
        assert (await get(port, "/readyz")).status_code == 200
        page = await get(port, "/metrics")
        assert "# TYPE rotavatar_slack_calls_total counter" in page.text
        assert "rotavatar_loop_lag_seconds" in page.text
        openmetrics = await get(port, "/metrics", accept="application/openmetrics-text; version=1.0.0")
        assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
        assert openmetrics.text.endswith("# EOF\n")

        ticks.now, reasons[0] = 11.0, "out of memory"
        sick = await get(port, "/healthz")
        assert (sick.status_code, sick.json()["failing"]) == (503, {"claims": "no beat for 11 s"})
        unready = await get(port, "/readyz")
        assert (unready.status_code, unready.json()["failing"]) == (503, {"redis": "out of memory"})
        assert (await get(port, "/secrets")).status_code == 404
    with pytest.raises(httpx.ConnectError):
        await get(port, "/healthz")


async def test_the_port_is_free_again_at_once():
    async with serving_probes(host="127.0.0.1", port=0) as port:
        await get(port, "/healthz")
    async with serving_probes(host="127.0.0.1", port=port) as again:
        assert again == port


async def test_a_check_that_hangs_or_breaks_is_not_ready(monkeypatch):
    monkeypatch.setattr(health, "READY_SECONDS", 0.05)

    async def hang() -> str | None:
        await asyncio.sleep(30)
        return None

    async def unavailable() -> str | None:
        raise Unavailable("redis at secret-host is away")

    async def refused() -> str | None:
        raise ConnectionRefusedError

    reasons = await failing({"a": ready, "b": hang, "c": unavailable, "d": refused})
    assert reasons == {"b": "no answer within 0.05 s", "c": "Unavailable", "d": "ConnectionRefusedError"}


async def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"ROTAVATAR_METRICS_PORT is {port}") as caught:
            async with serving_probes(host="127.0.0.1", port=port):
                pass
    assert "\n" not in str(caught.value)


def test_an_address_of_another_machine_is_named():
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", 0, setting="ROTAVATAR_PORT")


async def test_the_lag_of_the_loop_is_measured(monkeypatch):
    monkeypatch.setattr(health, "BEAT_SECONDS", 0.01)
    watching = asyncio.create_task(watch_loop())
    await asyncio.sleep(0.015)
    time.sleep(0.2)  # noqa: ASYNC251 - a blocked loop is what is measured
    await asyncio.sleep(0.001)
    lag = REGISTRY.get_sample_value("rotavatar_loop_lag_seconds")
    watching.cancel()
    assert lag is not None
    assert lag >= 0.1

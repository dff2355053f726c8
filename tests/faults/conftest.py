"""Servers and a world for the fault tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from rotavatar.clock import ManualClock
from rotavatar.redis import Redis
from slack_simulator.app import Simulator
from tests.faults.dying import World
from tests.pictures import draw_catalogue
from tests.servers import Server, valkey_binary


@pytest.fixture(scope="session")
def memory_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Valkey that writes nothing to disk: who dies in these tests is a process of ours, hundreds of times."""
    server = Server(valkey_binary(), tmp_path_factory.mktemp("memory"), options={"appendonly": "no"}).start()
    yield server
    server.stop()


@pytest.fixture
async def world(memory_server: Server, tmp_path: Path) -> AsyncIterator[World]:
    """One member in one workspace, and processes that may die."""
    draw_catalogue(tmp_path / "catalogue", packs={"critters": 12, "planets": 6})
    clock = ManualClock()
    redis = await Redis.connect(memory_server.url, name="world")
    async with Simulator(clock=clock) as simulator:
        world = World(redis, simulator, clock, tmp_path)
        try:
            yield world
        finally:
            await world.close()
    await redis.close()

"""A steady system writes nothing: where nothing changes, nothing is published and nothing is written to Redis."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.patience import SECONDS
from tests.publishing import TEAM, Stage, stage
from tests.servers import Server

QUIET_SECONDS = 2.5
"""Longer than every period at which the publisher looks at its partitions and sweeps its streams."""


@pytest.fixture
async def it(valkey: Server, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(valkey.url, tmp_path) as running:
        yield running


async def shown(it: Stage) -> tuple[str, dict[str, Any]]:
    """A member whose tab shows how things stand, and that tab."""
    person = await it.install(it.simulator.add_member(TEAM))
    await it.store(person.id)
    await it.ask(person.id)
    home = await it.shows(person.id, "A new photo every 4 hours")
    await it.idle()
    return person.id, home


async def test_opening_a_tab_again_and_again_costs_no_publish(it: Stage) -> None:
    user, home = await shown(it)
    before = it.calls()
    for _ in range(3):
        await it.ask(user, shown=home["private_metadata"])
        await it.idle()
    assert it.calls() == before
    await it.ask(user, shown="of an older tab")
    await it.idle()
    assert it.calls() == before + 1


async def test_while_nothing_happens_nothing_is_written(it: Stage, valkey: Server) -> None:
    await shown(it)

    def changes() -> int:
        found: int = valkey.command("INFO", "persistence")["rdb_changes_since_last_save"]
        return found

    before = 0
    async with asyncio.timeout(SECONDS):
        while before != changes():
            before = changes()
            await asyncio.sleep(0.5)
    assert before > 0
    await asyncio.sleep(QUIET_SECONDS)
    assert changes() == before

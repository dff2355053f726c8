"""SIGKILL to each of the real processes at twelve places: who comes after ends where an undisturbed run ends.

`test_deaths.py` strikes at every effect of one process's parts; here whole processes die, with what they hold in
memory and in their connections, while the other two go on.
"""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from rotavatar import keys
from rotavatar.keys import Workspace
from rotavatar.redis.scripts import script
from tests.faults.gates import Point, When
from tests.faults.product import Person, Product, product, until
from tests.servers import Server, valkey_binary

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

BEFORE, AFTER = When.BEFORE, When.AFTER
Run = tuple[dict[str, Any], Counter[str]]


def lua(name: str) -> bytes:
    return script(name).sha.encode()


def call(method: str) -> bytes:
    return f"POST /api/{method}".encode()


POINTS = {
    "ingress_api": [
        *(Point(what, 1, when) for what in (b":consent:", call("oauth.v2.access"), lua("install")) for when in When),
        *(Point(b"XADD", nth, when) for nth in (1, 2, 3) for when in When),
    ],
    "rotator": [
        Point(lua("commit"), 1, BEFORE),  # the member has joined and is not placed
        Point(lua("commit"), 2, AFTER),  # the choice is made, and due
        Point(lua("claim"), 1, AFTER),
        Point(call("users.profile.get"), 1, BEFORE),
        Point(call("users.profile.get"), 1, AFTER),
        Point(lua("commit"), 3, BEFORE),  # the own photo is stored and not noted
        Point(lua("commit"), 3, AFTER),
        Point(lua("commit"), 4, AFTER),  # the intent is open, nothing is sent
        Point(call("users.setPhoto"), 1, BEFORE),
        Point(call("users.setPhoto"), 1, AFTER),
        Point(lua("commit"), 5, BEFORE),  # the photo is changed and not noted
        Point(lua("commit"), 5, AFTER),
    ],
    "publisher": [
        *(
            Point(what, 1, when)
            for what in (lua("mark"), lua("claim_publish"), call("views.publish"), lua("published"))
            for when in When
        ),
        Point(lua("mark"), 2, AFTER),
        *(Point(call("views.publish"), 3, when) for when in When),
        Point(lua("published"), 3, BEFORE),
    ],
}
SCRIPTS = {lua(name): name for name in ("install", "commit", "claim", "mark", "claim_publish", "published")}


def name_of(point: Point) -> str:
    what = SCRIPTS.get(point.what) or point.what.decode().removeprefix("POST /api/").strip(":")
    return f"{what} {point.nth} {point.when.value}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    folder = tmp_path_factory.mktemp("killed")
    server = Server(valkey_binary(), folder / "server").start()
    try:
        async with product(server, folder) as it:
            yield it
    finally:
        server.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def undisturbed(running: Product) -> Run:
    person = running.newcomer()
    await story(running, person)
    return await person.ending(), person.calls()


async def story(it: Product, person: Person) -> None:
    """Connect, choose, see the photo change, pause, look."""
    it.journal.clear()
    await person.connect()
    await person.shows("frequency")
    await person.settled()
    await person.click("frequency", "3600")
    await person.shows("A new photo every hour")
    await person.settled()
    before = person.photo()
    await person.becomes_due()

    async def changed() -> bool:
        return person.photo() != before

    await until(changed, "another photo")
    await person.settled()
    await person.command("pause")
    await person.shows("Your photo stays as it is")
    await person.settled()
    await look(it, person)
    await person.settled()


async def look(it: Product, person: Person) -> None:
    """The person looks at the tab, and counts as looking."""
    workspace = Workspace(person.team)
    partition = keys.partition_of(workspace)

    async def until_when() -> float:
        return float(await it.redis.execute(partition, "ZSCORE", keys.looking(workspace), person.user) or 0)

    before = await until_when()
    person.open_home()

    async def noted() -> bool:
        return await until_when() > before

    await until(noted, "who looks is noted")


async def asked(it: Product, person: Person) -> int:
    """How many jobs ever asked for a tab in the partition of this person's workspace."""
    partition = keys.partition_of(Workspace(person.team))
    facts = await it.redis.execute(partition, "XINFO", "STREAM", keys.publish_jobs(partition))
    return int(dict(zip(facts[::2], facts[1::2], strict=True))[b"entries-added"])


async def test_undisturbed_it_ends_well(undisturbed: Run) -> None:
    ending, calls = undisturbed
    good = ("in one place", "wears what is noted", "Slack shows what is noted", "hash", "own photo kept", "next")
    assert {name: ending[name] for name in good} == dict.fromkeys(good, True)
    assert calls["users.setPhoto"] == 1


@pytest.mark.parametrize(
    ("victim", "point"),
    [pytest.param(name, point, id=f"{name}, {name_of(point)}") for name in POINTS for point in POINTS[name]],
)
async def test_after_a_kill_the_end_is_the_same(running: Product, undisturbed: Run, victim: str, point: Point) -> None:
    person = running.newcomer()
    before, asked_before = running.deaths, await asked(running, person)
    gate = running.kill_at(victim, point)
    try:
        await story(running, person)
    finally:
        gate.disarm()
    assert running.deaths == before + 1
    expected, usual = undisturbed
    assert await person.ending() == expected
    extra = person.calls() - usual
    assert extra.total() - extra["views.publish"] <= 1, extra
    assert person.calls()["views.publish"] <= await asked(running, person) - asked_before + 1
    assert not running.journal.overlaps

"""What the operator commits reaches members through the real processes, without a restart."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import structlog

from publisher.sentences import HEADINGS
from publisher.state import Mood
from rotavatar.policy import Policy
from rotavatar.records import Suspension
from rotavatar.store import WorkspaceStore
from tests.faults.product import OWN, Person, Product, product, until
from tests.governing import govern
from tests.servers import Server, valkey_binary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

log = structlog.get_logger()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    folder = tmp_path_factory.mktemp("policy")
    server = Server(valkey_binary(), folder / "server").start()
    try:
        async with product(server, folder) as it:
            yield it
    finally:
        server.kill()


async def test_policy_and_suspension_are_obeyed_and_told(running: Product) -> None:
    person = running.newcomer()
    await person.connect()
    await person.shows("frequency")
    await person.click("frequency", "3600")
    await person.shows("A new photo every hour")
    await person.settled()
    for values, words in (
        ({"policy": Policy(frequencies=(86_400,))}, HEADINGS[Mood.NOT_ALLOWED]),
        ({"policy": Policy()}, "A new photo every hour"),
        ({"suspended": Suspension.OPERATOR}, HEADINGS[Mood.SUSPENDED]),
    ):
        await _tell(running, person, words, **values)
    before = person.photo()
    await running.pass_time(7200)
    other = running.newcomer()
    await other.connect()
    await other.shows("frequency")
    await other.click("shuffle")
    await until(lambda: _has_photo(other), "the photo of somebody elsewhere")
    assert person.photo() == before, "nothing changes in a suspended workspace, although it was due before that"
    await govern(
        WorkspaceStore(running.redis), person.team, now_ms=int(running.clock.now() * 1000), suspended=Suspension.NO
    )

    async def changed() -> bool:
        return person.photo() != before

    await until(changed, "another photo")
    await person.settled()


async def _has_photo(person: Person) -> bool:
    return person.member.photo is not None and not person.shows_photo(OWN)


async def _tell(it: Product, person: Person, words: str, **values: object) -> None:
    began = time.monotonic()
    now_ms = int(it.clock.now() * 1000)
    await govern(WorkspaceStore(it.redis), person.team, now_ms=now_ms, **values)  # type: ignore[arg-type]
    await person.shows(words)
    log.info("told", words=words, seconds=round(time.monotonic() - began, 2))

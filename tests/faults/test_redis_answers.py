"""What three real processes say to Redis in a whole life, their scripts included: nothing whose answer has no bound."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.bounds import unbounded
from tests.faults.product import Person, product, until
from tests.servers import Server, valkey_binary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SPEAKERS = {"ingress", "rotator", "publisher", "lua"}
"""The names under which the processes connect, and what MONITOR calls a script."""

LINE = re.compile(rb'\+?[\d.]+ \[\d+ ([^\]]+)\] "(.*)"\r\n', re.DOTALL)
"""A line of MONITOR: the time, who says it (`lua` for a script), and each word quoted and escaped
(https://redis.io/docs/latest/commands/monitor/)."""

Heard = list[tuple[str, list[str]]]


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[Heard]:
    """Everything that the server is told meanwhile, by the address of who says it."""
    heard: Heard = []
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**24)
    writer.write(b"MONITOR\r\n")
    assert await reader.readline() == b"+OK\r\n"

    async def listen() -> None:
        while line := await reader.readline():
            said = LINE.fullmatch(line)
            assert said is not None, line
            heard.append((said[1].decode(), said[2].decode().split('" "')))

    task = asyncio.create_task(listen())
    try:
        yield heard
    finally:
        task.cancel()
        writer.close()
        await asyncio.wait({task})


def speakers(server: Server) -> dict[str, str]:
    """The names of those who are connected, by their address."""
    return {row["addr"]: row["name"] for row in server.command("CLIENT LIST")}


async def live(person: Person) -> None:
    """Connect, choose, wear a picture, shuffle, put the own photo back, and be forgotten."""

    async def other(before: str) -> None:
        async def changed() -> bool:
            return person.photo() != before

        await until(changed, "another photo")
        await person.settled()

    await person.connect()
    await person.shows("frequency")
    await person.click("frequency", "3600")
    await person.settled()
    before = person.photo()
    await person.becomes_due()
    await other(before)
    before = person.photo()
    await person.click("shuffle")
    await other(before)
    await person.command("status")
    person.open_home()
    await person.settled()
    before = person.photo()
    await person.click("restore")
    await other(before)
    await person.click("forget")

    async def forgotten() -> bool:
        return not person.product.names(b":m:")

    await until(forgotten, "the record is gone")


async def test_no_answer_in_a_whole_life_is_without_a_bound(tmp_path: Path) -> None:
    server = Server(valkey_binary(), tmp_path / "server").start()
    try:
        async with product(server, tmp_path) as it, listening(server) as heard:
            await live(it.newcomer())
            await it.pass_time(2 * 3600)  # the workspace that nobody uses is given up

            async def given_up() -> bool:
                return "workspace given up" in it.log("rotator")

            await until(given_up, "the chores have run")
            names = speakers(server)
            said = [(names.get(address, address), words) for address, words in heard]
    finally:
        server.kill()
    ours = [(who, words) for who, words in said if who in SPEAKERS]
    talk = Counter(who for who, _ in ours)
    assert set(talk) == SPEAKERS, talk
    assert {"EVALSHA", "XREADGROUP", "XAUTOCLAIM", "HGETALL", "ZRANGE", "SSCAN"} <= {
        words[0].upper() for _, words in ours
    }
    assert {(who, *words[:6], why) for who, words in ours if (why := unbounded(words))} == set()

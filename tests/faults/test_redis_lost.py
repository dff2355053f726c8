"""Redis killed under load, frozen, full and slow, below the three real processes: none of them is started again.

Meanwhile Slack is told 503; afterwards every click that was told 200 is done. `test_ingress_faults.py` counts what is
stored, here it is what became of it.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from itertools import cycle

import httpx
import pytest
import pytest_asyncio

from rotavatar import keys
from rotavatar.errors import Unavailable
from rotavatar.policy import HOUR
from tests.faults.product import LEASES, NAMES, Person, Product, product, until
from tests.ingress import click, form, signed
from tests.patience import SECONDS
from tests.servers import Server, valkey_binary

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CREW = 4
AWAY_SECONDS = 4.0
"""Longer than every patience of ingress (2 s); thirty seconds would prove nothing more."""

FREQUENCIES = (1 * HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR)
Crew = list[Person]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    folder = tmp_path_factory.mktemp("lost")
    server = Server(valkey_binary(), folder / "server").start()
    try:
        async with product(server, folder) as running:
            yield running
    finally:
        server.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crew(it: Product) -> Crew:
    """Some people, each in a workspace of their own, who have connected."""
    people = [it.newcomer() for _ in range(CREW)]
    for person in people:
        await person.connect()
        await person.shows("frequency")
    return people


@asynccontextmanager
async def killed(server: Server) -> AsyncIterator[None]:
    server.kill()
    yield
    await asyncio.to_thread(server.start)


@asynccontextmanager
async def frozen(server: Server) -> AsyncIterator[None]:
    server.pause()
    yield
    server.resume()


@asynccontextmanager
async def full(server: Server) -> AsyncIterator[None]:
    server.command("CONFIG", "SET", "maxmemory", 1)
    yield
    server.command("CONFIG", "SET", "maxmemory", 0)


@asynccontextmanager
async def slow(server: Server) -> AsyncIterator[None]:
    over = threading.Event()

    def hold() -> None:
        while not over.is_set():
            server.command("DEBUG", "SLEEP", 0.3)

    holding = asyncio.ensure_future(asyncio.to_thread(hold))
    yield
    over.set()
    await holding


class Load:
    """Each of a crew picks one frequency after the other, as fast as ingress answers."""

    def __init__(self, it: Product, crew: Crew) -> None:
        self.it, self.crew, self.going = it, crew, True
        self.statuses: list[int] = []
        self.acked: dict[str, tuple[int, int]] = {}
        self.slowest = 0.0

    async def run(self) -> None:
        async with httpx.AsyncClient(base_url=self.it.url, timeout=SECONDS, trust_env=False) as client:
            await asyncio.gather(*(self._picks(client, person) for person in self.crew))

    async def _picks(self, client: httpx.AsyncClient, person: Person) -> None:
        for seconds in cycle(FREQUENCIES):
            if not self.going:
                return
            status, at = await self._pick(client, person, seconds)
            self.statuses.append(status)
            if status == 200:
                self.acked[person.user] = (at, seconds)
            await asyncio.sleep(0.02)

    async def _pick(self, client: httpx.AsyncClient, person: Person, seconds: int) -> tuple[int, int]:
        now = f"{time.time():.6f}"
        payload = click("frequency", value=str(seconds), action={"action_ts": now})
        payload["team"]["id"] = person.team
        payload["user"] |= {"id": person.user, "team_id": person.team}
        body = form(payload)
        began = time.monotonic()
        headers = signed(body, secret=self.it.simulator.slack.app.signing_secrets[0])
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = await client.post("/slack/interactions", content=body, headers=headers)
        self.slowest = max(self.slowest, time.monotonic() - began)
        return answer.status_code, int(float(now) * 1000)


@pytest.mark.parametrize("trouble", [killed, frozen, full, slow])
async def test_what_was_acknowledged_is_done_and_nobody_is_started_again(it: Product, crew: Crew, trouble) -> None:
    pids = {name: process.pid for name, process in it.running.items()}
    load = Load(it, crew)
    running = asyncio.create_task(load.run())
    await asyncio.sleep(0.5)
    away: AbstractAsyncContextManager[None] = trouble(it.server)
    async with away:
        before = len(load.statuses)
        await asyncio.sleep(AWAY_SECONDS)
        meanwhile = load.statuses[before:]
    back = len(load.statuses)

    async def taken() -> bool:
        return load.statuses[back:].count(200) >= 20

    await until(taken, "clicks are taken again")
    load.going = False
    await running
    assert set(load.statuses) <= {200, 503}
    assert load.slowest < 3.0
    if trouble is not slow:
        assert 503 in meanwhile
    with suppress(Unavailable):
        await it.redis.execute(0, "PING")  # the test's own connection learns that the server was another one
    # What was under way when Redis went is taken up again after 45 s (jobs) or 30 s (leases).
    await it.forget_holders()
    await it.pass_time(LEASES)
    for person in crew:
        await person.settled()
        member = (await person.seen()).member
        at, seconds = load.acked[person.user]
        assert member is not None
        assert member.frequency_at >= at
        assert member.frequency == seconds or member.frequency_at > at
        assert [*(await person.ending())["places"]].count(True) == 1
    for name in NAMES:
        assert await it.ready(name), name
        assert (it.running[name].pid, it.running[name].returncode) == (pids[name], None)
    assert it.names(b":dead") == []


async def test_afterwards_photos_change_and_tabs_are_drawn(it: Product, crew: Crew) -> None:
    person = crew[0]
    before = person.photo()
    await person.click("frequency", str(HOUR))
    await person.shows("A new photo every hour")
    await person.becomes_due()

    async def changed() -> bool:
        return person.photo() != before

    await until(changed, "another photo")
    for partition in range(keys.PARTITIONS):
        assert await it.redis.execute(partition, "XLEN", keys.schedule_jobs(partition)) == 0

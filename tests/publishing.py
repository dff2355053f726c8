"""The publisher wired as for production, in a test's own loop: real Redis, simulated Slack, pictures over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from publisher.service import serve
from rotavatar import keys
from rotavatar.clock import CLOCK_KEY, PACE_FIELDS, RedisClock
from rotavatar.configuration import Secret
from rotavatar.credentials import Credential, seal_credential
from rotavatar.keyring import KeyRing, generate_key
from rotavatar.keys import User, Workspace
from rotavatar.messages import PublishAsked
from rotavatar.policy import HOUR
from rotavatar.process import Life
from rotavatar.records import Member, Snapshot, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.settings import PublisherSettings, load
from rotavatar.store import Commit, JobStore, MemberStore, Outcome, Place, PublishStore, WorkspaceStore
from rotavatar.vault import Owner, Vault
from slack_simulator.app import Simulator
from slack_simulator.config import Rules
from slack_simulator.state import Member as Person
from tests.patience import SECONDS
from tests.pictures import draw_catalogue

TEAM = "T0PUBLISH"


class Stage:
    """A publisher under way, and short ways to say what it should have to do."""

    def __init__(
        self, *, redis: Redis, clock: RedisClock, simulator: Simulator, vault: Vault, environ: dict[str, str]
    ) -> None:
        self.redis, self.clock, self.simulator, self.vault, self.environ = redis, clock, simulator, vault, environ
        self.members, self.workspaces = MemberStore(redis), WorkspaceStore(redis)
        self.jobs, self.publishing = JobStore(redis), PublishStore(redis)
        self.lives: list[tuple[Life, asyncio.Task[None]]] = []

    @property
    def journal(self) -> Any:
        return self.simulator.slack.journal

    def start(self) -> None:
        """One more replica, in this loop."""
        life = Life()
        self.lives.append((life, asyncio.create_task(serve(load(PublisherSettings, self.environ), life))))

    async def stop(self) -> None:
        """End all replicas as SIGTERM does."""
        for life, _ in self.lives:
            life.stop("the test ends")
        await asyncio.gather(*(task for _, task in self.lives))
        self.lives.clear()

    async def pass_time(self, seconds: float) -> None:
        """Every clock jumps ahead by so many seconds of work, which leases and timeouts are measured in."""
        speed = self.clock.span(1.0)
        pace = (self.clock.wall(), self.clock.now() + seconds * speed, speed, speed)
        fields = [str(part) for pair in zip(PACE_FIELDS, pace, strict=True) for part in pair]
        await self.redis.execute(0, "HSET", CLOCK_KEY, *fields)
        await self.clock.synchronise()

    async def install(self, person: Person, *, team: str = TEAM, **record: Any) -> Person:
        """The app in `team` as `person` installed it; `person` is a visitor still."""
        issued = self.simulator.install(team, person.id)
        credential = Credential(access_token=Secret(issued["bot"].access))
        await self.workspaces.commit(
            Workspace(team),
            await self.workspaces.read(Workspace(team)),
            WorkspaceRecord(
                app=self.simulator.slack.app.app_id,
                credential=seal_credential(self.vault, credential, Owner("bot", Workspace(team))),
                **record,
            ),
        )
        return person

    async def store(self, user: str, member: Member | None = None, *, team: str = TEAM, due: float = 0.0) -> None:
        """Put `member` (a settled one by default) in the place of what is stored; due at `due` (epoch seconds)."""
        seen = await self.seen(user, team=team)
        settled = Member(credential=b"sealed", frequency=4 * HOUR, rotated_at=int(self.clock.now() * 1000) - 60_000)
        before = seen.member or Member()
        after = msgspec.structs.replace(member or settled, version=before.version)
        place = Place.DUE if due else Place.IDLE
        outcome = await self.members.commit(seen, Commit(member=after, place=place, time_ms=int(due * 1000)))
        assert outcome is Outcome.OK

    async def seen(self, user: str, *, team: str = TEAM) -> Snapshot:
        seen = await self.members.snapshot(Workspace(team), User(user))
        assert seen is not None
        return seen

    async def ask(self, user: str, *, team: str = TEAM, looking: bool = True, shown: str = "") -> None:
        """A publish job, as ingress and rotator send it."""
        at = int(self.clock.wall() * 1000)
        await self.jobs.add(
            PublishAsked(workspace=Workspace(team), user=User(user), at=at, trace="t", looking=looking, shown=shown)
        )

    def home(self, user: str, *, team: str = TEAM) -> dict[str, Any] | None:
        """What the member sees."""
        return self.simulator.home(team, user)

    async def shows(self, user: str, text: str, *, team: str = TEAM, seconds: float = SECONDS) -> dict[str, Any]:
        """Wait until the member's tab holds `text`."""
        await until(lambda: text in str(self.home(user, team=team)), seconds=seconds)
        home = self.home(user, team=team)
        assert home is not None
        return home

    async def idle(self, *, seconds: float = SECONDS) -> None:
        """Wait until no job waits and no tab is wanted or under way."""
        async with asyncio.timeout(seconds):
            while await self._busy():
                await asyncio.sleep(0.01)

    async def _busy(self) -> bool:
        for partition in range(keys.PARTITIONS):
            if await self.redis.execute(partition, "XLEN", keys.publish_jobs(partition)):
                return True
            if await self.publishing.next_ready(partition) is not None:
                return True
        return False

    def calls(self, result: str | None = None, *, team: str = TEAM) -> int:
        """How many calls of views.publish reached Slack."""
        count: int = self.journal.count(method="views.publish", team=team, result=result)
        return count


async def until(holds: Callable[[], bool], *, seconds: float = SECONDS) -> None:
    """Wait until `holds()`; fail after `seconds`."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def stage(
    url: str, folder: Path, *, speed: float = 1.0, rules: Rules | None = None, replicas: int = 1
) -> AsyncIterator[Stage]:
    """A Stage with a workspace TEAM, on the Redis at `url`; nobody has installed the app yet."""
    catalogue = draw_catalogue(folder / "catalogue", packs={"critters": 3, "planets": 2})
    redis = await Redis.connect(url, name="stage")
    clock = RedisClock(measure=redis.measure)
    if speed != 1.0:
        await clock.synchronise()
        pace = {"real": clock.wall(), "virtual": clock.wall(), "speed": speed}
        await redis.execute(0, "HSET", CLOCK_KEY, *(str(part) for pair in pace.items() for part in pair))
    await clock.synchronise()
    following = asyncio.create_task(clock.run())
    key = generate_key()
    try:
        async with _pictures(catalogue) as public_url, Simulator(clock=clock, rules=rules) as simulator:
            simulator.add_team("Publish", team=TEAM)
            environ = {
                "ROTAVATAR_REDIS_URL": url,
                "ROTAVATAR_PUBLIC_URL": public_url,
                "ROTAVATAR_SLACK_BASE_URL": simulator.url,
                "ROTAVATAR_SLACK_APP_ID": simulator.slack.app.app_id,
                "ROTAVATAR_SLACK_CLIENT_ID": simulator.slack.app.client_id,
                "ROTAVATAR_SLACK_CLIENT_SECRET": simulator.slack.app.client_secret,
                "ROTAVATAR_VAULT_KEYS": key,
                "ROTAVATAR_CATALOGUE_DIR": str(catalogue),
                "ROTAVATAR_HOST": "127.0.0.1",
                "ROTAVATAR_METRICS_PORT": "0",
                "ROTAVATAR_LOG_LEVEL": "warning",
            }
            it = Stage(
                redis=redis, clock=clock, simulator=simulator, vault=Vault(KeyRing(Secret(key))), environ=environ
            )
            for _ in range(replicas):
                it.start()
            try:
                yield it
            finally:
                await it.stop()
    finally:
        following.cancel()
        await redis.close()


@asynccontextmanager
async def _pictures(folder: Path) -> AsyncIterator[str]:
    """What ingress serves below /pictures/."""
    app = web.Application()
    app.router.add_static("/pictures", folder)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()

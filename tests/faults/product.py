"""The whole product as it is deployed: three real processes, a Valkey of their own, and a simulated Slack.

What a process sends to Redis goes through a gate of its own, what any sends to Slack through another; a gate can kill
whoever is behind it at an exact place. The dead are started again, and time passes: leases and idle times that are a
minute long end at once, by the shared clock and by XCLAIM.
"""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from rotator.resemblance import resembles
from rotator.wardrobe import Wardrobe
from rotavatar import keys
from rotavatar.catalogue import Library
from rotavatar.clock import CLOCK_KEY, PACE_FIELDS, RedisClock
from rotavatar.configuration import Secret
from rotavatar.keyring import KeyRing, generate_key
from rotavatar.keys import User, Workspace
from rotavatar.photo_store import open_photo_store
from rotavatar.records import Snapshot
from rotavatar.redis import Redis
from rotavatar.redis.scripts import script
from rotavatar.store import MemberStore
from rotavatar.store.jobs import GROUP
from rotavatar.vault import Vault
from slack_simulator import people
from slack_simulator.app import Simulator
from slack_simulator.config import AppConfig, DeliveryRules, Rules
from slack_simulator.delivery import Answer
from slack_simulator.homes import SELECTED
from slack_simulator.views import controls
from tests.faults.gates import Gate, Point
from tests.patience import SECONDS
from tests.pictures import draw_catalogue, picture
from tests.servers import Server, free_port

NAMES = ("ingress_api", "rotator", "publisher")
LUA = Path(__file__).parents[2] / "services/rotavatar/redis/lua"
EVENTS = ("app_home_opened", "app_uninstalled", "tokens_revoked")
"""Not user_profile_changed: whether it overtakes our own commit is chance, and it costs a look at the profile."""

RETRIES = (0.0, 0.5, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Slack sends an event again at once, after one minute and after five; here sooner, as processes are back sooner."""

LEASES = 31.0
OWN = picture(7777)


async def until(holds: Callable[[], Awaitable[bool]], what: str, *, seconds: float = SECONDS) -> None:
    """Wait until `holds()`. Raises AssertionError that names `what`."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not await holds():
        assert loop.time() < end, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.02)


class Product:
    """The processes, and what a person and an operator can do with them."""

    def __init__(self, server: Server, folder: Path, *, level: str) -> None:
        self.server, self.folder, self.level = server, folder, level
        self.gates = {name: Gate(server.port) for name in NAMES}
        self.slack_gate = Gate()
        self.metrics_ports = {name: free_port() for name in NAMES}
        self.port = free_port()
        self.running: dict[str, Process] = {}
        self.deaths = 0
        self.reviving: set[asyncio.Task[None]] = set()
        self.key = generate_key()
        self.simulator: Simulator
        self.browser: httpx.AsyncClient
        self.redis: Redis
        self.clock: RedisClock

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def journal(self) -> Any:
        return self.simulator.slack.journal

    def log(self, name: str) -> str:
        """Everything that a process has said, over all its lives."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def environment(self, name: str) -> dict[str, str]:
        app = self.simulator.slack.app
        given = {
            "REDIS_URL": f"redis://127.0.0.1:{self.gates[name].port}/0",
            "PUBLIC_URL": self.url,
            "SLACK_BASE_URL": self.simulator.url,
            "SLACK_APP_ID": app.app_id,
            "SLACK_CLIENT_ID": app.client_id,
            "SLACK_CLIENT_SECRET": app.client_secret,
            "SLACK_SIGNING_SECRET": app.signing_secrets[0],
            "VAULT_KEYS": self.key,
            "CATALOGUE_DIR": str(self.folder / "catalogue"),
            "PHOTO_STORE_URL": str(self.folder / "photos"),
            "PHOTO_FETCH_HOSTS": "127.0.0.1",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "METRICS_PORT": str(self.metrics_ports[name]),
            "LOG_LEVEL": self.level,
            "LOG_FORMAT": "json",
        }
        return {f"ROTAVATAR_{setting}": value for setting, value in given.items()}

    async def start(self, *names: str) -> None:
        """Start processes and wait until they are ready."""
        for name in names:
            with (self.folder / f"{name}.log").open("ab") as log:
                self.running[name] = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", name, env={**os.environ, **self.environment(name)}, stdout=log, stderr=log
                )
        for name in names:
            await until(lambda name=name: self.ready(name), f"{name} is ready:\n{self.log(name)[-2000:]}")  # type: ignore[misc]

    async def ready(self, name: str) -> bool:
        """Whether it says so."""
        try:
            return (await self.browser.get(self.probe(name, "readyz"))).status_code == 200
        except httpx.TransportError:
            return False

    def probe(self, name: str, path: str) -> str:
        return f"http://127.0.0.1:{self.metrics_ports[name]}/{path}"

    def kill_at(self, name: str, point: Point) -> Gate:
        """SIGKILL to the process `name` at `point`; then it is started again, and time passes."""
        gate = self.slack_gate if point.what.startswith(b"POST /api/") else self.gates[name]
        gate.arm(point, lambda: self.kill(name))
        return gate

    def kill(self, name: str) -> None:
        """SIGKILL now."""
        self.running[name].send_signal(signal.SIGKILL)
        self.deaths += 1
        self.reviving.add(asyncio.create_task(self._revive(name)))

    async def _revive(self, name: str) -> None:
        assert await self.running[name].wait() == -signal.SIGKILL
        await self.forget_holders()
        await self.start(name)
        await self.pass_time(LEASES)

    async def forget_holders(self) -> None:
        """Let a minute pass for what somebody holds who may be dead: pending jobs and keys that expire."""
        for partition in range(keys.PARTITIONS):
            for stream in (keys.schedule_jobs(partition), keys.publish_jobs(partition)):
                for id_, owner, *_ in await self.redis.execute(partition, "XPENDING", stream, GROUP, "-", "+", 100):
                    await self.redis.execute(
                        partition, "XCLAIM", stream, GROUP, owner, 0, id_, "IDLE", 60_000, "JUSTID"
                    )
        for name in self.names(b":refresh:", b":person:", b":photos:"):
            self.server.command("DEL", name)

    def names(self, *parts: bytes) -> list[bytes]:
        """The names of all keys that hold one of `parts`; of all keys without."""
        names: list[bytes] = self.server.command("KEYS", "*")
        return [name for name in names if not parts or any(part in name for part in parts)]

    async def revived(self) -> None:
        """Everybody who died is back. Raises what went wrong on the way."""
        while self.reviving:
            await self.reviving.pop()

    async def pass_time(self, seconds: float) -> None:
        """Every clock jumps ahead."""
        pace = (self.clock.wall(), self.clock.now() + seconds, 1.0, 1.0)
        fields = [str(part) for pair in zip(PACE_FIELDS, pace, strict=True) for part in pair]
        await self.redis.execute(0, "HSET", CLOCK_KEY, *fields)
        await self.clock.synchronise()

    def newcomer(self) -> "Person":
        """Somebody with a photo of their own, in a workspace of their own."""
        team = self.simulator.add_team()
        member = self.simulator.add_member(team.id, name="amara")
        people.set_photo(self.simulator.slack, team=team.id, member=member, content=OWN)
        return Person(self, team.id, member.id)

    async def stop(self) -> None:
        """SIGTERM to all; each must end in order."""
        await self.revived()
        for process in self.running.values():
            process.terminate()
        codes = [await asyncio.wait_for(process.wait(), SECONDS) for process in self.running.values()]
        assert codes == [0] * len(codes), {name: self.log(name)[-2000:] for name in self.running}
        for name in self.running:
            assert "Traceback" not in self.log(name), self.log(name)
        self.running.clear()

    def end(self) -> None:
        """End all processes whatever happens."""
        for task in self.reviving:
            task.cancel()
        for process in self.running.values():
            with suppress(ProcessLookupError):
                process.kill()


class Person:
    """Somebody in a workspace, who tries again where the product does not answer."""

    def __init__(self, product: Product, team: str, user: str) -> None:
        self.product, self.team, self.user = product, team, user
        self.slack = product.simulator.slack
        member = self.slack.world.member(team, user)
        assert member is not None
        self.member = member

    async def connect(self) -> None:
        """*Add to Slack*, allow; begun anew where no page comes back. A mishap brings at most one more consent."""
        while not await self._consent():
            await self.product.revived()

    async def _consent(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as browser:
                sent = await browser.get(f"{self.product.url}/slack/install")
                asked = dict(parse_qsl(urlsplit(sent.headers["location"]).query))
                form = {**asked, "person": f"{self.team}.{self.user}", "decision": "allow"}
                back = await browser.post(f"{self.product.simulator.url}/oauth/v2/authorize", data=form)
                page = await browser.get(back.headers["location"])
        except httpx.TransportError:
            return False
        assert page.status_code == 200, page.text
        return "You are connected" in page.text

    def tab(self) -> str:
        """The Home tab as it is shown, without what differs each time."""
        view = self.product.simulator.home(self.team, self.user)
        return "" if view is None else str(view["blocks"])

    async def shows(self, words: str) -> None:
        """Wait until the Home tab says so."""

        async def said() -> bool:
            return words in self.tab()

        await until(said, f"{words!r} in the Home tab")

    async def click(self, action: str, value: str | None = None) -> None:
        """Use a control; again where Slack shows that it failed."""
        while not (await self._click(action, value)).ok:
            await self.product.revived()

    async def _click(self, action: str, value: str | None) -> Answer:
        view = self.product.simulator.home(self.team, self.user)
        assert view is not None
        block, element = next((b, e) for b, e in controls(view["blocks"]) if e["action_id"] == action)
        chosen: dict[str, Any] = {}
        if value is not None:
            option = next(option for option in element["options"] if option["value"] == value)
            chosen = {SELECTED[element["type"]][0]: option}
        return await self.product.simulator.act(self.team, self.user, block_id=block, action_id=action, **chosen)

    async def command(self, text: str) -> None:
        """Type the slash command; again where Slack shows that it failed."""
        while not (await self.product.simulator.command(self.team, self.user, text)).ok:
            await self.product.revived()

    def open_home(self) -> None:
        """Look at the Home tab; Slack sends the event again until it is taken."""
        assert self.product.simulator.open_home(self.team, self.user)

    async def seen(self) -> Snapshot:
        found = await MemberStore(self.product.redis).snapshot(Workspace(self.team), User(self.user))
        assert found is not None
        return found

    async def becomes_due(self) -> None:
        """Let time pass until the photo is due."""

        async def placed() -> bool:
            return (await self.seen()).due is not None

        await until(placed, "a due time")
        due = (await self.seen()).due
        assert due is not None
        await self.product.pass_time(max(0.0, due / 1000 - self.product.clock.now()) + 0.01)

    def photo(self) -> str:
        """Which upload Slack shows of this person; empty for its default picture."""
        return self.member.photo.file_hash if self.member.photo else ""

    def shows_photo(self, content: bytes) -> bool:
        """Whether Slack shows this picture of the person."""
        stored = None if self.member.photo is None else self.slack.photos.content(self.member.photo)
        return stored is not None and resembles(stored, content)

    async def settled(self) -> None:
        """Wait until nothing waits and nothing is under way, twice in a row."""
        quiet = 0

        async def still() -> bool:
            nonlocal quiet
            await self.product.revived()
            await asyncio.sleep(0.05)
            quiet = 0 if await self._busy() else quiet + 1
            return quiet > 1

        await until(still, f"rest after {self.product.deaths} deaths")

    async def _busy(self) -> bool:
        await self.slack.delivery.settled()
        partition, workspace = keys.partition_of(Workspace(self.team)), Workspace(self.team)
        redis = self.product.redis
        for stream in (keys.schedule_jobs(partition), keys.publish_jobs(partition)):
            if await redis.execute(partition, "XLEN", stream):
                return True
        for queue in (keys.wanted(workspace), keys.publish_flight(workspace), keys.flight(workspace)):
            if await redis.execute(partition, "ZCARD", queue):
                return True
        seen = await self.seen()
        return seen.due is not None and seen.due / 1000 <= self.product.clock.now()

    def calls(self) -> Counter[str]:
        """How many calls of each method reached Slack since its journal was cleared."""
        counted: Counter[str] = Counter()
        for (_, method, _), n in self.product.journal.outcomes.items():
            counted[method] += n
        return counted

    async def ending(self) -> dict[str, Any]:
        """Everything that must not depend on who died; ids and times aside."""
        seen = await self.seen()
        member = seen.member
        assert member is not None
        wardrobe = Wardrobe(Library(self.product.folder / "catalogue"))
        worn = await MemberStore(self.product.redis).worn(Workspace(self.team))
        bits = {8 * place + n for place, byte in enumerate(worn) for n in range(8) if byte & (0x80 >> n)}
        loaded = wardrobe.load(member.picture) if member.picture else None
        store = open_photo_store(str(self.product.folder / "photos"), Vault(KeyRing(Secret(self.product.key))))
        kept = [photo.ref.name async for photo in store.photos() if photo.ref.workspace == self.team]
        places = [seen.due is not None, seen.lease is not None, bool(member.idle)]
        shown = self.member.photo
        return {
            "places": places,
            "in one place": places.count(True) == 1,
            "wears what is noted": bits == set(wardrobe.bits(member.picture, member.next)),
            "Slack shows what is noted": loaded is not None and self.shows_photo(loaded[0]),
            "hash": shown is not None and member.our_hash == shown.avatar_hash,
            "own photo kept": member.own is not None and member.own.name in kept,
            "choices": (member.frequency, member.pack, member.paused, str(member.wish), str(member.idle)),
            "open": (member.intent, member.attempt, member.problem, member.refresh_at, member.outside_hash),
            "walked": member.position,
            "next": bool(member.next) and member.next != member.picture,
            "credentials": (bool(member.credential), bool(seen.record.credential)),
            "epochs": (member.epoch > 0, seen.record.status),
            "tab": plain(self.tab()),
            "dead letters": self.product.names(b":dead"),
        }


def plain(tab: str) -> str:
    """A tab without dates, addresses and the versions in its block ids."""
    return re.sub(r"<!date[^>]*>|https?://[^'|]+|'block_id': '[^']*'|'value': '[^']*'", "…", tab)


@asynccontextmanager
async def product(server: Server, folder: Path, *, level: str = "info", **app: Any) -> AsyncIterator[Product]:
    """All three processes under way, on `server`; `app` are settings of the Slack app."""
    it = Product(server, folder, level=level)
    draw_catalogue(folder / "catalogue", packs={"critters": 12, "planets": 6})
    for name in (file.stem for file in LUA.glob("[!_]*.lua")):
        server.command("SCRIPT", "LOAD", script(name).text)  # so that a script is always sent once, by its SHA-1
    async with AsyncExitStack() as stack:
        for gate in (*it.gates.values(), it.slack_gate):
            await stack.enter_async_context(gate)
        it.browser = await stack.enter_async_context(httpx.AsyncClient(timeout=SECONDS, trust_env=False))
        it.redis = await Redis.connect(server.url, name="test")
        stack.push_async_callback(it.redis.close)
        it.clock = RedisClock(measure=it.redis.measure)
        await it.clock.synchronise()
        await it.pass_time(0.0)  # a clock that has been touched is read ten times a second
        it.simulator = await stack.enter_async_context(_slack(it, app))
        stack.callback(it.end)
        await it.start(*NAMES)
        yield it
        await it.stop()


@asynccontextmanager
async def _slack(it: Product, app: dict[str, Any]) -> AsyncIterator[Simulator]:
    config = AppConfig(
        redirect_urls=(f"{it.url}/slack/oauth_redirect",),
        events_url=f"{it.url}/slack/events",
        interactions_url=f"{it.url}/slack/interactions",
        commands_url=f"{it.url}/slack/commands",
        options_url=f"{it.url}/slack/options",
        install_url=f"{it.url}/slack/install",
        **{"events": EVENTS, **app},
    )
    rules = Rules(delivery=DeliveryRules(retry_after=RETRIES))
    it.slack_gate.upstream = free_port()
    async with Simulator(
        config,
        rules=rules,
        clock=it.clock,
        port=it.slack_gate.upstream,
        public_url=f"http://127.0.0.1:{it.slack_gate.port}",
    ) as simulator:
        yield simulator

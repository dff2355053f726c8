"""Processes that die at their k-th effect, and the world that they leave to the next one.

An effect is a command that changes Redis, or any call to Slack. A process can die before the k-th of them is sent or
after it was carried out; or it lives on and only the answer is lost.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import httpx
from redis.exceptions import NoScriptError

from rotator.resemblance import resembles
from rotator.rotation import LEASE_SECONDS
from rotavatar import keys
from rotavatar.clock import ManualClock
from rotavatar.configuration import Secret
from rotavatar.errors import SlackError, Unavailable
from rotavatar.keyring import KeyRing, generate_key
from rotavatar.keys import User, Workspace
from rotavatar.messages import ScheduleMessage, decode
from rotavatar.records import Idle, Member
from rotavatar.redis import Redis
from rotavatar.redis.scripts import script
from rotavatar.slack.wire import aiohttp_transport
from rotavatar.store.jobs import GROUP
from rotavatar.vault import Vault
from slack_simulator import lifecycle, people
from slack_simulator.app import Simulator
from slack_simulator.state import Member as Person
from tests.pictures import picture
from tests.rotating import STREAMS, Stage

TEAM, USER = "T0DEATH", "U0DEATH"
OWN = picture(7777)
LEASE = 31.0
CHORE_LEASE = 61.0
A_MONTH = 31 * 24 * 3600
READS = frozenset(
    {
        "HGETALL",
        "HGET",
        "GET",
        "EXISTS",
        "ZRANGE",
        "ZSCORE",
        "SMEMBERS",
        "SSCAN",
        "SCARD",
        "ZCARD",
        "XLEN",
        "XINFO",
        "XPENDING",
    }
    | {"XREADGROUP", "XAUTOCLAIM", "XGROUP", "TIME", "HMGET", "INFO", "HSETNX", "SCAN", "FLUSHALL", "DEL", "GETRANGE"}
)
CLAIMS = frozenset({"claim", "claim_chore"})
"""What took nothing had no effect; to die before one that takes something is the same."""

PARTITION = keys.partition_of(Workspace(TEAM))
AWAY = Unavailable("Redis is away: the test said so")
T = TypeVar("T")


class Killed(BaseException):
    """The process is gone."""


class How(StrEnum):
    BEFORE = "killed before sending"
    AFTER = "killed after the effect"
    LOST = "answer lost"


class Fuse:
    """Strikes at the k-th effect of one process."""

    def __init__(self, k: int = 0, how: How = How.BEFORE) -> None:
        self.k, self.how = k, how
        self.effects: list[str] = []
        self.dead = False

    @property
    def struck(self) -> bool:
        return 0 < self.k <= len(self.effects)

    async def around(self, name: str, effect: Callable[[], Awaitable[T]], *, lost: Exception) -> T:
        if self.dead:
            raise Killed
        self.effects.append(name)
        if len(self.effects) != self.k:
            return await effect()
        if self.how is How.BEFORE:
            self.dead = True
            raise Killed
        await effect()
        if self.how is How.LOST:
            raise lost
        self.dead = True
        raise Killed


class Meanwhile(Fuse):
    """Nobody dies: right after the first `name` took effect, and before its answer is read, `action` happens."""

    def __init__(self, name: str, action: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self.name, self.action = name, action
        self.happened = False

    async def around(self, name: str, effect: Callable[[], Awaitable[T]], *, lost: Exception) -> T:
        answer = await effect()
        if name == self.name and not self.happened:
            self.happened = True
            await self.action()
        return answer


class MortalRedis(Redis):
    """Somebody's Redis: the connections of `redis`, until `fuse` strikes."""

    def __init__(self, redis: Redis, fuse: Fuse) -> None:
        super().__init__(redis._access, name="mortal", patience=1)
        self._real, self._fuse = redis, fuse
        self.clustered = redis.clustered

    async def execute(self, partition: int, *command: Any) -> Any:
        name = _name_of(command)
        if self._fuse.dead:
            raise Killed
        if name in READS or name == "snapshot":
            return await self._do(partition, *command)
        if name in CLAIMS:
            claimed = await self._do(partition, *command)
            return await self._fuse.around(name, lambda: _this(claimed), lost=AWAY) if claimed else claimed
        return await self._fuse.around(name, lambda: self._do(partition, *command), lost=AWAY)

    async def _do(self, partition: int, *command: Any) -> Any:
        try:
            return await self._real.execute(partition, *command)
        except NoScriptError:
            return await self._real.execute(partition, "EVAL", script(SCRIPTS[command[1]]).text, *command[2:])


async def _this(value: T) -> T:
    return value


def _name_of(command: tuple[Any, ...]) -> str:
    if command[0] == "EVALSHA":
        return SCRIPTS[command[1]]
    return str(command[0])


SCRIPTS = {
    script(file.stem).sha: file.stem
    for file in (Path(__file__).parents[2] / "services/rotavatar/redis/lua").glob("[!_]*.lua")
}


class MortalTransport(httpx.AsyncBaseTransport):
    """Somebody's way to Slack."""

    def __init__(self, real: httpx.AsyncBaseTransport, fuse: Fuse) -> None:
        self._real, self._fuse = real, fuse

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async def send() -> httpx.Response:
            response = await self._real.handle_async_request(request)
            return httpx.Response(response.status_code, headers=response.headers, stream=_Read(await _body(response)))

        return await self._fuse.around(request.url.path, send, lost=httpx.ReadError("the test said so"))


class _Read(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self):
        yield self._body


async def _body(response: httpx.Response) -> bytes:
    try:
        return await response.aread()
    finally:
        await response.aclose()


class World:
    """One member, one workspace, one process after the other."""

    def __init__(self, redis: Redis, simulator: Simulator, clock: ManualClock, folder: Path) -> None:
        self.redis, self.simulator, self.clock, self.folder = redis, simulator, clock, folder
        self.vault = Vault(KeyRing(Secret(generate_key())))
        self.transport = aiohttp_transport(connections=10)
        self.person = self._person()
        self.fuse = Fuse()
        self.armed = Fuse()
        self.deaths = 0
        self.outside = self._process(Fuse())
        self.stage = self._process(self.fuse)

    def _person(self) -> Person:
        found = self.simulator.slack.world.member(TEAM, USER)
        if found is None:
            self.simulator.add_team(team=TEAM)
            found = self.simulator.add_member(TEAM, name="ana", user=USER)
        return found

    def _process(self, fuse: Fuse) -> Stage:
        return Stage(
            MortalRedis(self.redis, fuse),
            self.simulator,
            self.clock,
            self.folder,
            call_seconds=5,
            vault=self.vault,
            transport=MortalTransport(self.transport, fuse),
        )

    async def reset(self, armed: Fuse, *, own: bytes | None = OWN) -> None:
        """An empty Redis, an empty photo store, a person with a photo of their own, a Slack without the app."""
        slack = self.simulator.slack
        await self.redis.execute(0, "FLUSHALL")
        while not await self.outside.photos.delete_workspace(Workspace(TEAM)):
            pass
        for installation in list(slack.world.installations.values()):
            lifecycle.uninstall(slack, installation)
        people.delete_photo(slack, team=TEAM, member=self.person)
        if own is not None:
            people.set_photo(slack, team=TEAM, member=self.person, content=own)
        slack.limiter.clear()
        slack.journal.clear()
        self.simulator.configure(token_rotation=False)
        self.armed, self.deaths = armed, 0
        await self.redis.execute(PARTITION, "XGROUP", "CREATE", STREAMS[PARTITION], GROUP, "0", "MKSTREAM")
        self._new_process(Fuse())

    async def close(self) -> None:
        """Close the way to Slack."""
        await self.transport.aclose()

    def _new_process(self, fuse: Fuse) -> None:
        self.fuse = fuse
        self.stage = self._process(fuse)

    async def arm(self) -> None:
        """From here on the fuse that `reset` was given burns."""
        self._new_process(self.armed)

    async def say(self, kind: Callable[..., ScheduleMessage], **fields: Any) -> None:
        """Ingress adds a job; it is done."""
        await self.add(kind, **fields)
        await self.settle()

    async def add(self, kind: Callable[..., ScheduleMessage], **fields: Any) -> None:
        """Ingress adds a job."""
        self.clock.advance(0.01)
        base = {"workspace": Workspace(TEAM), "at": self.outside.now_ms, "trace": "t"}
        member = {} if kind.__name__ in {"Uninstalled", "TokensRevoked"} else {"user": User(USER)}
        await self.outside.job_store.add(kind(**base, **member, **fields))

    async def elsewhere(self, kind: Callable[..., ScheduleMessage], **fields: Any) -> None:
        """Another replica does a job."""
        await self.add(kind, **fields)
        await self._jobs(self.outside)

    async def install(self, **how: Any) -> None:
        """Somebody consents; ingress stores it; the rest is done."""
        self.clock.advance(0.01)
        await self.outside.consent(self.person, TEAM, **how)
        await self.settle()

    async def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settle()

    async def wait_until_due(self) -> None:
        await self.outside.advance_to_due(TEAM, USER)
        await self.settle()

    async def settle(self) -> None:
        """Until nothing is left to do now; whoever dies is followed by another process once the leases are over."""
        for _ in range(60):
            try:
                busy = await self._round()
            except Killed:
                self.deaths += 1
                self._new_process(Fuse())
                await self._leases_end()
                continue
            except (Unavailable, SlackError):
                busy = True
            if not busy and not await self._unfinished():
                return
        raise AssertionError("it does not settle")

    async def _leases_end(self) -> None:
        self.clock.advance(LEASE)
        workspace, user = Workspace(TEAM), User(USER)
        held = (keys.refresh(workspace, user), keys.refresh(workspace, "bot"), keys.photos(workspace, user))
        await self.redis.execute(PARTITION, "DEL", *held)

    async def _round(self) -> bool:
        done = await self._jobs(self.stage)
        now_ms, lease_end_ms = self.stage.now_ms, self.stage.now_ms + int(LEASE_SECONDS * 1000)
        claims = await self.stage.members.claim(PARTITION, now_ms=now_ms, lease_end_ms=lease_end_ms, want=10)
        for claim in claims:
            await self.stage.rotation.carry_out(claim, claimed_at=self.clock.now())
        chores = await self.redis.execute(PARTITION, "ZCOUNT", keys.chores(PARTITION), "-inf", now_ms)
        if chores:
            await self.stage.chores.round()
        return bool(done or claims or chores)

    async def _jobs(self, stage: Stage) -> int:
        """Read what is new, and take over what the dead have left."""
        store, stream, done = stage.job_store, STREAMS[PARTITION], 0
        while await self.redis.execute(PARTITION, "XLEN", stream):
            entries = await store.take_over(stream, PARTITION, consumer="next", idle_ms=0, count=10)
            if not entries:
                entries = await store.read(
                    STREAMS, [PARTITION], consumer="stage", count=10, block_ms=1, redis=stage.redis
                )
            for entry in entries:
                done += 1
                if not await stage.jobs.handle(entry, decode(entry.body)):
                    await store.finish(entry.partition, entry.stream, [entry.id])
        return done

    async def _unfinished(self) -> bool:
        """Move on to a retry that is planned, or to the end of a lease; False where everything is done."""
        now = self.clock.now() * 1000
        soon = now + CHORE_LEASE * 1000
        if await self.redis.execute(PARTITION, "ZCOUNT", keys.chores(PARTITION), now, soon):
            self.clock.advance(CHORE_LEASE)
            return True
        seen = await self.outside.members.snapshot(Workspace(TEAM), User(USER))
        member = seen.member if seen else None
        if seen is None or member is None or seen.record.status:
            return False
        if seen.lease is not None:
            self.clock.advance(max(0.0, seen.lease / 1000 - self.clock.now()) + 0.001)
        elif seen.due is not None and (member.wish or member.attempt or member.intent):
            self.clock.advance(max(0.0, seen.due / 1000 - self.clock.now()) + 0.001)
            # The first retry comes as late as this lease ends, in the real time that does not pass here.
            await self.redis.execute(PARTITION, "DEL", keys.photos(Workspace(TEAM), User(USER)))
        else:
            return False
        return True

    async def end_state(self) -> dict[str, Any]:
        """Everything that must not depend on who died: ids and times aside."""
        seen = await self.outside.members.snapshot(Workspace(TEAM), User(USER))
        _, names = await self.redis.execute(PARTITION, "SCAN", 0, "COUNT", 100_000)
        photo = self.person.photo
        return {
            "member": _plain(seen.member) if seen and seen.member else None,
            "places": (seen.due is not None, seen.lease is not None) if seen else None,
            "workspace": (seen.record.status, bool(seen.record.credential)) if seen else None,
            "shown": photo.digest if photo else None,
            "kept": sorted(str(stored.ref) for stored in [p async for p in self.outside.photos.photos()]),
            "jobs": await self.redis.execute(PARTITION, "XLEN", STREAMS[PARTITION]),
            "keys": sorted(name.decode() for name in names if b":refresh" not in name),
            "chores": sorted(await self._chores()),
        }

    async def _chores(self) -> list[str]:
        return [c.decode() for c in await self.redis.execute(PARTITION, "ZRANGE", keys.chores(PARTITION), 0, -1)]

    async def check(self) -> None:
        """Invariant 11, and the bitmap of worn pictures."""
        workspace = Workspace(TEAM)
        seen = await self.outside.members.snapshot(workspace, User(USER))
        wardrobe = self.outside.wardrobe
        worn = await self.outside.members.worn(workspace)
        bits = {8 * i + n for i, byte in enumerate(worn) for n in range(8) if byte & (0x80 >> n)}
        if seen is None or seen.member is None:
            assert bits == set()
            return
        await self.outside.check_places(TEAM)
        assert bits == set(wardrobe.bits(seen.member.picture, seen.member.next))

    def shows(self, content: bytes) -> bool:
        """Whether Slack shows this picture of the person."""
        photo = self.person.photo
        stored = None if photo is None else self.simulator.slack.photos.content(photo)
        return stored is not None and resembles(stored, content)

    def calls(self) -> int:
        """Calls of the Web API that reached Slack."""
        return sum(self.simulator.slack.journal.outcomes.values())


def _plain(member: Member) -> dict[str, Any]:
    return {
        "idle": Idle(member.idle),
        "frequency": member.frequency,
        "pack": member.pack,
        "paused": member.paused,
        "wish": member.wish,
        "attempt": member.attempt,
        "pictures": (member.picture, member.previous, member.next, member.position),
        "own": member.own and member.own.name,
        "intent": member.intent is None,
        "knows its hash": bool(member.our_hash),
        "asked": bool(member.outside_hash),
        "problem": member.problem,
        "credential": bool(member.credential),
        "refresh": member.refresh_at,
        "left": bool(member.left_at),
        "joined": bool(member.joined_at),
    }

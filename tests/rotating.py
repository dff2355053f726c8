"""The rotator's parts put together in a test's own loop: real Redis, a simulated Slack, a clock that the test moves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from rotator.chores import Chores
from rotator.farewell import Farewell
from rotator.jobs import Jobs
from rotator.notice import Notice
from rotator.policing import Policing
from rotator.revocations import Revocations
from rotator.rotation import LEASE_SECONDS, Rotation
from rotator.showing import Showing
from rotator.sweeping import Sweep
from rotator.wardrobe import Wardrobe
from rotavatar import keys
from rotavatar.catalogue import Library
from rotavatar.clock import ManualClock
from rotavatar.configuration import Secret
from rotavatar.credentials import Credential, seal_credential
from rotavatar.keyring import KeyRing, generate_key
from rotavatar.keys import User, Workspace
from rotavatar.messages import Joined, PublishAsked, ScheduleMessage, decode
from rotavatar.photo_store import open_photo_store
from rotavatar.records import Member, Snapshot, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.slack import SlackAddresses, SlackClient, Timeouts
from rotavatar.store import Claim, JobStore, LeaseStore, MemberStore, PublishStore, WorkspaceStore
from rotavatar.tokens import Tokens
from rotavatar.vault import Owner, Vault
from slack_simulator.app import Simulator
from slack_simulator.state import Member as Person

STREAMS = [keys.schedule_jobs(partition) for partition in range(keys.PARTITIONS)]
APP_ID = "A0SIMULATED"


class App:
    """The one Slack app of these tests, as a registry answers it."""

    def __init__(self, simulator: Simulator) -> None:
        self.client_id = simulator.slack.app.client_id
        self.client_secret = Secret(simulator.slack.app.client_secret)

    def get(self, _app_id: str) -> "App":
        return self


class Stage:
    """Everything a rotation needs, and short ways to say what happens next."""

    def __init__(
        self,
        redis: Redis,
        simulator: Simulator,
        clock: ManualClock,
        folder: Path,
        *,
        call_seconds: float,
        vault: Vault | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.redis, self.simulator, self.clock = redis, simulator, clock
        self.vault = vault or Vault(KeyRing(Secret(generate_key())))
        self.members, self.workspaces = MemberStore(redis), WorkspaceStore(redis)
        self.job_store, self.publishing = JobStore(redis), PublishStore(redis)
        self.photos = open_photo_store(str(folder / "photos"), self.vault)
        self.wardrobe = Wardrobe(Library(folder / "catalogue"))
        self.slack = SlackClient(
            SlackAddresses(simulator.url),
            timeouts=Timeouts(connect=2, whole=call_seconds),
            wall=clock.wall,
            transport=transport,
        )
        self.tokens = Tokens(
            vault=self.vault,
            slack=self.slack,
            clock=clock,
            apps=App(simulator),  # type: ignore[arg-type]
            members=self.members,
            workspaces=self.workspaces,
            leases=LeaseStore(redis),
        )
        leaving = Farewell(
            clock=clock, slack=self.slack, workspaces=self.workspaces, photos=self.photos, retention_days=30
        )
        self.rotation = Rotation(
            clock=clock,
            slack=self.slack,
            tokens=self.tokens,
            members=self.members,
            leases=LeaseStore(redis),
            showing=Showing(
                slack=self.slack,
                photos=self.photos,
                leases=LeaseStore(redis),
                wardrobe=self.wardrobe,
                may_fetch=lambda host: host == "127.0.0.1",
            ),
            wardrobe=self.wardrobe,
            farewell=leaving,
            notice=Notice(slack=self.slack, tokens=self.tokens),
            random=lambda: 0.0,
        )
        self.sweep = Sweep(
            clock=clock,
            photos=self.photos,
            members=self.members,
            workspaces=self.workspaces,
            leases=LeaseStore(redis),
        )
        self.chores = Chores(
            clock=clock,
            tokens=self.tokens,
            members=self.members,
            workspaces=self.workspaces,
            photos=self.photos,
            wardrobe=self.wardrobe,
            leaving=leaving,
            policing=Policing(clock=clock, members=self.members, jobs=self.job_store, wardrobe=self.wardrobe),
            sweep=self.sweep,
        )
        revocations = Revocations(
            clock=clock,
            slack=self.slack,
            tokens=self.tokens,
            members=self.members,
            workspaces=self.workspaces,
            leaving=leaving,
        )
        self.answers: list[asyncio.Task[None]] = []
        self.jobs = Jobs(
            clock=clock,
            slack=self.slack,
            tokens=self.tokens,
            members=self.members,
            jobs=self.job_store,
            wardrobe=self.wardrobe,
            revocations=revocations,
            wake=lambda: None,
            spawn=lambda work: self.answers.append(asyncio.ensure_future(work)),
        )

    @property
    def now_ms(self) -> int:
        return int(self.clock.now() * 1000)

    async def install(self, person: Person, team: str, *, bot: bool = True, enterprise: str = "") -> None:
        """Somebody consents, and the job that follows is done."""
        await self.consent(person, team, bot=bot, enterprise=enterprise)
        await self.work()

    async def consent(self, person: Person, team: str, *, bot: bool = True, enterprise: str = "") -> None:
        """What the OAuth redirect of ingress does, without its pages."""
        issued = self.simulator.install(team, person.id, bot=bot)
        workspace, user = Workspace(team), User(person.id)

        def sealed(kind: str, owner: Owner) -> bytes:
            token = issued[kind]
            expires = None if token.expires_in is None else int(self.clock.now()) + token.expires_in
            return seal_credential(
                self.vault,
                Credential(
                    access_token=Secret(token.access),
                    refresh_token=None if token.refresh is None else Secret(token.refresh),
                    expires_at=expires,
                    scopes=self.simulator.slack.app.bot_scopes if kind == "bot" else (),
                ),
                owner,
            )

        record = None
        if bot:
            record = WorkspaceRecord(
                app=APP_ID,
                name=team,
                enterprise=enterprise,
                credential=sealed("bot", Owner("bot", workspace)),
                credential_at=self.now_ms,
            )
        member = Member(credential=sealed("user", Owner("member", workspace, user)), credential_at=self.now_ms)
        await self.workspaces.install(
            workspace,
            user,
            record=record,
            member=member,
            joined=Joined(workspace=workspace, user=user, at=self.now_ms, trace="t"),
            publish=PublishAsked(workspace=workspace, user=user, at=self.now_ms, trace="t", looking=True),
        )

    async def work(self) -> int:
        """Do every job that waits; returns how many there were."""
        await self.job_store.create_groups(STREAMS)
        done = 0
        for partition, stream in enumerate(STREAMS):
            # A read that finds nothing would block until the server looks again, a tenth of a second later.
            while await self.redis.execute(partition, "XLEN", stream):
                for entry in await self.job_store.read(
                    STREAMS, [partition], consumer="stage", count=100, block_ms=1, redis=self.redis
                ):
                    done += 1
                    if not await self.jobs.handle(entry, decode(entry.body)):
                        await self.job_store.finish(entry.partition, entry.stream, [entry.id])
        return done

    async def say(self, *messages: ScheduleMessage) -> None:
        """These jobs arrive and are done."""
        for message in messages:
            await self.job_store.add(message)
        await self.work()

    async def claim(self) -> list[Claim]:
        """Claim everything that may start now."""
        claims = []
        for partition in range(keys.PARTITIONS):
            claims += await self.members.claim(
                partition, now_ms=self.now_ms, lease_end_ms=self.now_ms + int(LEASE_SECONDS * 1000), want=100
            )
        return claims

    async def rotate(self) -> int:
        """Claim and carry out; returns how many claims there were."""
        claims = await self.claim()
        for claim in claims:
            await self.rotation.carry_out(claim, claimed_at=self.clock.now())
        return len(claims)

    async def seen(self, team: str, user: str) -> Snapshot:
        snapshot = await self.members.snapshot(Workspace(team), User(user))
        assert snapshot is not None
        return snapshot

    async def member(self, team: str, user: str) -> Member:
        member = (await self.seen(team, user)).member
        assert member is not None
        return member

    async def advance_to_due(self, team: str, user: str) -> None:
        due = (await self.seen(team, user)).due
        assert due is not None
        self.clock.advance(max(0.0, due / 1000 - self.clock.now()) + 0.001)

    async def check_places(self, team: str) -> None:
        """Invariant 11: every member is in exactly one of due, in flight, idle with a reason."""
        cursor, users = await self.members.page(Workspace(team), count=10_000)
        assert cursor == 0
        for user in users:
            seen = await self.seen(team, user)
            assert seen.member is not None
            places = [seen.due is not None, seen.lease is not None, bool(seen.member.idle)]
            assert places.count(True) == 1, (user, places, seen)

    def calls(self, method: str, **only: Any) -> int:
        """How many calls of a method reached Slack."""
        return self.simulator.slack.journal.count(method=method, **only)


@asynccontextmanager
async def stage(url: str, folder: Path, *, call_seconds: float = 5.0) -> AsyncIterator[Stage]:
    """A Stage on the Redis at `url`; `folder` holds a catalogue in `catalogue`."""
    clock = ManualClock()
    redis = await Redis.connect(url, name="stage")
    try:
        async with Simulator(clock=clock) as simulator:
            it = Stage(redis, simulator, clock, folder, call_seconds=call_seconds)
            async with it.slack:
                yield it
                await asyncio.gather(*it.answers)
    finally:
        await redis.close()

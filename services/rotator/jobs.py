"""Doing the jobs of the schedule stream: read what is stored, decide, make it true and finish the job in one step."""

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec.structs
import structlog

from rotator.choices import Choice, applied
from rotator.joining import joined
from rotator.placement import placed
from rotator.replies import Asked, answer, payload
from rotator.revocations import Revocations
from rotator.wardrobe import Wardrobe
from rotavatar.clock import Clock
from rotavatar.errors import SlackError, VaultError
from rotavatar.keys import User, Workspace
from rotavatar.messages import (
    Job,
    Joined,
    MemberMessage,
    MigrationChanged,
    Paused,
    ProfileChanged,
    PublishAsked,
    Resumed,
    ShuffleAsked,
    StatusAsked,
    TeamAccessChanged,
    TokensRevoked,
    Uninstalled,
)
from rotavatar.records import Snapshot, Suspension
from rotavatar.slack import SlackClient
from rotavatar.store import Ack, JobStore, MemberStore, Outcome
from rotavatar.store.jobs import Entry
from rotavatar.tokens import Tokens

log = structlog.get_logger()

Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Runs something beside the jobs: an answer to a slash command must not hold up the next job."""


class Jobs:
    """Handles every kind of job; `handle` is what the consumer calls."""

    def __init__(
        self,
        *,
        clock: Clock,
        slack: SlackClient,
        tokens: Tokens,
        members: MemberStore,
        jobs: JobStore,
        wardrobe: Wardrobe,
        revocations: Revocations,
        wake: Callable[[], None],
        spawn: Spawn,
    ) -> None:
        """`wake` tells the claim loop that there may be work."""
        self._clock = clock
        self._slack = slack
        self._tokens = tokens
        self._members = members
        self._jobs = jobs
        self._wardrobe = wardrobe
        self._revocations = revocations
        self._wake = wake
        self._spawn = spawn

    async def handle(self, entry: Entry, job: Job) -> bool:
        """Do one job; whether it was finished together with its effect."""
        match job:
            case Joined():
                finished = await self._join(entry.ack, job)
            case StatusAsked():
                finished = await self._status(job)
            case TokensRevoked() | Uninstalled() | MigrationChanged():
                finished = await self._revocations.handle(job, ack=entry.ack)
            case TeamAccessChanged():
                log.info("team access changed", workspace=job.workspace, teams=job.teams, granted=job.granted)
                finished = False
            case PublishAsked():
                await self._jobs.add(job)
                finished = False
            case _:
                finished = await self._choice(entry.ack, job)
        return finished

    async def _choice(self, ack: Ack, job: Choice) -> bool:
        while True:
            seen = await self._members.snapshot(job.workspace, job.user)
            if seen is None or seen.member is None:
                await self._unchanged(job, None)
                return False
            policy = seen.record.policy
            packs = self._wardrobe.packs(policy)
            member = applied(seen.member, job, policy=policy, packs=packs)
            if member is None:
                await self._unchanged(job, seen)
                return False
            looks = None if isinstance(job, ProfileChanged) else _look(job)
            change = placed(seen, member, now_ms=self._now_ms(), publish=looks)
            change = await self._wardrobe.dressed(seen, change, worn=self._members.worn)
            if await self._members.commit(seen, change, ack=ack) is Outcome.OK:
                break
        log.info("choice applied", workspace=job.workspace, user=job.user, kind=type(job).__name__, trace=job.trace)
        self._wake()
        self._reply(job, await self._members.snapshot(job.workspace, job.user))
        return True

    async def _unchanged(self, job: Choice, seen: Snapshot | None) -> None:
        """Who clicks wants to see how things stand. An event comes for everybody, and nobody looks at anything."""
        if not isinstance(job, ProfileChanged):
            await self._jobs.add(_look(job))
        self._reply(job, seen)

    async def _join(self, ack: Ack, job: Joined) -> bool:
        zone = ""
        while True:
            seen = await self._members.snapshot(job.workspace, job.user)
            if seen is None or seen.member is None or not seen.member.credential:
                return False
            if not zone and not seen.member.zone:
                zone = await self._zone(job.workspace, job.user, seen)
            policy, now_ms = seen.record.policy, self._now_ms()
            member = joined(seen.member, policy=policy, zone=zone or "UTC", at=job.at, now_ms=now_ms)
            # A due time of before may have been that of a wish which the new consent has undone.
            anew = msgspec.structs.replace(seen, due=None)
            change = placed(anew, member, now_ms=now_ms, publish=_look(job))
            change = await self._wardrobe.dressed(seen, change, worn=self._members.worn)
            if await self._members.commit(seen, change, ack=ack) is Outcome.OK:
                log.info("member joined", workspace=job.workspace, user=job.user, trace=job.trace)
                self._wake()
                return True

    async def _zone(self, workspace: Workspace, user: User, seen: Snapshot) -> str:
        """The member's zone as Slack knows it; without it their days are those of UTC."""
        try:
            token = await self._tokens.of_bot(workspace, seen.record)
            return (await self._slack.user_info(token, user)).tz or ""
        except (SlackError, VaultError) as error:
            log.warning("zone unknown", workspace=workspace, user=user, reason=str(error))
            return ""

    async def _status(self, job: StatusAsked) -> bool:
        self._reply(job, await self._members.snapshot(job.workspace, job.user))
        return False

    def _reply(self, job: Choice | StatusAsked, seen: Snapshot | None) -> None:
        if isinstance(job, Paused | Resumed | ShuffleAsked | StatusAsked) and job.reply:
            suspended = seen.record.suspended if seen else Suspension.NO
            text = answer(seen.member if seen else None, job, due_ms=_honest_ms(seen), suspended=suspended)
            self._spawn(self._respond(job, job.reply, text))

    async def _respond(self, job: Asked, url: str, text: str) -> None:
        try:
            await self._slack.respond(url, payload(text))
        except SlackError as error:
            log.warning("no answer given", workspace=job.workspace, user=job.user, reason=str(error), trace=job.trace)

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)


def _look(job: MemberMessage) -> PublishAsked:
    """Who clicks looks at their Home tab."""
    return PublishAsked(workspace=job.workspace, user=job.user, at=job.at, trace=job.trace, looking=True)


def _honest_ms(seen: Snapshot | None) -> float | None:
    """When the next change is planned, or when Slack takes one again."""
    return None if seen is None or seen.due is None else max(seen.due, seen.held_until)

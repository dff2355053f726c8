"""One claimed member: look at their photo, decide, write, record. The only place that changes photos.

A worker may die between any two lines. What it had begun is in the record (the intent), the lease ends by itself, and
whoever claims the member next looks at Slack first. The fence in the record tells this claim from any later one.
"""

import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

import msgspec.structs
import structlog

from rotator import given_up, results
from rotator.farewell import Farewell
from rotator.judgement import Verdict
from rotator.measures import rotations
from rotator.notice import Notice
from rotator.placement import may_change, member_of, placed, replaced, rests, stay
from rotator.showing import Showing
from rotator.wardrobe import Wardrobe
from rotavatar.clock import Clock
from rotavatar.errors import (
    CredentialDead,
    PictureRefused,
    SlackBusy,
    SlackError,
    Unavailable,
    VaultError,
)
from rotavatar.messages import PublishAsked
from rotavatar.pacing import GRANT_SECONDS
from rotavatar.records import LEAVING, OWN_PICTURE, Idle, Member, Snapshot, Wish
from rotavatar.slack import Profile, SlackClient
from rotavatar.store import Claim, Commit, LeaseStore, MemberStore, Outcome, Place
from rotavatar.tokens import Tokens

log = structlog.get_logger()

CALL_SECONDS: Final = 10.0
"""The longest that one call to Slack may take; a photo write starts only while the lease lasts that long."""

LEASE_SECONDS: Final = 30.0
"""A look, a fetch and a write, each as slow as can be."""

BUSY_PERSON_SECONDS: Final = 5.0
"""When the same person is being written in another workspace of their organisation, the claim is given back."""

PACED: Final = {"users.setPhoto": "photo", "users.deletePhoto": "photo", "users.profile.get": "profile"}
"""Slack's methods that a Retry-After of theirs holds up, by the name of their pacer."""

Decide = Callable[[Snapshot], Awaitable[Commit] | Commit]


REDRESSED_SECONDS: Final = 1.0
"""After a promised picture was found missing and another was chosen: soon, as the change itself is due."""


class Fenced(Exception):
    """The claim is no longer ours: somebody took it over, or the member left. Nothing more may be written."""


class Overtaken(Exception):
    """The member chose something else before the photo was written, or policy forbids it now: that comes first."""


class Rotation:
    """Carries out claims."""

    def __init__(
        self,
        *,
        clock: Clock,
        slack: SlackClient,
        tokens: Tokens,
        members: MemberStore,
        leases: LeaseStore,
        showing: Showing,
        wardrobe: Wardrobe,
        farewell: Farewell,
        notice: Notice,
        random: Callable[[], float],
    ) -> None:
        """`random` is between 0 and 1."""
        self._clock = clock
        self._slack = slack
        self._tokens = tokens
        self._members = members
        self._leases = leases
        self._showing = showing
        self._wardrobe = wardrobe
        self._farewell = farewell
        self._notice = notice
        self._random = random

    async def carry_out(self, claim: Claim, *, claimed_at: float) -> None:
        """Do what the claim is for. Every outcome is recorded; only Unavailable (Redis) leaves it to the lease."""
        if claim.given_up:
            outcome = await given_up.tell(claim, members=self._members, now_ms=self._now_ms())
        else:
            outcome = await self._begun(claim, claimed_at)
        rotations.labels(outcome=outcome).inc()

    async def _begun(self, claim: Claim, claimed_at: float) -> str:
        try:
            seen = self._held(await self._members.snapshot(claim.workspace, claim.user), claim)
            if rests(seen):
                return await self._give_back(claim, seen, 0.0)
            return await self._attempt(claim, seen, claimed_at)
        except Fenced:
            return "fenced"

    async def _attempt(self, claim: Claim, seen: Snapshot, claimed_at: float) -> str:
        try:
            async with self._person(seen) as free:
                if not free:
                    return await self._give_back(claim, seen, BUSY_PERSON_SECONDS)
                return await self._look_and_write(claim, seen, claimed_at)
        except Overtaken:
            await self._commit(claim, seen, lambda now: self._settled(now, replaced(member_of(now), attempt=0)))
            return "overtaken"
        except SlackError as error:
            return await self._failed(claim, seen, error)
        except (Unavailable, VaultError) as error:
            log.warning("rotation put off", workspace=claim.workspace, user=claim.user, reason=str(error))
            delay = results.backoff(member_of(seen), self._random())
            await self._commit(claim, seen, lambda now: self._settled(now, member_of(now), delay=delay))
            return "put off"

    def _person(self, seen: Snapshot) -> AbstractAsyncContextManager[bool]:
        """In an organisation one person may meet us in several workspaces: there a second lease is theirs."""
        if not seen.record.enterprise:
            return nullcontext(enter_result=True)
        return self._leases.person(seen.record.enterprise, seen.user, seconds=LEASE_SECONDS)

    async def _look_and_write(self, claim: Claim, seen: Snapshot, claimed_at: float) -> str:
        member = member_of(seen)
        if member.wish in LEAVING and not member.credential:
            return await self._leave(claim, seen, token=None)
        token = await self._tokens.of_member(seen)
        if self._late(claimed_at):
            return await self._give_back(claim, seen, 0.0)
        profile = await self._slack.get_profile(token)
        verdict = await self._showing.verdict(seen, profile)
        if verdict is Verdict.OUTSIDE:
            return await self._outside(claim, seen, token, profile)
        if verdict is Verdict.DONE:
            assert member.intent is not None
            shown = member.intent.picture
            errand = results.errand_of(member) if results.target(member) == shown else None
            return await self._record(claim, seen, errand, token, shown, profile)
        if member.wish is Wish.CHECK:
            await self._commit(claim, seen, lambda now: self._settled(now, results.looked(member_of(now))))
            return "looked"
        return await self._write(claim, seen, token, profile, verdict, claimed_at)

    async def _write(  # noqa: PLR0917 - what one look has found out
        self, claim: Claim, seen: Snapshot, token: str, profile: Profile, verdict: Verdict, claimed_at: float
    ) -> str:
        member = member_of(seen)
        if not may_change(seen, now_ms=self._now_ms()):
            raise Overtaken
        picture, errand = results.target(member), results.errand_of(member)
        if picture == OWN_PICTURE and (verdict is Verdict.KEEP_FIRST or member.picture in ("", OWN_PICTURE)):
            return await self._nothing_to_put_back(claim, seen, errand, token)
        if verdict is Verdict.KEEP_FIRST:
            own = await self._showing.keep(seen, profile)
            seen = await self._commit(claim, seen, lambda now: stay(results.kept(member_of(now), own)))
        content = await self._showing.content(seen, picture)
        forbidden = self._wardrobe.forbids(picture, seen.record.policy)
        if forbidden or (content is None and picture != OWN_PICTURE):
            return await self._redress(claim, seen, errand)
        granted_at = await self._regrant(claim, claimed_at)
        if granted_at > self._clock.now():
            return await self._give_back(claim, seen, granted_at - self._clock.now())
        seen = await self._begin(claim, seen, errand, picture, profile)
        if self._late(granted_at) or self._ends_soon(seen):
            return await self._give_back(claim, seen, 0.0)
        answer = await self._showing.show(token, content) or await self._look_again(claim, seen, token)
        if answer is None:
            return await self._give_back(claim, seen, 0.0)
        return await self._record(claim, seen, errand, token, picture, answer)

    async def _begin(
        self, claim: Claim, seen: Snapshot, errand: results.Errand, picture: str, profile: Profile
    ) -> Snapshot:
        """Write the intent. Raises Overtaken where the member has chosen otherwise, or policy forbids it meanwhile."""
        now_ms = self._now_ms()

        def intent(now: Snapshot) -> Commit:
            forbidden = not may_change(now, now_ms=now_ms) or self._wardrobe.forbids(picture, now.record.policy)
            if forbidden or results.errand_of(member_of(now)) != errand:
                raise Overtaken
            return stay(results.intended(member_of(now), picture=picture, shown=profile.avatar_hash, now_ms=now_ms))

        return await self._commit(claim, seen, intent)

    async def _look_again(self, claim: Claim, seen: Snapshot, token: str) -> Profile | None:
        """After an answer that showed no profile; None where pace or lease leave no room: then the next claim looks."""
        if self._ends_soon(seen) or await self._grant(claim, "profile") > self._clock.now():
            return None
        return await self._slack.get_profile(token)

    def _ends_soon(self, seen: Snapshot) -> bool:
        """Whether the lease might not outlast a call."""
        return seen.lease is None or seen.lease - self._now_ms() < self._clock.span(CALL_SECONDS) * 1000

    async def _redress(self, claim: Claim, seen: Snapshot, errand: results.Errand) -> str:
        """The picture is no longer there, or no longer allowed: choose another. What was to be undone cannot be."""

        def bare(now: Snapshot) -> Awaitable[Commit]:
            member = member_of(now)
            if errand.wish is Wish.UNDO:
                return self._settled(now, replaced(results.fulfilled(member, errand), previous="", intent=None))
            return self._settled(now, replaced(member, next="", intent=None), delay=REDRESSED_SECONDS)

        await self._commit(claim, seen, bare)
        return "redressed"

    async def _record(  # noqa: PLR0917 - what was shown, to whom and why
        self,
        claim: Claim,
        seen: Snapshot,
        errand: results.Errand | None,
        token: str,
        picture: str,
        profile: Profile,
    ) -> str:
        def after(now: Snapshot) -> Member:
            return results.shown(
                member_of(now),
                errand,
                picture=picture,
                hash_=profile.avatar_hash,
                image_url=profile.image_512 or "",
                now_ms=self._now_ms(),
            )

        if errand is not None and errand.wish in LEAVING:

            def restored(now: Snapshot) -> Awaitable[Commit]:
                back = stay(replaced(after(now), wish=member_of(now).wish))
                return self._wardrobe.dressed(now, back, worn=self._members.worn)

            seen = await self._commit(claim, seen, restored)
            return await self._leave(claim, seen, token=token)
        await self._commit(claim, seen, lambda now: self._settled(now, after(now)))
        wish, trace = ("", "") if errand is None else (str(errand.wish), results.trace_of(seen, errand))
        log.info("photo changed", workspace=claim.workspace, user=claim.user, picture=picture, wish=wish, trace=trace)
        return "changed"

    async def _nothing_to_put_back(self, claim: Claim, seen: Snapshot, errand: results.Errand, token: str) -> str:
        """The photo that Slack shows is the member's own already."""
        if errand.wish in LEAVING:
            return await self._leave(claim, seen, token=token)
        await self._commit(claim, seen, lambda now: self._settled(now, results.fulfilled(member_of(now), errand)))
        return "own already"

    async def _outside(self, claim: Claim, seen: Snapshot, token: str, profile: Profile) -> str:
        if member_of(seen).wish in LEAVING:
            return await self._leave(claim, seen, token=token)
        await self._commit(
            claim,
            seen,
            lambda now: self._settled(
                now,
                results.found_outside(member_of(now), shown=profile.avatar_hash, image_url=profile.image_512 or ""),
            ),
        )
        log.info("photo changed outside", workspace=claim.workspace, user=claim.user)
        return "outside"

    async def _leave(self, claim: Claim, seen: Snapshot, *, token: str | None) -> str:
        """Revoke, forget what must be forgotten, and let the member go; each step can be repeated."""
        await self._farewell.plan(claim.workspace, now_ms=self._now_ms())
        if token is not None:
            await self._farewell.revoke(claim.workspace, token)
        epoch = member_of(seen).epoch

        async def gone(now: Snapshot) -> Commit:
            member = member_of(now)
            if member.wish not in LEAVING or member.epoch != epoch:
                return await self._settled(now, replaced(member, attempt=0))
            if member.wish is Wish.LEAVE:
                return await self._departure(now, Place.IDLE)
            if member.own is not None:
                # Photos go only once nobody can come back to a record that still counts on them.
                return stay(replaced(member, own=None))
            await self._farewell.forget(claim.workspace, claim.user)
            return await self._departure(now, Place.GONE)

        seen = await self._commit(claim, seen, gone)
        if member_of(seen).wish is Wish.FORGET:
            seen = await self._commit(claim, seen, gone)
        log.info("member left", workspace=claim.workspace, user=claim.user)
        return "left"

    async def _departure(self, seen: Snapshot, place: Place) -> Commit:
        """The commit that lets a member go; with their record, what they wear is free again."""
        member = results.left(member_of(seen), now_ms=self._now_ms())
        commit = Commit(member=member, place=place, publish=self._publish(seen))
        return await self._wardrobe.dressed(seen, commit, worn=self._members.worn)

    async def _regrant(self, claim: Claim, claimed_at: float) -> float:
        """When a grant for a photo write was given: that of the claim is good for five seconds, then for another."""
        return await self._grant(claim, "photo") if self._late(claimed_at) else claimed_at

    async def _grant(self, claim: Claim, method: str) -> float:
        """From when one more call of `method` may start: now, or later where nothing was granted."""
        return await self._members.grant(claim.workspace, method, now_ms=self._now_ms()) / 1000

    async def _failed(self, claim: Claim, seen: Snapshot, error: SlackError) -> str:
        epoch = member_of(seen).epoch
        seen = self._held(await self._members.snapshot(claim.workspace, claim.user), claim)
        member = member_of(seen)
        if member.epoch == epoch:
            error = await self._confirmed(seen, error)
        if member.epoch == epoch and results.gives_up_leaving(member, error):
            return await self._leave(claim, seen, token=None)
        if isinstance(error, PictureRefused):
            log.error("picture refused", workspace=claim.workspace, picture=member.next, code=error.code)
        method = PACED.get(error.method)
        if method and isinstance(error, SlackBusy) and error.retry_after:
            until = self._now_ms() + int(error.retry_after * 1000)
            await self._members.hold(claim.workspace, method, until_ms=until)
        jitter = self._random()
        if isinstance(error, CredentialDead):
            await self._farewell.plan(claim.workspace, now_ms=self._now_ms())

        async def after(now: Snapshot) -> Commit:
            if member_of(now).epoch != epoch:
                # They authorised us again meanwhile: what failed was the consent before.
                return await self._settled(now, replaced(member_of(now), attempt=0), delay=results.RETRY_SECONDS[0])
            changed, wait = results.failed(member_of(now), error, jitter=jitter, now_ms=self._now_ms())
            return await self._settled(now, changed, delay=wait)

        seen = await self._commit(claim, seen, after)
        if member_of(seen).idle is Idle.RECONNECT:
            await self._notice.connection_broke(seen)
        log.warning(
            "rotation failed",
            workspace=claim.workspace,
            user=claim.user,
            method=error.method,
            code=error.code,
            attempt=member.attempt,
        )
        return type(error).__name__

    async def _confirmed(self, seen: Snapshot, error: SlackError) -> SlackError:
        """`invalid_auth` may only mean that Slack does not like our address: the token is dead if auth.test agrees."""
        if error.code != "invalid_auth":
            return error
        try:
            await self._slack.auth_test(await self._tokens.of_member(seen))
        except CredentialDead as dead:
            return dead
        except SlackError as other:
            error = other
        return SlackBusy(method=error.method, code=error.code, retry_after=error.retry_after)

    async def _give_back(self, claim: Claim, seen: Snapshot, seconds: float) -> str:
        """Not started: what the member still wants is due again, and the attempt does not count."""

        async def due(now: Snapshot) -> Commit:
            member = replaced(member_of(now), attempt=max(0, member_of(now).attempt - 1))
            return await self._settled(now, member, delay=max(seconds, 0.001))

        await self._commit(claim, seen, due)
        return "given back"

    async def _settled(self, seen: Snapshot, member: Member, *, delay: float = 0.0) -> Commit:
        """The commit that ends the flight, with the next picture chosen; `delay` (s) until another try."""
        now_ms = self._now_ms()
        retry_ms = now_ms + math.ceil(delay * 1000) if delay else 0
        survived = replaced(member, lost=0)
        commit = placed(seen, survived, now_ms=now_ms, publish=self._publish(seen), retry_ms=retry_ms, landed=True)
        return await self._wardrobe.dressed(seen, commit, worn=self._members.worn)

    async def _commit(self, claim: Claim, seen: Snapshot, decide: Decide) -> Snapshot:
        """Make a decision true; when the record changed meanwhile, decide again on what it is now."""
        while True:
            decided = decide(seen)
            change = decided if isinstance(decided, Commit) else await decided
            outcome = await self._members.commit(seen, change)
            if outcome is Outcome.OK:
                version = member_of(seen).version + 1
                return msgspec.structs.replace(seen, member=replaced(change.member, version=version))
            seen = self._held(await self._members.snapshot(claim.workspace, claim.user), claim)

    def _held(self, seen: Snapshot | None, claim: Claim) -> Snapshot:
        if seen is None or seen.member is None or seen.member.fence != claim.fence or seen.lease is None:
            raise Fenced
        return seen

    def _publish(self, seen: Snapshot) -> PublishAsked:
        trace = results.trace_of(seen, results.errand_of(member_of(seen)))
        return PublishAsked(workspace=seen.workspace, user=seen.user, at=self._now_ms(), trace=trace)

    def _late(self, claimed_at: float) -> bool:
        return self._clock.now() - claimed_at > self._clock.span(GRANT_SECONDS)

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)

"""Slack says that credentials died, or that the app is gone. In any order, late and repeated.

A revocation that is older than the credential it names is about an earlier one. The credential's time is the Date of
Slack's OAuth answer, the revocation's is Slack's event time; within five seconds of each other they prove nothing, so
the token itself is asked.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import msgspec.structs
import structlog

from rotator import results
from rotator.farewell import DAY, Farewell
from rotavatar.clock import Clock
from rotavatar.errors import CredentialDead
from rotavatar.keys import User, Workspace
from rotavatar.messages import MigrationChanged, PublishAsked, TokensRevoked, Uninstalled
from rotavatar.records import LEAVING, Status
from rotavatar.slack import SlackClient
from rotavatar.store import Ack, Commit, MemberStore, Outcome, Place, WorkspaceStore
from rotavatar.store.workspaces import Chore, ChoreKind
from rotavatar.tokens import Tokens

log = structlog.get_logger()

DOUBT_MS: Final = 5_000
"""Two of Slack's clocks may differ by this much."""


class Revocations:
    """Handles the jobs that end credentials."""

    def __init__(
        self,
        *,
        clock: Clock,
        slack: SlackClient,
        tokens: Tokens,
        members: MemberStore,
        workspaces: WorkspaceStore,
        leaving: Farewell,
    ) -> None:
        """Everything that a revocation touches."""
        self._clock = clock
        self._slack = slack
        self._tokens = tokens
        self._members = members
        self._workspaces = workspaces
        self._leaving = leaving

    async def handle(self, job: TokensRevoked | Uninstalled | MigrationChanged, *, ack: Ack) -> bool:
        """Do one job; whether it was finished together with its effect."""
        match job:
            case TokensRevoked():
                for user in job.users:
                    await self._revoke_member(job.workspace, user, at=job.at)
                if job.bot:
                    await self._revoke_bot(job.workspace, at=job.at)
                return False
            case Uninstalled():
                return await self._uninstall(job, ack)
            case MigrationChanged():
                return await self._migrate(job, ack)

    async def _revoke_member(self, workspace: Workspace, user: User, *, at: int) -> None:
        while True:
            seen = await self._members.snapshot(workspace, user)
            if seen is None or seen.member is None or not seen.member.credential:
                return
            if not await self._is_about(at, seen.member.credential_at, partial(self._tokens.of_member, seen)):
                return
            now_ms = self._now_ms()
            await self._leaving.plan(workspace, now_ms=now_ms)
            member = results.disconnected(seen.member, now_ms=now_ms)
            # Revoking is a part of leaving: its worker has the rest to do.
            place = Place.STAY if member.wish in LEAVING else Place.IDLE
            publish = PublishAsked(workspace=workspace, user=user, at=at, trace="")
            if await self._members.commit(seen, Commit(member=member, place=place, publish=publish)) is Outcome.OK:
                log.info("credential destroyed", workspace=workspace, user=user)
                return

    async def _revoke_bot(self, workspace: Workspace, *, at: int) -> None:
        while True:
            record = await self._workspaces.read(workspace)
            if record is None or not record.credential:
                return
            if not await self._is_about(at, record.credential_at, partial(self._tokens.of_bot, workspace, record)):
                return
            without = msgspec.structs.replace(record, credential=b"", refresh_at=0)
            if await self._workspaces.commit(workspace, record, without) is Outcome.OK:
                log.info("credential destroyed", workspace=workspace, user="bot")
                return

    async def _uninstall(self, job: Uninstalled, ack: Ack) -> bool:
        """Credentials go at once: the workspace's here, its members' by a chore that starts now."""
        while True:
            record = await self._workspaces.read(job.workspace)
            if record is None or record.status is Status.UNINSTALLED:
                return False
            if not await self._is_about(
                job.at, record.credential_at, partial(self._tokens.of_bot, job.workspace, record)
            ):
                await self._revoke_members(job.workspace, at=job.at)
                return False
            now_ms = self._now_ms()
            gone = msgspec.structs.replace(
                record, status=Status.UNINSTALLED, status_at=now_ms, credential=b"", refresh_at=0
            )
            chore = (Chore(ChoreKind.WIPE, job.workspace), now_ms)
            if await self._workspaces.commit(job.workspace, record, gone, chore=chore, ack=ack) is Outcome.OK:
                log.info("workspace uninstalled", workspace=job.workspace, trace=job.trace)
                return True

    async def _revoke_members(self, workspace: Workspace, *, at: int) -> None:
        """The app came back before we heard that it had gone: consents from before that ended with it."""
        cursor, first = 0, True
        while cursor or first:
            first = False
            cursor, users = await self._members.page(workspace, cursor)
            for user in users:
                await self._revoke_member(workspace, user, at=at)

    async def _migrate(self, job: MigrationChanged, ack: Ack) -> bool:
        """While Slack moves a workspace into an organisation nothing is called for it, for a day at most."""
        while True:
            record = await self._workspaces.read(job.workspace)
            wanted = Status.ACTIVE if job.finished else Status.MIGRATING
            if record is None or record.status not in (Status.ACTIVE, Status.MIGRATING) or job.at <= record.status_at:
                return False
            enterprise = job.enterprise if job.finished else record.enterprise
            moved = msgspec.structs.replace(record, status=wanted, status_at=job.at, enterprise=enterprise)
            chore = (Chore(ChoreKind.MIGRATION, job.workspace), self._now_ms() + DAY * 1000)
            if await self._workspaces.commit(job.workspace, record, moved, chore=chore, ack=ack) is Outcome.OK:
                return True

    async def _is_about(self, at: int, credential_at: int, token: Callable[[], Awaitable[str]]) -> bool:
        """Whether a revocation at `at` means the credential of `credential_at` (both ms of Slack's clocks)."""
        if at < credential_at - DOUBT_MS:
            return False
        if at > credential_at + DOUBT_MS:
            return True
        try:
            await self._slack.auth_test(await token())
        except CredentialDead:
            return True
        return False

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)

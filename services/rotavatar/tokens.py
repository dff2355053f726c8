"""Tokens ready for use: opened, and renewed before they expire.

A rotating token is refreshed when less than two hours remain, by one process at a time. The intent is recorded first
and the new pair before its use, so a process that dies in between leaves either the old pair (Slack keeps a refresh
token valid for an undocumented grace, so it is tried again) or the new one. When Slack refuses the refresh token, the
access token serves as long as it lives (https://docs.slack.dev/authentication/using-token-rotation).
"""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec.structs
import structlog

from rotavatar.apps import AppRegistry
from rotavatar.clock import Clock
from rotavatar.configuration import Secret
from rotavatar.credentials import Credential, open_credential, seal_credential
from rotavatar.errors import CredentialDead, SlackBusy, SlackError
from rotavatar.keys import PARTITIONS, Workspace
from rotavatar.pacing import Limit
from rotavatar.records import Member, Snapshot, WorkspaceRecord
from rotavatar.slack import SlackClient
from rotavatar.store import Commit, LeaseStore, MemberStore, Outcome, Place, WorkspaceStore
from rotavatar.vault import Owner, Vault

log = structlog.get_logger()

REFRESH_SECONDS: Final = 2 * 3600
"""Refreshed when less than this remains of the 12 hours."""

BUDGET: Final = Limit(per_minute=540 // PARTITIONS, burst=5)
"""A partition's share of the app's refreshes. Slack takes 600 calls of oauth.v2.access a minute from an app
(https://docs.slack.dev/reference/methods/oauth.v2.access); a tenth is left for people who install."""

LEASE_SECONDS: Final = 30.0
REFRESH: Final = "oauth.v2.access"
SUBJECT_OF_BOT: Final = "bot"
Recorded = Callable[[bytes, bytes, int], Awaitable[bool]]
"""Stores, in place of a credential, another one (both sealed) and the time (ms) of an open refresh.

False when the record changed at the same time: try again. Raises SlackBusy where that credential is no longer the
stored one, because somebody consented anew or took it back: what was renewed must not take its place.
"""


class Tokens:
    """Opens credentials, and renews those that expire."""

    def __init__(
        self,
        *,
        vault: Vault,
        slack: SlackClient,
        clock: Clock,
        apps: AppRegistry,
        members: MemberStore,
        workspaces: WorkspaceStore,
        leases: LeaseStore,
    ) -> None:
        """Everything that opening, refreshing and recording takes."""
        self._vault = vault
        self._slack = slack
        self._clock = clock
        self._apps = apps
        self._members = members
        self._workspaces = workspaces
        self._leases = leases

    async def of_member(self, seen: Snapshot) -> str:
        """The member's access token. Raises CredentialDead when there is none, SlackBusy while it cannot be renewed."""
        member = seen.member
        if member is None or not member.credential:
            raise CredentialDead(method="vault", code="no_credential")
        owner = Owner("member", seen.workspace, seen.user)
        credential = open_credential(self._vault, member.credential, owner)
        if not self._expires_soon(credential):
            return credential.access_token.reveal()

        async def read() -> tuple[bytes, str]:
            again = await self._members.snapshot(seen.workspace, seen.user)
            return (again.member.credential, again.record.app) if again and again.member else (b"", "")

        async def record(before: bytes, after: bytes, refresh_at: int) -> bool:
            return await self._record_member(seen, before, after, refresh_at)

        return await self._renewed(seen.workspace, seen.user, owner, read=read, record=record)

    async def of_bot(self, workspace: Workspace, record: WorkspaceRecord) -> str:
        """The workspace's bot token. Raises as `of_member` does."""
        if not record.credential:
            raise CredentialDead(method="vault", code="no_credential")
        owner = Owner("bot", workspace)
        credential = open_credential(self._vault, record.credential, owner)
        if not self._expires_soon(credential):
            return credential.access_token.reveal()

        async def read() -> tuple[bytes, str]:
            again = await self._workspaces.read(workspace)
            return (again.credential, again.app) if again else (b"", "")

        async def store(before: bytes, after: bytes, refresh_at: int) -> bool:
            return await self._record_bot(workspace, before, after, refresh_at)

        return await self._renewed(workspace, SUBJECT_OF_BOT, owner, read=read, record=store)

    async def renewed(self, workspace: Workspace, credential: Credential, *, app: str) -> Credential:
        """A bot's `credential`, or what takes its place where it expires soon; for one that is in no record.

        Store what comes back before you use it: the pair before is spent. Raises CredentialDead where Slack refuses,
        SlackBusy while it cannot be renewed.
        """
        if not self._expires_soon(credential):
            return credential
        async with self._leases.refresh(workspace, SUBJECT_OF_BOT, seconds=LEASE_SECONDS) as ours:
            if not ours:
                raise _busy("refresh_under_way")
            await self._afford(workspace)
            return await self._refresh(credential, app)

    async def revoke_bot(self, workspace: Workspace, record: WorkspaceRecord) -> None:
        """Destroy the workspace's bot token at Slack. One that a Secret declares is not ours and stays.

        One that is dead already is no error, and one that Slack does not let us revoke is logged. Raises SlackBusy
        while Slack is away, VaultError where the token cannot be opened.
        """
        if record.declared or not record.credential:
            return
        try:
            await self._slack.auth_revoke(await self.of_bot(workspace, record))
        except CredentialDead:
            return
        except SlackBusy:
            raise
        except SlackError as error:
            log.warning("token not revoked", workspace=workspace, code=error.code)

    def bot_scopes(self, workspace: Workspace, record: WorkspaceRecord) -> frozenset[str]:
        """What the workspace allowed the bot; empty where there is no bot token. Raises VaultError."""
        if not record.credential:
            return frozenset()
        return frozenset(open_credential(self._vault, record.credential, Owner("bot", workspace)).scopes)

    def _expires_soon(self, credential: Credential) -> bool:
        return credential.expires_at is not None and credential.expires_at - self._clock.now() < REFRESH_SECONDS

    async def _renewed(
        self,
        workspace: Workspace,
        subject: str,
        owner: Owner,
        *,
        read: Callable[[], Awaitable[tuple[bytes, str]]],
        record: Recorded,
    ) -> str:
        async with self._leases.refresh(workspace, subject, seconds=LEASE_SECONDS) as ours:
            blob, app_id = await read()
            if not blob:
                raise CredentialDead(method="vault", code="no_credential")
            credential = open_credential(self._vault, blob, owner)
            if not self._expires_soon(credential):
                return credential.access_token.reveal()
            if not ours:
                return self._remaining(credential, _busy("refresh_under_way"))
            try:
                if not await record(blob, blob, int(self._clock.now() * 1000)):
                    return self._remaining(credential, _busy("refresh_overtaken"))
                await self._afford(workspace)
                renewed = await self._refresh(credential, app_id)
            except CredentialDead as error:
                log.warning("token not refreshed", workspace=workspace, user=subject, code=error.code)
                return self._remaining(credential)
            except SlackError as error:
                log.warning("token not refreshed", workspace=workspace, user=subject, code=error.code)
                return self._remaining(credential, error)
            sealed = seal_credential(self._vault, renewed, owner)
            while not await record(blob, sealed, 0):
                # Overtaken by a click: the new pair must be stored all the same, the old one is spent.
                pass
            log.info("token refreshed", workspace=workspace, user=subject)
            return renewed.access_token.reveal()

    async def _afford(self, workspace: Workspace) -> None:
        """Take one refresh out of the budget. Raises SlackBusy with the seconds to wait where it is spent."""
        now_ms = int(self._clock.now() * 1000)
        slot_ms = await self._leases.refresh_slot(workspace, BUDGET, now_ms=now_ms)
        if slot_ms > now_ms:
            raise SlackBusy(method=REFRESH, code="budget_spent", retry_after=(slot_ms - now_ms) / 1000)

    async def _refresh(self, credential: Credential, app_id: str) -> Credential:
        app = self._apps.get(app_id)
        if app is None:
            raise _busy("app_unknown")
        if credential.refresh_token is None:
            raise CredentialDead(method=REFRESH, code="no_refresh_token")
        answer = await self._slack.refresh_token(
            client_id=app.client_id,
            client_secret=app.client_secret.reveal(),
            refresh_token=credential.refresh_token.reveal(),
        )
        token = answer.token
        return msgspec.structs.replace(
            credential,
            access_token=Secret(token.access_token),
            refresh_token=Secret(token.refresh_token) if token.refresh_token else None,
            expires_at=None if token.expires_in is None else int(self._clock.now()) + token.expires_in,
        )

    def _remaining(self, credential: Credential, error: SlackError | None = None) -> str:
        """The old access token while it lives."""
        if credential.expires_at is not None and credential.expires_at > self._clock.now():
            return credential.access_token.reveal()
        if error is not None:
            raise error
        raise CredentialDead(method=REFRESH, code="refresh_refused")

    async def _record_member(self, seen: Snapshot, before: bytes, after: bytes, refresh_at: int) -> bool:
        again = await self._members.snapshot(seen.workspace, seen.user)
        if again is None or again.member is None or again.member.credential != before:
            raise _busy("credential_replaced")
        member: Member = msgspec.structs.replace(again.member, credential=after, refresh_at=refresh_at)
        change = Commit(member=member, place=Place.STAY)
        return await self._members.commit(again, change) is Outcome.OK

    async def _record_bot(self, workspace: Workspace, before: bytes, after: bytes, refresh_at: int) -> bool:
        again = await self._workspaces.read(workspace)
        if again is None or again.credential != before:
            raise _busy("credential_replaced")
        record = msgspec.structs.replace(again, credential=after, refresh_at=refresh_at)
        return await self._workspaces.commit(workspace, again, record) is Outcome.OK


def _busy(code: str) -> SlackBusy:
    """It is not the token's fault that it cannot be renewed now."""
    return SlackBusy(method=REFRESH, code=code)

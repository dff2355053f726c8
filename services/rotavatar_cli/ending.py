"""How everything ends: gives every member their photo back, revokes every token, and forgets everything.

It asks the rotator, by the same jobs as a member's own *Leave and forget*, and follows until nobody is left; then it
revokes each workspace's token and purges it. Nothing is remembered besides what is stored anyway, so a run that was
broken off is simply started again.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec

from rotavatar.apps import AppRegistry, app_of_settings
from rotavatar.errors import CredentialDead, SlackError
from rotavatar.keyring import KeyRing
from rotavatar.keys import Workspace
from rotavatar.messages import LeaveAsked
from rotavatar.photo_store import PhotoStore, open_photo_store
from rotavatar.records import Snapshot, Wish, WorkspaceRecord
from rotavatar.settings import PhotoSettings, SlackSettings, VaultSettings
from rotavatar.slack import SlackAddresses, SlackClient
from rotavatar.store import Commit, Outcome, Place
from rotavatar.tokens import Tokens
from rotavatar.vault import Vault
from rotavatar_cli import output
from rotavatar_cli.session import Environment, Stores, opened

POLL_SECONDS: Final = 1.0
STILL_SECONDS: Final = 60.0
"""Slack lets 18 photos a minute through in each workspace; a minute without any progress means that nobody works."""

FAREWELL_SECONDS: Final = 30.0
TRACE: Final = "teardown"


class TeardownSettings(msgspec.Struct, frozen=True):
    """What it takes to end everything."""

    slack: SlackSettings
    vault: VaultSettings
    photos: PhotoSettings


class Left(msgspec.Struct, frozen=True):
    """What is still there."""

    workspaces: int
    members: int
    tokens: int


async def count(environment: Environment) -> Left:
    """What there is to end."""
    async with opened(environment) as stores:
        return await _left(stores)


async def _left(stores: Stores) -> Left:
    workspaces = members = tokens = 0
    async for workspace in stores.every_workspace():
        workspaces += 1
        async for seen in _members(stores, workspace):
            members += 1
            tokens += bool(seen.member and seen.member.credential)
    return Left(workspaces=workspaces, members=members, tokens=tokens)


async def take_down(environment: Environment) -> bool:
    """Do everything; False when something is left that a person must look at."""
    async with opened(environment) as stores, _ending(environment, stores) as ending:
        async for workspace in stores.every_workspace():
            async for seen in _members(stores, workspace):
                await ending.release(seen)
        if not await _followed(stores, ending):
            return False
        await _until_farewells_are_said(stores)
        clean = True
        for workspace in [workspace async for workspace in stores.every_workspace()]:
            clean = await ending.purge(workspace) and clean
        return clean


async def _followed(stores: Stores, ending: "Ending") -> bool:
    """Wait until every member is gone, and say how it goes; False when nothing has happened for STILL_SECONDS."""
    best, since = None, time.monotonic()
    while True:
        left = 0
        async for workspace in stores.every_workspace():
            async for seen in _members(stores, workspace):
                left += 1
                await ending.settle(seen)
        if left == 0:
            return True
        if best is None or left < best:
            best, since = left, time.monotonic()
            output.note(f"{left} members to go")
        if time.monotonic() - since > STILL_SECONDS:
            output.note(
                f"{left} members are still here and none has left for {STILL_SECONDS:.0f} s: see that the rotator runs "
                "and what it logs, and that their workspaces are not migrating (`rotavatar workspaces list`), "
                "then start the teardown again."
            )
            return False
        await asyncio.sleep(POLL_SECONDS)


async def _until_farewells_are_said(stores: Stores) -> None:
    """The last Home tabs need the tokens that are revoked next; what Slack does not take in time stays unsaid."""
    with suppress(TimeoutError):
        async with asyncio.timeout(FAREWELL_SECONDS):
            await asyncio.sleep(POLL_SECONDS)
            while await _publishes_wanted(stores):  # noqa: ASYNC110 - the publisher is another process
                await asyncio.sleep(POLL_SECONDS)


async def _publishes_wanted(stores: Stores) -> int:
    return sum([(await stores.members.tally(workspace)).wanted async for workspace in stores.every_workspace()])


class Ending:
    """Ends members and workspaces."""

    def __init__(self, *, stores: Stores, photos: PhotoStore, tokens: Tokens, slack: SlackClient) -> None:
        self._stores = stores
        self._photos = photos
        self._tokens = tokens
        self._slack = slack

    async def release(self, seen: Snapshot) -> None:
        """Ask the rotator to let a member go; again does no harm. Who left before is forgotten here."""
        member = seen.member
        if member is None or await self.settle(seen) or member.wish is Wish.FORGET:
            return
        at = max(int(self._stores.clock.wall() * 1000), member.wish_at + 1)
        await self._stores.jobs.add(
            LeaveAsked(workspace=seen.workspace, user=seen.user, at=at, trace=TRACE, forget=True)
        )

    async def settle(self, seen: Snapshot) -> bool:
        """Forget a member who has no token: nothing can be put back or revoked any more. Whether they are gone."""
        while seen.member is not None and not seen.member.credential:
            while not await self._photos.delete_member(seen.workspace, seen.user):
                pass
            if await self._stores.members.commit(seen, Commit(member=seen.member, place=Place.GONE)) is Outcome.OK:
                return True
            again = await self._stores.members.snapshot(seen.workspace, seen.user)
            if again is None:
                return True
            seen = again
        return seen.member is None

    async def purge(self, workspace: Workspace) -> bool:
        """Revoke the workspace's token and remove all of it; False when somebody came back or Slack is away."""
        record = await self._stores.workspaces.read(workspace)
        if record is None:
            return True
        try:
            await self._revoke(workspace, record)
        except SlackError as error:
            output.note(f"{workspace}: its token was not revoked ({error}): start the teardown again.")
            return False
        while not await self._photos.delete_workspace(workspace):
            pass
        left = await self._stores.members.purge(workspace, [], epoch=record.epoch)
        if left == 0:
            await self._stores.workspaces.drop_all(workspace)
            output.note(f"{workspace} {record.name}: gone")
            return True
        output.note(f"{workspace} {record.name}: somebody came back meanwhile; start the teardown again.")
        return False

    async def _revoke(self, workspace: Workspace, record: WorkspaceRecord) -> None:
        if record.declared or not record.credential:
            return
        try:
            await self._slack.auth_revoke(await self._tokens.of_bot(workspace, record))
        except CredentialDead:
            return  # that is what was wanted


@asynccontextmanager
async def _ending(environment: Environment, stores: Stores) -> AsyncIterator[Ending]:
    settings = environment.load(TeardownSettings)
    vault = Vault(KeyRing(settings.vault.keys))
    apps = AppRegistry(app_of_settings(settings.slack), source=stores.apps, vault=vault)
    await apps.refresh()
    async with SlackClient(SlackAddresses(settings.slack.base_url), wall=stores.clock.wall) as slack:
        tokens = Tokens(
            vault=vault,
            slack=slack,
            clock=stores.clock,
            apps=apps,
            members=stores.members,
            workspaces=stores.workspaces,
            leases=stores.leases,
        )
        photos = open_photo_store(settings.photos.store_url, vault)
        yield Ending(stores=stores, photos=photos, tokens=tokens, slack=slack)


async def _members(stores: Stores, workspace: Workspace) -> AsyncIterator[Snapshot]:
    async for users in stores.pages_of(workspace):
        for seen in await asyncio.gather(*(stores.members.snapshot(workspace, user) for user in users)):
            if seen is not None and seen.member is not None:
                yield seen

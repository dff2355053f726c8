"""Every sealed credential in Redis, and putting another blob in its place while everything runs."""

import asyncio
from collections.abc import AsyncIterator

import msgspec.structs

from rotavatar.keys import User, Workspace
from rotavatar.reencryption import Sealed
from rotavatar.store import Commit, Outcome, Place
from rotavatar.vault import Owner
from rotavatar_cli.session import Stores


class SealedRecords:
    """Walks over credentials; the replacements compare and set, so that a token that was just renewed stays."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def members(self) -> AsyncIterator[Sealed]:
        """The token of each member who has one."""
        async for workspace in self._stores.every_workspace():
            async for users in self._stores.pages_of(workspace):
                snapshots = (self._stores.members.snapshot(workspace, user) for user in users)
                for seen in await asyncio.gather(*snapshots):
                    if seen is not None and seen.member is not None and seen.member.credential:
                        yield Sealed(Owner("member", workspace, seen.user), seen.member.credential)

    async def workspaces(self) -> AsyncIterator[Sealed]:
        """The bot token of each workspace that has one."""
        async for workspace in self._stores.every_workspace():
            record = await self._stores.workspaces.read(workspace)
            if record is not None and record.credential:
                yield Sealed(Owner("bot", workspace), record.credential)

    async def apps(self) -> AsyncIterator[Sealed]:
        """The credentials of each further Slack app."""
        for app_id, blob in (await self._stores.apps.read()).sealed.items():
            yield Sealed(Owner("app", app_id), blob)

    async def replace_member(self, old: Sealed, blob: bytes) -> bool:
        """See reencryption.Replace."""
        workspace, user = Workspace(old.owner.workspace), User(old.owner.user)
        while True:
            seen = await self._stores.members.snapshot(workspace, user)
            if seen is None or seen.member is None or seen.member.credential != old.blob:
                return False
            member = msgspec.structs.replace(seen.member, credential=blob)
            if await self._stores.members.commit(seen, Commit(member=member, place=Place.STAY)) is Outcome.OK:
                return True

    async def replace_workspace(self, old: Sealed, blob: bytes) -> bool:
        """See reencryption.Replace."""
        workspace = Workspace(old.owner.workspace)
        while True:
            record = await self._stores.workspaces.read(workspace)
            if record is None or record.credential != old.blob:
                return False
            after = msgspec.structs.replace(record, credential=blob)
            if await self._stores.workspaces.commit(workspace, record, after) is Outcome.OK:
                return True

    async def replace_app(self, old: Sealed, blob: bytes) -> bool:
        """See reencryption.Replace. The operator alone writes apps, and writes what it has again when it differs."""
        app_id = old.owner.workspace
        if (await self._stores.apps.read()).sealed.get(app_id) != old.blob:
            return False
        await self._stores.apps.put(app_id, blob)
        return True

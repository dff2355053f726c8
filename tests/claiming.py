"""One workspace in Redis, and short ways to place its members and to claim them."""

from typing import Any, Final

import msgspec.structs

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import Joined, PublishAsked
from rotavatar.records import Member, Snapshot, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.store import Claim, Commit, MemberStore, Outcome, Place, WorkspaceStore

W: Final = Workspace("T0TEST")
P: Final = keys.partition_of(W)
NOW: Final = 1_700_000_000_000
LEASE_MS: Final = 30_000


class Team:
    """The workspace W."""

    def __init__(self, redis: Redis) -> None:
        self.redis, self.members, self.workspaces = redis, MemberStore(redis), WorkspaceStore(redis)

    async def install(self, *users: str, **record: Any) -> None:
        """These people consent, and bring the app."""
        for user in users:
            await self.workspaces.install(
                W,
                User(user),
                record=WorkspaceRecord(app="A1", credential=b"bot", credential_at=5, **record),
                member=Member(credential=b"\x00tok", credential_at=5),
                joined=Joined(workspace=W, user=User(user), at=5, trace="t"),
                publish=PublishAsked(workspace=W, user=User(user), at=5, trace="t", looking=True),
            )

    async def seen(self, user: str) -> Snapshot:
        seen = await self.members.snapshot(W, User(user))
        assert seen is not None
        return seen

    async def member(self, user: str) -> Member:
        member = (await self.seen(user)).member
        assert member is not None
        return member

    async def place(self, user: str, place: Place, time_ms: int = 0, **values: Any) -> None:
        """Commit `values` of the member, and their place."""
        seen = await self.seen(user)
        member = msgspec.structs.replace(seen.member or Member(), **values)
        assert await self.members.commit(seen, Commit(member=member, place=place, time_ms=time_ms)) is Outcome.OK

    async def due(self, user: str, time_ms: int, **values: Any) -> None:
        await self.place(user, Place.DUE, time_ms, **values)

    async def record(self, **values: Any) -> None:
        """Change the workspace's record."""
        before = await self.workspaces.read(W)
        assert before is not None
        after = msgspec.structs.replace(before, **values)
        assert await self.workspaces.commit(W, before, after) is Outcome.OK

    async def claim(self, now_ms: int, *, want: int = 10) -> list[Claim]:
        return await self.members.claim(P, now_ms=now_ms, lease_end_ms=now_ms + LEASE_MS, want=want)

    async def claimed(self, now_ms: int, *, want: int = 10) -> list[str]:
        """Who is claimed."""
        return [claim.user for claim in await self.claim(now_ms, want=want)]

    async def ready(self) -> float | None:
        """When one of them may be claimed."""
        return await self.members.next_ready(P)

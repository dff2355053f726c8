"""How many rotations the members of a workspace ask for, beside how many its pacers grant."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from rotavatar import details, keys
from rotavatar.keys import User, Workspace
from rotavatar.pacing import Limits
from rotavatar.redis import Redis
from rotavatar.store.members import MemberStore, Place

HOUR_SECONDS: Final = 3600
PAGE: Final = 200
"""Members whose frequency is read in one round trip."""


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What a workspace asks for. `wanted` is None where nobody had to be asked, as it cannot exceed `allowed`."""

    members: int
    """All of them, those who left and are kept included."""
    queued: int
    """Members who are due or in flight: those who are on a schedule."""
    allowed: float
    """Rotations an hour that the pacers grant in the long run."""
    wanted: float | None
    """Rotations an hour that the members on a schedule ask for."""

    @property
    def saturated(self) -> bool:
        """Whether more is wanted than allowed, so that photos change later than planned."""
        return self.wanted is not None and self.wanted > self.allowed


def allowed_an_hour(limits: Limits) -> float:
    """Rotations an hour under `limits`: each takes one photo write and one look at the profile."""
    return HOUR_SECONDS * 1000 / max(limits.photo.interval_ms, limits.profile.interval_ms)


class DemandStore:
    """Counts what members ask for."""

    def __init__(self, redis: Redis) -> None:
        """Read it in `redis`."""
        self._redis = redis
        self._members = MemberStore(redis)

    async def demand(self, workspace: Workspace, limits: Limits) -> Demand:
        """What `workspace` asks for under `limits`; reads page by page, each answer bounded.

        No frequency is shorter than an hour, so members are asked only where more of them are on a schedule than
        rotations are allowed in an hour.
        """
        tally = await self._members.tally(workspace)
        queued, allowed = tally.due + tally.flight, allowed_an_hour(limits)
        wanted = await self._wanted(workspace) if queued > allowed else None
        return Demand(members=tally.members, queued=queued, allowed=allowed, wanted=wanted)

    async def _wanted(self, workspace: Workspace) -> float:
        asked: dict[User, float] = {}
        async for users in self._on_schedule(workspace):
            fresh = [user for user in users if user not in asked]
            asked.update(zip(fresh, await asyncio.gather(*(self._of(workspace, user) for user in fresh)), strict=True))
        return sum(asked.values())

    async def _on_schedule(self, workspace: Workspace) -> AsyncIterator[Sequence[User]]:
        for place in (Place.DUE, Place.FLIGHT):
            cursor, first = 0, True
            while cursor or first:
                first = False
                cursor, users = await self._members.queue_page(workspace, place, cursor, count=PAGE)
                yield users

    async def _of(self, workspace: Workspace, user: User) -> float:
        raw = await self._redis.execute(keys.partition_of(workspace), "HGET", keys.member(workspace, user), "d")
        frequency = details.unpack(raw).get("frequency", 0) if raw else 0
        return HOUR_SECONDS / frequency if isinstance(frequency, int) and frequency > 0 else 0.0

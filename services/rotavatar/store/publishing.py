"""Which Home tabs want a publish, and whose turn it is."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import PublishAsked
from rotavatar.redis import Redis
from rotavatar.store.jobs import GROUP, Entry
from rotavatar.store.members import DEFAULT_LIMITS
from rotavatar.store.usage import month_of


class Published(StrEnum):
    """What became of a publish."""

    DONE = ""
    AGAIN = "again"


class Looked(StrEnum):
    """Why a job marks its member: the words of mark.lua."""

    NO = ""
    WANTS = "1"
    FRESH = "look"
    """They look at what is shown already: nothing is wanted, and what changes soon comes first."""
    LATER = "later"
    """A publish is wanted when nobody else of the workspace wants one."""


class Tab(NamedTuple):
    """One Home tab that may be published now; `marked_ms` is when it was first asked for.

    `looking` is whether its member looked at it when it was claimed.
    """

    workspace: Workspace
    user: User
    marked_ms: int
    looking: bool = False


UNDER_WAY: Final = 8
"""Publishes of one workspace at a time: 16 a second at Slack's usual half second, ten times what it grants, and too few
to fill a worker when a workspace answers slowly."""

SAMPLE: Final = 100
"""Workspaces of a partition whose waiting tabs are counted: bounded, and exact until so many wait at once."""


class PublishStore:
    """Marks, claims and results of publishes."""

    def __init__(self, redis: Redis, *, under_way: int = UNDER_WAY) -> None:
        """Keep them in `redis`; at most `under_way` publishes of one workspace at a time."""
        self._redis = redis
        self._cap = under_way

    async def mark(
        self,
        partition: int,
        jobs: Sequence[tuple[Entry, PublishAsked]],
        *,
        now_ms: int,
        look_until_ms: int,
        fresh: frozenset[str] = frozenset(),
    ) -> None:
        """Note that these members want a publish, and finish their jobs. All must be of one partition.

        The jobs with the entry ids `fresh` want none: their members look at what is shown already.
        """
        args: list[str | bytes | int] = [keys.tag(partition), now_ms, look_until_ms, GROUP]
        for entry, job in jobs:
            args += [entry.id, job.workspace, job.user, Looked.FRESH if entry.id in fresh else _looked(job)]
        names = [keys.publish_ready(partition), keys.publish_jobs(partition)]
        await self._redis.run(partition, "mark", names, args)

    async def claim(self, partition: int, *, now_ms: int, lease_end_ms: int, want: int, most: int) -> list[Tab]:
        """Up to `want` tabs that may be published now, at most `most` of one workspace."""
        reply = await self._redis.run(
            partition,
            "claim_publish",
            [keys.publish_ready(partition)],
            [keys.tag(partition), now_ms, want, lease_end_ms, DEFAULT_LIMITS, most, self._cap],
        )
        rows = zip(*(reply[place::4] for place in range(4)), strict=True)
        return [
            Tab(Workspace(w.decode()), User(user.decode()), int(marked), looking=bool(looks))
            for w, user, marked, looks in rows
        ]

    async def finish(
        self, workspace: Workspace, user: User, outcome: Published, *, now_ms: int, view_hash: str | None = None
    ) -> float | None:
        """The publish is over. `view_hash` is what Slack answered; `-` forgets the stored one.

        Returns when (ms) the workspace's next tab may be published, None when none is wanted.
        """
        partition = keys.partition_of(workspace)
        reply = await self._redis.run(
            partition,
            "published",
            [keys.publish_ready(partition)],
            [
                keys.tag(partition),
                workspace,
                user,
                now_ms,
                DEFAULT_LIMITS,
                outcome,
                view_hash or "",
                self._cap,
                month_of(now_ms),
            ],
        )
        return float(reply) if reply else None

    async def view_hash(self, workspace: Workspace, user: User) -> str:
        """Slack's hash of the view that the member was shown last; empty where there is none."""
        raw = await self._redis.execute(keys.partition_of(workspace), "HGET", keys.member(workspace, user), "vh")
        return raw.decode() if raw else ""

    async def next_ready(self, partition: int) -> float | None:
        """When (ms) the next tab of a partition may be published; None when none is wanted."""
        reply = await self._redis.execute(partition, "ZRANGE", keys.publish_ready(partition), 0, 0, "WITHSCORES")
        return float(reply[1]) if reply else None

    async def backlog(self, partition: int) -> int:
        """How many tabs of a partition want a publish, counted over its first SAMPLE workspaces."""
        names = await self._redis.execute(partition, "ZRANGE", keys.publish_ready(partition), 0, SAMPLE - 1)
        wanted = [keys.wanted(Workspace(name.decode())) for name in names]
        return sum(await asyncio.gather(*(self._redis.execute(partition, "ZCARD", key) for key in wanted)))


def _looked(job: PublishAsked) -> Looked:
    if job.looking:
        return Looked.WANTS
    return Looked.LATER if job.later else Looked.NO

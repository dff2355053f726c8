"""Which Home tabs want a publish, and whose turn it is."""

from collections.abc import Sequence
from enum import StrEnum

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.messages import PublishAsked
from rotavatar.redis import Redis
from rotavatar.store.jobs import GROUP, Entry
from rotavatar.store.members import DEFAULT_LIMITS


class Published(StrEnum):
    """What became of a publish."""

    DONE = ""
    AGAIN = "again"


class PublishStore:
    """Marks, claims and results of publishes."""

    def __init__(self, redis: Redis) -> None:
        """Keep them in `redis`."""
        self._redis = redis

    async def mark(
        self, partition: int, jobs: Sequence[tuple[Entry, PublishAsked]], *, now_ms: int, look_until_ms: int
    ) -> None:
        """Note that these members want a publish, and finish their jobs. All must be of one partition."""
        args: list[str | bytes | int] = [keys.tag(partition), now_ms, look_until_ms, GROUP]
        for entry, job in jobs:
            args += [entry.id, job.workspace, job.user, "1" if job.looking else ""]
        names = [keys.publish_ready(partition), keys.publish_jobs(partition)]
        await self._redis.run(partition, "mark", names, args)

    async def claim(
        self, partition: int, *, now_ms: int, lease_end_ms: int, want: int, most: int
    ) -> list[tuple[Workspace, User]]:
        """Up to `want` tabs that may be published now, at most `most` of one workspace."""
        reply = await self._redis.run(
            partition,
            "claim_publish",
            [keys.publish_ready(partition)],
            [keys.tag(partition), now_ms, want, lease_end_ms, DEFAULT_LIMITS, most],
        )
        return [(Workspace(w.decode()), User(user.decode())) for w, user in zip(reply[::2], reply[1::2], strict=True)]

    async def finish(
        self, workspace: Workspace, user: User, outcome: Published, *, now_ms: int, view_hash: str | None = None
    ) -> None:
        """The publish is over. `view_hash` is what Slack answered; `-` forgets the stored one."""
        partition = keys.partition_of(workspace)
        await self._redis.run(
            partition,
            "published",
            [keys.publish_ready(partition)],
            [keys.tag(partition), workspace, user, now_ms, DEFAULT_LIMITS, outcome, view_hash or ""],
        )

    async def view_hash(self, workspace: Workspace, user: User) -> str:
        """Slack's hash of the view that the member was shown last; empty where there is none."""
        raw = await self._redis.execute(keys.partition_of(workspace), "HGET", keys.member(workspace, user), "vh")
        return raw.decode() if raw else ""

    async def next_ready(self, partition: int) -> float | None:
        """When (ms) the next tab of a partition may be published; None when none is wanted."""
        reply = await self._redis.execute(partition, "ZRANGE", keys.publish_ready(partition), 0, 0, "WITHSCORES")
        return float(reply[1]) if reply else None

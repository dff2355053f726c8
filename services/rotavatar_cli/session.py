"""What a command works with: the settings that it was given, and the stores."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import typer

from rotavatar import telemetry
from rotavatar.clock import RedisClock
from rotavatar.errors import Unavailable
from rotavatar.keys import PARTITIONS, User, Workspace
from rotavatar.redis import Redis
from rotavatar.settings import RedisSettings, load
from rotavatar.store import JobStore, LeaseStore, MemberStore, ServerStore, WorkspaceStore
from rotavatar.store.apps import AppStore
from rotavatar_cli.dev.folder import Folder, read_environment
from rotavatar_cli.errors import MISUSED, CommandError

PAGE = 500
"""Members that are read at a time: one round trip, and about half a megabyte."""

Result = TypeVar("Result")
Kind = TypeVar("Kind", bound=msgspec.Struct)


class Environment:
    """Where settings come from: this process's environment, or that of a `rotavatar dev` in the present folder."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables

    @classmethod
    def given(cls, *, dev: bool) -> "Environment":
        """The environment of the command line. Raises CommandError where there is no `rotavatar dev` to join."""
        if not dev:
            return cls(os.environ)
        folder = Folder(Path.cwd())
        try:
            return cls(read_environment(folder))
        except OSError:
            raise CommandError(
                f"--dev needs {folder.environment}, which `rotavatar dev` writes: start it in this folder first.",
                code=MISUSED,
            ) from None

    def load(self, kind: type[Kind]) -> Kind:
        """One group of settings. Raises ConfigurationError with a sentence for each that is missing or wrong."""
        return load(kind, self.variables)


class Stores:
    """Everything that is kept in Redis."""

    def __init__(self, redis: Redis, clock: RedisClock) -> None:
        self.redis = redis
        self.clock = clock
        self.members = MemberStore(redis)
        self.workspaces = WorkspaceStore(redis)
        self.jobs = JobStore(redis)
        self.leases = LeaseStore(redis)
        self.apps = AppStore(redis)
        self.servers = ServerStore(redis)

    @property
    def now_ms(self) -> int:
        """The time of the schedule, in ms."""
        return int(self.clock.now() * 1000)

    async def every_workspace(self) -> AsyncIterator[Workspace]:
        """Each workspace once."""
        for partition in range(PARTITIONS):
            seen: set[Workspace] = set()
            cursor, first = 0, True
            while cursor or first:
                first = False
                cursor, names = await self.workspaces.page(partition, cursor, count=PAGE)
                for name in names:
                    if name not in seen:
                        seen.add(name)
                        yield name

    async def pages_of(self, workspace: Workspace) -> AsyncIterator[list[User]]:
        """The members of a workspace, each once, some at a time."""
        seen: set[User] = set()
        cursor, first = 0, True
        while cursor or first:
            first = False
            cursor, users = await self.members.page(workspace, cursor, count=PAGE)
            fresh = [user for user in dict.fromkeys(users) if user not in seen]
            seen.update(fresh)
            yield fresh


@asynccontextmanager
async def opened(environment: Environment) -> AsyncIterator[Stores]:
    """Connect to the Redis of the settings. Raises ConfigurationError, and CommandError where nothing answers."""
    access = environment.load(RedisSettings).access
    try:
        redis = await Redis.connect(access, name="rotavatar-cli")
    except Unavailable as error:
        raise CommandError(f"{error} ({access.address.place}): start it, or correct ROTAVATAR_REDIS_URL.") from None
    try:
        clock = RedisClock(measure=redis.measure)
        await clock.synchronise()
        yield Stores(redis, clock)
    finally:
        await redis.close()


def environment_of(context: typer.Context) -> Environment:
    """The environment that the main command chose."""
    found = context.find_object(Environment)
    assert found is not None, "set by the main command"
    return found


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's work; what the kernel logs goes to standard error, from warnings on."""
    telemetry.configure("rotavatar", log_format="text", level="warning", stream=sys.stderr)
    return asyncio.run(work)

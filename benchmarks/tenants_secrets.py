"""From a change of a Secret until the services use it."""

import asyncio
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from benchmarks.household import PACK, catalogue, environ
from benchmarks.kubernetes_client import MERGE, KubernetesClient
from benchmarks.population import credential, flat, settled, vault, workspace_name
from benchmarks.publishes import ask
from benchmarks.rig import service, until
from benchmarks.tenants import SECRETS, Tenants, bot_token, name_of, secret
from benchmarks.tenants_running import BOTH, UNPACED, operator
from rotavatar import keys
from rotavatar.credentials import seal_credential
from rotavatar.keys import User, Workspace
from rotavatar.redis import Redis
from rotavatar.vault import Owner
from tests.servers import Server

PER_SECOND: Final = 50
LOOK_SECONDS: Final = 0.002
PATIENCE_SECONDS: Final = 30.0


def changes(tenants: Tenants, server: Server, slack: str, *, count: int, generation: int) -> list[float]:
    """Milliseconds from when each change was due until the record names the version of the Secret that it made."""
    with operator(tenants, server, slack) as running:
        running.settle()
        return asyncio.run(_Changing(tenants, server, generation).run(count))


class _Changing:
    """Changes Secrets at a steady pace and watches their workspaces' records."""

    def __init__(self, tenants: Tenants, server: Server, generation: int) -> None:
        self._tenants, self._server, self._generation = tenants, server, generation
        self._waiting: dict[Workspace, tuple[str, float]] = {}
        self._took: list[float] = []

    async def run(self, count: int) -> list[float]:
        redis = await Redis.connect(self._server.url, name="bench")
        async with self._tenants.client() as client, asyncio.TaskGroup() as tasks:
            began = time.perf_counter()
            looking = tasks.create_task(self._look(redis, count))
            step = max(1, self._tenants.count // count)
            for number in range(count):
                due = began + number / PER_SECOND
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tasks.create_task(self._change(client, number * step % self._tenants.count, due))
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.wait([looking])
        await redis.close()
        return self._took

    async def _change(self, client: KubernetesClient, number: int, due: float) -> None:
        patch = {"data": secret(number, generation=self._generation)["data"]}
        made = await client.request("PATCH", f"{SECRETS}/{name_of(number)}", patch, content=MERGE)
        metadata = made["metadata"]
        self._waiting[workspace_name(number)] = (f"{metadata['uid']}/{metadata['resourceVersion']}", due)

    async def _look(self, redis: Redis, count: int) -> None:
        while len(self._took) < count:
            waiting = list(self._waiting)
            read = await asyncio.gather(
                *(redis.execute(keys.partition_of(each), "HGET", keys.workspace(each), "so") for each in waiting)
            )
            now = time.perf_counter()
            for workspace, source in zip(waiting, read, strict=True):
                wanted, due = self._waiting[workspace]
                if source is not None and source.decode() == wanted:
                    del self._waiting[workspace]
                    self._took.append((now - due) * 1000)
            await asyncio.sleep(LOOK_SECONDS)


def in_use(tenants: Tenants, server: Server, slack: str) -> float:
    """Seconds until a publisher at work shows the new token of one workspace to Slack."""
    number, generation = 0, 999_999
    workspace, user = workspace_name(number), User("U0000000000")
    wanted = bot_token(workspace, generation)
    with operator(tenants, server, slack, environment=UNPACED) as running, _publisher(server, slack):
        running.settle()
        _member(server, workspace, user)
        patch = {"data": secret(number, generation=generation)["data"]}
        before = _source(server, workspace)
        began = time.perf_counter()
        tenants.plane.api.patch(f"{SECRETS}/{name_of(number)}", patch)
        until(lambda: _source(server, workspace) != before, every=LOOK_SECONDS)
        ask(server, [(workspace, user)], looking=True)
        until(lambda: _tokens(slack).get("views.publish") == wanted, every=LOOK_SECONDS)
        return time.perf_counter() - began


def _member(server: Server, workspace: Workspace, user: User) -> None:
    """Somebody of the workspace whose Home tab can be published."""
    sealed = seal_credential(vault(), credential(rotating=False), Owner("member", workspace, user))
    with server.client() as client:
        run: Callable[..., object] = client.execute_command
        run("HSET", keys.member(workspace, user), *flat(settled(sealed, pack=PACK)))
        client.sadd(keys.members(workspace), user)


def _source(server: Server, workspace: Workspace) -> object:
    return server.command("HGET", keys.workspace(workspace), "so")


@contextmanager
def _publisher(server: Server, slack: str) -> Iterator[None]:
    catalogue()
    with (
        TemporaryDirectory(prefix="rv-bench-") as folder,
        service("publisher", environ(redis=server.url, slack=slack, folder=Path(folder)), cores=BOTH),
    ):
        yield


def _tokens(slack: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{slack}/tokens", timeout=10) as answer:
        return msgspec.json.decode(answer.read(), type=dict[str, Any])

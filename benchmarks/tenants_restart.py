"""From the start of an operator that finds everything in step, until it has applied changes made a second later."""

import asyncio
import time
from typing import Final, NamedTuple

import msgspec

from benchmarks.kubernetes_client import MERGE
from benchmarks.population import workspace_name
from benchmarks.rig import Program, program, until
from benchmarks.tenants import COLLECTION, YARDSTICK, Tenants, name_of
from benchmarks.tenants_running import BOTH, PATIENCE_SECONDS, Running, Spent, operator
from rotavatar import keys
from rotavatar.policy import Policy
from tests.servers import Server

AFTER_SECONDS: Final = 1.0
SPREAD: Final = 5
"""So many tenants are changed, as far apart in the listing as can be: the last that is applied counts."""


class Untouched(NamedTuple):
    """A restart with nothing to do, and then each workspace looked at once more."""

    writes: int
    redis_writes: int
    megabytes: float
    each: Spent
    """What one unchanged tenant costs; CPU in seconds."""


def untouched(tenants: Tenants, server: Server, slack: str) -> Untouched:
    """Start, settle, mark every workspace as changed though none is, settle."""
    before = _changes(server)
    with operator(tenants, server, slack) as running:
        running.settle()
        written, rewritten = running.trail.writes.total(), _changes(server) - before
        return Untouched(written, rewritten, running.program.memory()[1], _look_at_all(tenants, server, running))


def empty(tenants: Tenants, turn: int) -> float:
    """An on.event handler that does nothing: the seconds until it was called for the last change."""
    names = [name_of(number) for number in _spread(tenants)]
    environment = {"KUBECONFIG": str(tenants.kubeconfig(YARDSTICK))}
    with program("kopf_empty", *names, cores=BOTH, environ=environment) as running:
        wanted = _change(tenants, running, turn)
        last = 0.0
        while wanted:
            name, generation, at = running.line().split()
            if int(generation) >= wanted.get(name, int(generation) + 1):
                del wanted[name]
                last = float(at)
        running.kill()
        return last - running.began


def ours(tenants: Tenants, server: Server, slack: str, turn: int) -> float:
    """Our operator: the seconds until the services find the last change in Redis."""
    with operator(tenants, server, slack) as running:
        _change(tenants, running.program, turn)
        until(
            lambda: all(policy.max_members == _members(turn) for policy in _policies(tenants, server)),
            seconds=PATIENCE_SECONDS,
            every=0.005,
            alive=running.program,
        )
        seconds = time.time() - running.program.began
        running.settle()
        return seconds


def _changes(server: Server) -> int:
    """How often anything in this Redis has changed since its start."""
    return int(server.command("INFO", "persistence")["rdb_changes_since_last_save"])


def _spread(tenants: Tenants) -> list[int]:
    step = (tenants.count - 1) // (SPREAD - 1)
    return [number * step for number in range(SPREAD)]


def _change(tenants: Tenants, running: Program, turn: int) -> dict[str, int]:
    """Change the spread tenants' policies a second after the start; their generations by name."""
    time.sleep(max(0.0, running.began + AFTER_SECONDS - time.time()))
    patch = {"spec": {"policy": {"maxMembers": _members(turn)}}}

    async def change() -> dict[str, int]:
        async with tenants.client() as client:
            made = [
                await client.request("PATCH", f"{COLLECTION}/{name_of(number)}", patch, content=MERGE)
                for number in _spread(tenants)
            ]
            return {body["metadata"]["name"]: body["metadata"]["generation"] for body in made}

    return asyncio.run(change())


def _members(turn: int) -> int:
    return 1000 + turn


def _policies(tenants: Tenants, server: Server) -> list[Policy]:
    with server.client() as client:
        read = [client.hget(keys.workspace(workspace_name(number)), "p") for number in _spread(tenants)]
    return [msgspec.json.decode(policy or b"{}", type=Policy) for policy in read]


def _look_at_all(tenants: Tenants, server: Server, running: Running) -> Spent:
    before, rounds = running.spent(), running.reconciled()
    _mark(tenants, server)
    until(lambda: running.reconciled() >= rounds + tenants.count, seconds=PATIENCE_SECONDS, every=0.2)
    running.settle()
    after = running.spent()
    return Spent(*((late - early) / tenants.count for late, early in zip(after, before, strict=True)))


def _mark(tenants: Tenants, server: Server) -> None:
    """Say of each workspace that it changed, as the scripts of the services do."""
    with server.client() as client, client.pipeline(transaction=False) as pipe:
        for number in tenants.numbers:
            workspace = workspace_name(number)
            pipe.zadd(keys.changed(keys.partition_of(workspace)), {workspace: 10**6 + number})
        for partition in range(keys.PARTITIONS):
            pipe.set(keys.change_counter(partition), 10**7)
        pipe.execute()

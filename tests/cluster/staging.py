"""The operator taken apart: the parts of service.py, driven step by step in the test's own process.

Only the sources of work are asked instead of followed, so each run goes the same way. Its writes can be struck at the
k-th of them, what it hears can be withheld or old, and whoever dies is followed by a new process with empty memory.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
from kubernetes.aio import client, config

from control_plane.api import MERGE_PATCH
from control_plane.errors import ApiError
from control_plane.plane import ControlPlane
from rotavatar.clock import RedisClock
from rotavatar.credentials import open_credential
from rotavatar.errors import RotavatarError, Unavailable
from rotavatar.keyring import KeyRing
from rotavatar.keys import PARTITIONS, Workspace
from rotavatar.process import Life
from rotavatar.settings import OperatorSettings, load
from rotavatar.slack import SlackAddresses, SlackClient
from rotavatar.store import AppStore, WorkspaceStore
from rotavatar.vault import Owner
from slacktenant_operator.cluster import Cluster, _decode, _NotFound
from slacktenant_operator.periods import Periods
from slacktenant_operator.service import _Operator
from tests.cluster.operating import Body, Operator, operating
from tests.faults.dying import Fuse, How, Killed, MortalRedis
from tests.servers import Server

F = TypeVar("F", bound=Fuse)
ROUNDS: Final = 40
"""After so many looks at everything there must be nothing left to do."""

COUNTERS: Final = ("changes", "apps:version")
"""Keys that tell how often something happened."""


class MortalCluster(Cluster):
    """Somebody's way to Kubernetes: the connections of `real`, until `fuse` strikes at a write."""

    def __init__(self, real: Cluster, fuse: Fuse) -> None:
        self._api, self._host, self._fuse = real._api, real._host, fuse

    async def _send(self, verb: str, path: str, body: Any = None, **how: Any) -> aiohttp.ClientResponse:
        if self._fuse.dead:
            raise Killed

        async def effect() -> aiohttp.ClientResponse:
            return await Cluster._send(self, verb, path, body, **how)

        if verb == "GET":
            return await effect()
        kind = path.partition("?")[0].split("/")
        return await self._fuse.around(f"{verb} {kind[-2]}/{kind[-1]}", effect, lost=AWAY)


AWAY: Final = Unavailable("the Kubernetes API is away: the test said so")


class Process:
    """One life of the operator: what it keeps in memory ends with it."""

    def __init__(self, stage: "Stage", fuse: Fuse) -> None:
        self.stage, self.fuse = stage, fuse
        self.redis = MortalRedis(stage.world.redis, fuse)
        self.cluster = MortalCluster(stage.cluster, fuse)
        self.parts = _Operator(
            stage.settings,
            Life(),
            ring=KeyRing(stage.settings.vault.keys),
            cluster=self.cluster,
            redis=self.redis,
            clock=stage.clock,
            slack=stage.slack,
        )
        self._heard: dict[str, Body] = {}

    def under(self, fuse: F) -> F:
        """From now on its writes pass this one."""
        self.fuse = self.redis._fuse = self.cluster._fuse = fuse
        return fuse

    async def start(self, *, stale: Iterable[Body] | None = None) -> None:
        """Fill the caches, with the `stale` listing of tenants if there is one, and compare everything."""
        self.hear_tenants(await self.stage.world.tenants() if stale is None else stale, listed=True)
        await self.hear_secrets()
        if stale is None:
            await self.parts._comparing.compare()
        await self.hear_changes()

    async def hear(self) -> None:
        """Everything that the three watches would have told by now."""
        self.hear_tenants(await self.stage.world.tenants())
        await self.hear_secrets()
        await self.hear_changes()

    def hear_tenants(self, bodies: Iterable[Body], *, listed: bool = False) -> None:
        """The watch of SlackTenants."""
        there = {body["metadata"]["uid"]: body for body in bodies}
        for uid, body in self._heard.items():
            if uid not in there:
                self.parts._ears.tenant("DELETED", body)
        for uid, body in there.items():
            if self._heard.get(uid) != body:
                self.parts._ears.tenant(None if listed else "MODIFIED", body)
        self._heard = there

    async def hear_secrets(self) -> None:
        """The watch of Secrets."""
        await self.parts._informer._list(self.stage.world.namespace)

    async def hear_changes(self) -> None:
        """The marks in Redis."""
        await asyncio.gather(*(self.parts._changes._look(partition) for partition in range(PARTITIONS)))

    async def work(self) -> bool:
        """One round on each workspace that waits; whether there was one. What fails comes again."""
        pending, failed, worked = self.parts._queue._pending, [], False
        while (key := pending.take()) is not None:
            worked = True
            try:
                await self.parts._reconcile(key)
            except RotavatarError:
                failed.append(key)
            pending.done(key)
        for key in failed:
            self.parts._queue.add(key)
        return worked

    async def settle(self) -> None:
        """Hear and work until there is nothing to do."""
        for _ in range(ROUNDS):
            await self.hear()
            if not await self.work():
                return
        raise AssertionError("it does not settle")

    async def find_out(self) -> None:
        """What the process does by itself after a while, and has to find whatever nobody told it of."""
        for _ in range(4):
            await self.parts._comparing.compare()
            self.resync()
            await self.work()

    def resync(self) -> None:
        """The period of every tenant is over."""
        self.parts._reconciling._periods = Periods(monotonic=lambda: float("inf"), random=lambda: 0.0)
        for at, _ in list(self.parts._cache.items()):
            tenant = self.parts._cache.get(at)
            assert tenant is not None
            self.parts._queue.add(Workspace(tenant.spec.workspace), fresh=False)


class Stage:
    """The world of `world` (the person's hands and eyes) with an operator that is driven by hand."""

    def __init__(self, world: Operator, cluster: Cluster, slack: SlackClient, clock: RedisClock) -> None:
        self.world, self.cluster, self.slack, self.clock = world, cluster, slack, clock
        self.settings = load(OperatorSettings, world.environment())
        self.process = Process(self, Fuse())
        self.deaths = 0
        self.latest = ""
        self._tokens: dict[str, str] = {}

    def arm(self, k: int, how: How) -> Fuse:
        """From now on the living process dies, or is not answered, at its `k`-th write; 0: the writes are counted."""
        fuse = self.process.fuse
        fuse.effects.clear()
        fuse.k, fuse.how = k, how
        return fuse

    def new_token(self, team: str) -> str:
        """Another bot token of a workspace; the one before dies."""
        return self.called(self.world.renewed_token(team))

    def called(self, token: str) -> str:
        """Number the tokens of a run, as another run has others."""
        self._tokens.setdefault(token, f"token {len(self._tokens) + 1}")
        self.latest = token
        return token

    async def apply_secret(self, name: str, **values: str) -> None:
        """Make a labelled Secret, or give the one that is there these values."""
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        body = {"metadata": {"name": name, "labels": {"rotavatar.dev/credential": "true"}}, "data": data}
        there = await self.world.secret(name) is not None
        await self.world.api("PUT" if there else "POST", self.world._secrets(name if there else ""), body)

    async def begin(self) -> None:
        """An empty namespace, an empty Redis, a new process."""
        for body in await self.world.tenants():
            await self.remove(body)
        for secret in (await self.world.api("GET", self.world._secrets()))["items"]:
            await self.world.delete_secret(secret["metadata"]["name"])
        self.world.valkey.flush()
        await self.restart()
        self.deaths = 0
        self._tokens.clear()

    async def remove(self, body: Body) -> None:
        """Make a tenant go, whatever its finalizers wait for."""
        path = self.world._tenants(body["metadata"]["name"])
        await self.world.api("PATCH", path, {"metadata": {"finalizers": None}}, content_type=MERGE_PATCH)
        if "deletionTimestamp" not in body["metadata"]:
            await self.world.api("DELETE", path)

    async def restart(self, *, stale: Iterable[Body] | None = None) -> None:
        """Another process, in place of the one that there is."""
        self.process = Process(self, Fuse())
        await self.process.start(stale=stale)

    async def settle(self) -> None:
        """Until nothing is left to do; whoever dies is followed by another process."""
        while True:
            try:
                await self.process.settle()
            except Killed:
                self.deaths += 1
                await self.restart()
            else:
                return

    async def end_state(self) -> dict[str, Any]:
        """Everything in Kubernetes and in Redis that must not depend on how it came about: ids and times aside."""
        tenants = await self.world.tenants()
        secrets = (await self.world.api("GET", self.world._secrets()))["items"]
        uids = {each["metadata"]["uid"]: each["metadata"]["name"] for each in [*tenants, *secrets]}
        present = {f"{m['uid']}/{m['resourceVersion']}": f"{m['name']} as it is" for m in map(_metadata, secrets)}
        return {
            "tenants": [_tenant(each, present) for each in tenants],
            "secrets": [self._secret(each, uids) for each in secrets],
            "redis": await self._redis(uids, present),
        }

    async def _redis(self, uids: dict[str, str], present: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {"apps": await self._apps(present)}
        names = {name.decode() for name in self.world.valkey.command("KEYS", "*")}
        found["keys"] = sorted(name for name in names if name.rpartition(":")[2] not in COUNTERS)
        for partition in range(PARTITIONS):
            _, workspaces = await WorkspaceStore(self.world.redis).page(partition, count=1000)
            for workspace in workspaces:
                found[workspace] = await self._workspace(workspace, uids, present)
        return found

    async def _workspace(self, workspace: Workspace, uids: dict[str, str], present: dict[str, str]) -> dict[str, Any]:
        record = await self.world.record(workspace)
        assert record is not None
        blob, bot = record.credential, Owner("bot", workspace)
        fields = {name: getattr(record, name) for name in record.__struct_fields__}
        return {
            **fields,
            "version": None,
            "status_at": bool(record.status_at),
            "credential_at": bool(record.credential_at),
            "credential": self._known(
                open_credential(self.world.vault, blob, bot).access_token.reveal() if blob else ""
            ),
            "tenant": uids.get(record.tenant.rpartition("/")[2], record.tenant),
            "source": present.get(record.source, record.source),
            "chores": sorted(await self.world.chores(workspace)),
        }

    async def _apps(self, present: dict[str, str]) -> dict[str, Any]:
        store = AppStore(self.world.redis)
        sources = await store.sources()
        found = {}
        for app_id in (await store.read()).sealed:
            app = await self.world.app(app_id)
            assert app is not None
            source = [present.get(each, each) for each in sources.get(app_id, "").split()]
            retiring = [old.secret.reveal() for old in app.retiring]
            signing = [each.reveal() for each in app.signing_secrets]
            found[app_id] = (app.client_id, app.client_secret.reveal(), signing, retiring, source)
        return found

    def _secret(self, body: Body, uids: dict[str, str]) -> dict[str, Any]:
        metadata = body["metadata"]
        return {
            "name": metadata["name"],
            "labels": metadata.get("labels", {}),
            "data": {k: self._known(base64.b64decode(v).decode()) for k, v in body.get("data", {}).items()},
            "owners": [uids.get(owner["uid"], "gone") for owner in metadata.get("ownerReferences", [])],
        }

    def _known(self, token: str) -> str:
        return self._tokens.get(token, token)


def _metadata(body: Body) -> Body:
    metadata: Body = body["metadata"]
    return metadata


def _tenant(body: Body, present: dict[str, str]) -> dict[str, Any]:
    metadata, status = body["metadata"], body.get("status", {})
    seen = status.get("credential")
    return {
        "name": metadata["name"],
        "labels": metadata.get("labels", {}),
        "finalizers": metadata.get("finalizers", []),
        "going": "deletionTimestamp" in metadata,
        "spec": body["spec"],
        "seen": status.get("observedGeneration") == metadata["generation"],
        "conditions": [
            (c["type"], c["status"], c["reason"], c["message"], c["observedGeneration"] == metadata["generation"])
            for c in status.get("conditions", [])
        ],
        "credential": seen and present.get(f"{seen['secretUID']}/{seen['resourceVersion']}", seen),
        "rest": {k: v for k, v in status.items() if k not in {"conditions", "observedGeneration", "credential"}},
    }


async def cluster_of(kubeconfig: Path) -> Cluster:
    """The API server as whoever the file says."""
    configuration = client.Configuration()
    await config.load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
    return Cluster(configuration)


async def by_hand(
    person: Cluster, method: str, path: str, body: Body | None = None, *, content_type: str = "application/json"
) -> Body:
    """What a person does, on a connection that stays open: a new one takes longer than what is done on it."""
    try:
        told: Body = _decode(await person._call(method, path, body, content=content_type))
    except _NotFound as error:
        raise ApiError(status=404, reason="NotFound", message=str(error)) from None
    return told


@asynccontextmanager
async def staging(
    plane: ControlPlane, valkey: Server, folder: Path, *, namespace: str, kubeconfig: Path
) -> AsyncIterator[Stage]:
    """A stage in a namespace in which installations become tenants too; `kubeconfig` is the operator's."""
    settings = {"INSTALL_NAMESPACE": namespace}
    async with (
        operating(plane, valkey, folder, namespace=namespace, kubeconfig=kubeconfig, **settings) as world,
        await cluster_of(kubeconfig) as cluster,
        await cluster_of(plane.kubeconfig) as person,
    ):
        world.api = partial(by_hand, person)  # type: ignore[method-assign]
        clock = RedisClock(measure=world.redis.measure)
        await clock.synchronise()
        async with SlackClient(SlackAddresses(world.simulator.url), wall=clock.wall) as slack:
            yield Stage(world, cluster, slack, clock)

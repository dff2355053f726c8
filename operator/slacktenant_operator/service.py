"""The operator, put together: what `python -m slacktenant_operator` runs."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import structlog

from rotavatar import telemetry
from rotavatar.apps import AppRegistry, app_of_settings
from rotavatar.clock import RedisClock
from rotavatar.errors import ConfigurationError
from rotavatar.health import serving_probes
from rotavatar.keyring import KeyRing
from rotavatar.keys import Workspace
from rotavatar.process import Life
from rotavatar.redis import Redis
from rotavatar.settings import OperatorSettings, TenantSettings
from rotavatar.slack import SlackAddresses, SlackClient, Timeouts
from rotavatar.starting import redis_when_there
from rotavatar.store import AppStore, ChangeStore, DemandStore, LeaseStore, MemberStore, WorkspaceStore
from rotavatar.tokens import Tokens
from rotavatar.vault import Vault
from slacktenant_operator import handlers
from slacktenant_operator.cache import Cache
from slacktenant_operator.changes import Changes
from slacktenant_operator.checking import AT_ONCE, CONFIRM_SECONDS, Checking
from slacktenant_operator.cluster import Cluster, Named
from slacktenant_operator.committing import Committing
from slacktenant_operator.comparing import Comparing
from slacktenant_operator.mirroring import Mirroring, born_policy
from slacktenant_operator.model import SlackTenant, read_tenant
from slacktenant_operator.own_apps import OwnApps
from slacktenant_operator.periods import Periods
from slacktenant_operator.reconciling import Reconciling
from slacktenant_operator.releasing import Releasing
from slacktenant_operator.reporting import Reporting
from slacktenant_operator.resolving import Resolving
from slacktenant_operator.saturation import Saturation
from slacktenant_operator.secrets_informer import SecretsInformer
from slacktenant_operator.work_queue import WorkQueue

log = structlog.get_logger()

CONNECT_SECONDS: Final = 3.0
LOOK_SECONDS: Final = 5.0


class Ears:
    """Where everything that is heard of becomes work: each source only says which workspace may have changed."""

    def __init__(self, cache: Cache, queue: WorkQueue) -> None:
        """Note tenants in `cache`, and add workspaces to `queue`."""
        self._cache = cache
        self._queue = queue

    def tenant(self, kind: str | None, body: dict[str, Any]) -> None:
        """The watch told of a tenant: ADDED, MODIFIED or DELETED; None: it was listed."""
        try:
            tenant = read_tenant(body)
        except msgspec.ValidationError as error:
            metadata = body["metadata"]
            at = f"{metadata['namespace']}/{metadata['name']}"
            log.error("tenant not readable", tenant=at, reason=str(error))  # noqa: TRY400 - the sentence says all
            return
        if kind == "DELETED":
            changed = self._cache.remove(Named(tenant.metadata.namespace, tenant.metadata.name), tenant.metadata.uid)
        else:
            changed = self._cache.put(tenant)
        for workspace in changed:
            self._queue.add(workspace, fresh=kind is not None or _was_overtaken(tenant))

    def secret(self, secret: Named, *, is_news: bool) -> None:
        """A labelled Secret came, went or changed."""
        for workspace in self._cache.referring(secret):
            self._queue.add(workspace, fresh=is_news)

    def record(self, workspace: Workspace) -> None:
        """A record changed in Redis."""
        self._queue.add(workspace)

    def everything(self) -> None:
        """Redis may hold something else than before: look at every workspace, after what is fresh."""
        for workspace in self._cache.workspaces():
            self._queue.add(workspace, fresh=False)


def _was_overtaken(tenant: SlackTenant) -> bool:
    """Whether somebody changed what they declare since an operator looked: they wait, ten thousand in step do not."""
    return 0 < tenant.status.observed_generation < tenant.metadata.generation


async def serve(settings: OperatorSettings, life: Life) -> None:
    """Run until `life` ends. Raises ConfigurationError before anything is done where a setting is wrong."""
    telemetry.configure("operator", log_format=settings.process.log_format, level=settings.process.log_level)
    ring = KeyRing(settings.vault.keys)
    _check(settings.tenants)
    async with await Cluster.connect() as cluster:
        redis = await redis_when_there(settings.redis.access, name="operator", life=life, process=settings.process)
        if redis is None or not await _definition_there(cluster, life, settings.tenants.watched):
            return
        clock = RedisClock(measure=redis.measure)
        await clock.synchronise()
        slack = SlackClient(
            SlackAddresses(settings.slack.base_url),
            timeouts=Timeouts(connect=CONNECT_SECONDS, whole=CONFIRM_SECONDS),
            connections=2 * AT_ONCE,
            wall=clock.wall,
        )
        async with slack:
            await _Operator(settings, life, ring=ring, cluster=cluster, redis=redis, clock=clock, slack=slack).run()
        await redis.close()


def _check(tenants: TenantSettings) -> None:
    """Raise ConfigurationError where tenants would be made that nobody looks after, or with a policy that is none."""
    born_policy(tenants.install_tenant_policy)
    if tenants.install_namespace and tenants.watched and tenants.install_namespace not in tenants.watched:
        raise ConfigurationError(
            f"ROTAVATAR_INSTALL_NAMESPACE is {tenants.install_namespace}, which is none of "
            "ROTAVATAR_WATCH_NAMESPACES: name it there too."
        )


async def _definition_there(cluster: Cluster, life: Life, watched: Sequence[str]) -> bool:
    """Wait until SlackTenants can be listed; False when the process was asked to stop before."""
    while (problem := await cluster.check(watched[0] if watched else None)) is not None:
        log.warning(
            "waiting for Kubernetes", reason=problem, advice="apply k8s/crd and the roles if they are not there"
        )
        if not await life.pause(LOOK_SECONDS):
            return False
    return True


class _Operator:
    """The parts and the tasks of a running operator."""

    def __init__(
        self,
        settings: OperatorSettings,
        life: Life,
        *,
        ring: KeyRing,
        cluster: Cluster,
        redis: Redis,
        clock: RedisClock,
        slack: SlackClient,
    ) -> None:
        self._settings = settings
        self._life = life
        self._ring = ring
        self._redis = redis
        self._clock = clock
        vault = Vault(ring)
        watched = settings.tenants.watched
        scopes: list[str | None] = list(watched) or [None]
        self._cache = Cache()
        workspaces = WorkspaceStore(redis)
        self._queue = WorkQueue(self._reconcile)
        self._ears = Ears(self._cache, self._queue)
        self._changes = Changes(ChangeStore(redis), changed=self._ears.record, doubted=self._ears.everything, life=life)
        self._informer = SecretsInformer(cluster, scopes, changed=self._ears.secret)
        self._comparing = Comparing(
            cluster=cluster,
            cache=self._cache,
            workspaces=workspaces,
            namespaces=scopes,
            add=lambda workspace: self._queue.add(workspace, fresh=False),
            births=bool(settings.tenants.install_namespace),
            look_again=self._changes.restart,
            life=life,
        )
        checking = Checking(slack, per_second=settings.tenants.checks_per_second)
        store = AppStore(redis)
        self._apps = AppRegistry(app_of_settings(settings.slack), source=store, vault=vault)
        members = MemberStore(redis)
        own_apps = OwnApps(
            store=store, registry=self._apps, vault=vault, cache=self._cache, informer=self._informer, clock=clock
        )
        tokens = Tokens(
            vault=vault,
            slack=slack,
            clock=clock,
            apps=self._apps,
            members=members,
            workspaces=workspaces,
            leases=LeaseStore(redis),
        )
        reporting = Reporting(cluster=cluster, cache=self._cache, again=self._queue.add, instance=socket.gethostname())
        committing = Committing(workspaces, clock)
        self._reconciling = Reconciling(
            cache=self._cache,
            workspaces=workspaces,
            members=members,
            committing=committing,
            releasing=Releasing(
                cluster=cluster,
                cache=self._cache,
                committing=committing,
                apps=own_apps,
                tokens=tokens,
                reporting=reporting,
                again=self._queue.add,
                clock=clock,
                serves=lambda namespace: not watched or namespace in watched,
            ),
            resolving=Resolving(cluster=cluster, informer=self._informer, checking=checking, vault=vault),
            apps=own_apps,
            mirroring=Mirroring(
                cluster=cluster,
                cache=self._cache,
                informer=self._informer,
                vault=vault,
                checking=checking,
                tokens=tokens,
                namespace=settings.tenants.install_namespace,
                policy=born_policy(settings.tenants.install_tenant_policy),
            ),
            saturation=Saturation(DemandStore(redis)),
            reporting=reporting,
            changes=self._changes,
            periods=Periods(),
            clock=clock,
            own_app=settings.slack.app_id,
            install_url=self._install_url,
        )

    async def run(self) -> None:
        """Until `life` ends."""
        process = self._settings.process
        checks = {"redis": self._redis.check, "caches": self._check_caches, "comparison": self._check_comparison}
        async with serving_probes(host=process.host, port=process.metrics_port, checks=checks):
            await self._life.supervise(
                {
                    "comparison": self._comparing.run(),
                    "changes": self._changes.run(),
                    "work": self._work(),
                    "stop": self._stop(),
                    "tenants": handlers.watch(
                        self._ears.tenant,
                        namespaces=self._settings.tenants.watched,
                        stopping=self._life.stopping,
                        started=self._life.watch_signals,
                    ),
                },
                background={
                    "secrets": self._informer.run(),
                    "clock": self._clock.run(),
                    "keys": self._ring.keep_fresh(),
                },
            )

    async def _work(self) -> None:
        """Begin once both caches are filled: before, a younger duplicate may look like the only tenant."""
        filled = asyncio.create_task(self._filled(), name="caches")
        stopping = asyncio.create_task(self._life.stopping.wait(), name="stop before work")
        await asyncio.wait([filled, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if filled.done():
            await self._queue.run()
        filled.cancel()

    async def _filled(self) -> None:
        await self._comparing.filled.wait()
        await self._informer.wait_filled()

    async def _stop(self) -> None:
        await self._life.stopping.wait()
        self._queue.stop()

    async def _reconcile(self, workspace: Workspace) -> float | None:
        return await self._reconciling.reconcile(workspace)

    async def _check_caches(self) -> str | None:
        return None if self._comparing.filled.is_set() and self._informer.filled else "the caches are being filled"

    async def _check_comparison(self) -> str | None:
        return None if self._comparing.done.is_set() else "Kubernetes and Redis are being compared"

    def _install_url(self, app: str) -> str:
        base = self._settings.public.url.rstrip("/")
        route = "/slack" if app == self._settings.slack.app_id else f"/slack/apps/{app}"
        return f"{base}{route}/install"

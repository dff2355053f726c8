"""The end of tenants: what is cleaned at Slack and in Redis, in this order, before the finalizer goes.

Nobody waits for ever: who cannot be cleaned up after goes after a while all the same, and says so.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

import structlog

from rotavatar.clock import Clock
from rotavatar.errors import SlackBusy, Unavailable, VaultError
from rotavatar.keys import Workspace
from rotavatar.records import Status, WorkspaceRecord
from rotavatar.store.members import Tally
from rotavatar.tokens import Tokens
from slacktenant_operator import ending, stating
from slacktenant_operator.cache import Cache, named
from slacktenant_operator.cluster import Cluster, Named
from slacktenant_operator.committing import Committing
from slacktenant_operator.model import SlackTenant, read_tenant
from slacktenant_operator.own_apps import OwnApps
from slacktenant_operator.reasons import Reason
from slacktenant_operator.reporting import Reporting, rfc3339

log = structlog.get_logger()

NOT_REVOKED_YET = "Slack cannot be asked to revoke the bot token"
NOT_CLEANED_YET = "Redis cannot be reached"
NOT_CLEANED = "Redis could not be reached for too long, so nothing was cleaned there; the operator does it later."
NOT_REVOKED = (
    "Slack could not be asked for too long, so the bot token was destroyed here and not revoked there: remove the app "
    "from the workspace if it is still installed."
)


class Releasing:
    """Lets tenants go, and does what their end asks for."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        cache: Cache,
        committing: Committing,
        apps: OwnApps,
        tokens: Tokens,
        reporting: Reporting,
        again: Callable[[Workspace], None],
        clock: Clock,
        serves: Callable[[str], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`again` has a workspace reconciled once more; `serves` says whether a namespace's tenants are looked after.

        `tokens` revokes.
        """
        self._cluster = cluster
        self._cache = cache
        self._committing = committing
        self._apps = apps
        self._tokens = tokens
        self._reporting = reporting
        self._again = again
        self._clock = clock
        self._serves = serves
        self._monotonic = monotonic
        self._unrevoked: dict[Workspace, float] = {}

    async def release(
        self, workspace: Workspace, leaving: Sequence[SlackTenant], record: WorkspaceRecord | None, tally: Tally
    ) -> bool:
        """No tenant holds for the workspace: do what the end of the last one asks for; whether that was anything.

        Raises Unavailable where it is to be tried again, and Stale.
        """
        if record is None or not record.tenant:
            return False
        seen = {**ending.by_name(leaving), **self._cache.ended(workspace)}
        if record.tenant not in seen and not await self._is_gone(record.tenant):
            return False
        after = ending.after_end(record, seen, members=tally.members, now_ms=self._committing.now_ms())
        if ending.ends(record, after):
            await self._revoke(workspace, record, leaving)
        log.info("tenant gone", workspace=workspace, tenant=record.tenant, kept=after.status is not Status.UNINSTALLED)
        async with self.redis_for(leaving):
            if record.app and record.tenant not in seen and not tally.members:
                await self._apps.forget(record.app)
            return await self._committing.commit(workspace, record, after)

    async def forget_apps(self, leaving: Iterable[SlackTenant]) -> bool:
        """Let Slack apps go with the last tenant that declares them; whether one went."""
        changed = False
        for tenant in leaving:
            if tenant.spec.app is not None and not ending.keeps(tenant):
                changed |= await self._apps.forget(tenant.spec.app.app_id)
        return changed

    async def finalize(self, tenant: SlackTenant, *, wanted: bool) -> bool:
        """Set our finalizer, or take it away; whether that was to be done."""
        if ending.has_finalizer(tenant) == wanted:
            return False
        names = ending.finalizers(tenant, wanted=wanted)
        metadata = tenant.metadata
        body = await self._cluster.set_finalizers(named(tenant), metadata.uid, metadata.resource_version, names)
        if body is not None and not (metadata.deletion_timestamp and not names):
            for workspace in self._cache.put_written(tenant, read_tenant(body)):
                self._again(workspace)
        return True

    @asynccontextmanager
    async def redis_for(self, tenants: Iterable[SlackTenant]) -> AsyncIterator[None]:
        """Where Redis is away, or takes no writes, `tenants` are told so before Unavailable is raised."""
        try:
            yield
        except Unavailable:
            await self._without_redis(tenants)
            raise

    async def _without_redis(self, tenants: Iterable[SlackTenant]) -> None:
        """Say of what changed that it waits for Redis, and let nobody wait for ever who is being deleted."""
        now = self._clock.wall()
        for tenant in tenants:
            if tenant.metadata.deletion_timestamp is None:
                if tenant.status.observed_generation < tenant.metadata.generation:
                    await self._reporting.report(tenant, stating.without_redis(tenant, now=rfc3339(now)), now=now)
            elif ending.has_finalizer(tenant):
                if await self._waits(tenant, NOT_CLEANED_YET):
                    continue
                await self._reporting.tell(tenant, Reason.REDIS_UNAVAILABLE, NOT_CLEANED, bad=True, now=now)
                await self.finalize(tenant, wanted=False)

    async def _is_gone(self, name: str) -> bool:
        """Whether the tenant that a record names is gone for certain, though nobody saw it go."""
        namespace, short, uid = name.split("/")
        if not self._serves(namespace):
            return False
        body = await self._cluster.tenant(Named(namespace, short))
        if body is None:
            return True
        for workspace in self._cache.put(read_tenant(body)):
            self._again(workspace)
        return bool(body["metadata"]["uid"] != uid)

    async def _revoke(self, workspace: Workspace, record: WorkspaceRecord, leaving: Sequence[SlackTenant]) -> None:
        """Revoke the bot token, which nobody can do once it is destroyed here."""
        try:
            await self._tokens.revoke_bot(workspace, record)
        except (SlackBusy, VaultError) as error:
            if await self._is_worth_waiting(workspace, leaving):
                raise Unavailable(f"the bot token is not revoked yet: {error}") from None
            log.warning("token not revoked", workspace=workspace, reason=str(error))
            for tenant in leaving:
                wall = self._clock.wall()
                await self._reporting.tell(tenant, Reason.SLACK_UNAVAILABLE, NOT_REVOKED, bad=True, now=wall)
        self._unrevoked.pop(workspace, None)

    async def _is_worth_waiting(self, workspace: Workspace, leaving: Sequence[SlackTenant]) -> bool:
        """No longer than a tenant may be held; where none is held any more, as long from the first try on."""
        if leaving:
            return all([await self._waits(tenant, NOT_REVOKED_YET) for tenant in leaving])
        since = self._unrevoked.setdefault(workspace, self._monotonic())
        return self._monotonic() - since <= ending.PATIENCE_SECONDS

    async def _waits(self, tenant: SlackTenant, problem: str) -> bool:
        """Whether a tenant that is being deleted may still be held; if so, it says why it is."""
        now = self._clock.wall()
        ends = await self._cluster.namespace_ends(tenant.metadata.namespace)
        if ending.out_of_patience(tenant, namespace_ends=ends, now=now):
            return False
        await self._reporting.report(tenant, stating.deleting(tenant, problem, now=rfc3339(now)), now=now)
        return True

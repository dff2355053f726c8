"""Makes everything true about one workspace: reads, lets decide, writes. The same again as often as somebody asks.

Writes go in an order in which a process that dies between two of them leaves nothing that the next one does not mend:
the finalizer before there is something to clean, Redis before the status that says so, Redis clean before the finalizer
goes.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from rotavatar.clock import Clock
from rotavatar.errors import Unavailable
from rotavatar.keys import Workspace
from rotavatar.records import WorkspaceRecord
from rotavatar.store import MemberStore, Outcome, WorkspaceStore
from rotavatar.store.members import Tally
from rotavatar.store.workspaces import Chore
from slacktenant_operator import ending, measures, stating
from slacktenant_operator.cache import Cache, governs, named
from slacktenant_operator.changes import Changes
from slacktenant_operator.cluster import Cluster, Named
from slacktenant_operator.conditions import Finding
from slacktenant_operator.decision import chore_of, governed, governing
from slacktenant_operator.mirroring import Mirroring
from slacktenant_operator.model import Rotations, SlackTenant, read_tenant
from slacktenant_operator.own_apps import OwnApps
from slacktenant_operator.periods import Periods
from slacktenant_operator.reasons import Reason
from slacktenant_operator.reporting import Reporting, rfc3339
from slacktenant_operator.resolving import Resolved, Resolving
from slacktenant_operator.saturation import Saturation

log = structlog.get_logger()

TRIES: Final = 5
"""How often a round begins again at once because the record changed under it."""

ASK_AGAIN_SECONDS: Final = 30.0
"""Until Slack is asked again about a token where it could not be, and named no time."""


class _Stale(Exception):
    """The record changed since it was read."""


class Reconciling:
    """One workspace after the other, or several at a time: `reconcile` is safe as long as each key runs once."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        cache: Cache,
        workspaces: WorkspaceStore,
        members: MemberStore,
        resolving: Resolving,
        reporting: Reporting,
        apps: OwnApps,
        mirroring: Mirroring,
        saturation: Saturation,
        changes: Changes,
        again: Callable[[Workspace], None],
        periods: Periods,
        clock: Clock,
        own_app: str,
        install_url: Callable[[str], str],
        serves: Callable[[str], bool],
    ) -> None:
        """`own_app` is the app of the settings, and `install_url` gives the link for an app.

        `again` has a workspace reconciled once more; `serves` says whether a namespace's tenants are looked after here.
        """
        self._cluster = cluster
        self._cache = cache
        self._workspaces = workspaces
        self._members = members
        self._resolving = resolving
        self._reporting = reporting
        self._apps = apps
        self._mirroring = mirroring
        self._saturation = saturation
        self._changes = changes
        self._again = again
        self._periods = periods
        self._clock = clock
        self._own_app = own_app
        self._install_url = install_url
        self._serves = serves

    async def reconcile(self, workspace: Workspace) -> float | None:
        """Make everything true about `workspace`; seconds until the next look. Raises what is to be tried again."""
        began, outcome = time.monotonic(), "failed"
        mark = self._changes.seen(workspace)
        try:
            changed, seconds = await self._settled(workspace)
            outcome = "changed" if changed else "unchanged"
            if mark is not None:
                await self._changes.settle(workspace, mark)
        finally:
            measures.reconciles.labels(outcome=outcome).observe(time.monotonic() - began)
        return seconds

    async def _settled(self, workspace: Workspace) -> tuple[bool, float | None]:
        for _ in range(TRIES):
            try:
                return await self._round(workspace)
            except _Stale:
                continue
        raise Unavailable("the record of the workspace changes all the time")

    async def _round(self, workspace: Workspace) -> tuple[bool, float | None]:
        tenants = self._cache.of(workspace)
        try:
            record, tally = await asyncio.gather(self._workspaces.read(workspace), self._members.tally(workspace))
        except Unavailable:
            await self._without_redis(tenants)
            raise
        holder = governing(tenants)
        leaving = [tenant for tenant in tenants if tenant.metadata.deletion_timestamp is not None]
        changed = await self._forget_apps([*leaving, *self._cache.ended(workspace).values()])
        if holder is None:
            changed |= await self._release(workspace, leaving, record, tally)
            seconds = None
            if not leaving and record is not None and self._mirroring.is_birth(record):
                await self._mirroring.bear(workspace, record)
                raise _Stale
        else:
            governed_, seconds = await self._govern(workspace, holder, record, tally)
            changed |= governed_ | await self._refuse_others(workspace, holder, tenants)
        for tenant in leaving:
            changed |= await self._finalize(tenant, wanted=False)
        for name in list(self._cache.ended(workspace)):
            self._cache.settle_ended(workspace, name)
        return changed, seconds

    async def _govern(
        self, workspace: Workspace, tenant: SlackTenant, record: WorkspaceRecord | None, tally: Tally
    ) -> tuple[bool, float]:
        full = self._periods.is_due(workspace, tenant.spec.resync_period)
        app = tenant.spec.app.app_id if tenant.spec.app else self._own_app
        mirrors = self._mirroring.mirrors(tenant)
        resolved = await self._resolved(workspace, tenant, record, app=app, full=full, mirrors=mirrors)
        changed = await self._finalize(tenant, wanted=ending.wants_finalizer(tenant, members=tally.members))
        tenant = self._cache.get(named(tenant)) or tenant
        policy, synced = stating.declared_policy(tenant)
        if tenant.spec.app is not None and resolved.values:
            settled = await self._apps.settle(tenant, tenant.spec.app, resolved.values)
            changed, synced = changed | settled.changed, settled.conflict or synced
        after = governed(record, tenant, policy=policy, token=resolved.token, app=app, now_ms=self._now_ms())
        changed |= await self._commit(workspace, record, after)
        if mirrors:
            changed |= await self._mirroring.mirror(workspace, tenant, after)
            if await self._mirroring.end(tenant, after):
                return True, self._periods.left(workspace)
        rotations = await self._saturation.of(workspace, after.policy.limits, tally)
        changed |= await self._report(workspace, tenant, after, resolved, synced, rotations=rotations, app=app)
        if full:
            self._periods.looked(workspace, tenant.spec.resync_period)
        return changed, self._next_look(workspace, tenant, resolved)

    async def _report(
        self,
        workspace: Workspace,
        tenant: SlackTenant,
        record: WorkspaceRecord,
        resolved: Resolved,
        synced: Finding,
        *,
        rotations: Rotations | None,
        app: str,
    ) -> bool:
        link = self._install_url(app)
        credentials = resolved.credentials or stating.by_oauth(record, workspace=workspace, link=link)
        aspects = [
            resolved.secrets,
            credentials,
            synced,
            stating.saturated(rotations),
        ]
        missing = credentials.reason in (Reason.NOT_INSTALLED, Reason.UNINSTALLED)
        now = self._clock.wall()
        status = stating.stated(
            tenant,
            [stating.ready(tenant, aspects, record=record), *aspects],
            record=record,
            rotations=rotations,
            install_url=link if missing else "",
            now=rfc3339(now),
        )
        return await self._reporting.report(tenant, status, now=now)

    async def _resolved(
        self,
        workspace: Workspace,
        tenant: SlackTenant,
        record: WorkspaceRecord | None,
        *,
        app: str,
        full: bool,
        mirrors: bool,
    ) -> Resolved:
        """What the tenant's references come to; those of an installation lead to what we wrote ourselves."""
        if mirrors:
            token = await self._mirroring.healed(workspace, tenant, app=app) if record is None else None
            return Resolved(stating.mirrored(), None, token=token)
        if tenant.spec.app is not None:
            await self._apps.refresh()
        known = tenant.spec.app is None or self._apps.in_step(tenant, tenant.spec.app)
        return await self._resolving.resolve(workspace, tenant, record, app=app, full=full, app_known=known)

    async def _forget_apps(self, leaving: list[SlackTenant]) -> bool:
        """Slack apps go with the last tenant that declares them."""
        changed = False
        for tenant in leaving:
            if tenant.spec.app is not None and not ending.keeps(tenant):
                changed |= await self._apps.forget(tenant.spec.app.app_id)
        return changed

    def _next_look(self, workspace: Workspace, tenant: SlackTenant, resolved: Resolved) -> float:
        seconds = self._periods.left(workspace)
        seconds = min(seconds, self._saturation.seconds_left(workspace) or seconds)
        if tenant.spec.app is not None:
            seconds = min(seconds, self._apps.seconds_left(tenant.spec.app) or seconds)
        if resolved.credentials is not None and resolved.credentials.reason is Reason.SLACK_UNAVAILABLE:
            seconds = min(seconds, resolved.retry_after or ASK_AGAIN_SECONDS)
        return seconds

    async def _refuse_others(self, workspace: Workspace, holder: SlackTenant, tenants: list[SlackTenant]) -> bool:
        """Tell the tenants that came later that the workspace is taken."""
        changed, now = False, self._clock.wall()
        for tenant in tenants:
            if tenant is holder or governs(tenant) == governs(holder) or tenant.metadata.deletion_timestamp is not None:
                continue
            findings = stating.duplicate(workspace, holder)
            status = stating.stated(tenant, findings, record=None, now=rfc3339(now))
            changed |= await self._reporting.report(tenant, status, now=now)
        return changed

    async def _release(
        self, workspace: Workspace, leaving: list[SlackTenant], record: WorkspaceRecord | None, tally: Tally
    ) -> bool:
        """No tenant holds for the workspace: do what the end of the last one asks for."""
        self._periods.forget(workspace)
        self._saturation.forget(workspace)
        if record is None or not record.tenant:
            return False
        seen = {**ending.by_name(leaving), **self._cache.ended(workspace)}
        if record.tenant not in seen and not await self._is_gone(record.tenant):
            return False
        if record.app and record.tenant not in seen and not tally.members:
            await self._apps.forget(record.app)
        after = ending.after_end(record, seen, members=tally.members, now_ms=self._now_ms())
        log.info("tenant gone", workspace=workspace, tenant=record.tenant, kept=not after.status and bool(record.name))
        return await self._commit(workspace, record, after)

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

    async def _commit(self, workspace: Workspace, before: WorkspaceRecord | None, after: WorkspaceRecord) -> bool:
        """Store a record; whether it was another one."""
        if after == before:
            return False
        kind = chore_of(before, after)
        now_ms = self._now_ms()
        chore = (Chore(kind, workspace), now_ms) if kind else None
        outcome = await self._workspaces.commit(workspace, before, after, chore=chore, now_ms=now_ms, announce=False)
        if outcome is not Outcome.OK:
            raise _Stale
        log.info("workspace changed", workspace=workspace, tenant=after.tenant, chore=kind or "")
        return True

    async def _finalize(self, tenant: SlackTenant, *, wanted: bool) -> bool:
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

    async def _without_redis(self, tenants: list[SlackTenant]) -> None:
        """Say of what changed that it waits, and let nobody wait for ever who is being deleted."""
        now = self._clock.wall()
        for tenant in tenants:
            if tenant.metadata.deletion_timestamp is not None:
                await self._let_go(tenant, now=now)
            elif tenant.status.observed_generation < tenant.metadata.generation:
                await self._reporting.report(tenant, stating.without_redis(tenant, now=rfc3339(now)), now=now)

    async def _let_go(self, tenant: SlackTenant, *, now: float) -> None:
        if not ending.has_finalizer(tenant):
            return
        ends = await self._cluster.namespace_ends(tenant.metadata.namespace)
        if ending.out_of_patience(tenant, namespace_ends=ends, now=now):
            note = "Redis could not be reached for too long, so nothing was cleaned there; the operator does it later."
            await self._reporting.tell(tenant, Reason.REDIS_UNAVAILABLE, note, bad=True, now=now)
            await self._finalize(tenant, wanted=False)

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)

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
from rotavatar.store import MemberStore, WorkspaceStore
from rotavatar.store.members import Tally
from slacktenant_operator import ending, measures, stating
from slacktenant_operator.cache import Cache, governs, named
from slacktenant_operator.changes import Changes
from slacktenant_operator.committing import Committing, Stale
from slacktenant_operator.conditions import Finding
from slacktenant_operator.decision import governed, governing
from slacktenant_operator.mirroring import Mirroring
from slacktenant_operator.model import Rotations, SlackTenant
from slacktenant_operator.own_apps import OwnApps
from slacktenant_operator.periods import Periods
from slacktenant_operator.reasons import Reason
from slacktenant_operator.releasing import Releasing
from slacktenant_operator.reporting import Reporting, rfc3339
from slacktenant_operator.resolving import Resolved, Resolving
from slacktenant_operator.saturation import Saturation

log = structlog.get_logger()

TRIES: Final = 5
"""How often a round begins again at once because the record changed under it."""

ASK_AGAIN_SECONDS: Final = 30.0
"""Until Slack is asked again about a token where it could not be, and named no time."""


class Reconciling:
    """One workspace after the other, or several at a time: `reconcile` is safe as long as each key runs once."""

    def __init__(
        self,
        *,
        cache: Cache,
        workspaces: WorkspaceStore,
        members: MemberStore,
        committing: Committing,
        releasing: Releasing,
        resolving: Resolving,
        reporting: Reporting,
        apps: OwnApps,
        mirroring: Mirroring,
        saturation: Saturation,
        changes: Changes,
        periods: Periods,
        clock: Clock,
        own_app: str,
        install_url: Callable[[str], str],
    ) -> None:
        """`own_app` is the app of the settings, and `install_url` gives the link for an app."""
        self._cache = cache
        self._workspaces = workspaces
        self._members = members
        self._committing = committing
        self._releasing = releasing
        self._resolving = resolving
        self._reporting = reporting
        self._apps = apps
        self._mirroring = mirroring
        self._saturation = saturation
        self._changes = changes
        self._periods = periods
        self._clock = clock
        self._own_app = own_app
        self._install_url = install_url

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
            except Stale:
                continue
        raise Unavailable("the record of the workspace changes all the time")

    async def _round(self, workspace: Workspace) -> tuple[bool, float | None]:
        tenants = self._cache.of(workspace)
        async with self._releasing.redis_for(tenants):
            record, tally = await asyncio.gather(self._workspaces.read(workspace), self._members.tally(workspace))
        holder = governing(tenants)
        leaving = [tenant for tenant in tenants if tenant.metadata.deletion_timestamp is not None]
        if holder is None:
            self._periods.forget(workspace)
            self._saturation.forget(workspace)
            changed = await self._releasing.release(workspace, leaving, record, tally)
            seconds = None
            if not leaving and record is not None and self._mirroring.is_birth(record):
                await self._mirroring.bear(workspace, record)
                raise Stale
        else:
            governed_, seconds = await self._govern(workspace, holder, record, tally)
            changed = governed_ | await self._refuse_others(workspace, holder, tenants)
        async with self._releasing.redis_for(leaving):
            changed |= await self._releasing.forget_apps([*leaving, *self._cache.ended(workspace).values()])
        for tenant in leaving:
            if self._mirroring.mirrors(tenant):
                changed |= await self._mirroring.remove(tenant)
            changed |= await self._releasing.finalize(tenant, wanted=False)
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
        wanted = ending.wants_finalizer(tenant, record, members=tally.members)
        changed = await self._releasing.finalize(tenant, wanted=wanted)
        tenant = self._cache.get(named(tenant)) or tenant
        policy, synced = stating.declared_policy(tenant)
        if tenant.spec.app is not None and resolved.values:
            async with self._releasing.redis_for(self._cache.of(workspace)):
                settled = await self._apps.settle(tenant, tenant.spec.app, resolved.values)
            changed, synced = changed | settled.changed, settled.conflict or synced
        after = governed(record, tenant, policy=policy, token=resolved.token, app=app, now_ms=self._committing.now_ms())
        async with self._releasing.redis_for(self._cache.of(workspace)):
            changed |= await self._committing.commit(workspace, record, after)
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

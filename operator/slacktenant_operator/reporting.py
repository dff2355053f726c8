"""Tells Kubernetes what was found: a status where it says something else by now, an Event where a tenant turned."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import structlog

from rotavatar.errors import RotavatarError
from rotavatar.keys import Workspace
from slacktenant_operator.cache import Cache, named
from slacktenant_operator.cluster import Cluster
from slacktenant_operator.conditions import transitions
from slacktenant_operator.model import API_VERSION, KIND, SlackTenant, TenantStatus, read_tenant, written
from slacktenant_operator.reasons import Kind

log = structlog.get_logger()

COMPONENT: Final = "rotavatar-operator"


def rfc3339(seconds: float) -> str:
    """A time as Kubernetes writes it, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Reporting:
    """Writes statuses and Events."""

    def __init__(self, *, cluster: Cluster, cache: Cache, again: Callable[[Workspace], None], instance: str) -> None:
        """`again` has a workspace reconciled once more; `instance` names this process in its Events."""
        self._cluster = cluster
        self._cache = cache
        self._again = again
        self._instance = instance

    async def report(self, tenant: SlackTenant, status: TenantStatus, *, now: float) -> bool:
        """Make the tenant's status be `status`; whether that was another one. One that is gone is left alone.

        A tenant that is Ready at once is told of by no Event: ten thousand of them would say nothing new.
        """
        if status == tenant.status:
            return False
        patch = difference(written(tenant.status), written(status))
        body = await self._cluster.patch_status(named(tenant), tenant.metadata.uid, patch)
        if body is not None:
            for workspace in self._cache.put_written(tenant, read_tenant(body)):
                self._again(workspace)
        for condition in transitions(tenant.status.conditions, status.conditions):
            log.info(
                "tenant turned",
                tenant=f"{tenant.metadata.namespace}/{tenant.metadata.name}",
                workspace=tenant.spec.workspace,
                condition=condition.type,
                status=condition.status,
                reason=condition.reason,
            )
            if condition.type == Kind.READY and (tenant.status.conditions or condition.status == "False"):
                await self.tell(tenant, condition.reason, condition.message, bad=condition.status == "False", now=now)
        return True

    async def tell(self, tenant: SlackTenant, reason: str, note: str, *, bad: bool, now: float) -> None:
        """Post an Event about a tenant. One that cannot be posted is logged: nothing depends on it."""
        try:
            await self._cluster.create_event(
                tenant.metadata.namespace, self._event(tenant, reason, note, bad=bad, now=now)
            )
        except RotavatarError as error:
            log.warning("event not posted", reason=str(error), workspace=tenant.spec.workspace)

    def _event(self, tenant: SlackTenant, reason: str, note: str, *, bad: bool, now: float) -> dict[str, Any]:
        at = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        metadata = tenant.metadata
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata.name[:220]}.{uuid4().hex[:16]}", "namespace": metadata.namespace},
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": metadata.name,
                "namespace": metadata.namespace,
                "uid": metadata.uid,
            },
            "eventTime": at,
            "type": "Warning" if bad else "Normal",
            "reason": reason,
            "action": "Reconciled",
            "note": note,
            "reportingController": f"rotavatar.dev/{COMPONENT}",
            "reportingInstance": self._instance[:128],
        }


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that turns `before` into `after` (RFC 7396): null takes away, lists are replaced as a whole."""
    patch: dict[str, Any] = dict.fromkeys(before.keys() - after.keys())
    for name, value in after.items():
        known = before.get(name)
        if isinstance(value, dict) and isinstance(known, dict):
            inner = difference(known, value)
            if inner:
                patch[name] = inner
        elif name not in before or known != value:
            patch[name] = value
    return patch

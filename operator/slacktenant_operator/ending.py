"""What happens in Redis when a tenant goes, and when its finalizer may go. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from rotavatar.records import WorkspaceRecord
from slacktenant_operator.cache import CLEANUP, governs
from slacktenant_operator.decision import released
from slacktenant_operator.model import SlackTenant

PATIENCE_SECONDS: Final = 600.0
"""How long a tenant that is being deleted waits for Redis. What is left behind is found by the next comparison."""

PATIENCE_OF_NAMESPACE_SECONDS: Final = 60.0
"""The same where its whole namespace is being deleted: somebody waits for that."""


def has_finalizer(tenant: SlackTenant) -> bool:
    """Whether the end of the tenant waits for us."""
    return CLEANUP in tenant.metadata.finalizers


def wants_finalizer(tenant: SlackTenant, *, members: int) -> bool:
    """Whether there would be something to clean: who has nobody's data and no app of their own may go at once."""
    return tenant.spec.deletion_policy == "Delete" and (members > 0 or tenant.spec.app is not None)


def finalizers(tenant: SlackTenant, *, wanted: bool) -> list[str]:
    """The tenant's finalizers with ours, or without it."""
    others = [name for name in tenant.metadata.finalizers if name != CLEANUP]
    return [*others, CLEANUP] if wanted else others


def keeps(tenant: SlackTenant) -> bool:
    """Whether everything goes on without the tenant."""
    return tenant.spec.deletion_policy == "Retain"


def after_end(
    record: WorkspaceRecord, leaving: Mapping[str, SlackTenant], *, members: int, now_ms: int
) -> WorkspaceRecord:
    """The record of a workspace that no tenant holds for any more. `leaving` are those whose end was seen, by name.

    A tenant whose end nobody saw takes nobody's data with it: a listing may be wrong.
    """
    if not record.tenant:
        return record
    tenant = leaving.get(record.tenant)
    keep = members > 0 if tenant is None else keeps(tenant)
    return released(record, keep=keep, now_ms=now_ms)


def by_name(tenants: list[SlackTenant]) -> dict[str, SlackTenant]:
    """Tenants by the name that a record has for them."""
    return {governs(tenant): tenant for tenant in tenants}


def out_of_patience(tenant: SlackTenant, *, namespace_ends: bool, now: float) -> bool:
    """Whether a tenant that is being deleted has waited long enough for Redis."""
    if tenant.metadata.deletion_timestamp is None:
        return False
    asked = datetime.fromisoformat(tenant.metadata.deletion_timestamp).timestamp()
    return now - asked > (PATIENCE_OF_NAMESPACE_SECONDS if namespace_ends else PATIENCE_SECONDS)

"""What happens in Redis when a tenant goes, and when its finalizer may go. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from rotavatar.records import Status, WorkspaceRecord
from slacktenant_operator.cache import CLEANUP, governs
from slacktenant_operator.decision import is_oauth_born, released
from slacktenant_operator.model import SlackTenant

PATIENCE_SECONDS: Final = 600.0
"""How long a tenant that is being deleted waits for Redis, or for Slack to revoke its token.

What is left behind in Redis is found by the next comparison."""

PATIENCE_OF_NAMESPACE_SECONDS: Final = 60.0
"""The same where its whole namespace is being deleted: somebody waits for that."""


def has_finalizer(tenant: SlackTenant) -> bool:
    """Whether the end of the tenant waits for us."""
    return CLEANUP in tenant.metadata.finalizers


def wants_finalizer(tenant: SlackTenant, record: WorkspaceRecord | None, *, members: int) -> bool:
    """Whether there would be something to clean: members' data, an app of its own, a token that came by OAuth."""
    if keeps(tenant):
        return False
    return members > 0 or tenant.spec.app is not None or _is_revocable(tenant, record)


def _is_revocable(tenant: SlackTenant, record: WorkspaceRecord | None) -> bool:
    """Whether the bot token is ours: nobody declares it, nor is about to."""
    declares = tenant.spec.bot_token is not None and not is_oauth_born(tenant)
    return record is not None and bool(record.credential) and not record.source and not declares


def ends(before: WorkspaceRecord, after: WorkspaceRecord) -> bool:
    """Whether the installation ends between two records."""
    return before.status is not Status.UNINSTALLED and after.status is Status.UNINSTALLED


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


def by_name(tenants: Iterable[SlackTenant]) -> dict[str, SlackTenant]:
    """Tenants by the name that a record has for them."""
    return {governs(tenant): tenant for tenant in tenants}


def out_of_patience(tenant: SlackTenant, *, namespace_ends: bool, now: float) -> bool:
    """Whether a tenant that is being deleted has waited long enough for Redis."""
    if tenant.metadata.deletion_timestamp is None:
        return False
    asked = datetime.fromisoformat(tenant.metadata.deletion_timestamp).timestamp()
    return now - asked > (PATIENCE_OF_NAMESPACE_SECONDS if namespace_ends else PATIENCE_SECONDS)

"""What a workspace's record in Redis has to say, decided from the SlackTenants that name it. Pure.

Whatever is applied and decided upon once more asks for nothing: each function returns the record that it was given
where that one is right already.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from rotavatar.policy import Policy
from rotavatar.records import Status, Suspension, WorkspaceRecord, under_policy
from rotavatar.slack.answers import Identity
from rotavatar.store.workspaces import ChoreKind
from slacktenant_operator.cache import governs
from slacktenant_operator.conditions import find
from slacktenant_operator.model import SlackTenant
from slacktenant_operator.reasons import Kind, Reason

ORIGIN: Final = "rotavatar.dev/origin"
OAUTH: Final = "oauth"


class Sealed(NamedTuple):
    """A bot token of a Secret that may be used: Slack says whose it is."""

    credential: bytes
    """The sealed token; the blob that the record holds where it is the same token."""
    source: str
    identity: Identity


def governing(tenants: Sequence[SlackTenant]) -> SlackTenant | None:
    """The tenant that holds for the workspace: the first that was created of those that are not being deleted."""
    return next((tenant for tenant in tenants if tenant.metadata.deletion_timestamp is None), None)


def is_oauth_born(tenant: SlackTenant) -> bool:
    """Whether an installation by OAuth brought the tenant about."""
    return tenant.metadata.labels.get(ORIGIN) == OAUTH


def governed(
    record: WorkspaceRecord | None,
    tenant: SlackTenant,
    *,
    policy: Policy | None,
    token: Sealed | None,
    app: str,
    now_ms: int,
) -> WorkspaceRecord:
    """The record of a workspace that `tenant` holds for.

    Without `token` the present credential stays in use, without `policy` the present rules.
    """
    present = record or WorkspaceRecord()
    wanted = replace(present, tenant=governs(tenant), suspended=_suspension(present, tenant))
    if policy is not None:
        wanted = under_policy(wanted, policy)
    if token is not None:
        return _installed(wanted, token, app=app, now_ms=now_ms)
    if tenant.spec.bot_token is None and present.source:
        return replace(wanted, source="", credential=b"", credential_at=0, refresh_at=0, bot_user="")
    return wanted


def _installed(record: WorkspaceRecord, token: Sealed, *, app: str, now_ms: int) -> WorkspaceRecord:
    identity = token.identity
    known = replace(
        record,
        source=token.source,
        app=app,
        name=identity.team_name or record.name,
        enterprise=identity.enterprise_id or "",
        org=identity.is_enterprise_install,
        bot_user=identity.user_id,
    )
    if record.status is Status.UNINSTALLED:
        known = replace(known, status=Status.ACTIVE, status_at=0, epoch=record.epoch + 1)
    if token.credential == record.credential:
        return known
    return replace(known, credential=token.credential, credential_at=now_ms, refresh_at=0)


def _suspension(record: WorkspaceRecord, tenant: SlackTenant) -> Suspension:
    """An installation that waits for approval goes on to wait as such; whatever else rests does so for the operator."""
    if not tenant.spec.suspend:
        return Suspension.NO
    if record.suspended is not Suspension.NO:
        return record.suspended
    ready = find(tenant.status.conditions, Kind.READY)
    waited = is_oauth_born(tenant) and ready is not None and ready.reason == Reason.AWAITING_APPROVAL
    return Suspension.APPROVAL if waited else Suspension.OPERATOR


def chore_of(before: WorkspaceRecord | None, after: WorkspaceRecord) -> ChoreKind | None:
    """The long work that a change of a record makes necessary."""
    if after.status is Status.UNINSTALLED:
        return None if before is not None and before.status is Status.UNINSTALLED else ChoreKind.WIPE
    if before is None:
        return None
    told = (before.policy, before.limits, before.suspended)
    return ChoreKind.POLICY if told != (after.policy, after.limits, after.suspended) else None


def released(record: WorkspaceRecord, *, keep: bool, now_ms: int) -> WorkspaceRecord:
    """The record of a workspace whose tenant is gone: `keep` everything as it is, else end the installation."""
    if keep:
        return replace(record, tenant="")
    bare = replace(
        under_policy(record, Policy()), tenant="", source="", suspended=Suspension.NO, credential=b"", refresh_at=0
    )
    if record.status is Status.UNINSTALLED:
        return bare
    return replace(bare, status=Status.UNINSTALLED, status_at=now_ms)

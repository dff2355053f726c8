"""What a SlackTenant's status says, from what was found and done. Pure."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from rotavatar.errors import ConfigurationError
from rotavatar.keys import Workspace
from rotavatar.policy import Policy
from rotavatar.records import Status, Suspension, WorkspaceRecord
from slacktenant_operator.conditions import Finding, fails, find, holds, kept, merged, unknown
from slacktenant_operator.conversion import policy_of
from slacktenant_operator.model import CredentialSeen, Rotations, SlackTenant, TenantStatus, WorkspaceFacts
from slacktenant_operator.reasons import Kind, Reason

BAD_CREDENTIALS: Final = frozenset(
    {
        Reason.TOKEN_REFUSED,
        Reason.WRONG_WORKSPACE,
        Reason.WRONG_APP,
        Reason.NOT_A_BOT_TOKEN,
        Reason.ROTATING_TOKEN,
        Reason.SCOPE_MISSING,
    }
)
"""What Slack, or the token itself, said once: being away takes nothing of it back."""


def stated(
    tenant: SlackTenant,
    findings: Sequence[Finding],
    *,
    record: WorkspaceRecord | None,
    rotations: Rotations | None = None,
    install_url: str = "",
    now: str,
) -> TenantStatus:
    """The status of a tenant. `record` is None where the tenant does not hold for its workspace; `now` is RFC 3339."""
    generation = tenant.metadata.generation
    return TenantStatus(
        observed_generation=generation,
        conditions=merged(tenant.status.conditions, findings, generation=generation, now=now),
        workspace=_facts(record),
        credential=_credential(record),
        rotations=rotations,
        install_url=install_url,
    )


def _facts(record: WorkspaceRecord | None) -> WorkspaceFacts | None:
    if record is None or not (record.name or record.enterprise):
        return None
    return WorkspaceFacts(name=record.name[:256], enterprise=record.enterprise)


def _credential(record: WorkspaceRecord | None) -> CredentialSeen | None:
    if record is None or not record.source:
        return None
    uid, _, version = record.source.partition("/")
    return CredentialSeen(secret_uid=uid, resource_version=version)


def declared_policy(tenant: SlackTenant) -> tuple[Policy | None, Finding]:
    """The tenant's policy for the services, None where it contradicts itself; and the condition Synced."""
    try:
        return policy_of(tenant.spec.policy), holds(Kind.SYNCED, Reason.SYNCED)
    except ConfigurationError as error:
        return None, fails(Kind.SYNCED, Reason.POLICY_INVALID, problem=str(error))


def by_oauth(record: WorkspaceRecord | None, *, workspace: Workspace, link: str) -> Finding:
    """CredentialsValid where no Secret declares the token: what installing the app brought."""
    if record is not None and record.credential and record.status is not Status.UNINSTALLED:
        return holds(Kind.CREDENTIALS, Reason.VALID, workspace=workspace)
    if record is not None and record.status is Status.UNINSTALLED:
        return fails(Kind.CREDENTIALS, Reason.UNINSTALLED, workspace=workspace)
    return fails(Kind.CREDENTIALS, Reason.NOT_INSTALLED, workspace=workspace, link=link)


def mirrored() -> Finding:
    """SecretsResolved where the Secret is written from what Redis holds."""
    return holds(Kind.SECRETS, Reason.RESOLVED)


def saturated(rotations: Rotations | None) -> Finding:
    """Whether members ask for more than the limits let through."""
    if rotations is None:
        return fails(Kind.SATURATED, Reason.WITHIN_LIMITS)
    return holds(
        Kind.SATURATED,
        Reason.ABOVE_LIMITS,
        wanted=str(rotations.wanted_per_hour),
        allowed=str(rotations.allowed_per_hour),
    )


def ready(tenant: SlackTenant, findings: Sequence[Finding], *, record: WorkspaceRecord) -> Finding:
    """The summary: the first aspect that fails, else whether it rests.

    What nobody can say now fails nothing that worked, and makes nothing work that failed.
    """
    aspects = {finding.kind: finding for finding in findings}
    for kind in (Kind.SYNCED, Kind.SECRETS, Kind.CREDENTIALS):
        if aspects[kind].status == "False":
            return Finding(Kind.READY, "False", aspects[kind].reason, aspects[kind].message)
    if record.suspended is Suspension.APPROVAL:
        return fails(Kind.READY, Reason.AWAITING_APPROVAL)
    if record.suspended is Suspension.OPERATOR:
        return fails(Kind.READY, Reason.SUSPENDED)
    credentials, before = aspects[Kind.CREDENTIALS], find(tenant.status.conditions, Kind.READY)
    if credentials.status == "Unknown" and before is not None and before.reason in BAD_CREDENTIALS:
        return kept(before)
    if credentials.status == "Unknown" and not (record.credential and record.status is Status.ACTIVE):
        return Finding(Kind.READY, "Unknown", credentials.reason, credentials.message)
    return holds(Kind.READY, Reason.READY)


def duplicate(workspace: Workspace, first: SlackTenant) -> list[Finding]:
    """All that is said of a tenant whose workspace another one declared before."""
    facts = {"workspace": workspace, "first": f"{first.metadata.namespace}/{first.metadata.name}"}
    rest = [unknown(kind, Reason.DUPLICATE, **facts) for kind in (Kind.SECRETS, Kind.CREDENTIALS)]
    return [
        fails(Kind.READY, Reason.DUPLICATE, **facts),
        *rest,
        fails(Kind.SYNCED, Reason.DUPLICATE, **facts),
        unknown(Kind.SATURATED, Reason.DUPLICATE, **facts),
    ]


def without_redis(tenant: SlackTenant, *, now: str) -> TenantStatus:
    """The status of a change that waits for Redis: Synced is false, and Ready with it; the rest is as it was."""
    away = fails(Kind.SYNCED, Reason.REDIS_UNAVAILABLE)
    ready_ = Finding(Kind.READY, "False", away.reason, away.message)
    return _held(tenant, [ready_], [away], keeps=(Kind.SECRETS, Kind.CREDENTIALS, Kind.SATURATED), now=now)


def deleting(tenant: SlackTenant, problem: str, *, now: str) -> TenantStatus:
    """The status of a tenant whose deletion waits, and for what; the rest is as it was."""
    held = fails(Kind.READY, Reason.DELETING, problem=problem)
    kinds = (Kind.SECRETS, Kind.CREDENTIALS, Kind.SYNCED, Kind.SATURATED)
    return _held(tenant, [held], [], keeps=kinds, now=now)


def _held(
    tenant: SlackTenant, first: list[Finding], last: list[Finding], *, keeps: Sequence[Kind], now: str
) -> TenantStatus:
    known = {condition.type: condition for condition in tenant.status.conditions}
    findings = [*first, *(kept(known[kind]) for kind in keeps if kind in known), *last]
    generation = tenant.metadata.generation
    conditions = merged(tenant.status.conditions, findings, generation=generation, now=now)
    return replace(tenant.status, conditions=conditions, observed_generation=generation)

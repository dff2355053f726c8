"""Follows a tenant's references: reads the Secrets that may have changed, and asks Slack about a token that is new.

A Secret whose version the record names already is not read again, and a token that Slack knew is not asked about again,
until the slow resync: a restart with everything in step reads no Secret and calls Slack for nobody.
"""

from collections.abc import Mapping

import msgspec

from rotavatar.configuration import Secret
from rotavatar.credentials import Credential, open_credential, seal_credential
from rotavatar.errors import VaultError
from rotavatar.keys import Workspace
from rotavatar.records import WorkspaceRecord
from rotavatar.vault import Owner, Vault
from slacktenant_operator.checking import Checking, Verdict
from slacktenant_operator.cluster import Cluster, Named, SecretContent
from slacktenant_operator.conditions import Finding, find, kept, unknown
from slacktenant_operator.decision import Sealed
from slacktenant_operator.model import SlackTenant
from slacktenant_operator.reading import KeyReference, Trouble, reference, references, resolved, value
from slacktenant_operator.reasons import Kind, Reason
from slacktenant_operator.secrets_informer import SecretsInformer


class Resolved(msgspec.Struct, frozen=True):
    """What a tenant's references came to."""

    secrets: Finding
    """The condition SecretsResolved."""
    credentials: Finding | None
    """The condition CredentialsValid; None where no Secret declares the bot token."""
    token: Sealed | None = None
    """A bot token to be in use from now on; None: what is in use stays."""
    values: Mapping[KeyReference, Secret] = {}
    """What was read for the tenant's own Slack app."""
    retry_after: float | None = None
    """Seconds after which Slack is to be asked again, where it could not be."""


class Resolving:
    """Reads and checks."""

    def __init__(self, *, cluster: Cluster, informer: SecretsInformer, checking: Checking, vault: Vault) -> None:
        """Everything that it reads through."""
        self._cluster = cluster
        self._informer = informer
        self._checking = checking
        self._vault = vault

    async def resolve(
        self,
        workspace: Workspace,
        tenant: SlackTenant,
        record: WorkspaceRecord | None,
        *,
        app: str,
        full: bool,
        app_known: bool,
    ) -> Resolved:
        """Follow the references of the tenant that holds; `full` reads and asks whatever seems to be in step.

        `app_known` says that the tenant's own Slack app is stored as its Secrets have it, or that it has none.
        """
        if not full and app_known and self._in_step(tenant, record):
            return self._as_before(tenant)
        asked = references(tenant)
        contents = {secret: await self._cluster.secret(secret) for secret in {at.secret for at in asked}}
        found = {at: value(contents[at.secret], at) for at in asked}
        troubles = {at: outcome for at, outcome in found.items() if isinstance(outcome, Trouble)}
        values = {at: outcome for at, outcome in found.items() if isinstance(outcome, Secret)}
        secrets = resolved(asked, troubles, _unlabelled(contents))
        declared = tenant.spec.bot_token
        if declared is None:
            return Resolved(secrets, None, values=values)
        at = reference(tenant, declared, declared.key)
        content = contents[at.secret]
        if content is None or at not in values:
            return Resolved(secrets, self._unread(tenant), values=values)
        verdict = await self._verdict(workspace, tenant, record, values[at], content.identity, app=app, full=full)
        token = self._sealed(workspace, record, values[at], content.identity, verdict)
        return Resolved(secrets, verdict.finding, token=token, values=values, retry_after=verdict.retry_after)

    def _in_step(self, tenant: SlackTenant, record: WorkspaceRecord | None) -> bool:
        """Whether the token that is in use was read from the Secret as it is, and Slack knew it."""
        declared = tenant.spec.bot_token
        if record is None:
            return False
        if declared is None:
            return True
        identity = self._informer.identity(Named(tenant.metadata.namespace, declared.name))
        return bool(identity) and record.source == identity and bool(record.credential) and _was_valid(tenant, identity)

    @staticmethod
    def _as_before(tenant: SlackTenant) -> Resolved:
        secrets = resolved(references(tenant), {}, frozenset())
        if tenant.spec.bot_token is None:
            return Resolved(secrets, None)
        before = find(tenant.status.conditions, Kind.CREDENTIALS)
        assert before is not None  # or it would not be in step
        return Resolved(secrets, kept(before))

    @staticmethod
    def _unread(tenant: SlackTenant) -> Finding:
        """What is said of the token while its Secret cannot be read: what was known, as it stays in use."""
        before = find(tenant.status.conditions, Kind.CREDENTIALS)
        if before is not None and before.status == "True":
            return kept(before)
        return unknown(Kind.CREDENTIALS, Reason.NOT_CHECKED)

    async def _verdict(
        self,
        workspace: Workspace,
        tenant: SlackTenant,
        record: WorkspaceRecord | None,
        token: Secret,
        identity: str,
        *,
        app: str,
        full: bool,
    ) -> Verdict:
        before = find(tenant.status.conditions, Kind.CREDENTIALS)
        in_use = record is not None and record.source == identity and bool(record.credential)
        if not full and in_use and before is not None and _was_valid(tenant, identity):
            return Verdict(kept(before))
        return await self._checking.check(workspace, token, app=app)

    def _sealed(
        self, workspace: Workspace, record: WorkspaceRecord | None, token: Secret, source: str, verdict: Verdict
    ) -> Sealed | None:
        if verdict.identity is None:
            return None
        owner = Owner("bot", workspace)
        scopes = tuple(sorted(verdict.identity.scopes))
        blob = record.credential if record is not None else b""
        if not blob or not self._holds(blob, owner, token, scopes):
            blob = seal_credential(self._vault, Credential(access_token=token, scopes=scopes), owner)
        return Sealed(blob, source, verdict.identity)

    def _holds(self, blob: bytes, owner: Owner, token: Secret, scopes: tuple[str, ...]) -> bool:
        try:
            present = open_credential(self._vault, blob, owner)
        except VaultError:
            return False
        return present.access_token == token and present.refresh_token is None and present.scopes == scopes


def _was_valid(tenant: SlackTenant, identity: str) -> bool:
    seen = tenant.status.credential
    before = find(tenant.status.conditions, Kind.CREDENTIALS)
    same = seen is not None and f"{seen.secret_uid}/{seen.resource_version}" == identity
    return same and before is not None and before.status == "True"


def _unlabelled(contents: Mapping[Named, SecretContent | None]) -> frozenset[str]:
    return frozenset(at.name for at, content in contents.items() if content is not None and not content.labelled)

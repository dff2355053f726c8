"""Installations by OAuth as SlackTenants and Secrets: made, kept up to date, and taken away again.

Redis is the source. What the Secret of such a tenant holds never flows back, except where Redis lost the record.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog
from msgspec.structs import replace

from rotavatar.configuration import Secret
from rotavatar.credentials import Credential, open_credential, seal_credential
from rotavatar.errors import ConfigurationError, CredentialDead, SlackBusy, Unavailable
from rotavatar.keys import Workspace
from rotavatar.records import Status, Suspension, WorkspaceRecord
from rotavatar.tokens import Tokens
from rotavatar.vault import Owner, Vault
from slacktenant_operator.cache import Cache
from slacktenant_operator.checking import Checking
from slacktenant_operator.cluster import Body, Cluster, Metadata, Named, Overtaken, SecretContent
from slacktenant_operator.conversion import contradictions
from slacktenant_operator.decision import OAUTH, ORIGIN, Sealed, is_oauth_born
from slacktenant_operator.model import API_VERSION, KIND, SlackTenant, TenantPolicy, read_tenant
from slacktenant_operator.secrets_informer import SecretsInformer

log = structlog.get_logger()

LABELS: Final = {ORIGIN: OAUTH, "app.kubernetes.io/managed-by": "rotavatar"}
CREDENTIAL_LABEL: Final = {"rotavatar.dev/credential": "true"}
SECRET_TYPE: Final = "rotavatar.dev/slack-credential"  # noqa: S105 - a type
TOKEN_KEY: Final = "token"  # noqa: S105 - a key


def born_policy(setting: str) -> Body:
    """`spec.policy` of tenants that are made. Raises ConfigurationError where it cannot be one."""
    if not setting:
        return {}
    name = "ROTAVATAR_INSTALL_TENANT_POLICY"
    try:
        declared = msgspec.json.decode(setting, type=TenantPolicy)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{name} is no spec.policy of a SlackTenant: {error}.") from None
    if found := contradictions(declared):
        raise ConfigurationError(f"{name}: {'; '.join(found)}.")
    return msgspec.json.decode(setting, type=Body)


class Mirroring:
    """Makes and keeps what shows an installation in Kubernetes."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        cache: Cache,
        informer: SecretsInformer,
        vault: Vault,
        checking: Checking,
        tokens: Tokens,
        namespace: str,
        policy: Body,
    ) -> None:
        """In `namespace` (empty: nowhere), new tenants with `policy`."""
        self._cluster = cluster
        self._cache = cache
        self._informer = informer
        self._vault = vault
        self._checking = checking
        self._tokens = tokens
        self._namespace = namespace
        self._policy = policy
        self._mirrored: dict[Workspace, tuple[str, bytes]] = {}

    def mirrors(self, tenant: SlackTenant) -> bool:
        """Whether the tenant shows an installation, so that its Secret is ours."""
        return bool(self._namespace) and tenant.metadata.namespace == self._namespace and is_oauth_born(tenant)

    def is_birth(self, record: WorkspaceRecord | None) -> bool:
        """Whether a workspace that has no tenant gets one."""
        if not self._namespace or record is None or record.tenant or record.source:
            return False
        return record.status is Status.ACTIVE and bool(record.credential)

    async def bear(self, workspace: Workspace, record: WorkspaceRecord) -> None:
        """Make the tenant of an installation. Raises Unavailable where its name is taken by somebody else's."""
        at = Named(self._namespace, workspace.lower())
        spec: Body = {"workspace": workspace, "botToken": {"name": at.name, "key": TOKEN_KEY}}
        if self._policy:
            spec["policy"] = self._policy
        if record.suspended is not Suspension.NO:
            spec["suspend"] = True
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": at.name, "namespace": at.namespace, "labels": LABELS},
            "spec": spec,
        }
        try:
            made = await self._cluster.create_tenant(self._namespace, body)
            log.info("tenant made", workspace=workspace, tenant=f"{at.namespace}/{at.name}")
        except Overtaken:
            found = await self._cluster.tenant(at)
            if found is None or found["spec"]["workspace"] != workspace:
                raise Unavailable(
                    f"the name {at.namespace}/{at.name} is taken by a tenant of another workspace"
                ) from None
            made = found
        self._cache.put(read_tenant(made))

    async def mirror(self, workspace: Workspace, tenant: SlackTenant, record: WorkspaceRecord) -> bool:
        """Make the tenant's Secret hold the installation's token, or be gone where there is none; whether it did."""
        at = self._secret_of(tenant)
        blob = record.credential if record.status is Status.ACTIVE else b""
        if self._mirrored.get(workspace) == (self._informer.identity(at), _digest(blob)):
            return False
        found = await self._cluster.secret(at)
        if not blob:
            changed, identity = await self._remove(at, found), ""
        else:
            written = await self._written(workspace, tenant, at, found, blob)
            changed, identity = written is not None, written or ("" if found is None else found.identity)
        self._mirrored[workspace] = (identity, _digest(blob))
        return changed

    async def end(self, tenant: SlackTenant, record: WorkspaceRecord) -> bool:
        """Delete the tenant of an installation that was removed, where its deletionPolicy says so."""
        if record.status is not Status.UNINSTALLED or tenant.spec.deletion_policy != "Delete":
            return False
        await self._cluster.delete_tenant(Named(tenant.metadata.namespace, tenant.metadata.name), tenant.metadata.uid)
        log.info("tenant of a removed installation deleted", workspace=tenant.spec.workspace)
        return True

    async def remove(self, tenant: SlackTenant) -> bool:
        """Delete the Secret of a tenant that goes, without waiting for Kubernetes to do so; whether there was one."""
        at = self._secret_of(tenant)
        return await self._remove(at, await self._cluster.secret(at))

    async def healed(self, workspace: Workspace, tenant: SlackTenant, *, app: str) -> Sealed | None:
        """The token that Redis lost, as the Secret has it and Slack confirms it; None where there is none."""
        found = await self._cluster.secret(self._secret_of(tenant))
        if found is None or TOKEN_KEY not in found.data:
            return None
        credential = await self._renewed(workspace, tenant, found, app=app)
        verdict = await self._checking.confirm(workspace, credential.access_token, app=app)
        if verdict.identity is None:
            log.warning("installation not healed", workspace=workspace, reason=verdict.finding.reason)
            if verdict.finding.status == "Unknown":
                raise Unavailable("Slack cannot be asked about the token that Redis lost")
            return None
        credential = replace(credential, scopes=tuple(sorted(verdict.identity.scopes)))
        return Sealed(seal_credential(self._vault, credential, Owner("bot", workspace)), "", verdict.identity)

    async def _renewed(
        self, workspace: Workspace, tenant: SlackTenant, found: SecretContent, *, app: str
    ) -> Credential:
        """The credential of a Secret, renewed where it expires: the new pair is in the Secret before it is used.

        A process that dies in between leaves the old pair, whose refresh token Slack takes for a short while longer.
        """
        present = _credential(found)
        try:
            renewed = await self._tokens.renewed(workspace, present, app=app)
        except CredentialDead as error:
            log.warning("token not refreshed", workspace=workspace, code=error.code)
            return present
        except SlackBusy as error:
            raise Unavailable(f"the token that Redis lost cannot be renewed now: {error}") from None
        if renewed is not present:
            await self._write(tenant, found.metadata, _data(renewed))
            log.info("token refreshed", workspace=workspace, user="bot")
        return renewed

    def _secret_of(self, tenant: SlackTenant) -> Named:
        reference = tenant.spec.bot_token
        return Named(tenant.metadata.namespace, reference.name if reference else tenant.metadata.name)

    async def _remove(self, at: Named, found: SecretContent | None) -> bool:
        if found is None or found.owner is None:
            return False
        await self._cluster.delete_secret(at, found.metadata.uid)
        return True

    async def _written(
        self, workspace: Workspace, tenant: SlackTenant, at: Named, found: SecretContent | None, blob: bytes
    ) -> str | None:
        """Write the Secret; the identity that it has then, None where there was nothing to write."""
        data = _data(open_credential(self._vault, blob, Owner("bot", workspace)))
        if found is not None and found.data == data and found.owner == tenant.metadata.uid:
            return None
        if found is not None and found.owner is None:
            log.warning("the Secret of an installation is somebody else's", workspace=workspace, secret=at.name)
            return None
        if found is None:
            made = await self._cluster.create_secret(at.namespace, _secret(tenant, at, data))
        else:
            made = await self._write(tenant, found.metadata, data)
        metadata = made["metadata"]
        return f"{metadata.get('uid', '')}/{metadata.get('resourceVersion', '')}"

    async def _write(self, tenant: SlackTenant, present: Metadata, data: Mapping[str, bytes]) -> Body:
        """Replace the Secret that is `present`; without metadata where it is gone. Raises Overtaken."""
        body = _secret(tenant, present.named, data)
        body["metadata"] |= {"uid": present.uid, "resourceVersion": present.resource_version}
        return await self._cluster.replace_secret(present.named, body) or {"metadata": {}}


def _secret(tenant: SlackTenant, at: Named, data: Mapping[str, bytes]) -> Body:
    owner = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": tenant.metadata.name,
        "uid": tenant.metadata.uid,
        "controller": True,
    }
    metadata: dict[str, Any] = {
        "name": at.name,
        "namespace": at.namespace,
        "labels": {**LABELS, **CREDENTIAL_LABEL},
        "ownerReferences": [owner],
    }
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "type": SECRET_TYPE, "metadata": metadata, "data": encoded}


def _data(credential: Credential) -> dict[str, bytes]:
    data = {TOKEN_KEY: credential.access_token.reveal().encode()}
    if credential.refresh_token is not None:
        data["refreshToken"] = credential.refresh_token.reveal().encode()
    if credential.expires_at is not None:
        data["expiresAt"] = str(credential.expires_at).encode()
    return data


def _credential(found: SecretContent) -> Credential:
    token, refresh, expires = found.data[TOKEN_KEY], found.data.get("refreshToken"), found.data.get("expiresAt", b"")
    return Credential(
        access_token=Secret(token.decode("ascii", errors="replace")),
        refresh_token=None if refresh is None else Secret(refresh.decode("ascii", errors="replace")),
        expires_at=int(expires) if expires.isdigit() else None,
    )


def _digest(blob: bytes) -> bytes:
    return hashlib.blake2b(blob, digest_size=8).digest()

"""The SlackTenants as the watch last told of them: by workspace, and by the Secrets that they refer to.

Only what model.py reads of them is kept, not their bodies. It may be behind the API server; whoever writes says which
version they saw.
"""

from collections.abc import Iterable
from typing import Final

from rotavatar.keys import Workspace
from slacktenant_operator import measures
from slacktenant_operator.cluster import Named
from slacktenant_operator.model import Metadata, SlackTenant

CLEANUP: Final = "rotavatar.dev/cleanup"
"""The finalizer that we set."""


def named(tenant: SlackTenant) -> Named:
    """Where a tenant is."""
    return Named(tenant.metadata.namespace, tenant.metadata.name)


def governs(tenant: SlackTenant) -> str:
    """A tenant as a workspace's record names it: `namespace/name/uid`."""
    metadata = tenant.metadata
    return f"{metadata.namespace}/{metadata.name}/{metadata.uid}"


def age(tenant: SlackTenant) -> tuple[str, str]:
    """The oldest first; who was created in the same second is told apart by the uid."""
    return tenant.metadata.creation_timestamp, tenant.metadata.uid


def secrets_of(tenant: SlackTenant) -> set[Named]:
    """The Secrets that a tenant refers to."""
    spec = tenant.spec
    references = [spec.bot_token] if spec.bot_token else []
    names = {reference.name for reference in references}
    if spec.app:
        names |= {spec.app.client_secret.name, *(reference.name for reference in spec.app.signing_secrets)}
    return {Named(tenant.metadata.namespace, name) for name in names}


class Cache:
    """What the watch told. Every change returns the workspaces about which something is to be done."""

    def __init__(self) -> None:
        self._tenants: dict[Named, SlackTenant] = {}
        self._by_workspace: dict[Workspace, set[Named]] = {}
        self._by_secret: dict[Named, set[Workspace]] = {}
        self._by_app: dict[str, set[Named]] = {}
        self._ended: dict[Workspace, dict[str, SlackTenant]] = {}

    def __len__(self) -> int:
        return len(self._tenants)

    def items(self) -> Iterable[tuple[Named, SlackTenant]]:
        """Every tenant with its name."""
        return self._tenants.items()

    def workspaces(self) -> list[Workspace]:
        """Every workspace that a tenant names."""
        return list(self._by_workspace)

    def get(self, at: Named) -> SlackTenant | None:
        """The tenant of that name."""
        return self._tenants.get(at)

    def of(self, workspace: Workspace) -> list[SlackTenant]:
        """The tenants that name a workspace, the oldest first."""
        return sorted((self._tenants[at] for at in self._by_workspace.get(workspace, ())), key=age)

    def ended(self, workspace: Workspace) -> dict[str, SlackTenant]:
        """Tenants of a workspace whose end was seen and not yet settled, as a record names them."""
        return self._ended.get(workspace, {})

    def settle_ended(self, workspace: Workspace, name: str) -> None:
        """What the end of a tenant asks for is done."""
        ended = self._ended.get(workspace, {})
        ended.pop(name, None)
        if not ended:
            self._ended.pop(workspace, None)

    def referring(self, secret: Named) -> set[Workspace]:
        """The workspaces whose tenants refer to a Secret."""
        return self._by_secret.get(secret, set())

    def with_app(self, app_id: str) -> list[SlackTenant]:
        """The tenants that declare a Slack app of their own, the oldest first."""
        return sorted((self._tenants[at] for at in self._by_app.get(app_id, ())), key=age)

    def put(self, tenant: SlackTenant) -> set[Workspace]:
        """A tenant is there, as it is here; nothing is to be done where that is known or older than what is known."""
        at = named(tenant)
        before = self._tenants.get(at)
        if before is not None and not _news(before, tenant):
            if _newer(before.metadata, tenant.metadata):
                self._tenants[at] = tenant
                _count(before, -1)
                _count(tenant, 1)
            return set()
        if before is not None:
            self._forget(at, before)
            if before.metadata.uid != tenant.metadata.uid:
                self._end(before)
        workspace = Workspace(tenant.spec.workspace)
        self._tenants[at] = tenant
        _count(tenant, 1)
        self._by_workspace.setdefault(workspace, set()).add(at)
        for secret in secrets_of(tenant):
            self._by_secret.setdefault(secret, set()).add(workspace)
        if tenant.spec.app:
            self._by_app.setdefault(tenant.spec.app.app_id, set()).add(at)
        return {workspace, *self._beside(tenant), *([] if before is None else [Workspace(before.spec.workspace)])}

    def put_written(self, seen: SlackTenant, written: SlackTenant) -> set[Workspace]:
        """A write of ours to the tenant that was `seen` came back as `written`, with whatever others changed meanwhile.

        The watch will bring it as nothing new, so it is said here to whom something is still to be done.
        """
        changed = self.put(written)
        ours = (seen.spec, _wishes(seen.metadata)) == (written.spec, _wishes(written.metadata))
        return set() if ours else changed | {Workspace(written.spec.workspace)}

    def remove(self, at: Named, uid: str) -> set[Workspace]:
        """The tenant of that name and uid is gone."""
        before = self._tenants.get(at)
        if before is None or before.metadata.uid != uid:
            return set()
        self._forget(at, before)
        self._end(before)
        return {Workspace(before.spec.workspace), *self._beside(before)}

    def _beside(self, tenant: SlackTenant) -> set[Workspace]:
        """Whom it concerns too: who shares the Slack app, where the tenant that speaks for it changed."""
        if tenant.spec.app is None:
            return set()
        sharing = self.with_app(tenant.spec.app.app_id)
        if sharing and age(sharing[0]) < age(tenant):
            return set()
        return {Workspace(other.spec.workspace) for other in sharing}

    def _end(self, tenant: SlackTenant) -> None:
        self._ended.setdefault(Workspace(tenant.spec.workspace), {})[governs(tenant)] = tenant

    def _forget(self, at: Named, tenant: SlackTenant) -> None:
        workspace = Workspace(tenant.spec.workspace)
        del self._tenants[at]
        _count(tenant, -1)
        self._by_workspace[workspace].discard(at)
        if not self._by_workspace[workspace]:
            del self._by_workspace[workspace]
        if tenant.spec.app:
            self._by_app[tenant.spec.app.app_id].discard(at)
        still = {secret for other in self.of(workspace) for secret in secrets_of(other)}
        for secret in secrets_of(tenant) - still:
            self._by_secret[secret].discard(workspace)
            if not self._by_secret[secret]:
                del self._by_secret[secret]


def _news(before: SlackTenant, after: SlackTenant) -> bool:
    """Whether `after` asks for a look: our own writes come back and are none."""
    if before.metadata.uid != after.metadata.uid:
        return True
    if not _newer(before.metadata, after.metadata):
        return False
    return (before.spec, before.status) != (after.spec, after.status) or _marks(before.metadata) != _marks(
        after.metadata
    )


def _wishes(metadata: Metadata) -> tuple[object, ...]:
    """What only others write."""
    return metadata.uid, metadata.generation, metadata.deletion_timestamp, metadata.labels


def _marks(metadata: Metadata) -> tuple[object, ...]:
    return metadata.generation, metadata.deletion_timestamp, metadata.finalizers, metadata.labels


def _newer(before: Metadata, after: Metadata) -> bool:
    """Versions of one kind are numbers that grow.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
    """
    return int(after.resource_version or 0) > int(before.resource_version or 0)


def _count(tenant: SlackTenant, step: int) -> None:
    for condition in tenant.status.conditions:
        measures.tenants.labels(condition=condition.type, status=condition.status).inc(step)

"""Slack apps that tenants bring along: stored sealed for all services, a replaced signing secret for an hour more.

Several tenants may use one app. The oldest of them says what its credentials are; the others must declare the same.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import structlog

from rotavatar.apps import AppCredentials, AppRegistry, replacing, seal_app
from rotavatar.clock import Clock
from rotavatar.configuration import Secret
from rotavatar.store import AppStore
from rotavatar.vault import Vault
from slacktenant_operator.cache import Cache, governs
from slacktenant_operator.cluster import Named
from slacktenant_operator.conditions import Finding, fails
from slacktenant_operator.model import SlackApp, SlackTenant
from slacktenant_operator.reading import KeyReference, reference
from slacktenant_operator.reasons import Kind, Reason
from slacktenant_operator.secrets_informer import SecretsInformer

log = structlog.get_logger()

OF_THE_SETTINGS: Final = "the settings of this installation"


class Settled(NamedTuple):
    """What became of a tenant's app."""

    conflict: Finding | None = None
    """Why it is not used."""
    changed: bool = False


class OwnApps:
    """Stores what tenants declare, and forgets it when the last tenant with the app is deleted."""

    def __init__(
        self,
        *,
        store: AppStore,
        registry: AppRegistry,
        vault: Vault,
        cache: Cache,
        informer: SecretsInformer,
        clock: Clock,
    ) -> None:
        """`registry` reads from `store` too."""
        self._store = store
        self._registry = registry
        self._vault = vault
        self._cache = cache
        self._informer = informer
        self._clock = clock
        self._sources: dict[str, str] | None = None

    async def refresh(self) -> None:
        """Learn what is stored, where it changed. Raises Unavailable."""
        if await self._registry.refresh() or self._sources is None:
            self._sources = await self._store.sources()

    def in_step(self, tenant: SlackTenant, app: SlackApp) -> bool:
        """Whether what is stored was read from the Secrets as they are, and no replaced signing secret ran out."""
        stored, holder = self._registry.get(app.app_id), self._holder(app.app_id)
        if stored is None or holder is None or governs(holder) != governs(tenant):
            return False
        if any(each.until <= self._clock.wall() for each in stored.retiring):
            return False
        source = self._source(tenant, app)
        return bool(source) and (self._sources or {}).get(app.app_id) == source

    async def settle(self, tenant: SlackTenant, app: SlackApp, values: Mapping[KeyReference, Secret]) -> Settled:
        """Store the app of a tenant whose Secrets were read; one that lacks a value is left as it is stored."""
        declared = _declared(tenant, app, values)
        if declared is None:
            return Settled()
        if app.app_id == self._registry.own.app_id:
            return self._settled_beside(app, declared, self._registry.own, first=OF_THE_SETTINGS)
        holder = self._holder(app.app_id)
        stored = self._registry.get(app.app_id)
        if holder is not None and governs(holder) != governs(tenant) and stored is not None:
            return self._settled_beside(
                app, declared, stored, first=f"{holder.metadata.namespace}/{holder.metadata.name}"
            )
        wanted, source = replacing(stored, declared, wall=self._clock.wall()), self._source(tenant, app)
        changed = wanted != stored or (self._sources or {}).get(app.app_id) != source
        if changed:
            await self._store.put(app.app_id, seal_app(self._vault, wanted), source=source)
            await self.refresh()
            log.info("slack app stored", app=app.app_id, workspace=tenant.spec.workspace, old=len(wanted.retiring))
        return Settled(changed=changed)

    def seconds_left(self, app: SlackApp) -> float | None:
        """Until a replaced signing secret of a stored app stops to count; None where there is none."""
        stored, now = self._registry.get(app.app_id), self._clock.wall()
        until = None if stored is None else stored.next_retirement(wall=now)
        return None if until is None else max(1.0, until - now + 1)

    async def forget(self, app_id: str) -> bool:
        """Remove an app that no tenant declares any more; whether there was one."""
        await self.refresh()
        if app_id == self._registry.own.app_id or self._holder(app_id) is not None:
            return False
        if self._registry.get(app_id) is None:
            return False
        await self._store.remove(app_id)
        await self.refresh()
        log.info("slack app forgotten", app=app_id)
        return True

    def _settled_beside(
        self, app: SlackApp, declared: AppCredentials, stored: AppCredentials, *, first: str
    ) -> Settled:
        same = (declared.client_id, declared.client_secret) == (stored.client_id, stored.client_secret)
        if same:
            return Settled()
        return Settled(conflict=fails(Kind.SYNCED, Reason.APP_CONFLICT, app=app.app_id, first=first))

    def _holder(self, app_id: str) -> SlackTenant | None:
        return next((t for t in self._cache.with_app(app_id) if t.metadata.deletion_timestamp is None), None)

    def _source(self, tenant: SlackTenant, app: SlackApp) -> str:
        """The versions of the app's Secrets, and what is no secret of it; empty where one is not followed."""
        names = [app.client_secret.name, *(each.name for each in app.signing_secrets)]
        identities = [self._informer.identity(Named(tenant.metadata.namespace, name)) for name in names]
        return " ".join([app.client_id, *identities]) if all(identities) else ""


def _declared(tenant: SlackTenant, app: SlackApp, values: Mapping[KeyReference, Secret]) -> AppCredentials | None:
    """The app as the tenant declares it; None where a value is missing."""
    client = values.get(reference(tenant, app.client_secret, app.client_secret.key))
    signing = [values.get(reference(tenant, each, each.key)) for each in app.signing_secrets]
    present = tuple(secret for secret in signing if secret is not None)
    if client is None or len(present) != len(signing):
        return None
    return AppCredentials(app_id=app.app_id, client_id=app.client_id, client_secret=client, signing_secrets=present)

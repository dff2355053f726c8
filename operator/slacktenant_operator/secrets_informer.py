"""Which labelled Secrets exist, and of which version: names only, no secret byte ever enters this memory.

Outside of kopf, whose list and watch would bring the whole Secrets, and which does not notice what was deleted between
a watch that ended and the list that followed.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

import structlog

from rotavatar.errors import RotavatarError
from slacktenant_operator.cluster import Cluster, Expired, Named

log = structlog.get_logger()


class Heard(Protocol):
    """Takes a Secret that came, went or changed."""

    def __call__(self, secret: Named, *, is_news: bool) -> None:
        """That a Secret is there when one begins to look is no news."""
        ...


FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 30.0


class SecretsInformer:
    """Follows the labelled Secrets of some namespaces, or (None) of the cluster, and tells which of them changed."""

    def __init__(self, cluster: Cluster, namespaces: Iterable[str | None], *, changed: Heard) -> None:
        """`changed` is called for each Secret that came, went or is another now, and for all that were there first."""
        self._cluster = cluster
        self._changed = changed
        self._known: dict[str | None, dict[Named, str]] = {namespace: {} for namespace in namespaces}
        self._filled = {namespace: asyncio.Event() for namespace in self._known}

    @property
    def filled(self) -> bool:
        """Whether every namespace was listed once."""
        return all(event.is_set() for event in self._filled.values())

    async def wait_filled(self) -> None:
        """Wait for the first listing of every namespace."""
        for event in self._filled.values():
            await event.wait()

    def identity(self, secret: Named) -> str:
        """`uid/resourceVersion` of a labelled Secret; empty where there is none."""
        return self._of(secret.namespace).get(secret, "")

    def _of(self, namespace: str) -> Mapping[Named, str]:
        return self._known.get(None) or self._known.get(namespace) or MappingProxyType({})

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for namespace in self._known:
                tasks.create_task(self._follow(namespace), name=f"secrets of {namespace or 'all namespaces'}")

    async def _follow(self, namespace: str | None) -> None:
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                version = await self._list(namespace)
                wait = FIRST_WAIT_SECONDS
                await self._watch(namespace, version)
            except Expired as error:
                log.info("listing the Secrets again", reason=str(error))
            except RotavatarError as error:
                # Refused as well: an API server that starts knows nobody's rights at first.
                log.warning("secrets not followed", reason=str(error), seconds=round(wait, 1))
                await asyncio.sleep(wait * (0.5 + random.random() / 2))  # noqa: S311 - spreads retries
                wait = min(LONGEST_WAIT_SECONDS, 2 * wait)

    async def _list(self, namespace: str | None) -> str:
        """Learn what is there, and so what has gone; the version that the list is of."""
        found: dict[Named, str] = {}
        version = ""
        async for page in self._cluster.secrets(namespace):
            version = page.metadata.resource_version
            found.update((metadata.named, metadata.identity) for metadata in page.objects)
        known, self._known[namespace] = self._known[namespace], found
        is_news = self._filled[namespace].is_set()
        self._filled[namespace].set()
        for secret in known.keys() | found.keys():
            if known.get(secret) != found.get(secret):
                self._changed(secret, is_news=is_news)
        return version

    async def _watch(self, namespace: str | None, version: str) -> None:
        """Follow from `version` on, through streams that end; raises what the Cluster does where that cannot go on."""
        while True:
            async for kind, metadata in self._cluster.watch_secrets(namespace, version):
                version = metadata.resource_version
                if kind != "BOOKMARK":
                    self._note(namespace, kind, metadata.named, metadata.identity)
            await asyncio.sleep(0.1)

    def _note(self, namespace: str | None, kind: str, secret: Named, identity: str) -> None:
        known = self._known[namespace]
        if kind == "DELETED":
            known.pop(secret, None)
        elif known.get(secret) == identity:
            return
        else:
            known[secret] = identity
        self._changed(secret, is_news=True)

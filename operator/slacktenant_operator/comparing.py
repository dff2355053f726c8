"""Compares what Kubernetes and Redis hold as a whole: finds what no event told.

kopf does not notice what was deleted between a watch that broke and the list that followed, nor what ended while nobody
ran; and a lost Redis tells nobody. So each few minutes the names of all tenants are listed and compared with the cache
and with the records. Only names travel, and who is found is reconciled: deciding is not done here.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog

from rotavatar.errors import RotavatarError
from rotavatar.keys import PARTITIONS, Workspace
from rotavatar.process import Life
from rotavatar.records import Status, WorkspaceRecord
from rotavatar.store import WorkspaceStore
from slacktenant_operator import measures
from slacktenant_operator.cache import Cache
from slacktenant_operator.cluster import Cluster, Metadata, Named
from slacktenant_operator.model import read_tenant

log = structlog.get_logger()

PERIOD_SECONDS: Final = 600.0
RETRY_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.1
STILL_SECONDS: Final = 5.0
"""How long the watch may bring nothing new before what it did not bring is fetched."""

Add = Callable[[Workspace], None]


class Comparing:
    """Finds tenants that the cache does not know or knows too long, and records that no tenant governs."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        cache: Cache,
        workspaces: WorkspaceStore,
        namespaces: Sequence[str | None],
        add: Add,
        births: bool,
        look_again: Callable[[], None],
        life: Life,
    ) -> None:
        """`add` has a workspace reconciled; `births` says whether installations become tenants.

        `look_again` forgets which changes of Redis were seen: it may be another Redis by now, which counts from 1.
        """
        self._cluster = cluster
        self._cache = cache
        self._workspaces = workspaces
        self._namespaces = namespaces
        self._add = add
        self._births = births
        self._look_again = look_again
        self._life = life
        self.filled = asyncio.Event()
        """Set once the cache held every tenant that there was at the start."""
        self.done = asyncio.Event()
        """Set once the first comparison is over."""

    async def run(self) -> None:
        """Compare until the process stops."""
        wait = 0.0
        while await self._life.pause(wait):
            began = time.monotonic()
            try:
                await self.compare()
            except RotavatarError as error:
                log.warning("not compared", reason=str(error))
                wait = RETRY_SECONDS
            else:
                self.done.set()
                wait = PERIOD_SECONDS
                measures.comparison.observe(time.monotonic() - began)

    async def compare(self) -> None:
        """One comparison of everything. Raises what the Cluster and the stores raise."""
        before = {at: tenant.metadata.uid for at, tenant in self._cache.items()}
        listed = await self._listed()
        if not self.filled.is_set():
            await self._wait_for_watch(listed)
        await self._fetch(metadata for metadata in listed.values() if self._is_behind(metadata))
        for at, uid in before.items():
            if at not in listed or listed[at].uid != uid:
                self._remove(at, uid)
        self.filled.set()
        self._look_again()
        await self._compare_records({f"{m.namespace}/{m.name}/{m.uid}" for m in listed.values()})

    async def _listed(self) -> dict[Named, Metadata]:
        found: dict[Named, Metadata] = {}
        for namespace in self._namespaces:
            async for page in self._cluster.tenants(namespace):
                found.update((metadata.named, metadata) for metadata in page)
        return found

    async def _wait_for_watch(self, listed: dict[Named, Metadata]) -> None:
        """Let the watch fill the cache: it lists the same objects at the same time."""
        missing, since = len(listed) + 1, time.monotonic()
        while time.monotonic() - since < STILL_SECONDS:
            now = sum(self._cache.get(at) is None for at in listed)
            if not now:
                return
            if now < missing:
                missing, since = now, time.monotonic()
            await asyncio.sleep(LOOK_SECONDS)

    def _is_behind(self, metadata: Metadata) -> bool:
        known = self._cache.get(metadata.named)
        if known is None or known.metadata.uid != metadata.uid:
            return True
        return int(known.metadata.resource_version or 0) < int(metadata.resource_version or 0)

    async def _fetch(self, behind: Iterable[Metadata]) -> None:
        for metadata in behind:
            body = await self._cluster.tenant(metadata.named)
            if body is not None:
                for workspace in self._cache.put(read_tenant(body)):
                    self._add(workspace)

    def _remove(self, at: Named, uid: str) -> None:
        for workspace in self._cache.remove(at, uid):
            log.info("a tenant was gone without a word", tenant=f"{at.namespace}/{at.name}", workspace=workspace)
            self._add(workspace)

    async def _compare_records(self, names: set[str]) -> None:
        """Have those reconciled whose record names a tenant that is not there, or none where there should be one."""
        for partition in range(PARTITIONS):
            cursor, first = 0, True
            while cursor or first:
                first = False
                cursor, page = await self._workspaces.page(partition, cursor, count=500)
                records = await asyncio.gather(*map(self._workspaces.read, page))
                for workspace, record in zip(page, records, strict=True):
                    if record is not None and self._is_odd(workspace, record, names):
                        self._add(workspace)

    def _is_odd(self, workspace: Workspace, record: WorkspaceRecord, names: set[str]) -> bool:
        if record.tenant:
            return record.tenant not in names
        installed = record.status is Status.ACTIVE and bool(record.credential)
        return bool(self._cache.of(workspace)) or (self._births and installed)

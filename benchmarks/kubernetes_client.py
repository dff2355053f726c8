"""Kubernetes in as few lines as it takes: what the yardsticks, the load and the seeding speak through."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp
import msgspec

TENANTS: Final = "/apis/rotavatar.dev/v1alpha1"
MERGE: Final = "application/merge-patch+json"
BUSY: Final = 429

Body = dict[str, Any]
One = TypeVar("One")


class KubernetesClient:
    """One user's connections to one API server. An asynchronous context manager."""

    def __init__(self, url: str, ca: Path, token: str, *, connections: int = 32) -> None:
        self._url = url
        self._connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ca), limit=connections)
        self._headers = {"Authorization": f"Bearer {token}"}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(connector=self._connector, headers=self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def request(
        self, verb: str, path: str, body: Body | None = None, *, content: str = "application/json"
    ) -> Any:
        """The decoded answer. Raises RuntimeError for every refusal; a busy server is asked again as it says."""
        raw = None if body is None else msgspec.json.encode(body)
        while True:
            async with self._session.request(
                verb, self._url + path, data=raw, headers={"Content-Type": content}
            ) as answer:
                read = await answer.read()
                if answer.status == BUSY:
                    await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
                elif answer.status >= 400:
                    raise RuntimeError(f"{verb} {path}: {answer.status} {read[:300]!r}")
                else:
                    return msgspec.json.decode(read)

    async def items(self, path: str) -> list[Body]:
        """A whole list, 500 at a time."""
        found: list[Body] = []
        token = ""
        while True:
            page = await self.request("GET", f"{path}?limit=500" + (f"&continue={token}" if token else ""))
            found += page["items"]
            token = page["metadata"].get("continue", "")
            if not token:
                return found


async def at_once(parallel: int, work: Callable[[One], Awaitable[object]], given: Iterable[One]) -> None:
    """`work` on each of `given`, so many at a time."""
    left = iter(given)

    async def worker() -> None:
        for one in left:
            await work(one)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(parallel):
            tasks.create_task(worker())

"""A relay between the operator and the API server that refuses, loses and ends what passes through it."""

import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web

from control_plane.plane import ControlPlane

WATCHING = "watch=true"
PASSED_ON = ("Authorization", "Accept", "Content-Type")
MORE_THAN_A_PAGE = 64 * 1024 * 1024


class Between:
    """Plain HTTP on this machine, for the operator's kubeconfig; `async with` opens and closes it."""

    def __init__(self, plane: ControlPlane) -> None:
        self._url, self._ca = plane.url, plane.ca
        self.refuses: Callable[[web.Request], int] = lambda _: 0
        """The status with which a request is refused before the API server hears of it; 0: none."""
        self.wrote: Callable[[str], None] = lambda _: None
        """Called with verb and path of each write, once it took effect and before its answer is passed on."""
        self.ends_watches_after: int | None = None
        """Lines after which a watch ends without a word."""
        self.withholds: Callable[[dict[str, Any]], bool] = lambda _: False
        """Whether an event of a watch is not passed on."""
        self.forgets = 0
        """So many watches that begin are told that their history is gone (410)."""
        self.watches = self.refused = self.withheld = 0
        self._open: set[aiohttp.ClientResponse] = set()

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(self._ca)), limit=0)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False, read_bufsize=2**20)
        application = web.Application(client_max_size=MORE_THAN_A_PAGE)
        application.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port: int = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    def kubeconfig(self, real: Path, folder: Path) -> Path:
        """The same account, by this way."""
        content = json.loads(real.read_text())
        for cluster in content["clusters"]:
            cluster["cluster"] = {"server": f"http://127.0.0.1:{self.port}"}
        path = folder / "between.kubeconfig"
        path.write_text(json.dumps(content))
        return path

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        if status := self.refuses(request):
            self.refused += 1
            return web.json_response({"kind": "Status", "code": status, "message": "the test said so"}, status=status)
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        headers["Accept-Encoding"] = "identity"
        url, body = self._url + request.path_qs, await request.read()
        endless = aiohttp.ClientTimeout(total=None)
        async with self._session.request(
            request.method, url, headers=headers, data=body or None, timeout=endless
        ) as told:
            if WATCHING in request.query_string:
                return await self._watch(request, told)
            content = await told.read()
            if request.method != "GET":
                self.wrote(f"{request.method} {request.path}")
            kind = {"Content-Type": told.headers.get("Content-Type", "application/json")}
            return web.Response(status=told.status, body=content, headers=kind)

    def end_watches(self) -> None:
        """End every watch that is under way."""
        for watch in list(self._open):
            watch.close()

    async def _watch(self, request: web.Request, told: aiohttp.ClientResponse) -> web.StreamResponse:
        self.watches += 1
        response = web.StreamResponse(status=told.status, headers={"Content-Type": "application/json"})
        await response.prepare(request)
        self._open.add(told)
        try:
            await self._tell(response, told)
        except (aiohttp.ClientError, ConnectionError):
            pass
        finally:
            self._open.discard(told)
        return response

    async def _tell(self, response: web.StreamResponse, told: aiohttp.ClientResponse) -> None:
        if self.forgets:
            self.forgets -= 1
            gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410}}
            await response.write(json.dumps(gone).encode() + b"\n")
            return
        passed = 0
        async for line in told.content:
            if self.withholds(json.loads(line)):
                self.withheld += 1
                continue
            await response.write(line)
            passed += 1
            if passed == self.ends_watches_after:
                return

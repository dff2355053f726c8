"""An app's request URL: keeps what Slack sends, and answers as a test says."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from slack_simulator.server import RunningServer, bind
from tests.patience import SECONDS


class Received(NamedTuple):
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> Any:
        return next((value for key, value in self.headers if key == name.lower()), None)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def event(self) -> Any:
        return self.json["event"]


Answering = Callable[[Received], Awaitable[Response]]


async def ok(_received: Received) -> Response:
    return Response(status_code=200)


class Receiver:
    def __init__(self) -> None:
        self._listener = bind("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._server = RunningServer(self._app, self._listener)
        self.received: list[Received] = []
        self.answering: Answering = ok
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    def always(self, status: int, **headers: str) -> None:
        async def answering(_received: Received) -> Response:
            return Response(status_code=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

        self.answering = answering

    async def wait_for(self, count: int, *, within: float = SECONDS) -> list[Received]:
        """The first `count` requests, once they are there."""
        async with asyncio.timeout(within):
            while len(self.received) < count:
                self._news.clear()
                await self._news.wait()
        return self.received[:count]

    def of_type(self, name: str) -> list[dict[str, Any]]:
        return [r.event for r in self.received if r.event["type"] == name]

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        headers = [(k.decode("latin-1").lower(), v.decode("utf-8", "replace")) for k, v in scope["headers"]]
        received = Received(path=scope["path"], headers=headers, body=await request.body())
        self.received.append(received)
        self._news.set()
        await (await self.answering(received))(scope, receive, send)

"""uvicorn, in a form that a test can start on a free port and that can break off a connection."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

GRACE = 1
"""Seconds that open requests get when the simulator stops; the page's live stream never ends by itself."""


class CuttableProtocol(HttpToolsProtocol):
    """Gives each request a function that breaks its connection: `request.state.cut()`."""

    def on_message_begin(self) -> None:
        """See HttpToolsProtocol."""
        super().on_message_begin()
        self.scope["state"]["cut"] = self._break

    def _break(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class _Server(uvicorn.Server):
    """Leaves the signals to whoever runs it, and stops at once: uvicorn's own loops take 0.3 s in each of 300 tests."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.leaving = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """See uvicorn.Server."""
        yield

    async def main_loop(self) -> None:
        """Keep the Date header true until it is time to leave."""
        while not self.leaving.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.leaving.wait(), 1.0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let open requests finish for GRACE seconds, then give them up."""
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in [*self.server_state.connections]:
            connection.shutdown()
        deadline = asyncio.get_running_loop().time() + GRACE
        while self.server_state.connections and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        for task in self.server_state.tasks:
            task.cancel()


class RunningServer:
    """A server on a socket that is already bound."""

    def __init__(self, app: Callable[..., object], listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            http=CuttableProtocol,
            interface="asgi3",
            proxy_headers=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=60,
            backlog=4096,
        )
        self._server = _Server(config)
        self._listener = listener
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once it answers."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
            await asyncio.sleep(0.001)

    async def stop(self) -> None:
        """Stop answering."""
        self._server.leaving.set()
        if self._task is not None:
            await self._task
        self._listener.close()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; a free port for 0. Raises OSError where the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # asyncio sets it on accepted sockets only where the listener named its protocol; without it answers wait 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((host, port))
        listener.listen(4096)
    except OSError:
        listener.close()
        raise
    return listener

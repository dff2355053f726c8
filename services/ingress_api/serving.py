"""The server: a uvicorn that the process starts and stops, on a socket opened before anything else is promised."""

import asyncio
import socket
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from ingress_api.protocol import LimitedProtocol
from rotavatar.health import EmbeddedServer
from rotavatar.process import Life

BACKLOG: Final = 2048
"""Connections that the kernel holds while the loop is busy."""

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the 60 s after which common proxies let go: the side that opened a connection should close it."""

STOP_SECONDS: Final = 15
"""How long requests may take after the stop was asked: an OAuth redirect waits for Slack for at most 10 s."""


def server_for(app: ASGIApp) -> EmbeddedServer:
    """A server of `app` that leaves signals, logs and headers to us."""
    return EmbeddedServer(
        uvicorn.Config(
            app,
            http=LimitedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )


async def serve_until_stopped(app: ASGIApp, listener: socket.socket, life: Life) -> None:
    """Serve until the process stops: then accept nothing new, finish what was begun, return."""
    server = server_for(app)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    stopping = asyncio.ensure_future(life.stopping.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving

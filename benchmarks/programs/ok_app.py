"""A bare Starlette that says ok: what any framework on this server could reach at best."""

import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


async def ok(_: Request) -> Response:
    return PlainTextResponse("ok")


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print("ready", listener.getsockname()[1], flush=True)
    site = Starlette(routes=[Route("/slack/events", ok, methods=["POST"])])
    uvicorn.Server(uvicorn.Config(site, log_level="critical", access_log=False)).run([listener])

"""slack_bolt's AsyncApp on Starlette, storing a job before it acks: REDIS_URL."""

import logging
import re
import socket
import sys
from typing import Any

import redis.asyncio
import uvicorn
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.household import SIGNING_SECRET

logging.disable(logging.CRITICAL)
client = redis.asyncio.Redis.from_url(sys.argv[1])


async def authorize(**_: Any) -> AuthorizeResult:
    """In memory: Bolt's own store would ask Slack on each request."""
    return AuthorizeResult(enterprise_id=None, team_id="T0", bot_token="xoxb-none", bot_id="B0", bot_user_id="U0")


app = AsyncApp(signing_secret=SIGNING_SECRET, authorize=authorize)


@app.action(re.compile("frequency"))  # type: ignore[untyped-decorator]
async def chosen(ack: Any, body: dict[str, Any], action: dict[str, Any]) -> None:
    await client.xadd("jobs", {"user": body["user"]["id"], "value": action["selected_option"]["value"]})
    await ack()


@app.event("app_home_opened")  # type: ignore[untyped-decorator]
async def opened(ack: Any, event: dict[str, Any]) -> None:
    await client.xadd("jobs", {"user": event["user"], "looking": "1"})
    await ack()


handler = AsyncSlackRequestHandler(app)


async def endpoint(request: Request) -> Response:
    answer: Response = await handler.handle(request)
    return answer


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print("ready", listener.getsockname()[1], flush=True)
    site = Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])])
    uvicorn.Server(uvicorn.Config(site, log_level="critical", access_log=False)).run([listener])

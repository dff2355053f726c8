"""Where the contract tests find Slack.

Tests that take `target` speak only to the Web API. With CONTRACT_SLACK_BOT_TOKEN, CONTRACT_SLACK_USER_TOKEN and
CONTRACT_SLACK_USER in the environment (and CONTRACT_SLACK_URL, https://slack.com by default) they run against the real
Slack, in a developer sandbox; otherwise against the simulator. Tests that take `sim` need Slack's inside.
"""

import asyncio
import io
import os
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from PIL import Image

from slack_simulator.app import Simulator
from slack_simulator.config import AppConfig
from slack_simulator.timing import ManualTiming
from tests.contract.receiver import Receiver
from tests.patience import SECONDS

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
REDIRECT = "http://127.0.0.1:9/slack/oauth_redirect"
APP = AppConfig(signing_secrets=(SECRET,), redirect_urls=(REDIRECT,))


@dataclass(frozen=True)
class Target:
    """A Slack to speak to, and one member's tokens."""

    client: httpx.AsyncClient
    bot_token: str
    user_token: str
    user: str
    simulator: Any

    async def send(self, method: str, *, token: str | None = None, **body: Any) -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        headers |= body.pop("headers", {})
        answer = await self.client.post(f"/api/{method}", headers=headers, **body)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS and self.simulator is None:
            await asyncio.sleep(float(answer.headers["Retry-After"]))
            return await self.client.post(f"/api/{method}", headers=headers, **body)
        return answer

    async def call(self, method: str, *, token: str | None = None, **body: Any) -> Any:
        return (await self.send(method, token=token, **body)).json()

    async def set_photo(self, content: bytes, *, kind: str = "image/png", **fields: str) -> Any:
        files = {"image": ("avatar", content, kind)}
        return await self.call("users.setPhoto", token=self.user_token, files=files, data=fields)

    async def publish(self, view: Any, **more: Any) -> Any:
        body = {"user_id": self.user, "view": view, **more}
        return await self.call("views.publish", token=self.bot_token, json=body)


@pytest.fixture
def timing() -> ManualTiming:
    return ManualTiming()


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(APP, rng=random.Random(7)) as simulator:
        yield simulator


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as listening:
        yield listening


@pytest.fixture
async def app(sim: Simulator, receiver: Receiver) -> Receiver:
    """A receiver to which the simulator's app sends everything."""
    connect(sim, receiver)
    return receiver


def connect(sim: Simulator, receiver: Receiver) -> None:
    sim.configure(
        events_url=f"{receiver.url}/slack/events",
        interactions_url=f"{receiver.url}/slack/interactions",
        commands_url=f"{receiver.url}/slack/commands",
    )


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    names = ("BOT_TOKEN", "USER_TOKEN", "USER")
    given = [os.environ.get(f"CONTRACT_SLACK_{name}") for name in names]
    if all(given):
        bot, user, person = (str(value) for value in given)
        url = os.environ.get("CONTRACT_SLACK_URL", "https://slack.com")
        async with httpx.AsyncClient(base_url=url, timeout=SECONDS) as client:
            yield Target(client=client, bot_token=bot, user_token=user, user=person, simulator=None)
        return
    async with (
        Simulator(APP, rng=random.Random(7)) as simulator,
        httpx.AsyncClient(base_url=simulator.url, timeout=SECONDS) as client,
    ):
        yield member_of(simulator, client)


def member_of(simulator: Simulator, client: httpx.AsyncClient, team: str = "") -> Target:
    """A member of a new team (or of `team`) in which the app is installed."""
    team = team or simulator.add_team("Harbour").id
    member = simulator.add_member(team, name="ada lovelace")
    tokens = simulator.install(team, member.id)
    return Target(
        client=client,
        bot_token=tokens["bot"].access,
        user_token=tokens["user"].access,
        user=member.id,
        simulator=simulator,
    )


@pytest.fixture
async def member(sim: Simulator) -> AsyncIterator[Target]:
    """A connected member of the simulator `sim`."""
    async with httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client:
        yield member_of(sim, client)


def picture(side: int = 512, *, kind: str = "PNG", height: int = 0, seed: int = 1) -> bytes:
    image = Image.new("RGB", (side, height or side), (40 * seed % 256, 90, 160))
    image.paste((250, 200, 90), (side // 4, side // 4, side // 2, side // 2))
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def text_view(text: str = "Hello", **fields: Any) -> dict[str, Any]:
    block = {"type": "section", "block_id": "greeting", "text": {"type": "mrkdwn", "text": text}}
    return {"type": "home", "blocks": [block], **fields}

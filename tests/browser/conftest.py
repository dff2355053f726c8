"""A running simulator with a small app behind it, and the system's Chromium looking at its page."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from slack_simulator import homes
from slack_simulator.app import Simulator
from tests.chromium import QUIET, chromium_binary
from tests.patience import MS, SECONDS

expect.set_options(timeout=MS)


class RecordingApp:
    """The app at the other end: remembers what Slack sent, and answers with `status` and `answer`."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.clicks: list[dict[str, Any]] = []
        self.commands: list[dict[str, str]] = []
        self.status = 200
        self.delay = 0.0
        self.answer: dict[str, Any] = {}
        self.arrived = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen on a free port. Returns the address."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/events", self._event),
                web.post("/interactions", self._interaction),
                web.post("/commands", self._command),
                web.get("/install", self._install),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening."""
        assert self._runner is not None
        await self._runner.cleanup()

    async def click(self) -> dict[str, Any]:
        """The next interaction's single action, as soon as it is there."""
        async with asyncio.timeout(SECONDS):
            while not self.clicks:
                self.arrived.clear()
                await self.arrived.wait()
        action: dict[str, Any] = self.clicks.pop(0)["actions"][0]
        return action

    async def event(self, kind: str) -> dict[str, Any]:
        """The next event of this kind, as soon as it is there."""
        async with asyncio.timeout(SECONDS):
            while True:
                for event in self.events:
                    if event["event"]["type"] == kind:
                        self.events.remove(event)
                        return event
                self.arrived.clear()
                await self.arrived.wait()

    async def _event(self, request: web.Request) -> web.Response:
        self.events.append(await request.json())
        self.arrived.set()
        return web.Response()

    async def _interaction(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.clicks.append(json.loads(str(form["payload"])))
        self.arrived.set()
        return web.Response(status=self.status)

    async def _command(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.commands.append({key: str(value) for key, value in form.items()})
        await asyncio.sleep(self.delay)
        return web.json_response(self.answer, status=self.status)

    async def _install(self, request: web.Request) -> web.Response:
        return web.Response(
            text="<!doctype html><title>Install</title>The app's install page", content_type="text/html"
        )


class Stage:
    """The simulator, the app behind it, and the first person of the first workspace, who has installed it."""

    def __init__(self, simulator: Simulator, app: RecordingApp) -> None:
        self.simulator = simulator
        self.slack = simulator.slack
        self.app = app
        self.teams = [*self.slack.world.workspaces]
        self.team = self.teams[0]
        self.members = self.slack.world.members(self.team)
        self.user = self.members[0].id
        simulator.install(self.team, self.user)

    @property
    def picture(self) -> str:
        """The address of a picture that Slack can fetch."""
        return str(self.slack.profile(self.members[0])["image_72"])

    async def publish(self, *blocks: dict[str, Any], user: str = "") -> None:
        """Publish these blocks as the Home tab, through Slack's own checks."""
        installation = self.slack.world.serving(self.slack.app.app_id, self.team)
        assert installation is not None
        view = {"type": "home", "blocks": [*blocks]}
        await homes.publish(self.slack, installation, team=self.team, user=user or self.user, view=view, expected=None)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_binary(), args=["--no-sandbox", "--disable-gpu", *QUIET]
        )
        yield browser
        await browser.close()


async def new_context(chromium: Browser, **options: Any) -> BrowserContext:
    """A browser's window of its own that waits as long as everything here."""
    context = await chromium.new_context(**options)
    context.set_default_timeout(MS)
    return context


@pytest_asyncio.fixture(loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    app = RecordingApp()
    address = await app.start()
    async with Simulator(seeded=True) as simulator:
        simulator.configure(
            events_url=f"{address}/events",
            interactions_url=f"{address}/interactions",
            commands_url=f"{address}/commands",
            install_url=f"{address}/install",
        )
        yield Stage(simulator, app)
    await app.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    context = await new_context(chromium, viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin")
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A page whose scripts must not fail: errors, and violations of its Content-Security-Policy, fail the test."""
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: problems.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield page
    if problems:
        pytest.fail("\n".join(problems))

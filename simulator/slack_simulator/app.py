"""The simulator as one object: start it, make workspaces and people, make trouble, count what arrived."""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from mimetypes import guess_type
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rotavatar.clock import Clock, SystemClock
from slack_simulator import lifecycle, pages, people, seeds, ui
from slack_simulator.config import AppConfig, Rules
from slack_simulator.delivery import Answer
from slack_simulator.homes import open_home
from slack_simulator.ids import Ids
from slack_simulator.interactions import act, command
from slack_simulator.photos import MemoryShelf
from slack_simulator.server import RunningServer, bind
from slack_simulator.slack import Slack
from slack_simulator.state import Member, Workspace, World
from slack_simulator.store import FolderShelf, StateFile
from slack_simulator.timing import RealTiming, Timing
from slack_simulator.tokens import Issued
from slack_simulator.webapi import dispatch

STATIC = Path(__file__).parent / "static"
PAGE_FILES = frozenset(file.relative_to(STATIC).as_posix() for file in STATIC.rglob("*") if file.is_file())
FRESH = {"Cache-Control": "no-cache"}
"""Asked for anew each time: whoever updates the checkout sees the new page."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' http: https:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Home tabs show pictures from anywhere; nothing else comes from outside."""

Handler = Callable[[Slack, Request], Awaitable[Response]]
SetSpeed = Callable[[float], Awaitable[None]]


def page_file(name: str) -> Response:
    """A file of the page, or 404. It is read here: some kilobytes of a local disk are there before a thread is."""
    if name not in PAGE_FILES:
        return Response(status_code=404)
    return Response((STATIC / name).read_bytes(), media_type=guess_type(name)[0], headers=FRESH)


def create_app(slack: Slack, *, set_speed: SetSpeed) -> Starlette:
    """The ASGI application of a simulated Slack."""

    def bound(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return await handler(slack, request)

        return endpoint

    async def page(_request: Request) -> Response:
        response = page_file("index.html")
        response.headers["Content-Security-Policy"] = PAGE_POLICY
        return response

    async def static(request: Request) -> Response:
        return page_file(request.path_params["name"])

    return Starlette(
        routes=[
            Route("/api/{method}", bound(dispatch.answer), methods=["POST", "GET"]),
            Route("/avatars/{path:path}", bound(pages.avatar)),
            Route("/hooks/commands/{path:path}", bound(pages.hook), methods=["POST"]),
            Route("/oauth/v2/authorize", bound(pages.authorize), methods=["GET", "POST"]),
            Route("/app_redirect", bound(pages.app_redirect)),
            Route("/ui/api/state", bound(ui.state)),
            Route("/ui/api/home", bound(ui.home)),
            Route("/ui/api/log", bound(ui.log)),
            Route("/ui/api/stream", bound(ui.stream)),
            Route("/ui/api/{name:path}", bound(partial(ui.post, set_speed=set_speed)), methods=["POST"]),
            Route("/ui/static/{name:path}", static),
            Route("/", page),
        ]
    )


class Simulator:
    """A local Slack. `async with Simulator(...) as slack:` starts it on a free port and stops it again.

    Everything that it remembers is reachable as `slack`; the methods here are what tests need most.
    """

    def __init__(
        self,
        *apps: AppConfig,
        rules: Rules | None = None,
        clock: Clock | None = None,
        timing: Timing | None = None,
        rng: random.Random | None = None,
        state: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        public_url: str = "",
        seeded: bool = False,
        grid: bool = False,
        set_speed: SetSpeed | None = None,
    ) -> None:
        """Without `apps` there is one with the defaults.

        `seeded` makes two workspaces unless `state` has some, and with `grid` an Enterprise organisation of two teams.

        `public_url` begins the addresses that it hands out (photos, response URLs), where host and port will not do.
        """
        self._apps = apps or (AppConfig(),)
        self._rules = rules or Rules()
        self.clock = clock or SystemClock()
        self.timing = timing or RealTiming()
        self._rng = rng or random.Random(secrets.randbits(128))  # noqa: S311 - guards nothing; the kernel's is 20 times slower
        self._file = StateFile(state) if state else None
        self._folder = FolderShelf(state.with_suffix(".photos")) if state else None
        self._host, self._port = host, port
        self._public_url = public_url.rstrip("/")
        self._seeded, self._grid = seeded, grid
        self._set_speed = set_speed or self._own_speed
        self._server: RunningServer | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.slack: Slack

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return self.slack.base_url

    async def start(self) -> None:
        """Listen and answer. Raises OSError where the port is taken, ValueError for a state file nobody can read."""
        world = (self._file.load() if self._file else None) or World()
        listener = bind(self._host, self._port)
        if self._folder:
            self._folder.sweep({person.photo.digest for person in world.people.values() if person.photo})
        self.slack = Slack(
            apps=self._apps,
            rules=self._rules,
            world=world,
            clock=self.clock,
            timing=self.timing,
            ids=Ids(self._rng),
            shelf=self._folder or MemoryShelf(),
            session=aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), auto_decompress=True, cookie_jar=aiohttp.DummyCookieJar()
            ),
        )
        self.slack.base_url = self._public_url or f"http://{self._host}:{listener.getsockname()[1]}"
        if self._seeded and not world.workspaces:
            seeds.plant(self.slack, grid=self._grid)
        if self._file:
            self._keeper = asyncio.create_task(self._file.keep(world, self.slack.unsaved))
        self._server = RunningServer(create_app(self.slack, set_speed=self._set_speed), listener)
        await self._server.start()

    async def stop(self) -> None:
        """Stop answering and give up what was under way; the state is written."""
        self.slack.feed.close()
        await self.slack.delivery.stop()
        if self._server is not None:
            await self._server.stop()
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        await self.slack.session.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def configure(self, **changes: Any) -> None:
        """Change the settings of the (first) app, as on its settings page: URLs are known only once it listens."""
        self.slack.configure(**changes)

    def add_team(
        self, name: str = "Team", *, team: str = "", members: int = 0, enterprise: str | None = None
    ) -> Workspace:
        """A workspace, with as many people as asked for; 20,000 take a fifth of a second."""
        workspace = people.found_team(self.slack, name=name, team=team, enterprise=enterprise)
        for n in range(members):
            self.add_member(workspace.id, name=f"person{n}")
        return workspace

    def add_enterprise(self, name: str = "Enterprise", *, teams: tuple[str, ...] = (), enterprise: str = "") -> str:
        """An Enterprise organisation that takes in `teams`. Returns its id."""
        return people.found_enterprise(self.slack, name=name, teams=[*teams], enterprise=enterprise)

    def add_member(self, team: str, *, name: str = "someone", user: str = "", tz: str = "Europe/Berlin") -> Member:
        """One more person in `team`."""
        return people.join(self.slack, team=team, name=name, real_name=name.title(), user=user, tz=tz)

    def install(
        self, team: str, user: str, *, bot: bool = True, member: bool = True, app: AppConfig | None = None
    ) -> dict[str, Issued]:
        """Install the (first) app as `user` without any page. Returns the tokens as {"bot": …, "user": …}."""
        app = app or self.slack.app
        installation = lifecycle.grant(
            self.slack,
            app,
            workspace=team,
            user=user,
            bot_scopes=app.bot_scopes if bot else (),
            user_scopes=app.user_scopes if member else (),
        )
        issued = {}
        if bot and installation.bot:
            issued["bot"] = self.slack.tokens.issue(app, installation, installation.bot)
        if member:
            issued["user"] = self.slack.tokens.issue(app, installation, installation.users[user])
        return issued

    def open_home(self, team: str, user: str) -> str:
        """The person looks at the Home tab. Returns the id of the event that goes out."""
        return open_home(self.slack, app_id=self.slack.app.app_id, team=team, user=user)

    async def act(self, team: str, user: str, **action: Any) -> Answer:
        """The person uses a control of the Home tab (block_id, action_id, what was selected)."""
        return await act(self.slack, team=team, user=user, action=action)

    async def command(self, team: str, user: str, text: str = "", *, name: str = "/avatar") -> Answer:
        """The person types a slash command."""
        return await command(self.slack, team=team, user=user, command=name, text=text)

    def home(self, team: str, user: str) -> dict[str, Any] | None:
        """The Home tab that this person sees, as a view; None while nothing was published."""
        installation = self.slack.world.serving(self.slack.app.app_id, team)
        home = installation.homes.get(user) if installation else None
        return home.view if home else None

    async def _own_speed(self, speed: float) -> None:
        if not isinstance(self.clock, SystemClock):
            raise TypeError("this clock is moved by hand")
        self.clock.pace = self.clock.pace.changed(wall=self.clock.wall(), speed=speed)
        self.slack.feed.send("clock", {"now": self.clock.now(), "speed": speed})

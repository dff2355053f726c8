"""This Slack as a whole: its memory, its clocks, its rules, and the way out to the apps."""

import asyncio
import datetime as dt
from collections import deque
from typing import Any

import aiohttp
import msgspec

from rotavatar.clock import Clock
from slack_simulator.config import AppConfig, Rules
from slack_simulator.delivery import Delivery
from slack_simulator.feed import Feed
from slack_simulator.ids import Ids
from slack_simulator.journal import Journal, Kind
from slack_simulator.limits import Limiter
from slack_simulator.photos import PhotoRoom, Shelf, profile_images
from slack_simulator.state import Installation, Member, World
from slack_simulator.timing import Timing
from slack_simulator.tokens import TokenRegistry
from slack_simulator.trouble import Trouble


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """An authorisation code: what was allowed, by whom, and until when (real clock) it can be traded."""

    app_id: str
    workspace_id: str
    user_id: str
    bot_scopes: tuple[str, ...]
    user_scopes: tuple[str, ...]
    redirect_uri: str | None
    expires_at: float


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger_id: whose click it was, and until when (real clock) a modal may be opened with it."""

    app_id: str
    team: str
    user: str
    expires_at: float


class ResponseUrl(msgspec.Struct, kw_only=True):
    """A response_url: whose command it answers, how often it may still be used, and until when (real clock)."""

    team: str
    user: str
    left: int
    expires_at: float


class Slack:
    """The subjects of the simulator, together, as its edges (Web API, OAuth, page) use them."""

    def __init__(
        self,
        *,
        apps: tuple[AppConfig, ...],
        rules: Rules,
        world: World,
        clock: Clock,
        timing: Timing,
        ids: Ids,
        shelf: Shelf,
        session: aiohttp.ClientSession,
    ) -> None:
        self.apps = apps
        self.rules = rules
        self.world = world
        self.clock = clock
        self.timing = timing
        self.ids = ids
        self.session = session
        self.base_url = ""
        self.feed = Feed()
        self.journal = Journal(feed=self.feed, length=rules.log_length)
        self.trouble = Trouble()
        self.limiter = Limiter(overrides=rules.limits, enforced=rules.paced)
        self.tokens = TokenRegistry(world=world, ids=ids, rules=rules, now=clock.now, wall=timing.wall)
        self.photos = PhotoRoom(ids=ids, rules=rules, shelf=shelf)
        self.delivery = Delivery(
            session=session,
            timing=timing,
            rules=rules.delivery,
            ids=ids,
            journal=self.journal,
            trouble=self.trouble,
            now=clock.now,
        )
        self.codes: dict[str, Code] = {}
        self.spent_codes: set[str] = set()
        self.triggers: dict[str, Trigger] = {}
        self.spent_triggers: set[str] = set()
        self.response_urls: dict[str, ResponseUrl] = {}
        self.messages: deque[dict[str, Any]] = deque(maxlen=1_000)
        self.fetched: set[str] = set()
        self.unsaved = asyncio.Event()
        for person in world.people.values():
            if person.photo is not None:
                self.photos.register(person.photo)

    @property
    def app(self) -> AppConfig:
        """The app that the page shows: the first."""
        return self.apps[0]

    def configure(self, **changes: Any) -> None:
        """Change settings of the first app. Raises TypeError for one that does not exist."""
        self.apps = (msgspec.structs.replace(self.app, **changes), *self.apps[1:])

    def app_of(self, installation: Installation) -> AppConfig:
        """The app that was installed. Raises KeyError for one that is not known any more."""
        return self.find_app(app_id=installation.app_id)

    def find_app(self, *, app_id: str = "", client_id: str = "") -> AppConfig:
        """The app of this app id or client id. Raises KeyError."""
        for app in self.apps:
            if app_id == app.app_id or (client_id and client_id == app.client_id):
                return app
        raise KeyError(app_id or client_id)

    def today(self) -> str:
        """The date on the schedule's clock, as photo paths carry it."""
        return dt.datetime.fromtimestamp(self.clock.now(), dt.UTC).date().isoformat()

    def note(self, kind: Kind, **fields: Any) -> None:
        """Write a line into the log."""
        self.journal.note(kind, at=self.clock.now(), **fields)

    def changed(self) -> None:
        """The world changed: it has to be saved."""
        self.unsaved.set()

    def profile(self, member: Member) -> dict[str, Any]:
        """A member's profile, as users.profile.get shows it."""
        first, _, last = member.real_name.partition(" ")
        return {
            "title": member.title,
            "phone": "",
            "skype": "",
            "real_name": member.real_name,
            "real_name_normalized": member.real_name,
            "display_name": member.name,
            "display_name_normalized": member.name,
            "first_name": first,
            "last_name": last,
            "status_text": "",
            "status_emoji": "",
            "status_expiration": 0,
            **profile_images(member, base_url=self.base_url),
        }

    def user(self, member: Member, *, team: str) -> dict[str, Any]:
        """A member as users.info shows them."""
        return {
            "id": member.id,
            "team_id": team,
            "name": member.name,
            "deleted": member.deactivated,
            "real_name": member.real_name,
            "tz": member.tz,
            "tz_label": member.tz.rpartition("/")[2].replace("_", " "),
            "tz_offset": 0,
            "profile": {**self.profile(member), "team": team},
            "is_admin": False,
            "is_owner": False,
            "is_bot": member.is_bot,
            "is_app_user": False,
            "updated": int(member.updated),
        }

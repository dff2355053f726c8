"""The routes that Slack calls: verify, read, store one job, answer. Plain ASGI, because these are most of all requests.

Nothing here waits but for the body and for the one round trip to Redis that stores the job. Slack is told 200 only
after Redis answered; whatever else happens it gets an error and sends the request again (events), or tells the person
(clicks and commands).
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from ingress_api.answers import Answer, Malformed, Refused, answer
from ingress_api.bodies import Gone, SlackHeaders, read_body, read_headers
from ingress_api.commands import is_ssl_check
from ingress_api.metrics import IN_PROGRESS, RETRIES, ack_seconds, requests
from ingress_api.reading import Delivery, Reader, Reading
from ingress_api.signing import signed_at, verify
from rotavatar.apps import AppCredentials
from rotavatar.clock import Clock
from rotavatar.errors import Unavailable
from rotavatar.messages import Message, kind_of

log = structlog.get_logger()

MAX_IN_PROGRESS: Final = 512
"""More requests than this in progress are not taken: on one core they would already wait 50 ms for each other, and the
jobs of all of them fit one batch to Redis."""

FAIL_FAST_SECONDS: Final = 0.5
"""For this long after Redis failed nobody asks it: what cannot be stored is refused at once, without a queue."""

RETRY_REASONS: Final = frozenset(
    {b"http_timeout", b"too_many_redirects", b"connection_failed", b"ssl_error", b"http_error", b"unknown_error"}
)
"""https://docs.slack.dev/apis/events-api/#retries."""

LATER: Final = ((b"retry-after", b"1"),)
SHED: Final = answer(503, b"Too busy; please send it again.\n", more=LATER)
AWAY: Final = answer(503, b"Nothing can be stored at the moment; please send it again.\n", more=LATER)
BROKEN: Final = answer(500, b"Something went wrong here.\n")
NOT_POST: Final = answer(405, b"Slack posts here.\n", more=((b"allow", b"POST"),))

Store = Callable[[Message], Awaitable[object]]
"""Stores a job; it returns once Redis has it. Raises Unavailable."""


class Route(msgspec.Struct, frozen=True):
    """One of Slack's request URLs: its name in the metrics, and how its requests are read."""

    name: str
    read: Reader
    tells_ssl_check: bool = False
    """Whether Slack checks certificates here, perhaps without a signature."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of a request."""

    outcome: str
    reason: str
    answer: Answer | None


class SlackRoutes:
    """Answers Slack on every route, for every Slack app that is known."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        *,
        default_app: str,
        app: Callable[[str], AppCredentials | None],
        store: Store,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
        most: int = MAX_IN_PROGRESS,
    ) -> None:
        """`routes` by the last part of their path; `app` finds the credentials of a Slack app by its id."""
        self._routes = routes
        self._own = {f"/slack/{name}": (route, default_app) for name, route in routes.items()}
        self._app = app
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._most = most
        self._in_progress = 0
        self._closed_until = 0.0
        IN_PROGRESS.set_function(lambda: self._in_progress)

    def find(self, path: str) -> tuple[Route, str] | None:
        """The route and the app id that `path` names: `/slack/<route>` or `/slack/apps/<app id>/<route>`."""
        own = self._own.get(path)
        if own is not None:
            return own
        match path.split("/"):
            case ["", "slack", "apps", app_id, name] if name in self._routes:
                return self._routes[name], app_id
        return None

    async def answer(self, route: Route, app_id: str, *, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = self._monotonic()
        if self._in_progress >= self._most:
            outcome = Outcome("shed", "busy", SHED)
        else:
            self._in_progress += 1
            try:
                outcome = await self._outcome(route, app_id, scope, receive)
            finally:
                self._in_progress -= 1
        requests(route.name, outcome.outcome, outcome.reason).inc()
        ack_seconds(route.name).observe(self._monotonic() - began)
        if outcome.answer is not None:
            await outcome.answer.send(send)

    async def _outcome(self, route: Route, app_id: str, scope: Scope, receive: Receive) -> Outcome:
        try:
            if scope["method"] != "POST":
                return Outcome("refused", "method", NOT_POST)
            return await self._accept(route, app_id, scope, receive)
        except Refused as refused:
            if isinstance(refused, Malformed):
                log.warning("malformed request of slack", route=route.name, reason=refused.reason, app=app_id)
            return Outcome("refused", refused.reason, refused.answer)
        except Unavailable as error:
            return self._unavailable(error)
        except Gone:
            return Outcome("gone", "sender", None)
        except Exception:
            # The last line before a traceback would reach the server; the log names the place, never the body.
            log.exception("request failed", route=route.name)
            return Outcome("failed", "error", BROKEN)

    async def _accept(self, route: Route, app_id: str, scope: Scope, receive: Receive) -> Outcome:
        headers = read_headers(scope["headers"])
        app = self._app(app_id)
        if app is None:
            raise Refused(404, "app", "This Slack app is unknown.")
        body = await read_body(receive)
        delivery = self._verified(app, headers, body)
        if delivery is None:
            if route.tells_ssl_check and is_ssl_check(body):
                return Outcome("ignored", "ssl_check", answer(200))
            raise Refused(401, "signature", "The signature does not hold.")
        if headers.retry_reason is not None:
            reason = headers.retry_reason if headers.retry_reason in RETRY_REASONS else b"unknown_error"
            RETRIES.labels(reason.decode()).inc()
        return await self._take(route.read(delivery))

    def _verified(self, app: AppCredentials, headers: SlackHeaders, body: bytes) -> Delivery | None:
        wall = self._clock.wall()
        second = signed_at(headers.timestamp, now=wall)
        genuine = verify(
            app.signing_keys(wall=wall), timestamp=headers.timestamp, signature=headers.signature, body=body, now=wall
        )
        if second is None or not genuine:
            return None
        return Delivery(body=body, signed_at=second, now=self._clock.now(), wall=wall)

    async def _take(self, reading: Reading) -> Outcome:
        if reading.job is None:
            return Outcome("ignored", reading.reason, reading.answer)
        if self._monotonic() < self._closed_until:
            return Outcome("shed", "redis", AWAY)
        await self._store(reading.job)
        # Not at the level of every day: a line takes 24 µs of CPU, the rest of a request about 115.
        log.debug("request taken", kind=kind_of(reading.job), workspace=reading.job.workspace, trace=reading.job.trace)
        return Outcome("accepted", reading.reason, reading.answer)

    def _unavailable(self, error: Unavailable) -> Outcome:
        now = self._monotonic()
        if now >= self._closed_until:
            log.warning("jobs cannot be stored", reason=str(error))
            self._closed_until = now + FAIL_FAST_SECONDS
        return Outcome("shed", "redis", AWAY)

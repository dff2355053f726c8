"""When Slack is told 200, and when not: the ack path with a store whose every step the test decides."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ingress_api.acking import FAIL_FAST_SECONDS, Route, SlackRoutes
from ingress_api.app import Ingress
from ingress_api.commands import commands_reader
from ingress_api.events import read_event
from rotavatar.apps import AppCredentials
from rotavatar.clock import ManualClock
from rotavatar.configuration import Secret
from rotavatar.errors import Unavailable
from rotavatar.messages import Message
from tests import ingress as at
from tests.ingress import signed

BODY = json.dumps(at.home_opened(event_ts="1700000000.000001", envelope={"event_time": 1_700_000_000})).encode()
OWN = AppCredentials(app_id=at.APP_ID, client_id="1", client_secret=Secret("c"), signing_secrets=(Secret(at.SECRET),))
OTHER = AppCredentials(app_id="A0OTHER", client_id="2", client_secret=Secret("d"), signing_secrets=(Secret("other"),))


class Bench:
    """The routes over a store that the test fills, slows and breaks."""

    def __init__(self, *, most: int = 512) -> None:
        self.clock = ManualClock()
        self.monotonic = 100.0
        self.stored: list[Message] = []
        self.before: Callable[[], Awaitable[None]] = self.at_once
        apps = {app.app_id: app for app in (OWN, OTHER)}
        self.routes = SlackRoutes(
            {
                "events": Route("events", read_event),
                "commands": Route("commands", commands_reader(lambda _: True), tells_ssl_check=True),
                "broken": Route("broken", self.broken),
            },
            default_app=at.APP_ID,
            app=apps.get,
            store=self.store,
            clock=self.clock,
            monotonic=lambda: self.monotonic,
            most=most,
        )

    async def at_once(self) -> None:
        pass

    async def store(self, job: Message) -> None:
        await self.before()
        self.stored.append(job)

    def broken(self, _delivery: object) -> Any:
        raise ZeroDivisionError

    async def post(
        self, body: bytes = BODY, *, path: str = "/slack/events", secret: str = at.SECRET, parts: int = 1
    ) -> int:
        given = signed(body, secret=secret, at=self.clock.wall())
        headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
        size = -(-len(body) // parts) or 1
        chunks = [body[n : n + size] for n in range(0, len(body), size)] or [b""]
        answers: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not chunks:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

        async def send(message: Any) -> None:
            answers.append(message)

        app = Ingress(self.routes, pictures=_nobody, pages=_nobody)
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
        await app(scope, receive, send)
        return int(answers[0]["status"]) if answers else 0


async def _nobody(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404})


async def test_nothing_is_acknowledged_before_it_is_stored() -> None:
    bench, stored = Bench(), asyncio.Event()
    bench.before = stored.wait  # type: ignore[assignment]
    answer = asyncio.create_task(bench.post())
    await asyncio.sleep(0.01)
    assert not answer.done()
    stored.set()
    assert await answer == 200
    assert len(bench.stored) == 1


async def test_a_body_in_pieces_is_the_same_body() -> None:
    bench = Bench()
    assert await bench.post(parts=7) == 200
    assert len(bench.stored) == 1


async def test_each_app_is_verified_with_its_own_secret() -> None:
    bench = Bench()
    assert await bench.post(path="/slack/apps/A0OTHER/events", secret="other") == 200
    assert await bench.post(path="/slack/apps/A0OTHER/events") == 401
    assert await bench.post(secret="other") == 401
    assert await bench.post(path=f"/slack/apps/{at.APP_ID}/events") == 200
    assert await bench.post(path="/slack/apps/A0NOBODY/events") == 404
    assert await bench.post(path="/slack/nothing") == 404
    assert await bench.post(path="/slack/apps/A0OTHER/extra/events") == 404


async def test_after_a_failure_nobody_waits_for_redis_until_it_is_tried_again() -> None:
    bench, tries = Bench(), 0

    async def away() -> None:
        nonlocal tries
        tries += 1
        raise Unavailable("away")

    bench.before = away
    assert [await bench.post() for _ in range(5)] == [503] * 5
    assert tries == 1
    bench.monotonic += FAIL_FAST_SECONDS + 0.01
    assert await bench.post() == 503
    assert tries == 2
    bench.before = bench.at_once
    bench.monotonic += FAIL_FAST_SECONDS + 0.01
    assert await bench.post() == 200


async def test_requests_without_work_are_answered_while_redis_is_away() -> None:
    bench = Bench()

    async def away() -> None:
        raise Unavailable("away")

    bench.before = away
    assert await bench.post() == 503
    challenge = b'{"type":"url_verification","challenge":"c"}'
    assert await bench.post(challenge) == 200


async def test_more_than_the_bound_are_shed_at_once_and_the_others_served() -> None:
    bench, stored = Bench(most=3), asyncio.Event()
    bench.before = stored.wait  # type: ignore[assignment]
    begun = [asyncio.create_task(bench.post()) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert await bench.post() == 503
    stored.set()
    assert [await answer for answer in begun] == [200, 200, 200]
    assert await bench.post() == 200


async def test_a_failure_of_ours_is_a_500_and_the_place_is_free_again() -> None:
    bench = Bench(most=1)
    for _ in range(3):
        assert await bench.post(path="/slack/broken") == 500
    assert await bench.post() == 200


async def test_who_leaves_in_the_middle_stores_nothing() -> None:
    bench = Bench()
    answers: list[Any] = []
    pieces = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return pieces.pop(0)

    async def send(message: Any) -> None:
        answers.append(message)

    found = bench.routes.find("/slack/events")
    assert found is not None
    await bench.routes.answer(*found, scope={"method": "POST", "headers": []}, receive=receive, send=send)
    assert (answers, bench.stored) == ([], [])


@pytest.mark.parametrize("seconds", [-301, 301])
async def test_the_age_of_a_request_is_told_from_the_real_clock(seconds: int) -> None:
    bench = Bench()
    body, stamp = BODY, bench.clock.wall()
    assert await bench.post(body) == 200
    bench.clock.advance(seconds)
    headers = [(name.lower().encode(), value.encode()) for name, value in signed(body, at=stamp).items()]
    answers: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        answers.append(message)

    found = bench.routes.find("/slack/events")
    assert found is not None
    await bench.routes.answer(*found, scope={"method": "POST", "headers": headers}, receive=receive, send=send)
    assert answers[0]["status"] == 401

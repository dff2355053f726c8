"""Sends what Slack sends: signed events with retries, and signed clicks and commands without.

https://docs.slack.dev/apis/events-api/: an answer of 2xx within 3 s counts, up to two redirects are followed, and up to
three retries come at once, after a minute and after five, with the same event_id.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from slack_simulator.config import AppConfig, DeliveryRules
from slack_simulator.ids import Ids
from slack_simulator.journal import Journal
from slack_simulator.signing import Headers, Hostility, hostile, signed_headers
from slack_simulator.timing import Timing
from slack_simulator.trouble import Trouble

SENDER: Headers = [("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)"), ("Accept", "*/*")]
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MAX_ANSWER = 1_000_000
"""Bytes of an answer that are read."""

HOLD = 1.0
"""Real seconds that an event waits for another to overtake it, when events come out of order."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the app answered: `reason` is empty for 2xx in time, else Slack's x-slack-retry-reason."""

    status: int = 0
    reason: str = ""
    body: bytes = b""
    media_type: str = ""
    no_retry: bool = False
    ms: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether Slack takes it for received."""
        return not self.reason


class Delivery:
    """The outgoing side. Times are real ones, from `timing`; `now` stamps the log."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        timing: Timing,
        rules: DeliveryRules,
        ids: Ids,
        journal: Journal,
        trouble: Trouble,
        now: Callable[[], float],
    ) -> None:
        self._session = session
        self._timing = timing
        self._rules = rules
        self._ids = ids
        self._journal = journal
        self._trouble = trouble
        self._now = now
        self._slots = asyncio.Semaphore(rules.parallel)
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._sent: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._limited: dict[tuple[str, str], int] = {}
        self._attempts: defaultdict[str, deque[tuple[float, bool]]] = defaultdict(deque)
        self._failures: defaultdict[str, int] = defaultdict(int)
        self._disabled: set[str] = set()
        self._held: Callable[[], Coroutine[Any, Any, None]] | None = None

    async def post(
        self, app: AppConfig, *, url: str, body: bytes, media_type: str, extra: Headers | None = None
    ) -> Answer:
        """Send one signed request and wait at most 3 s for the answer."""
        headers = signed_headers(secret=app.signing_secrets[0], wall=self._timing.wall(), body=body)
        return await self._exchange(url, body=body, headers=[*headers, *(extra or []), ("Content-Type", media_type)])

    async def post_hostile(self, app: AppConfig, kind: Hostility, *, url: str, body: bytes, media_type: str) -> Answer:
        """Send a request whose signature, time or body is wrong in the way `kind` says."""
        headers, sent = hostile(kind, secret=app.signing_secrets[0], wall=self._timing.wall(), body=body)
        return await self._exchange(url, body=sent, headers=[*headers, ("Content-Type", media_type)])

    async def post_raw(self, url: str, *, body: bytes, headers: Headers) -> Answer:
        """Send exactly this."""
        return await self._exchange(url, body=body, headers=headers)

    def event(
        self,
        app: AppConfig,
        event: dict[str, Any],
        *,
        team: str | None,
        enterprise: str | None = None,
        authorized_user: str = "",
        is_bot: bool = True,
        is_enterprise_install: bool = False,
    ) -> str:
        """Deliver an event of a workspace in the background, with retries. Returns its event_id ('' if not sent)."""
        key = team or enterprise or ""
        if not self.wanted(app, event["type"]) or not self._admitted(app, key):
            return ""
        wall = self._timing.wall()
        event_id = "Ev" + self._ids.slack_id("")
        envelope: dict[str, Any] = {
            "token": app.verification_token,
            "team_id": team,
            "context_team_id": team,
            "context_enterprise_id": enterprise,
            "api_app_id": app.app_id,
            "event": {"event_ts": f"{wall:.6f}", **event},
            "type": "event_callback",
            "event_id": event_id,
            "event_time": int(wall),
            "event_context": "EC" + self._ids.slack_id(""),
            "authorizations": [
                {
                    "enterprise_id": enterprise,
                    "team_id": team,
                    "user_id": authorized_user,
                    "is_bot": is_bot,
                    "is_enterprise_install": is_enterprise_install,
                }
            ],
            "is_ext_shared_channel": False,
        }
        if is_enterprise_install:
            envelope["enterprise_id"] = enterprise
        if team is None:
            del envelope["team_id"], envelope["context_team_id"]
        self._dispatch(app, envelope, key=key, user=_user_of(event))
        return event_id

    @staticmethod
    def wanted(app: AppConfig, name: str) -> bool:
        """Whether the app subscribed to the event `name`, and said where to."""
        return bool(app.events_url) and name in app.events

    async def verify_url(self, app: AppConfig, url: str) -> bool:
        """The url_verification handshake; each of the three documented forms of the answer is accepted."""
        challenge = self._ids.text("abcdefghijklmnopqrstuvwxyz0123456789", 52)
        body = msgspec.json.encode(
            {"token": app.verification_token, "challenge": challenge, "type": "url_verification"}
        )
        answer = await self.post(app, url=url, body=body, media_type=JSON)
        text = answer.body.decode("utf-8", "replace").strip()
        accepted = answer.ok and text in {challenge, f"challenge={challenge}"}
        if answer.ok and not accepted:
            try:
                decoded = msgspec.json.decode(answer.body)
            except msgspec.DecodeError:
                decoded = None
            accepted = isinstance(decoded, dict) and decoded.get("challenge") == challenge
        self._note("event", "url_verification", answer, detail="accepted" if accepted else "refused")
        return accepted

    async def ssl_check(self, app: AppConfig) -> Answer:
        """What Slack sends now and then to the address of a slash command; unsigned, to be safe."""
        body = f"token={app.verification_token}&ssl_check=1".encode()
        answer = await self.post_raw(app.commands_url, body=body, headers=[("Content-Type", FORM), *SENDER])
        self._note("command", "ssl_check", answer)
        return answer

    def disabled(self, app_id: str) -> bool:
        """Whether Slack stopped sending events because too many of them failed."""
        return app_id in self._disabled

    def enable(self, app_id: str) -> None:
        """Send events again, as one does by hand in the app's settings."""
        self._disabled.discard(app_id)
        self._attempts.pop(app_id, None)
        self._failures.pop(app_id, None)

    async def settled(self) -> None:
        """Return once nothing is under way: what waits for a later retry does not count."""
        await self._quiet.wait()

    async def stop(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _dispatch(self, app: AppConfig, envelope: dict[str, Any], *, key: str, user: str) -> None:
        async def deliver() -> None:
            await self._deliver(app, envelope, key=key, user=user)

        if self._trouble.any(key, "deliver_twice"):
            self._start(deliver)
        if not self._trouble.any(key, "out_of_order"):
            self._start(deliver)
        elif self._held is None:
            self._held = deliver
            self._start(self._release)
        else:
            overtaken, self._held = self._held, None
            self._start(deliver)
            self._start(overtaken)

    async def _release(self) -> None:
        held = self._held
        await self._timing.sleep(HOLD)
        if held is not None and self._held is held:
            self._held = None
            await held()

    def _start(self, deliver: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = asyncio.ensure_future(deliver())
        self._count(1)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._count(-1)
        self._tasks.discard(task)
        if not task.cancelled():
            task.result()

    async def _pause(self, seconds: float) -> None:
        if not seconds:
            return
        self._count(-1)
        try:
            await self._timing.sleep(seconds)
        finally:
            self._count(1)

    def _count(self, change: int) -> None:
        self._busy += change
        if self._busy:
            self._quiet.clear()
        else:
            self._quiet.set()

    async def _deliver(self, app: AppConfig, envelope: dict[str, Any], *, key: str, user: str) -> None:
        body = msgspec.json.encode(envelope)
        rules = self._rules
        delays = [*rules.retry_after, *([rules.delayed_interval] * rules.delayed_attempts * rules.delayed_events)]
        extra: Headers = []
        for number, delay in enumerate([*delays, None]):
            if app.app_id in self._disabled:
                return
            async with self._slots:
                answer = await self.post(app, url=app.events_url, body=body, media_type=JSON, extra=extra)
            self._note(
                "retry" if number else "event",
                str(envelope.get("event", envelope)["type"]),
                answer,
                team=key,
                user=user,
                detail=f"{envelope.get('event_id', '')}" + (f" retry {number}" if number else ""),
            )
            self._judge(app, ok=answer.ok)
            if answer.ok or answer.no_retry or delay is None:
                return
            await self._pause(delay)
            extra = [("x-slack-retry-num", str(number + 1)), ("x-slack-retry-reason", answer.reason)]

    async def _exchange(self, url: str, *, body: bytes, headers: Headers) -> Answer:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._rules.timeout):
                answer = await self._follow(url, body=body, headers=[*SENDER, *headers])
        except TimeoutError:
            answer = Answer(reason="http_timeout")
        except aiohttp.ClientSSLError:
            answer = Answer(reason="ssl_error")
        except aiohttp.ClientError:
            answer = Answer(reason="connection_failed")
        except ValueError:
            answer = Answer(reason="unknown_error")
        return msgspec.structs.replace(answer, ms=(time.perf_counter() - started) * 1000)

    async def _follow(self, url: str, *, body: bytes, headers: Headers) -> Answer:
        for _ in range(self._rules.max_redirects + 1):
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                if response.status in {301, 302} and "Location" in response.headers:
                    url = str(response.url.join(URL(response.headers["Location"])))
                    continue
                content = await response.content.read(MAX_ANSWER)
                good = 200 <= response.status < 300  # noqa: PLR2004
                return Answer(
                    status=response.status,
                    reason="" if good else "http_error",
                    body=content,
                    media_type=response.content_type,
                    no_retry=response.status != 200 and response.headers.get("x-slack-no-retry") == "1",  # noqa: PLR2004
                )
        return Answer(reason="too_many_redirects")

    def _admitted(self, app: AppConfig, key: str) -> bool:
        wall = self._timing.wall()
        if app.app_id in self._disabled:
            return False
        sent = self._sent[app.app_id, key]
        while sent and sent[0] <= wall - self._rules.window:
            sent.popleft()
        if len(sent) < self._rules.cap:
            sent.append(wall)
            return True
        minute = int(wall) // 60 * 60
        if self._limited.get((app.app_id, key)) != minute:
            self._limited[app.app_id, key] = minute
            notice = {
                "token": app.verification_token,
                "type": "app_rate_limited",
                "team_id": key,
                "minute_rate_limited": minute,
                "api_app_id": app.app_id,
            }
            self._start(lambda: self._deliver(app, notice, key=key, user=""))
        return False

    def _judge(self, app: AppConfig, *, ok: bool) -> None:
        wall = self._timing.wall()
        attempts = self._attempts[app.app_id]
        attempts.append((wall, ok))
        self._failures[app.app_id] += not ok
        while attempts[0][0] <= wall - self._rules.window:
            self._failures[app.app_id] -= not attempts.popleft()[1]
        failed = self._failures[app.app_id]
        if len(attempts) >= self._rules.disable_floor and failed > self._rules.disable_share * len(attempts):
            self._disabled.add(app.app_id)
            self._journal.note("event", at=self._now(), method="subscriptions disabled", error="too many failures")

    def _note(
        self, kind: Any, method: str, answer: Answer, *, team: str = "", user: str = "", detail: str = ""
    ) -> None:
        self._journal.note(
            kind,
            at=self._now(),
            team=team,
            user=user,
            method=method,
            status=answer.status,
            error=answer.reason,
            ms=answer.ms,
            detail=detail,
        )


def _user_of(event: dict[str, Any]) -> str:
    user = event.get("user", "")
    return str(user["id"] if isinstance(user, dict) else user)

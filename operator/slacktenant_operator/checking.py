"""Asking Slack whose a bot token is, at a pace that a restart with ten thousand tenants keeps too.

Slack being away is no verdict on a token: what worked goes on to work.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from rotavatar.configuration import Secret
from rotavatar.errors import SlackBusy, SlackError
from rotavatar.keys import Workspace
from rotavatar.scopes import BOT, OPTIONAL
from rotavatar.slack import SlackClient
from rotavatar.slack.answers import Identity
from slacktenant_operator.conditions import Finding, fails, holds, unknown
from slacktenant_operator.reasons import Kind, Reason

AT_ONCE: Final = 8
CONFIRM_SECONDS: Final = 20.0
ROTATING: Final = "xoxe."
LASTING: Final = "xoxb-"


class Verdict(msgspec.Struct, frozen=True):
    """What is known of a token: the condition, and whose it is where it is valid."""

    finding: Finding
    identity: Identity | None = None
    retry_after: float | None = None

    @property
    def valid(self) -> bool:
        """Whether the token may be used."""
        return self.identity is not None


class Checking:
    """Asks auth.test, a few at a time and so many a second.

    auth.test has a limit of its own, of hundreds of calls a minute and workspace
    (https://docs.slack.dev/reference/methods/auth.test); the pace is for the sake of Slack and of our own network.
    """

    def __init__(
        self,
        slack: SlackClient,
        *,
        per_second: float = 100.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`slack` is closed by whoever opened it."""
        self._slack = slack
        self._per_second = per_second
        self._sleep = sleep
        self._monotonic = monotonic
        self._room = asyncio.Semaphore(AT_ONCE)
        self._next = 0.0

    async def check(self, workspace: Workspace, token: Secret, *, app: str) -> Verdict:
        """Whether `token` is a lasting bot token of `workspace` and of the Slack app `app`. Never raises SlackError."""
        text = token.reveal()
        if text.startswith(ROTATING):
            return Verdict(fails(Kind.CREDENTIALS, Reason.ROTATING_TOKEN))
        if not text.startswith(LASTING):
            return Verdict(fails(Kind.CREDENTIALS, Reason.NOT_A_BOT_TOKEN))
        return await self.confirm(workspace, token, app=app)

    async def confirm(self, workspace: Workspace, token: Secret, *, app: str) -> Verdict:
        """The same of any token: one that came by OAuth may expire."""
        async with self._room:
            await self._slot()
            try:
                identity = await self._slack.auth_test(token.reveal())
            except SlackError as error:
                return refused(error)
        return judged(identity, workspace=workspace, app=app)

    async def _slot(self) -> None:
        """Wait for the next of the slots, which lie evenly."""
        now = self._monotonic()
        slot = max(now, self._next)
        self._next = slot + 1 / self._per_second
        if slot > now:
            await self._sleep(slot - now)


def refused(error: SlackError) -> Verdict:
    """What follows when Slack does not say whose a token is."""
    if not isinstance(error, SlackBusy):
        return Verdict(fails(Kind.CREDENTIALS, Reason.TOKEN_REFUSED, code=error.code))
    return Verdict(unknown(Kind.CREDENTIALS, Reason.SLACK_UNAVAILABLE, code=error.code), retry_after=error.retry_after)


def judged(identity: Identity, *, workspace: Workspace, app: str) -> Verdict:
    """Whether the token that is `identity`'s may be used for a workspace under an app."""
    found = workspace_of(identity)
    if found != workspace:
        return Verdict(fails(Kind.CREDENTIALS, Reason.WRONG_WORKSPACE, found=found, workspace=workspace))
    if identity.app_id and identity.app_id != app:
        return Verdict(fails(Kind.CREDENTIALS, Reason.WRONG_APP, found=identity.app_id, app=app))
    missing = BOT.keys() - OPTIONAL - identity.scopes if identity.scopes else set()
    if missing:
        return Verdict(fails(Kind.CREDENTIALS, Reason.SCOPE_MISSING, scopes=", ".join(sorted(missing))))
    return Verdict(holds(Kind.CREDENTIALS, Reason.VALID, workspace=workspace), identity=identity)


def workspace_of(identity: Identity) -> str:
    """The workspace that a token is for: the organisation where the app is installed on all of it."""
    return (identity.enterprise_id or "") if identity.is_enterprise_install else identity.team_id

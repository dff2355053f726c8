"""One publish of one Home tab: read what there is now, build the view, send it, record what came of it."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec.structs
import structlog

from publisher import home, metrics
from publisher.outcomes import Form, Result, result_of
from publisher.reading import Reading, TabReader
from rotavatar.clock import Clock
from rotavatar.errors import CredentialDead, SlackError, Unavailable, VaultError, VaultKeyMissing
from rotavatar.keys import User, Workspace
from rotavatar.pacing import GRANT_SECONDS
from rotavatar.records import WorkspaceRecord
from rotavatar.slack import SlackClient
from rotavatar.store import MemberStore, Outcome, PublishStore, WorkspaceStore
from rotavatar.store.publishing import Published, Tab

log = structlog.get_logger()

REMEMBERED: Final = 10_000
"""Tabs whose smaller form, and workspaces whose closed Home tab, are remembered: less than 2 MB."""

KEY_SECONDS: Final = 60.0
"""How often a workspace is tried whose vault key is missing: an operator can put it back."""

BotToken = Callable[[Workspace, WorkspaceRecord], Awaitable[str]]
"""Opens a workspace's bot token, renewed where it expires soon. Raises SlackError, VaultError and Unavailable."""


class Publisher:
    """Publishes claimed tabs."""

    def __init__(
        self,
        *,
        reader: TabReader,
        slack: SlackClient,
        bot_token: BotToken,
        publishing: PublishStore,
        members: MemberStore,
        workspaces: WorkspaceStore,
        clock: Clock,
    ) -> None:
        """Everything that reading, sending and recording takes."""
        self._reader = reader
        self._slack = slack
        self._bot_token = bot_token
        self._publishing = publishing
        self._members = members
        self._workspaces = workspaces
        self._clock = clock
        self._forms: OrderedDict[tuple[Workspace, User], Form] = OrderedDict()
        self._closed: OrderedDict[Workspace, None] = OrderedDict()

    async def publish(self, tab: Tab, *, claimed_ms: int) -> float | None:
        """Publish `tab`, which was claimed at `claimed_ms`, and give it back.

        Returns when (ms) the workspace's next tab may be published, None for none. Where Redis is away the lease ends
        by itself and somebody publishes again.
        """
        try:
            result = await self._attempt(tab, claimed_ms)
            return await self._record(tab, result)
        except Unavailable as error:
            log.warning("publish left to its lease", workspace=tab.workspace, user=tab.user, reason=str(error))
        except Exception:
            log.exception("publish failed", workspace=tab.workspace, user=tab.user)
            metrics.PUBLISHES.labels("failed").inc()
        return None

    async def _attempt(self, tab: Tab, claimed_ms: int) -> Result:
        reading = await self._reader.read(tab.workspace, tab.user)
        if reading is None:
            return Result(outcome="nothing")
        form = self._forms.get((tab.workspace, tab.user), Form.FULL)
        view = _view(reading, form)
        try:
            token = await self._bot_token(tab.workspace, reading.record)
            if self._clock.now() * 1000 - claimed_ms > self._clock.span(GRANT_SECONDS) * 1000:
                return Result(outcome="late", again=True)
            shown = await self._slack.publish_view(
                token, user_id=tab.user, view=view.body, expected_hash=reading.view_hash or None
            )
        except SlackError as error:
            return await self._failed(tab, reading, error, form=form, pictures=view.pictures)
        except VaultError as error:
            return _sealed(tab, error)
        if form is not Form.FULL:
            metrics.DEGRADED.labels(form.name.lower()).inc()
        self._forms.pop((tab.workspace, tab.user), None)
        log.info("tab published", workspace=tab.workspace, user=tab.user, trace=reading.trace)
        return Result(outcome="ok", view_hash=shown.hash)

    async def _failed(self, tab: Tab, reading: Reading, error: SlackError, *, form: Form, pictures: bool) -> Result:
        result = result_of(error, form=form, pictures=pictures)
        if result.dead and error.code == "invalid_auth":
            result = await self._confirmed(tab, reading.record, result)
        self._log(tab, error, result)
        if result.dead:
            await self._bury_credential(tab.workspace, reading.record)
        return result

    async def _confirmed(self, tab: Tab, record: WorkspaceRecord, death: Result) -> Result:
        """`death` where auth.test agrees; an organisation's address list answers invalid_auth to sound tokens too."""
        try:
            await self._slack.auth_test(await self._bot_token(tab.workspace, record))
        except CredentialDead:
            return death
        except SlackError as doubt:
            return result_of(doubt, form=Form.NOTICE, pictures=False)
        return Result(outcome="forbidden")

    async def _bury_credential(self, workspace: Workspace, seen: WorkspaceRecord) -> None:
        """Destroy the bot's credential, unless another one has come meanwhile."""
        while (record := await self._workspaces.read(workspace)) and record.credential == seen.credential:
            dropped = msgspec.structs.replace(record, credential=b"", refresh_at=0)
            if await self._workspaces.commit(workspace, record, dropped) is Outcome.OK:
                return

    async def _record(self, tab: Tab, result: Result) -> float | None:
        now = self._clock.now()
        metrics.PUBLISHES.labels(result.outcome).inc()
        if result.outcome == "ok":
            seconds = max(0.0, (now - tab.marked_ms / 1000) / self._clock.span(1.0))
            metrics.PUBLISH_SECONDS.labels("yes" if tab.looking else "no").observe(seconds)
        if result.form is not None:
            self._remember(tab, result.form)
        if result.hold:
            # Slack counts by the schedule's clock (in local development the simulator's buckets do); ours is real time.
            seconds = result.hold if result.limit else self._clock.span(result.hold)
            await self._members.hold(tab.workspace, "publish", until_ms=int((now + seconds) * 1000))
        return await self._publishing.finish(
            tab.workspace,
            tab.user,
            Published.AGAIN if result.again else Published.DONE,
            now_ms=int(now * 1000),
            view_hash=result.view_hash or None,
        )

    def _remember(self, tab: Tab, form: Form) -> None:
        self._forms.pop((tab.workspace, tab.user), None)
        if form is not Form.FULL:
            self._forms[tab.workspace, tab.user] = form
        while len(self._forms) > REMEMBERED:
            self._forms.popitem(last=False)

    def _log(self, tab: Tab, error: SlackError, result: Result) -> None:
        if result.outcome == "conflict":
            return
        if result.outcome == "not_enabled":
            if tab.workspace in self._closed:
                return
            self._closed[tab.workspace] = None
            while len(self._closed) > REMEMBERED:
                self._closed.popitem(last=False)
        level = "error" if result.outcome in ("refused", "dead") or result.form is Form.NOTICE else "warning"
        getattr(log, level)(
            "tab not published",
            workspace=tab.workspace,
            user=tab.user,
            outcome=result.outcome,
            code=error.code,
            next_form=result.form.name.lower() if result.form is not None else None,
        )


def _view(reading: Reading, form: Form) -> home.View:
    if form is Form.NOTICE:
        return home.fallback(reading.state.version)
    return home.build(reading.state, pictures=form is Form.FULL)


def _sealed(tab: Tab, error: VaultError) -> Result:
    log.error("bot credential not opened", workspace=tab.workspace, reason=str(error))
    if isinstance(error, VaultKeyMissing):
        return Result(outcome="sealed", again=True, hold=KEY_SECONDS)
    return Result(outcome="sealed")

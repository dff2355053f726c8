"""To Slack's consent page and back (https://docs.slack.dev/authentication/installing-with-oauth).

*Add to Slack* asks for everything; *Connect me* (`?team=`) for user scopes only, so that Slack issues no second bot
token. What comes back is stored in one transaction together with the jobs that follow from it, before anybody sees a
page.
"""

import secrets
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ingress_api import results
from ingress_api.consent import NONCE_BYTES, SECONDS, BadState, Consent, is_browser, open_state, seal_state
from ingress_api.installing import Installation, home_of, installation, is_installed, issued_at_ms, missing_scopes
from ingress_api.metrics import INSTALLATIONS
from ingress_api.reading import Id
from rotavatar import scopes
from rotavatar.apps import AppCredentials
from rotavatar.clock import Clock
from rotavatar.errors import SlackBusy, SlackError, Unavailable
from rotavatar.keys import User, Workspace
from rotavatar.messages import trace_for
from rotavatar.settings import InstallPolicy
from rotavatar.slack import OAuthGrant, SlackClient, home_tab_link
from rotavatar.store import ConsentStore, WorkspaceStore
from rotavatar.store.workspaces import Installed
from rotavatar.vault import Vault

log = structlog.get_logger()

MAX_EXCHANGES: Final = 64
"""Consents that may be traded for tokens at the same time; the client has 100 connections."""

SEE_OTHER: Final = 303


REFUSALS: Final = {Installed.UNDECLARED: "undeclared", Installed.FULL: "full"}
"""Why somebody whom Slack let through is not let in, as a key of results.RESULTS."""


class Failed(Exception):
    """A consent that ended on one of the pages of `results`."""

    def __init__(self, word: str, *, workspace: str = "") -> None:
        """`word` is a key of results.RESULTS; the page names `workspace` where that helps."""
        super().__init__(word)
        self.word = word
        self.workspace = workspace


class Site(msgspec.Struct, frozen=True):
    """Where one Slack app's people come and go."""

    app: AppCredentials
    prefix: str
    """`/slack` or `/slack/apps/<app id>`."""
    redirect_uri: str

    def install(self, team: str = "") -> str:
        """Where a consent begins."""
        return f"{self.prefix}/install" + (f"?team={quote(team)}" if team else "")


class OAuth:
    """The two routes of a consent, for every app."""

    def __init__(
        self,
        *,
        public_url: str,
        default_app: str,
        app: Callable[[str], AppCredentials | None],
        slack: SlackClient,
        vault: Vault,
        workspaces: WorkspaceStore,
        consents: ConsentStore,
        clock: Clock,
        rule: InstallPolicy = "open",
        random: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        """Browsers reach us at `public_url`; `app` finds the credentials of a Slack app by its id.

        `rule` says which workspaces may add the app by themselves.
        """
        self._public_url = public_url
        self._secure = public_url.startswith("https://")
        self._cookie = "__Host-rotavatar" if self._secure else "rotavatar"
        self._default_app = default_app
        self._app = app
        self._slack = slack
        self._vault = vault
        self._workspaces = workspaces
        self._consents = consents
        self._clock = clock
        self._rule = rule
        self._random = random
        self._exchanges = 0

    async def install(self, request: Request) -> Response:
        """GET /slack/install: on to Slack, with a state that only this browser can bring back."""
        site = self._site(request)
        if site is None:
            return results.failed("unknown_app", again="/")
        team = request.query_params.get("team", "")
        if team and not _is_team(team):
            return results.failed("team", again="/")
        cookie = request.cookies.get(self._cookie)
        browser = cookie if cookie and is_browser(cookie) else self._random(NONCE_BYTES)
        consent = Consent(
            app_id=site.app.app_id,
            connecting=bool(team),
            team=team,
            at=int(self._clock.wall()),
            nonce=self._random(NONCE_BYTES),
        )
        address = self._slack.addresses.authorize(
            client_id=site.app.client_id,
            bot_scopes="" if team else ",".join(scopes.BOT),
            user_scopes=",".join(scopes.USER),
            redirect_uri=site.redirect_uri,
            state=seal_state(consent, browser=browser, client_secret=site.app.client_secret.reveal()),
            team=team,
        )
        return self._sent_to_slack(address, browser)

    async def redirect(self, request: Request) -> Response:
        """GET /slack/oauth_redirect: the person comes back from Slack."""
        site = self._site(request)
        if site is None:
            return results.failed("unknown_app", again="/")
        again = site.install()
        try:
            consent = self._consent(request, site)
            again = site.install(consent.team)
            page = await self._complete(request, site, consent)
        except Failed as failure:
            INSTALLATIONS.labels(failure.word).inc()
            start = site.install() if failure.word == "not_installed" else again
            return results.failed(failure.word, again=start, workspace=failure.workspace)
        return page

    def _consent(self, request: Request, site: Site) -> Consent:
        error = request.query_params.get("error")
        if error:
            log.info("consent not given", app=site.app.app_id, error=error if error in results.CODES else "other")
            raise Failed(results.CODES.get(error, "denied"))
        try:
            consent = open_state(
                request.query_params.get("state"),
                browser=request.cookies.get(self._cookie),
                client_secret=site.app.client_secret.reveal(),
                now=self._clock.wall(),
            )
        except BadState as bad:
            log.info("consent with a bad state", app=site.app.app_id, reason=bad.reason)
            raise Failed("state") from None
        if consent.app_id != site.app.app_id or not request.query_params.get("code"):
            raise Failed("state")
        return consent

    async def _complete(self, request: Request, site: Site, consent: Consent) -> Response:
        if self._exchanges >= MAX_EXCHANGES:
            raise Failed("busy")
        self._exchanges += 1
        try:
            if not await self._consents.spend(consent.nonce, seconds=SECONDS):
                raise Failed("used")
            grant = await self._exchange(site, request.query_params["code"])
            return await self._store(site, grant)
        except Unavailable as error:
            log.warning("consent not stored", app=site.app.app_id, reason=str(error))
            raise Failed("away") from None
        finally:
            self._exchanges -= 1

    async def _exchange(self, site: Site, code: str) -> OAuthGrant:
        try:
            grant = await self._slack.oauth_access(
                client_id=site.app.client_id,
                client_secret=site.app.client_secret.reveal(),
                code=code,
                redirect_uri=site.redirect_uri,
            )
        except SlackBusy as error:
            log.warning("consent not exchanged", app=site.app.app_id, error=error.code)
            raise Failed("slack_away") from None
        except SlackError as error:
            word = results.CODES.get(error.code, "misconfigured")
            log.log(_LEVELS.get(word, 20), "consent not exchanged", app=site.app.app_id, error=error.code)
            raise Failed(word) from None
        if grant.app_id != site.app.app_id:
            log.error("consent for another app", app=site.app.app_id, got=grant.app_id)
            raise Failed("misconfigured")
        return grant

    async def _store(self, site: Site, grant: OAuthGrant) -> Response:
        workspace = await self._home(grant)
        trace = trace_for(workspace, User(grant.user_id), issued_at_ms(grant))
        stored = installation(grant, workspace=workspace, app_id=site.app.app_id, vault=self._vault, trace=trace)
        outcome = await self._workspaces.install(
            stored.workspace,
            stored.user,
            record=stored.record,
            member=stored.member,
            joined=stored.joined,
            publish=stored.publish,
            rule=self._rule,
        )
        if outcome in REFUSALS:
            log.info("not let in", workspace=workspace, user=stored.user, reason=REFUSALS[outcome], trace=trace)
            await self._give_back(grant, bot=outcome is Installed.UNDECLARED)
            raise Failed(REFUSALS[outcome], workspace=workspace)
        log.info(
            "connected" if grant.bot is None else "installed",
            workspace=workspace,
            user=stored.user,
            app=site.app.app_id,
            org=grant.is_enterprise_install,
            trace=trace,
        )
        return self._done(site, grant, stored, waiting=outcome is Installed.WAITING)

    async def _home(self, grant: OAuthGrant) -> Workspace:
        """The workspace to store a grant in: for a user alone one that has the app, else its organisation's."""
        try:
            workspace = home_of(grant)
        except ValueError:
            log.warning("slack granted something without a workspace", app=grant.app_id)
            raise Failed("misconfigured") from None
        if grant.bot is not None or is_installed(await self._workspaces.read(workspace)):
            return workspace
        organisation = Workspace(grant.enterprise_id or "")
        if organisation and organisation != workspace:
            record = await self._workspaces.read(organisation)
            if record and record.org and is_installed(record):
                return organisation
        log.warning("connected to a workspace without the app", workspace=workspace, user=grant.user_id)
        await self._give_back(grant)
        raise Failed("not_installed")

    async def _give_back(self, grant: OAuthGrant, *, bot: bool = False) -> None:
        """Destroy the person's token, and with `bot` the workspace's, which nobody would look after."""
        for token in (grant.user, grant.bot if bot else None):
            if token is None:
                continue
            try:
                await self._slack.auth_revoke(token.access_token)
            except SlackError as error:
                log.warning("token not given back", user=grant.user_id, error=error.code)

    def _done(self, site: Site, grant: OAuthGrant, stored: Installation, *, waiting: bool) -> Response:
        slack, app_id = self._slack.addresses, site.app.app_id
        team = grant.team_id or stored.workspace
        web = slack.app_redirect(app_id=app_id, team_id=team)
        if waiting:
            INSTALLATIONS.labels("waiting").inc()
            return results.waiting(workspace=grant.team_name or grant.enterprise_name or "", web=web)
        if missing_scopes(grant):
            INSTALLATIONS.labels("incomplete").inc()
            return results.incomplete(workspace=grant.team_name or "", again=site.install(team), web=web)
        if grant.is_enterprise_install and grant.bot is not None:
            INSTALLATIONS.labels("organisation").inc()
            manage = slack.manage_organisation(app_id=app_id, enterprise_id=stored.workspace)
            return results.installed_for_organisation(organisation=grant.enterprise_name or "", manage=manage)
        INSTALLATIONS.labels("connected" if grant.bot is None else "installed").inc()
        # Only Slack's own programs know the slack:// scheme; a simulator has its page.
        home = home_tab_link(team_id=team, app_id=app_id) if slack.is_slack else web
        return results.connected(workspace=grant.team_name or "", home=home, web=web)

    def _site(self, request: Request) -> Site | None:
        given = request.path_params.get("app_id")
        app = self._app(given or self._default_app)
        if app is None:
            return None
        prefix = f"/slack/apps/{given}" if given else "/slack"
        return Site(app, prefix, f"{self._public_url}{prefix}/oauth_redirect")

    def _sent_to_slack(self, address: str, browser: str) -> Response:
        response = RedirectResponse(
            address, SEE_OTHER, headers={"cache-control": "no-store", "referrer-policy": "no-referrer"}
        )
        response.set_cookie(
            self._cookie, browser, max_age=SECONDS, path="/", secure=self._secure, httponly=True, samesite="lax"
        )
        return response


_LEVELS: Final = {"misconfigured": 40}
"""What an operator has to look at is logged as an error, all else as information."""


def _is_team(text: str) -> bool:
    try:
        msgspec.convert(text, Id)
    except msgspec.ValidationError:
        return False
    return True

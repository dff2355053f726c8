"""Which addresses belong to the Slack that we talk to: slack.com, slack-gov.com or a local simulator.

GovSlack is a separate environment with its own API, authorize page and response URLs (https://docs.slack.dev/govslack),
so everything is derived from one base URL.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode, urlsplit

from rotavatar.errors import ConfigurationError

SLACK_DOMAINS = frozenset({"slack.com", "slack-gov.com"})
"""The two environments that Slack runs; any other base URL is a simulator."""

Origin = tuple[str, str, int | None]
"""Scheme, host and port."""


def origin_of(url: str) -> Origin | None:
    """Scheme, host and port of `url`; None when it is no plain http(s) address or carries a user name."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        return None
    return parts.scheme, parts.hostname, port or {"http": 80, "https": 443}[parts.scheme]


def is_loopback(host: str) -> bool:
    """Whether `host` can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class SlackAddresses:
    """Every address of one Slack environment, from its base URL such as `https://slack.com`."""

    base_url: str

    def __post_init__(self) -> None:
        """Raise ConfigurationError for a base URL that tokens must not be sent to."""
        origin = origin_of(self.base_url)
        if origin is None or urlsplit(self.base_url).query or urlsplit(self.base_url).fragment:
            raise ConfigurationError(
                "ROTAVATAR_SLACK_BASE_URL must be an address such as https://slack.com, without query or fragment."
            )
        if origin[0] == "http" and not is_loopback(origin[1]):
            raise ConfigurationError(
                "ROTAVATAR_SLACK_BASE_URL must begin with https:// unless it names this machine (a local simulator)."
            )

    @cached_property
    def origin(self) -> Origin:
        """Scheme, host and port of the base URL."""
        origin = origin_of(self.base_url)
        assert origin is not None
        return origin

    @property
    def is_slack(self) -> bool:
        """Whether this is an environment of Slack's own and not a simulator."""
        return self.origin[1] in SLACK_DOMAINS

    @property
    def plain_http(self) -> bool:
        """Whether http without TLS is allowed: only towards a simulator on this machine."""
        return self.origin[0] == "http"

    @cached_property
    def root(self) -> str:
        """The base URL without a trailing slash."""
        return self.base_url.rstrip("/")

    def api(self, method: str) -> str:
        """Where a Web API method is called (https://docs.slack.dev/apis/web-api)."""
        return f"{self.root}/api/{method}"

    def authorize(
        self, *, client_id: str, bot_scopes: str, user_scopes: str, redirect_uri: str, state: str, team: str = ""
    ) -> str:
        """Where a person consents (https://docs.slack.dev/authentication/installing-with-oauth).

        Scopes are separated by commas; `team` preselects a workspace. Every value is percent-encoded.
        """
        query = {
            "client_id": client_id,
            "scope": bot_scopes,
            "user_scope": user_scopes,
            "redirect_uri": redirect_uri,
            "state": state,
        }
        return f"{self.root}/oauth/v2/authorize?{urlencode(query | ({'team': team} if team else {}))}"

    def app_redirect(self, *, app_id: str, team_id: str) -> str:
        """The page that opens the app in a browser (https://docs.slack.dev/interactivity/deep-linking)."""
        return f"{self.root}/app_redirect?{urlencode({'app': app_id, 'team': team_id})}"

    def manage_organisation(self, *, app_id: str, enterprise_id: str) -> str:
        """The page where an organisation's administrator adds the app to workspaces.

        https://docs.slack.dev/enterprise/developing-for-enterprise-orgs
        """
        if not self.is_slack:
            return self.app_redirect(app_id=app_id, team_id=enterprise_id)
        return f"https://app.{self.origin[1]}/manage/{enterprise_id}/integrations/profile/{app_id}/workspaces/add"

    def owns_response_url(self, url: str) -> bool:
        """Whether a `response_url` leads to this Slack, so that an answer may be sent there."""
        origin = origin_of(url)
        if not self.is_slack:
            return origin == self.origin
        return origin == ("https", f"hooks.{self.origin[1]}", 443)

    def owns_photo(self, url: str, *, allow: Callable[[str], bool]) -> bool:
        """Whether a member's photo may be fetched from `url`: `allow` is asked about its host name.

        A simulator's own address is allowed always; http without TLS only where the base URL itself is http.
        """
        origin = origin_of(url)
        if origin is None or (origin[0] == "http" and not self.plain_http):
            return False
        return (not self.is_slack and origin == self.origin) or allow(origin[1])


def home_tab_link(*, team_id: str, app_id: str) -> str:
    """The deep link that opens the app's Home tab in Slack's own program."""
    return "slack://app?" + urlencode({"team": team_id, "id": app_id, "tab": "home"})

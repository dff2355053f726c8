"""Tokens and answers go to Slack's own addresses only."""

from urllib.parse import parse_qs, urlsplit

import pytest

from rotavatar.errors import ConfigurationError
from rotavatar.slack import SlackAddresses, home_tab_link

SLACK = SlackAddresses("https://slack.com")
GOV = SlackAddresses("https://slack-gov.com")
LOCAL = SlackAddresses("http://127.0.0.1:9000/")


def test_addresses_follow_the_base_url():
    assert SLACK.api("auth.test") == "https://slack.com/api/auth.test"
    assert GOV.api("auth.test") == "https://slack-gov.com/api/auth.test"
    assert LOCAL.api("auth.test") == "http://127.0.0.1:9000/api/auth.test"
    assert LOCAL.app_redirect(app_id="A1", team_id="T1") == "http://127.0.0.1:9000/app_redirect?app=A1&team=T1"
    assert home_tab_link(team_id="T1", app_id="A1") == "slack://app?team=T1&id=A1&tab=home"


def test_the_authorize_address_keeps_hostile_values_inside_their_parameter():
    url = SLACK.authorize(
        client_id="1.2",
        bot_scopes="commands,users:read",
        user_scopes="users.profile:write",
        redirect_uri="https://example.com/slack/oauth_redirect",
        state="a&team=T666#x",
        team="T1",
    )
    parts = urlsplit(url)
    assert (parts.netloc, parts.path, parts.fragment) == ("slack.com", "/oauth/v2/authorize", "")
    assert parse_qs(parts.query) == {
        "client_id": ["1.2"],
        "scope": ["commands,users:read"],
        "user_scope": ["users.profile:write"],
        "redirect_uri": ["https://example.com/slack/oauth_redirect"],
        "state": ["a&team=T666#x"],
        "team": ["T1"],
    }


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "slack.com",
        "ftp://slack.com",
        "http://slack.com",
        "https://slack.com?x=1",
        "https://u@slack.com",
        "http://[::1",
    ],
)
def test_a_base_url_that_tokens_must_not_be_sent_to_is_refused(base_url):
    with pytest.raises(ConfigurationError, match="ROTAVATAR_SLACK_BASE_URL"):
        SlackAddresses(base_url)


@pytest.mark.parametrize(
    "base_url", ["http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1", "https://sim.example"]
)
def test_a_simulator_is_accepted_on_this_machine_or_with_tls(base_url):
    assert not SlackAddresses(base_url).is_slack


@pytest.mark.parametrize(
    ("addresses", "url", "owned"),
    [
        (SLACK, "https://hooks.slack.com/commands/T1/1/x", True),
        (GOV, "https://hooks.slack-gov.com/commands/T1/1/x", True),
        (LOCAL, "http://127.0.0.1:9000/response/x", True),
        (SLACK, "https://hooks.slack-gov.com/commands/T1/1/x", False),
        (SLACK, "https://slack.com/commands", False),
        (SLACK, "http://hooks.slack.com/commands", False),
        (SLACK, "https://hooks.slack.com.evil.example/x", False),
        (SLACK, "https://hooks.slack.com:8443/x", False),
        (SLACK, "https://hooks.slack.com@evil.example/x", False),
        (SLACK, "https://x@hooks.slack.com/x", False),
        (SLACK, "https://169.254.169.254/latest", False),
        (SLACK, "file:///etc/passwd", False),
        (SLACK, "", False),
        (SLACK, "https://hooks.slack.com:port/x", False),
        (LOCAL, "http://127.0.0.1:9001/response/x", False),
        (LOCAL, "https://hooks.slack.com/commands/T1/1/x", False),
    ],
)
def test_answers_are_sent_to_slack_only(addresses, url, owned):
    assert addresses.owns_response_url(url) is owned


@pytest.mark.parametrize(
    ("addresses", "url", "owned"),
    [
        (SLACK, "https://avatars.slack-edge.com/1_512.jpg", True),
        (SLACK, "https://AVATARS.slack-edge.com/1_512.jpg", True),
        (SLACK, "http://avatars.slack-edge.com/1_512.jpg", False),
        (SLACK, "https://evil.example/1_512.jpg", False),
        (SLACK, "https://avatars.slack-edge.com@evil.example/1_512.jpg", False),
        (SLACK, "https://slack.com/1_512.jpg", False),
        (LOCAL, "http://127.0.0.1:9000/photos/1.jpg", True),
        (LOCAL, "http://127.0.0.1:9001/photos/1.jpg", False),
    ],
)
def test_photos_come_from_allowed_hosts_only(addresses, url, owned):
    assert addresses.owns_photo(url, allow=lambda host: host == "avatars.slack-edge.com") is owned

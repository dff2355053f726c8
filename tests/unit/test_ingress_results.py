"""The pages at the end of a consent, where the simulator has no such address: Slack's programs and organisations."""

import pytest

from ingress_api import results
from rotavatar.slack import SlackAddresses, home_tab_link


def test_the_success_page_opens_slack_by_itself_and_offers_the_web() -> None:
    home = home_tab_link(team_id="T1", app_id="A1")
    web = SlackAddresses("https://slack.com").app_redirect(app_id="A1", team_id="T1")
    page = bytes(results.connected(workspace="<b>Bakery</b>", home=home, web=web).body).decode()
    escaped = "slack://app?team=T1&amp;id=A1&amp;tab=home"
    assert f'<meta http-equiv="refresh" content="1;url={escaped}">' in page
    assert f'href="{escaped}"' in page
    assert 'href="https://slack.com/app_redirect?app=A1&amp;team=T1"' in page
    assert "&lt;b&gt;Bakery&lt;/b&gt;" in page


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("https://slack.com", "https://app.slack.com/manage/E1/integrations/profile/A1/workspaces/add"),
        ("https://slack-gov.com", "https://app.slack-gov.com/manage/E1/integrations/profile/A1/workspaces/add"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9/app_redirect?app=A1&team=E1"),
    ],
)
def test_administrators_are_sent_to_where_workspaces_are_chosen(base: str, address: str) -> None:
    assert SlackAddresses(base).manage_organisation(app_id="A1", enterprise_id="E1") == address


@pytest.mark.parametrize("word", sorted(results.RESULTS))
def test_every_failure_has_a_page_and_something_to_do(word: str) -> None:
    page = results.failed(word, again="/slack/install?team=T1&x")
    text = bytes(page.body).decode()
    assert page.status_code == results.RESULTS[word].status
    assert ('href="/slack/install?team=T1&amp;x"' in text) == results.RESULTS[word].again
    assert ("retry-after" in page.headers) == (page.status_code == 503)


def test_every_error_of_slack_leads_to_a_page() -> None:
    assert set(results.CODES.values()) <= set(results.RESULTS)

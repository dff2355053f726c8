"""The manifest agrees with the code, with Slack's limits and with its page in the documentation."""

import json
import re
from pathlib import Path

import pytest

from ingress_api.events import EVENTS
from rotavatar import credentials, manifest, scopes

PAGE = Path(__file__).parents[2] / "docs" / "slack-app.md"


def test_it_subscribes_to_exactly_the_events_that_mean_work() -> None:
    assert set(manifest.EVENTS) == EVENTS


def test_every_scope_that_is_asked_for_has_a_place_in_stored_credentials() -> None:
    assert set(scopes.BOT) | set(scopes.USER) == set(credentials.SCOPES)


def test_it_keeps_to_the_limits_of_slack() -> None:
    made = manifest.manifest("https://rotavatar.example.com")
    shown = made["display_information"]
    assert len(shown["description"]) <= 140
    assert 174 <= len(shown["long_description"]) <= 4000
    (command,) = made["features"]["slash_commands"]
    assert len(command["command"]) <= 32
    assert len(command["usage_hint"]) <= 1000
    assert set(made["oauth_config"]["scopes"]["bot_optional"]) <= set(scopes.BOT)


def test_a_further_app_has_its_id_in_every_address() -> None:
    text = json.dumps(manifest.manifest("https://r.example", app_id="A0SECOND"))
    addresses = re.findall(r"https://r\.example[^\"]*", text)
    assert len(addresses) == 5
    assert all(address.startswith("https://r.example/slack/apps/A0SECOND/") for address in addresses)


def test_the_page_shows_what_the_command_prints(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert manifest.main(["https://rotavatar.example.com"]) == 0
    assert capfdbinary.readouterr().out.decode() in PAGE.read_text()


def test_the_page_explains_every_scope() -> None:
    page = PAGE.read_text()
    for name, why in {**scopes.BOT, **scopes.USER}.items():
        assert f"`{name}`" in page
        assert why in page


@pytest.mark.parametrize("given", [["ftp://x"], ["https://x/path"], ["https://x", "--name", "n" * 36], []])
def test_a_wrong_argument_is_named(given: list[str]) -> None:
    with pytest.raises(SystemExit):
        manifest.main(given)

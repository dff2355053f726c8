"""Every state of the Home tab: its golden file, and every limit of Block Kit.

`pytest tests/unit/test_home_views.py --update-golden` writes the files anew.
"""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from publisher import home, sentences
from publisher.home import View
from publisher.state import Mood
from rotavatar.actions import PAUSES, Action
from rotavatar.catalogue import Library
from rotavatar.policy import FREQUENCIES
from rotavatar.slack import Sentence
from rotavatar.slack.classification import TABLE
from slack_simulator.views import MAX_VIEW_BYTES, controls, image_urls, view_errors
from tests.homes import STATES, library, state_of

GOLDEN = Path(__file__).parent / "home"
MOST_BLOCKS = 40
DATE = re.compile(r"<!date\^\d{10}\^[^^|>]*\{[a-z_]+\}[^^|>]*\|[^<>|]+>")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return library(tmp_path_factory.mktemp("catalogue"))


def read(view: View) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(view.body)
    return decoded


def views(shelf: Library) -> dict[str, View]:
    every = {name: home.build(state_of(name, shelf)) for name in STATES}
    return {
        **every,
        "settled_without_pictures": home.build(state_of("settled", shelf), pictures=False),
        "notice": home.fallback(12),
    }


NAMES = [*STATES, "settled_without_pictures", "notice"]


@pytest.mark.parametrize("name", NAMES)
def test_every_state_shows_what_its_golden_file_says(name: str, shelf: Library, pytestconfig: pytest.Config) -> None:
    shown = json.dumps(read(views(shelf)[name]), indent=1, ensure_ascii=False) + "\n"
    golden = GOLDEN / f"{name}.json"
    if pytestconfig.getoption("--update-golden"):
        golden.write_text(shown)
    assert shown == golden.read_text()


def test_there_is_no_golden_file_of_a_state_that_is_gone() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_state_keeps_every_limit_of_block_kit(name: str, shelf: Library) -> None:
    view = views(shelf)[name]
    shown = read(view)
    assert view_errors(shown) == []
    assert len(view.body) < MAX_VIEW_BYTES
    assert len(shown["blocks"]) <= MOST_BLOCKS
    assert view.pictures == bool([*image_urls(shown)])
    for _, element in controls(shown["blocks"]):
        assert element["action_id"] in [*Action]
        values = [option["value"] for option in element.get("options", [])]
        assert len(set(values)) == len(values)
    assert len({block["block_id"] for block in shown["blocks"]}) == len(shown["blocks"])


@pytest.mark.parametrize("name", NAMES)
def test_every_text_is_finished(name: str, shelf: Library) -> None:
    """No placeholder is left open, no sentence speaks of a time that is not there, dates are as Slack reads them."""
    shown = read(views(shelf)[name])
    text = json.dumps(shown["blocks"], ensure_ascii=False)
    assert "None" not in text
    assert "<!date" not in DATE.sub("", text)
    assert not [said for said in texts(shown) if re.search(r"\{[a-z]+\}", DATE.sub("", said))]


def texts(view: dict[str, Any]) -> list[str]:
    """Everything that the member reads."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("text"), str):
                found.append(value["text"])
            for child in value.values():
                walk(child)
        elif isinstance(value, list):
            for child in value:
                walk(child)

    walk(view["blocks"])
    return found


def test_controls_offer_what_ingress_understands(shelf: Library) -> None:
    shown = read(home.build(state_of("settled_with_lifelike_packs", shelf)))
    offered = {
        e["action_id"]: [o["value"] for o in e["options"]] for _, e in controls(shown["blocks"]) if "options" in e
    }
    assert offered == {
        "frequency": [str(seconds) for seconds in FREQUENCIES],
        "pack": ["critters", "sprouts", "planets", "landscapes", "peeps"],
        "pause_until": [str(seconds) for seconds in PAUSES],
    }


def test_only_what_the_workspace_allows_is_offered_and_what_holds_is_filled_in(shelf: Library) -> None:
    shown = read(home.build(state_of("settled_with_few_choices", shelf)))
    selects = {e["action_id"]: e for _, e in controls(shown["blocks"]) if "options" in e}
    assert [o["value"] for o in selects["frequency"]["options"]] == ["0", "86400"]
    assert selects["frequency"]["initial_option"]["value"] == "86400"
    assert [o["value"] for o in selects["pack"]["options"]] == ["planets"]
    shown = read(home.build(state_of("rhythm_not_allowed", shelf)))
    (frequency,) = (e for _, e in controls(shown["blocks"]) if e["action_id"] == "frequency")
    assert "initial_option" not in frequency


def test_a_new_version_of_the_member_draws_the_selects_anew(shelf: Library) -> None:
    state = state_of("settled", shelf)
    later = msgspec.structs.replace(state, version=state.version + 1)
    before, after = (read(home.build(each))["blocks"] for each in (state, later))
    assert not {block["block_id"] for block in before} & {block["block_id"] for block in after}


def test_the_digest_tells_views_apart_and_is_in_the_view(shelf: Library) -> None:
    digests = {name: view.digest for name, view in views(shelf).items()}
    assert len(set(digests.values())) == len(digests)
    assert all(read(view)["private_metadata"] == view.digest for view in views(shelf).values())
    assert home.build(state_of("settled", shelf)).digest == digests["settled"]


def test_who_has_no_own_photo_of_theirs_replaced_is_promised_nothing_about_it(shelf: Library) -> None:
    assert "Your own photo is put back" in home.build(state_of("settled", shelf)).body.decode()
    assert "Your own photo is put back" not in home.build(state_of("new", shelf)).body.decode()


def test_a_refusal_says_what_its_reader_can_do_about_it(shelf: Library) -> None:
    told = {name: " ".join(texts(read(home.build(state_of(name, shelf))))) for name in STATES if "forbidden" in name}
    assert "Set it up in Slack" in told["forbidden_without_two_factor"]
    assert "admin of the organisation can add it" in told["forbidden_to_the_workspace"]
    assert "networks that it knows" in told["forbidden_to_the_network"]
    assert "members may not change their photos" in told["forbidden"]
    assert all("Try again" in text for text in told.values())
    assert set(sentences.REFUSALS) <= set(sentences.PROBLEMS)


def test_every_mood_and_every_problem_has_its_words() -> None:
    assert set(sentences.HEADINGS) == set(sentences.STORIES) == set(Mood)
    consent_pages = {
        Sentence.CANCELLED,
        Sentence.LINK_EXPIRED,
        Sentence.NEEDS_APPROVAL,
        Sentence.ALREADY_INSTALLED,
        Sentence.EMAIL_UNVERIFIED,
    }
    said = set(sentences.PROBLEMS) | consent_pages | {Sentence.OUR_FAULT, Sentence.HOME_TAB_OFF}
    assert {verdict.sentence for verdict in TABLE.values()} <= said
    assert set(FREQUENCIES) == set(sentences.RHYTHMS)
    assert set(PAUSES) == set(sentences.PAUSE_LENGTHS)

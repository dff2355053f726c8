"""The state of a consent: for one browser, one app and ten minutes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_api.consent import SECONDS, BadState, Consent, is_browser, open_state, seal_state

BROWSER, OTHER = "0" * 32, "1" * 32
CONSENT = Consent(app_id="A1", connecting=True, team="T1", at=1000, nonce="f" * 32)
STATE = seal_state(CONSENT, browser=BROWSER, client_secret="secret")


def opened(
    state: str | None = STATE, *, browser: str | None = BROWSER, secret: str = "secret", now: float = 1000
) -> object:
    try:
        return open_state(state, browser=browser, client_secret=secret, now=now)
    except BadState as bad:
        return bad.reason


def test_what_was_sealed_comes_back_within_ten_minutes() -> None:
    assert opened() == opened(now=1000 + SECONDS - 1) == CONSENT
    assert opened(now=1000 + SECONDS + 1) == "expired"
    assert opened(now=998) == "expired"


def test_it_belongs_to_one_browser_and_one_app() -> None:
    assert opened(browser=OTHER) == opened(secret="another") == "forged"
    assert opened(browser=None) == opened(browser="x") == opened(None) == opened("") == "missing"


@pytest.mark.parametrize(
    "state", [".", "a", "a.b", STATE[:-1], STATE + "A", "é" + STATE, STATE.replace(".", ""), "=" * 9]
)
def test_a_damaged_state_is_forged(state: str) -> None:
    assert opened(state) == "forged"


@given(st.integers(0, len(STATE) - 1), st.sampled_from("ABCxyz019-_."))
def test_no_character_may_change(place: int, character: str) -> None:
    changed = STATE[:place] + character + STATE[place + 1 :]
    # The last character of each part has bits that stand for nothing.
    assert opened(changed) in (("forged",) if changed != STATE else ()) or opened(changed) == CONSENT


@given(st.text(max_size=200))
def test_no_state_raises_anything_else(state: str) -> None:
    assert opened(state) in ("missing", "forged")


def test_it_is_safe_in_an_address() -> None:
    assert all(character.isalnum() or character in "-_." for character in STATE)
    assert len(STATE) < 200


def test_browsers_are_told_by_ids_of_ours_only() -> None:
    assert is_browser(BROWSER)
    assert not any(map(is_browser, (None, "", "0" * 31, "0" * 33, "g" * 32, "0" * 32 + "\n", "A" * 32)))

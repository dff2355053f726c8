"""Conditions move only when something flips, and every reason says what to do."""

import string

import pytest

from slacktenant_operator.conditions import fails, holds, kept, merged, transitions, unknown
from slacktenant_operator.model import Condition
from slacktenant_operator.reasons import SENTENCES, Kind, Reason
from slacktenant_operator.reporting import difference, rfc3339

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
READY = holds(Kind.READY, Reason.READY)


def test_what_says_nothing_new_is_equal_to_what_was() -> None:
    before = merged((), [READY], generation=1, now=EARLY)
    assert merged(before, [READY], generation=1, now=LATE) == before


def test_a_time_moves_when_the_status_flips_and_not_when_the_reason_does() -> None:
    before = merged((), [fails(Kind.READY, Reason.SUSPENDED)], generation=1, now=EARLY)
    other = merged(before, [fails(Kind.READY, Reason.AWAITING_APPROVAL)], generation=2, now=LATE)
    assert (other[0].reason, other[0].last_transition_time, other[0].observed_generation) == (
        "AwaitingApproval",
        EARLY,
        2,
    )
    flipped = merged(other, [READY], generation=2, now=LATE)
    assert flipped[0].last_transition_time == LATE


def test_what_was_found_can_be_kept() -> None:
    before = merged((), [unknown(Kind.CREDENTIALS, Reason.SLACK_UNAVAILABLE, code="timeout")], generation=1, now=EARLY)
    assert merged(before, [kept(before[0])], generation=1, now=LATE) == before


def test_turns_are_told_and_repetitions_are_not() -> None:
    first = merged((), [READY, fails(Kind.SATURATED, Reason.WITHIN_LIMITS)], generation=1, now=EARLY)
    assert [c.type for c in transitions((), first)] == ["Ready"]
    assert transitions(first, first) == []
    second = merged(first, [fails(Kind.READY, Reason.SUSPENDED)], generation=2, now=LATE)
    assert [(c.type, c.reason) for c in transitions(first, second)] == [("Ready", "Suspended")]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_that_fits(reason: Reason) -> None:
    text = SENTENCES[reason]
    names = [name for _, name, _, _ in string.Formatter().parse(text) if name]
    filled = text.format(**dict.fromkeys(names, "x" * 60))
    assert filled.endswith(".")
    assert len(filled) <= 1024
    assert Condition(
        type="Ready", status="True", reason=reason.value, message=filled, last_transition_time=EARLY
    ).reason.isalnum()


def test_a_patch_says_only_what_differs_and_takes_away_what_is_gone() -> None:
    before = {"a": 1, "list": [1, 2], "inner": {"x": 1, "y": 2}, "gone": True}
    after = {"a": 1, "list": [2], "inner": {"x": 1, "z": 3}}
    assert difference(before, after) == {"list": [2], "inner": {"y": None, "z": 3}, "gone": None}
    assert difference(after, after) == {}


def test_times_are_those_of_kubernetes() -> None:
    assert rfc3339(1_767_225_600.7) == EARLY

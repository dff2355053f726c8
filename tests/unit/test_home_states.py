"""From what is stored to what the tab is about, and when the next change will really happen."""

import msgspec
import pytest

from publisher.state import Mood, Queue, home_state
from rotavatar.catalogue import Library
from rotavatar.pacing import Limit, Limits
from rotavatar.policy import HOUR, Policy
from rotavatar.records import Snapshot, Status, Suspension
from tests.homes import NOW, PLACE, STATES, library, state_of

MOODS = {
    "visitor": Mood.VISITOR,
    "visitor_of_a_further_app": Mood.VISITOR,
    "new": Mood.NEW,
    "first": Mood.FIRST,
    "settled": Mood.SETTLED,
    "settled_with_lifelike_packs": Mood.SETTLED,
    "settled_with_few_choices": Mood.SETTLED,
    "saturated": Mood.SATURATED,
    "held": Mood.HELD,
    "held_shuffling": Mood.WISHING,
    "changing": Mood.CHANGING,
    "shuffling": Mood.WISHING,
    "shuffling_at_once": Mood.WISHING,
    "shuffling_again": Mood.WISHING,
    "undoing": Mood.WISHING,
    "restoring": Mood.WISHING,
    "restored": Mood.PAUSED,
    "paused": Mood.PAUSED,
    "paused_until": Mood.PAUSED_UNTIL,
    "off": Mood.OFF,
    "rhythm_not_allowed": Mood.NOT_ALLOWED,
    "trouble": Mood.TROUBLE,
    "trouble_of_ours": Mood.TROUBLE,
    "trouble_that_rests": Mood.TROUBLE,
    "outside": Mood.OUTSIDE,
    "reconnect": Mood.RECONNECT,
    "consent": Mood.CONSENT,
    "forbidden": Mood.FORBIDDEN,
    "forbidden_without_two_factor": Mood.FORBIDDEN,
    "forbidden_to_the_workspace": Mood.FORBIDDEN,
    "forbidden_to_the_network": Mood.FORBIDDEN,
    "suspended": Mood.SUSPENDED,
    "suspended_visitor": Mood.SUSPENDED,
    "approval": Mood.APPROVAL,
    "full": Mood.FULL,
    "full_for_who_left": Mood.FULL,
    "migrating": Mood.MIGRATING,
    "leaving": Mood.LEAVING,
    "leaving_as_they_came": Mood.LEAVING,
    "forgetting": Mood.LEAVING,
    "left": Mood.LEFT,
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return library(tmp_path_factory.mktemp("catalogue"))


@pytest.mark.parametrize("name", STATES)
def test_each_state_is_about_one_thing(name: str, shelf: Library) -> None:
    assert state_of(name, shelf).mood is MOODS[name]


def test_all_moods_occur() -> None:
    assert set(MOODS.values()) == set(Mood)


def next_change(
    shelf: Library, *, due: float, queue: Queue, limits: Limits | None = None, held_until: float = 0.0
) -> int:
    seen = changed(due=due, held_until=held_until, policy=Policy(limits=limits or Limits()))
    state = home_state(seen, queue, now_ms=NOW * 1000, library=shelf, place=PLACE)
    assert state is not None
    return state.next_change


def changed(*, due: float | None = None, held_until: float = 0.0, **record: object) -> Snapshot:
    seen, _ = STATES["settled"]
    return msgspec.structs.replace(
        seen, due=due, held_until=held_until, record=msgspec.structs.replace(seen.record, **record)
    )


def test_without_a_queue_the_next_change_is_when_it_is_due(shelf: Library) -> None:
    assert next_change(shelf, due=(NOW + 90) * 1000.0, queue=Queue()) == NOW + 90
    assert next_change(shelf, due=(NOW + 90) * 1000.0, queue=Queue(overdue=0, ahead=400)) == NOW + 90
    assert next_change(shelf, due=(NOW + 5) * 1000.0, queue=Queue()) == 0


def test_a_queue_moves_the_next_change_by_an_interval_for_each_before(shelf: Library) -> None:
    hour = Limits(photo=Limit(per_minute=2, burst=1))  # one each 65 s
    honest = next_change(shelf, due=NOW * 1000.0, queue=Queue(overdue=10, ahead=9), limits=hour)
    assert NOW + 650 <= honest < NOW + 650 + 60
    far = next_change(shelf, due=(NOW + HOUR) * 1000.0, queue=Queue(overdue=10, ahead=9), limits=hour)
    assert far == NOW + HOUR


def test_nothing_changes_before_slack_takes_a_call_again(shelf: Library) -> None:
    minute = Limits(photo=Limit(per_minute=2, burst=1))  # one each 65 s
    hold = (NOW + 1200) * 1000.0
    first = next_change(shelf, due=(NOW + 60) * 1000.0, queue=Queue(), held_until=hold)
    assert NOW + 1200 <= first < NOW + 1200 + 60
    behind = next_change(shelf, due=(NOW + 60) * 1000.0, queue=Queue(ahead=10), limits=minute, held_until=hold)
    assert NOW + 1200 + 650 <= behind < NOW + 1200 + 650 + 60
    overdue = next_change(shelf, due=NOW * 1000.0, queue=Queue(overdue=11, ahead=10), limits=minute, held_until=hold)
    assert overdue == behind


def test_a_hold_that_ends_before_the_change_is_due_or_has_ended_moves_nothing(shelf: Library) -> None:
    due = (NOW + 1200) * 1000.0
    assert next_change(shelf, due=due, queue=Queue(ahead=400), held_until=(NOW + 600) * 1000.0) == NOW + 1200
    assert next_change(shelf, due=due, queue=Queue(ahead=400), held_until=(NOW - 600) * 1000.0) == NOW + 1200


def test_a_short_delay_is_not_called_a_queue(shelf: Library) -> None:
    seen = changed(due=(NOW - 2) * 1000.0)
    state = home_state(seen, Queue(overdue=3, ahead=2), now_ms=NOW * 1000, library=shelf, place=PLACE)
    assert state is not None and state.mood is Mood.SETTLED


def test_a_removed_app_has_no_tab(shelf: Library) -> None:
    seen = changed(status=Status.UNINSTALLED)
    assert home_state(seen, Queue(), now_ms=NOW * 1000, library=shelf, place=PLACE) is None


def test_who_leaves_is_told_so_in_a_suspended_workspace_too(shelf: Library) -> None:
    seen, queue = STATES["forgetting"]
    record = msgspec.structs.replace(seen.record, suspended=Suspension.OPERATOR)
    suspended = msgspec.structs.replace(seen, record=record)
    state = home_state(suspended, queue, now_ms=NOW * 1000, library=shelf, place=PLACE)
    assert state is not None and state.mood is Mood.LEAVING


def test_a_picture_that_is_gone_or_unreadable_is_left_out(shelf: Library) -> None:
    seen, _ = STATES["settled"]
    assert seen.member is not None
    for reference in ("cgoneb/planets/1", "chomes/planets/999", "nonsense", "own", ""):
        member = msgspec.structs.replace(seen.member, next=reference)
        state = home_state(
            msgspec.structs.replace(seen, member=member), Queue(), now_ms=NOW * 1000, library=shelf, place=PLACE
        )
        assert state is not None and state.next_url == ""

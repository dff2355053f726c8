"""Due times on the clocks of real zones: over a year with all its changes, hours that are skipped, and nonsense."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rotavatar.keys import User, Workspace
from rotavatar.policy import DAY, FREQUENCIES, HOUR, Policy, Quiet
from rotavatar.schedule import next_due, offset_of

FREE = Policy()
NIGHT = Quiet(start=20 * 60, end=7 * 60)
LUNCH = Quiet(start=12 * 60, end=13 * 60)
SPRING = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
A_YEAR_AND_A_SPRING = 400

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",  # half an hour off
    "America/Santiago",  # changes at midnight
    "Africa/Casablanca",  # changes around Ramadan
    "Australia/Lord_Howe",  # changes by half an hour
    "Asia/Kolkata",
    "Pacific/Kiritimati",
)

ON = tuple(frequency for frequency in FREQUENCIES if frequency)
SHORT = tuple(frequency for frequency in ON if frequency < DAY)
LONG = tuple(frequency for frequency in ON if frequency >= DAY)


def due(
    frequency: int,
    now: float,
    *,
    zone: str = "UTC",
    offset: float = 0.0,
    policy: Policy = FREE,
    rotated_at: float = 0.0,
) -> float:
    moment = next_due(frequency=frequency, policy=policy, zone=zone, offset=offset, rotated_at=rotated_at, now=now)
    assert moment is not None
    return moment


def walk(frequency: int, *, zone: str, offset: float, days: int, policy: Policy = FREE) -> Iterator[datetime]:
    """Every change of `days` days, each made exactly when it was due, on the clocks of `zone`."""
    now = SPRING
    while now < SPRING + days * DAY:
        now = due(frequency, now, zone=zone, offset=offset, policy=policy, rotated_at=now)
        yield datetime.fromtimestamp(now, ZoneInfo(zone))


def clocks_change(day: date, zone: ZoneInfo) -> bool:
    midnight = datetime.combine(day, datetime.min.time(), zone)
    return len({(midnight + timedelta(days=step)).utcoffset() for step in (-1, 0, 1, 2)}) > 1


def rests(quiet: Quiet | None, local: datetime) -> bool:
    if quiet is None or quiet.start == quiet.end:
        return False
    minute = local.hour * 60 + local.minute
    if quiet.start < quiet.end:
        return quiet.start <= minute < quiet.end
    return minute >= quiet.start or minute < quiet.end


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("frequency", LONG)
@pytest.mark.parametrize("offset", [0.0, 0.111, 0.4, 0.7654321])
def test_days_and_weeks_keep_the_local_time_of_day_for_a_year(frequency: int, zone: str, offset: float) -> None:
    changes = list(walk(frequency, zone=zone, offset=offset, days=A_YEAR_AND_A_SPRING))
    skipped = [change for change in changes if in_gap(change, offset * (frequency // DAY) % 1)]
    assert len({change.time() for change in changes if change not in skipped}) == 1
    assert {(after.date() - before.date()).days for before, after in pairwise(changes)} == {frequency // DAY}
    assert len(skipped) <= 3


def in_gap(change: datetime, share: float) -> bool:
    """Whether the local time that this member always has does not exist on the day of `change`."""
    wanted = datetime.combine(change.date(), datetime.min.time(), change.tzinfo) + timedelta(minutes=share * 1440)
    return wanted.astimezone(UTC).astimezone(change.tzinfo).time() != wanted.time()


@pytest.mark.parametrize(
    ("zone", "minute", "before", "on", "after"),
    [
        ("Europe/Berlin", 150, "2026-03-28 02:30", "2026-03-29 03:30", "2026-03-30 02:30"),
        ("Europe/Berlin", 150, "2026-10-24 02:30", "2026-10-25 02:30", "2026-10-26 02:30"),
        ("Australia/Lord_Howe", 135, "2026-10-03 02:15", "2026-10-04 02:45", "2026-10-05 02:15"),
        ("America/Santiago", 15, "2026-09-05 00:15", "2026-09-06 01:15", "2026-09-07 00:15"),
    ],
)
def test_a_time_of_day_that_the_clocks_skip_comes_behind_the_gap_on_that_day_only(
    zone: str, minute: int, before: str, on: str, after: str
) -> None:
    clock, offset = ZoneInfo(zone), minute / 1440
    now = datetime.fromisoformat(before).replace(tzinfo=clock).timestamp()
    for wanted in (on, after):
        now = due(DAY, now, zone=zone, offset=offset, rotated_at=now)
        assert f"{datetime.fromtimestamp(now, clock):%Y-%m-%d %H:%M}" == wanted


def test_a_time_of_day_that_comes_twice_is_used_once() -> None:
    first = due(DAY, datetime(2026, 10, 24, 23, 0, tzinfo=UTC).timestamp(), zone="Europe/Berlin", offset=150 / 1440)
    assert datetime.fromtimestamp(first, UTC).hour == 0  # 02:30 of summer time
    assert due(DAY, first, zone="Europe/Berlin", offset=150 / 1440) - first == 25 * HOUR


@pytest.mark.parametrize("frequency", SHORT)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe"])
def test_hours_count_elapsed_time_whatever_the_clocks_do(frequency: int, zone: str) -> None:
    changes = [change.timestamp() for change in walk(frequency, zone=zone, offset=0.3, days=60)]
    assert {round(after - before, 3) for before, after in pairwise(changes)} == {float(frequency)}


@pytest.mark.parametrize("frequency", ON)
def test_members_of_one_workspace_are_spread_evenly_over_every_period(frequency: int) -> None:
    members, bins = 4800, 12
    dues = [due(frequency, SPRING, offset=offset_of(Workspace("T0A1"), User(f"U{n:06}"))) for n in range(members)]
    counts = Counter(int((moment - SPRING) * bins / frequency) for moment in dues)
    # 400 each; a binomial count leaves 300 … 500 once in a million.
    assert all(300 <= counts[place] <= 500 for place in range(bins)), counts


@given(
    st.sampled_from(ON),
    st.floats(1_600_000_000, 2_100_000_000),
    st.sampled_from(ZONES),
    st.floats(0, 1, exclude_max=True),
    st.builds(Policy, quiet=st.none() | st.builds(Quiet, start=st.integers(0, 1439), end=st.integers(0, 1439))),
)
def test_a_usual_time_that_is_allowed_is_not_moved(
    frequency: int, now: float, zone: str, offset: float, policy: Policy
) -> None:
    usual = due(frequency, now, zone=zone, offset=offset)
    local = datetime.fromtimestamp(usual, ZoneInfo(zone))
    assume(not clocks_change(local.date(), ZoneInfo(zone)) and not rests(policy.quiet, local))
    assert due(frequency, now, zone=zone, offset=offset, policy=policy) == usual


@pytest.mark.parametrize("frequency", ON)
def test_a_change_by_hand_just_before_the_plan_skips_that_plan_and_a_long_one_moves_nothing(frequency: int) -> None:
    planned = due(frequency, SPRING, offset=0.5)
    for ago, expected in ((60, planned + frequency), (0.9 * frequency, planned)):
        by_hand = planned - ago
        assert due(frequency, by_hand, offset=0.5, rotated_at=by_hand) == expected


def test_quiet_hours_over_midnight_give_everybody_a_place_of_their_own_in_the_day() -> None:
    evening = datetime(2026, 6, 1, 21, 0, tzinfo=UTC).timestamp()
    policy = Policy(quiet=NIGHT)
    changes = [datetime.fromtimestamp(due(DAY, evening, offset=n / 97, policy=policy), UTC) for n in range(97)]
    assert all(7 <= change.hour < 20 for change in changes)
    assert max(Counter(change.replace(second=0, microsecond=0) for change in changes).values()) <= 3


def test_quiet_hours_in_the_day_leave_the_morning_and_the_evening() -> None:
    changes = walk(HOUR, zone="Europe/Berlin", offset=0.25, days=2, policy=Policy(quiet=LUNCH))
    assert {change.hour for change in changes} == set(range(24)) - {12}


def test_the_zone_of_the_policy_goes_before_the_members_own() -> None:
    policy = Policy(quiet=NIGHT, zone="Asia/Tokyo")
    for n in range(24):
        moment = due(HOUR, SPRING + n * HOUR, zone="America/New_York", offset=0.5, policy=policy)
        assert 7 <= datetime.fromtimestamp(moment, ZoneInfo("Asia/Tokyo")).hour < 20


@pytest.mark.parametrize(
    "zone",
    ["", "Nowhere/Land", "../../etc/passwd", "/etc/localtime", "Europe", "a\0b", "\ud800", "x" * 5000, " ", ".", "Ä"],
    ids=ascii,
)
def test_a_zone_that_nobody_knows_is_utc(zone: str) -> None:
    for frequency in ON:
        assert due(frequency, SPRING, zone=zone, offset=0.3) == due(frequency, SPRING, zone="UTC", offset=0.3)

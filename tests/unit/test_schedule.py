"""When a member's next rotation is due: properties over zones, policies and times."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotavatar.keys import User, Workspace
from rotavatar.policy import DAY, FREQUENCIES, HOUR, Policy, Quiet
from rotavatar.schedule import LEAST_GAP, next_due, offset_of

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago", "UTC")
frequencies = st.sampled_from(FREQUENCIES[1:])
offsets = st.integers(0, 2**32 - 1).map(lambda crc: crc / 2**32)
moments = st.floats(1_600_000_000, 2_000_000_000)
minutes = st.integers(0, 1440)
policies = st.builds(
    Policy,
    quiet=st.none() | st.builds(Quiet, start=minutes, end=minutes),
    working_days=st.lists(st.integers(1, 7), unique=True).map(tuple),
    zone=st.sampled_from(("", *ZONES)),
)
zones = st.sampled_from(ZONES)


@given(frequencies, policies, zones, offsets, moments, st.floats(0, 14 * DAY), st.floats(0, 30 * DAY))
def test_it_is_after_now_after_the_pause_and_half_a_period_after_the_last_change(  # noqa: PLR0917
    frequency: int, policy: Policy, zone: str, offset: float, now: float, ago: float, pause: float
) -> None:
    due = next_due(
        frequency=frequency,
        policy=policy,
        zone=zone,
        offset=offset,
        rotated_at=now - ago,
        now=now,
        paused_until=now - DAY + pause,
    )
    assert due is not None
    assert due > now
    assert due >= now - DAY + pause
    assert due >= now - ago + LEAST_GAP * frequency
    assert due < now + 14 * DAY + frequency + max(0.0, pause)


@given(frequencies, policies, zones, offsets, moments)
def test_it_lies_in_allowed_hours(frequency: int, policy: Policy, zone: str, offset: float, now: float) -> None:
    due = next_due(frequency=frequency, policy=policy, zone=zone, offset=offset, rotated_at=0, now=now)
    assert due is not None
    local = datetime.fromtimestamp(due, ZoneInfo(policy.zone or zone))
    minute = local.hour * 60 + local.minute + local.second / 60
    quiet = policy.quiet
    if policy.working_days:
        assert local.isoweekday() in policy.working_days
    if quiet is None or quiet.start == quiet.end:
        return
    skipped = local.utcoffset() != (local - timedelta(hours=3)).utcoffset()  # a time that the clocks skip moves on
    if quiet.start < quiet.end:
        assert skipped or not quiet.start < minute < quiet.end
    else:
        assert skipped or quiet.end - 0.01 <= minute <= quiet.start


@given(frequencies, policies, zones, offsets, moments, st.floats(0, 3 * DAY))
def test_later_looks_never_find_an_earlier_time(  # noqa: PLR0917
    frequency: int, policy: Policy, zone: str, offset: float, now: float, later: float
) -> None:
    first, second = (
        next_due(frequency=frequency, policy=policy, zone=zone, offset=offset, rotated_at=0, now=moment)
        for moment in (now, now + later)
    )
    assert first is not None and second is not None
    assert first <= second


@given(st.sampled_from((DAY, 2 * DAY, 7 * DAY)), zones, offsets, moments)
def test_days_keep_the_local_time_across_every_change_of_the_clocks(
    frequency: int, zone: str, offset: float, start: float
) -> None:
    now, clock = start, ZoneInfo(zone)
    previous: datetime | None = None
    for _ in range(60 * DAY // frequency):
        due = next_due(frequency=frequency, policy=Policy(), zone=zone, offset=offset, rotated_at=now, now=now)
        assert due is not None
        local = datetime.fromtimestamp(due, clock)
        skipped = datetime.fromtimestamp(local.timestamp(), UTC) != local.astimezone(UTC)
        if previous is not None and not skipped:
            gap = (local.date() - previous.date()).days
            assert gap == frequency // DAY
            difference = abs((local.hour * 60 + local.minute) - (previous.hour * 60 + previous.minute))
            # Only a day on which the clocks skip that very time moves it, by the length of the gap.
            assert difference <= 60
            if difference:
                assert _near_a_change(local, clock) or _near_a_change(previous, clock)
        previous, now = local, due
    assert previous is not None


def _near_a_change(local: datetime, clock: ZoneInfo) -> bool:
    around = [local.timestamp() + hours * HOUR for hours in (-4, 4)]
    return len({datetime.fromtimestamp(moment, clock).utcoffset() for moment in around}) > 1


@given(st.sampled_from((HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR)), offsets, moments)
def test_hours_are_elapsed_hours(frequency: int, offset: float, now: float) -> None:
    first = next_due(frequency=frequency, policy=Policy(), zone="Europe/Berlin", offset=offset, rotated_at=0, now=now)
    assert first is not None
    assert first - now <= frequency + 0.001
    second = next_due(
        frequency=frequency, policy=Policy(), zone="Europe/Berlin", offset=offset, rotated_at=first, now=first
    )
    assert second == pytest.approx(first + frequency, abs=0.001)


def test_members_are_spread_evenly() -> None:
    now = 1_700_000_000.0
    bins = [0] * 20
    for number in range(20_000):
        offset = offset_of(Workspace("T1"), User(f"U{number:05d}"))
        due = next_due(frequency=HOUR, policy=Policy(), zone="UTC", offset=offset, rotated_at=0, now=now)
        assert due is not None
        bins[int((due - now) / HOUR * 20) % 20] += 1
    assert max(bins) < 1.15 * 1000
    assert min(bins) > 0.85 * 1000


def test_off_is_never_due() -> None:
    assert next_due(frequency=0, policy=Policy(), zone="UTC", offset=0.5, rotated_at=0, now=1.0) is None


def test_a_rest_moves_nothing_else() -> None:
    """Every two hours, at 48 minutes past even hours: the first change after the night comes at its usual time."""
    policy = Policy(quiet=Quiet(start=22 * 60, end=9 * 60))
    night = datetime(2026, 6, 1, 3, 0, tzinfo=UTC).timestamp()
    due = next_due(frequency=2 * HOUR, policy=policy, zone="UTC", offset=0.9, rotated_at=0, now=night)
    assert due is not None
    assert datetime.fromtimestamp(due, UTC).strftime("%H:%M") == "09:48"

"""When a member's next rotation should happen: one pure function.

Every member has an offset of their own, the same for ever, so that the members of a company who all chose *hourly* are
spread over the hour instead of changing together. Frequencies under a day count elapsed time; those of a day and more
keep the member's local time of day, also across daylight-saving changes.
"""

import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rotavatar.keys import User, Workspace
from rotavatar.policy import DAY, Policy, Quiet

LEAST_GAP: Final = 0.5
"""A change by hand just before the planned one moves the plan: never two changes within half a period."""

_EPOCH: Final = date(1970, 1, 1).toordinal()
_MINUTES_A_DAY: Final = 1440


def offset_of(workspace: Workspace, user: User) -> float:
    """Where in each period this member changes, from 0 up to 1: the same on every machine and for ever."""
    return zlib.crc32(f"{workspace}:{user}".encode()) / 2**32


def next_due(
    *,
    frequency: int,
    policy: Policy,
    zone: str,
    offset: float,
    rotated_at: float,
    now: float,
    paused_until: float = 0.0,
) -> float | None:
    """The next due time in seconds since the epoch, always after `now`; None when the frequency is off.

    `rotated_at` is the last change (0: never), `paused_until` the end of a pause (0: none), `zone` the member's IANA
    zone, `offset` as `offset_of` gives it.
    """
    if frequency == 0:
        return None
    after = max(now, rotated_at + LEAST_GAP * frequency, paused_until)
    clock = _zone(policy.zone or zone)
    candidate = _usual(frequency, offset, after, clock)
    return _allowed(candidate, policy=policy, zone=clock, frequency=frequency, offset=offset)


def is_open(at: float, *, policy: Policy, zone: str) -> bool:
    """Whether photos may change at the time `at`: it lies in no quiet hours, and on a working day."""
    if policy.quiet is None and not policy.working_days:
        return True
    clock = _zone(policy.zone or zone)
    start = datetime.fromtimestamp(at, clock).date() - timedelta(days=1)
    return any(opens <= at < closes for opens, closes in _open_hours(start, policy, clock))


def _next_hour(frequency: int, offset: float, after: float) -> float:
    shift = offset * frequency
    return (int((after - shift) // frequency) + 1) * frequency + shift


def _next_day(days: int, offset: float, after: float, zone: ZoneInfo) -> float:
    """The first local day of this member's cycle whose local time of day comes after `after`."""
    phase, share = divmod(offset * days, 1)
    minute = share * _MINUTES_A_DAY
    today = datetime.fromtimestamp(after, zone).date()
    first = today.toordinal() - (today.toordinal() - _EPOCH - int(phase)) % days
    for step in count():  # pragma: no branch - the second or third day is always later than today
        moment = _local(date.fromordinal(first + step * days), minute, zone)
        if moment > after:
            return moment
    raise AssertionError


def _local(day: date, minute: float, zone: ZoneInfo) -> float:
    """The moment of a local time of day. One that the clocks skip is moved behind the gap, as PEP 495 says."""
    naive = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute)
    return naive.replace(tzinfo=zone).astimezone(UTC).timestamp()


def _allowed(candidate: float, *, policy: Policy, zone: ZoneInfo, frequency: int, offset: float) -> float:
    """`candidate`, or this member's place in the next hours in which photos may change.

    That place is the member's usual time where one lies in these hours, so that a day's rest moves nothing else.
    """
    if policy.quiet is None and not policy.working_days:
        return candidate
    start = datetime.fromtimestamp(candidate, zone).date() - timedelta(days=1)
    for opens, closes in _open_hours(start, policy, zone):
        if opens <= candidate < closes:
            return candidate
        if opens > candidate:
            usual = _usual(frequency, offset, opens, zone)
            spread = opens + offset * frequency % (closes - opens)
            return min(spread, usual) if usual < closes else spread
    return candidate


def _usual(frequency: int, offset: float, after: float, zone: ZoneInfo) -> float:
    """The first time after `after` at which this member changes when nothing forbids it."""
    return (
        _next_day(frequency // DAY, offset, after, zone) if frequency >= DAY else _next_hour(frequency, offset, after)
    )


def _open_hours(start: date, policy: Policy, zone: ZoneInfo) -> Iterator[tuple[float, float]]:
    """The stretches in which photos may change, from `start` on for ten days: more than any weekend.

    Quiet hours that end when they begin rest at no time.
    """
    quiet = policy.quiet
    if quiet is None or quiet.start == quiet.end:
        quiet = Quiet(start=_MINUTES_A_DAY, end=0)
    for step in range(10):
        day = start + timedelta(days=step)
        if policy.working_days and day.isoweekday() not in policy.working_days:
            continue
        if quiet.start < quiet.end:  # a rest in the middle of the day
            stretches = [(0, quiet.start), (quiet.end, _MINUTES_A_DAY)]
        else:
            stretches = [(quiet.end, quiet.start)]
        for first, last in stretches:
            opens, closes = _local(day, first, zone), _local(day, last, zone)
            if opens < closes:  # the clocks may skip all of it
                yield opens, closes


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a region (`Europe`) is a folder to ZoneInfo
        return ZoneInfo("UTC")

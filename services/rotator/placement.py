"""Where a member belongs: due at some time, in flight, or idle with a reason. Pure."""

import msgspec.structs

from rotavatar.messages import PublishAsked
from rotavatar.records import LEAVING, Idle, Member, Snapshot, Wish
from rotavatar.schedule import is_open, next_due, offset_of
from rotavatar.store import Commit, Place

BLOCKED = frozenset({Idle.OUTSIDE, Idle.RECONNECT, Idle.CONSENT, Idle.FORBIDDEN, Idle.LEFT})
"""Reasons that a choice of frequency does not lift: the member has to answer the question that the Home tab asks."""

SCHEDULE = ("frequency", "paused", "paused_until", "rotated_at", "zone", "wish", "idle", "lost")
"""What a due time depends on. While none of it changes the member keeps their place in the queue."""


def placed(
    seen: Snapshot,
    member: Member,
    *,
    now_ms: int,
    publish: PublishAsked | None = None,
    retry_ms: int = 0,
    landed: bool = False,
) -> Commit:
    """The commit that puts `member` where it belongs now.

    A member in flight stays there until its worker says `landed`. What they still want is tried at `retry_ms`, when
    that is given.
    """
    time_ms, idle = _due(seen, member, now_ms=max(now_ms, retry_ms))
    if retry_ms and time_ms is not None and not _rests(member, retry_ms):
        time_ms = retry_ms
    member = with_idle(member, idle)
    in_flight = seen.lease is not None and not landed
    if in_flight:
        return Commit(member=with_idle(member, idle if idle in BLOCKED else Idle.NO), place=Place.STAY, publish=publish)
    if time_ms is None:
        return Commit(member=member, place=Place.IDLE, publish=publish)
    if seen.due is not None and not landed and _same_schedule(seen.member, member):
        return Commit(member=member, place=Place.STAY, publish=publish)
    return Commit(member=member, place=Place.DUE, time_ms=time_ms, publish=publish)


def with_idle(member: Member, idle: Idle) -> Member:
    """`member` waiting for the reason `idle`."""
    return member if member.idle is idle else replaced(member, idle=idle)


def replaced(member: Member, **values: object) -> Member:
    """A copy of `member` with other values."""
    return msgspec.structs.replace(member, **values)


def planned_ms(seen: Snapshot, member: Member, *, now_ms: int) -> int | None:
    """When (ms) the schedule alone would rotate the member; None: never."""
    policy = seen.record.policy
    if not policy.allows_frequency(member.frequency) or (member.paused and not member.paused_until):
        return None
    due = next_due(
        frequency=member.frequency,
        policy=policy,
        zone=member.zone,
        offset=offset_of(seen.workspace, seen.user),
        rotated_at=member.rotated_at / 1000,
        now=now_ms / 1000,
        paused_until=float(member.paused_until if member.paused else 0),
    )
    return None if due is None else int(due * 1000)


def may_change(seen: Snapshot, *, now_ms: int) -> bool:
    """Whether policy lets the schedule change the photo now. What a member asks for themselves is done at any hour."""
    member, policy = member_of(seen), seen.record.policy
    if member.wish is not Wish.NONE:
        return True
    return policy.allows_frequency(member.frequency) and is_open(now_ms / 1000, policy=policy, zone=member.zone)


def placed_anew(seen: Snapshot, *, now_ms: int) -> Commit:
    """The commit that puts a member where they belong under another policy than they were placed under.

    A wish, a try again, and who is late already keep their time, where photos may change then. Who is in flight is
    placed by their worker: what it decided under the policy of before is refused.
    """
    member = member_of(seen)
    time_ms, idle = _due(seen, member, now_ms=now_ms)
    if seen.lease is not None or idle in BLOCKED:
        return Commit(member=member, place=Place.STAY)
    if time_ms is None:
        place = Place.STAY if seen.due is None and member.idle is idle else Place.IDLE
        return Commit(member=with_idle(member, idle), place=place)
    if seen.due == time_ms or _keeps_time(seen, now_ms=now_ms):
        return Commit(member=member, place=Place.STAY)
    return Commit(member=with_idle(member, idle), place=Place.DUE, time_ms=time_ms)


def _keeps_time(seen: Snapshot, *, now_ms: int) -> bool:
    member = member_of(seen)
    if seen.due is None:
        return False
    if member.wish is not Wish.NONE:
        return True
    at = max(seen.due, now_ms) / 1000
    late_or_again = seen.due <= now_ms or member.attempt > 0
    return late_or_again and is_open(at, policy=seen.record.policy, zone=member.zone)


def _due(seen: Snapshot, member: Member, *, now_ms: int) -> tuple[int | None, Idle]:
    if member.idle in BLOCKED:
        return None, member.idle
    if member.wish is not Wish.NONE:
        return now_ms, Idle.NO
    due = planned_ms(seen, member, now_ms=now_ms)
    if due is not None:
        return due, Idle.NO
    return None, Idle.PAUSED if member.paused and member.frequency else Idle.OFF


def _rests(member: Member, at_ms: int) -> bool:
    """Whether a pause with an end covers `at_ms`, for all that the member wishes."""
    return member.wish is Wish.NONE and member.paused and member.paused_until * 1000 > at_ms


def _same_schedule(before: Member | None, after: Member) -> bool:
    return before is not None and all(getattr(before, name) == getattr(after, name) for name in SCHEDULE)


def member_of(seen: Snapshot) -> Member:
    """The member's record where there must be one."""
    assert seen.member is not None
    return seen.member


def rests(seen: Snapshot) -> bool:
    """Whether the member's workspace is suspended and they do not leave: then nothing is done for them."""
    return bool(seen.record.suspended) and member_of(seen).wish not in LEAVING


def stay(member: Member) -> Commit:
    """The commit that changes the record and leaves the member where they are."""
    return Commit(member=member, place=Place.STAY)

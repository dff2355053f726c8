"""What a member's click or command changes in their record. Pure: a record in, a record out, or None for no change.

A choice counts only when Slack's time of it is later than that of the choice it replaces, so a delivery that is
repeated or overtaken changes nothing.
"""

from rotator.placement import BLOCKED, replaced
from rotavatar.messages import (
    FrequencyChosen,
    KeepAsked,
    LeaveAsked,
    PackChosen,
    Paused,
    ProfileChanged,
    RestoreAsked,
    Resumed,
    ShuffleAsked,
    UndoAsked,
)
from rotavatar.policy import Policy
from rotavatar.records import LEAVING, Idle, Member, Wish

Choice = (
    FrequencyChosen
    | PackChosen
    | Paused
    | Resumed
    | ShuffleAsked
    | UndoAsked
    | RestoreAsked
    | KeepAsked
    | LeaveAsked
    | ProfileChanged
)
"""Jobs that change one member's record and nothing else."""


def applied(member: Member, choice: Choice, *, policy: Policy, packs: frozenset[str]) -> Member | None:
    """The record after `choice`; None where it changes nothing. `packs` are those that `policy` allows."""
    if member.idle is Idle.LEFT or (member.wish in LEAVING and not isinstance(choice, LeaveAsked)):
        return None
    match choice:
        case FrequencyChosen():
            return _frequency(member, choice, policy)
        case PackChosen():
            return _pack(member, choice, packs)
        case Paused() | Resumed() | KeepAsked():
            return _pausing(member, choice)
        case ProfileChanged():
            return _check(member, choice)
        case _:
            return _wishing(member, choice)


def _pausing(member: Member, choice: Paused | Resumed | KeepAsked) -> Member | None:
    if choice.at <= member.pause_at:
        return None
    match choice:
        case Paused():
            return replaced(member, paused=True, paused_until=choice.until or 0, pause_at=choice.at)
        case Resumed():
            return _resume(member, choice)
        case KeepAsked():
            return _keep(member, choice)


def _wishing(member: Member, choice: ShuffleAsked | UndoAsked | RestoreAsked | LeaveAsked) -> Member | None:
    match choice:
        case ShuffleAsked():
            return _wish(member, Wish.SHUFFLE, choice.at)
        case UndoAsked():
            return _wish(member, Wish.UNDO, choice.at) if member.previous else None
        case RestoreAsked():
            return _restore(member, choice)
        case LeaveAsked():
            return _leave(member, choice)


def _frequency(member: Member, choice: FrequencyChosen, policy: Policy) -> Member | None:
    if choice.at <= member.frequency_at or not policy.allows_frequency(choice.seconds):
        return None
    return replaced(member, frequency=choice.seconds, frequency_at=choice.at)


def _pack(member: Member, choice: PackChosen, packs: frozenset[str]) -> Member | None:
    if choice.at <= member.pack_at or choice.pack not in packs:
        return None
    return replaced(member, pack=choice.pack, pack_at=choice.at)


def _resume(member: Member, choice: Resumed) -> Member:
    """Going on after a photo was changed outside means that it may be replaced: it is kept first, as their own."""
    member = replaced(member, paused=False, paused_until=0, pause_at=choice.at, lost=0)
    if member.idle is Idle.OUTSIDE:
        return _adopted(member)
    if member.idle is Idle.FORBIDDEN:
        return replaced(member, idle=Idle.NO, problem="", attempt=0)
    return member


def _keep(member: Member, choice: KeepAsked) -> Member | None:
    if member.idle is not Idle.OUTSIDE:
        return None
    return _adopted(replaced(member, paused=True, paused_until=0, pause_at=choice.at))


def _adopted(member: Member) -> Member:
    """What Slack shows now is the member's own photo: nothing that we know of older ones counts any more."""
    return replaced(
        member, idle=Idle.NO, own=None, our_hash="", outside_hash="", picture="", previous="", intent=None, problem=""
    )


def _check(member: Member, choice: ProfileChanged) -> Member | None:
    """Bring the look at the profile forward. Our own change is announced too: before its answer, the intent is open."""
    known = {member.our_hash, member.outside_hash, ""}
    if choice.avatar_hash in known or not member.our_hash or member.intent or member.wish or member.idle in BLOCKED:
        return None
    return replaced(member, wish=Wish.CHECK)


def _wish(member: Member, wish: Wish, at: int) -> Member | None:
    """What was wished before the present consent was undone by it (see joining.py)."""
    if at <= max(member.wish_at, member.credential_at) or member.idle in BLOCKED:
        return None
    return replaced(member, wish=wish, wish_at=at, attempt=0, lost=0)


def _restore(member: Member, choice: RestoreAsked) -> Member | None:
    wished = _wish(member, Wish.RESTORE, choice.at)
    if wished is None:
        return None
    if choice.at <= member.pause_at:
        return wished
    return replaced(wished, paused=True, paused_until=0, pause_at=choice.at)


def _leave(member: Member, choice: LeaveAsked) -> Member | None:
    """Leaving is possible in every state, and goes before any other wish, even one that Slack dates later.

    *Forget* may follow a *leave* that is not finished, never the reverse. Only a new consent is stronger.
    """
    wish = Wish.FORGET if choice.forget else Wish.LEAVE
    if choice.at <= member.credential_at or member.wish in {Wish.FORGET, wish}:
        return None
    return replaced(member, wish=wish, wish_at=max(choice.at, member.wish_at), attempt=0, lost=0, idle=Idle.NO)

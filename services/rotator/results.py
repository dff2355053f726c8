"""What becomes of a member after a photo write: done, failed for now, or failed until somebody answers. Pure."""

from typing import Final, NamedTuple

from rotator.placement import replaced
from rotavatar.errors import (
    ConsentMissing,
    CredentialDead,
    Forbidden,
    PictureRefused,
    RequestRefused,
    SlackError,
)
from rotavatar.messages import trace_for
from rotavatar.records import LEAVING, OWN_PICTURE, Idle, Intent, Member, OwnPhoto, Snapshot, Wish
from rotavatar.slack import sentence_for

RETRY_SECONDS: Final = (15, 60, 300, 900, 3600)
"""How long after the first, second … failure the next try comes; the last one repeats. Half is added by jitter."""

REFUSED_SECONDS: Final = 3600
"""After an answer that only a new version of ours can mend: often enough to heal soon after the upgrade."""


class Errand(NamedTuple):
    """What a claim set out to do. A choice that is made meanwhile is another errand."""

    wish: Wish
    wish_at: int
    paused: bool
    epoch: int


def errand_of(member: Member) -> Errand:
    """What a claim of `member` is for now."""
    return Errand(member.wish, member.wish_at, member.paused, member.epoch)


def trace_of(seen: Snapshot, errand: Errand) -> str:
    """The trace of the request that asked for `errand`; empty for what the schedule, or a look, asked for."""
    asked = errand.wish not in (Wish.NONE, Wish.CHECK)
    return trace_for(seen.workspace, seen.user, errand.wish_at) if asked else ""


def fulfilled(member: Member, errand: Errand | None) -> Member:
    """The member after `errand` was done. A wish that was made since is still to be done."""
    done = errand is not None and (member.wish, member.wish_at) == errand[:2]
    return replaced(member, wish=Wish.NONE if done else member.wish, attempt=0, problem="")


def intended(member: Member, *, picture: str, shown: str, now_ms: int) -> Member:
    """The member with an open intent to show `picture` instead of the photo with the hash `shown`."""
    return replaced(member, intent=Intent(picture=picture, previous_hash=shown, at=now_ms))


def kept(member: Member, own: OwnPhoto) -> Member:
    """The member whose own photo lies in the store now (or is known to be one of Slack's default ones)."""
    return replaced(member, own=own)


def shown(member: Member, errand: Errand | None, *, picture: str, hash_: str, image_url: str, now_ms: int) -> Member:
    """The member after Slack showed `picture`: it has a hash now, and the one before can be brought back.

    `errand` is what it was shown for; None when that was not what they wish now.
    """
    undo = errand is not None and errand.wish is Wish.UNDO
    next_ = "" if member.next == picture else member.next
    return replaced(
        fulfilled(member, errand),
        intent=None,
        picture=picture,
        previous="" if undo or picture == OWN_PICTURE else (member.picture or OWN_PICTURE),
        next=next_,
        our_hash=hash_,
        outside_hash="",
        image_url=image_url,
        rotated_at=now_ms,
    )


def looked(member: Member) -> Member:
    """The member after a look that found our photo in place."""
    return replaced(member, wish=Wish.NONE if member.wish is Wish.CHECK else member.wish, attempt=0, problem="")


def found_outside(member: Member, *, shown: str, image_url: str) -> Member:
    """The member whose photo was changed outside Rotavatar: it stays, and the Home tab asks who does not leave."""
    leaves = member.wish in LEAVING
    return replaced(
        member,
        idle=member.idle if leaves else Idle.OUTSIDE,
        wish=member.wish if leaves else Wish.NONE,
        attempt=0,
        intent=None,
        outside_hash=shown,
        problem="",
        image_url=image_url,
        previous="",
    )


def left(member: Member, *, now_ms: int) -> Member:
    """The member after leaving: no credential; choices and the own photo stay until the retention ends."""
    return replaced(
        member,
        idle=Idle.LEFT,
        wish=Wish.NONE,
        credential=b"",
        refresh_at=0,
        intent=None,
        attempt=0,
        lost=0,
        problem="",
        next="",
        left_at=now_ms,
    )


def failed(member: Member, error: SlackError, *, jitter: float, now_ms: int) -> tuple[Member, float]:
    """The member after Slack refused, and the seconds after which a next try makes sense.

    `jitter` is between 0 and 1. Whoever leaves is let go even where their photo cannot be put back.
    """
    member = replaced(member, problem=str(sentence_for(error)))
    wait = backoff(member, jitter)
    match error:
        case CredentialDead():
            member = disconnected(member, now_ms=now_ms)
        case ConsentMissing():
            member = replaced(member, idle=Idle.CONSENT)
        case Forbidden():
            member = replaced(member, idle=Idle.FORBIDDEN)
        case PictureRefused():
            member = replaced(member, intent=None, next="")
        case RequestRefused():
            wait = REFUSED_SECONDS
        case _:
            wait = max(error.retry_after or 0.0, wait)
    return member, wait


def disconnected(member: Member, *, now_ms: int) -> Member:
    """The member whose token died: choices and photo are kept for a return until the retention ends.

    Who was leaving goes on leaving: revoking their token is a part of it, and to be forgotten takes none.
    """
    without = replaced(member, credential=b"", refresh_at=0, attempt=0, left_at=member.left_at or now_ms)
    if member.wish in LEAVING:
        return without
    return replaced(without, idle=member.idle if member.idle is Idle.LEFT else Idle.RECONNECT, wish=Wish.NONE)


def gives_up_leaving(member: Member, error: SlackError) -> bool:
    """Whether a member who leaves must be let go without their photo: it can never be put back with this token."""
    hopeless = CredentialDead | ConsentMissing | Forbidden | PictureRefused | RequestRefused
    return member.wish in LEAVING and isinstance(error, hopeless)


def backoff(member: Member, jitter: float) -> float:
    """Seconds until the next try, after as many as `member` has had; `jitter` is between 0 and 1."""
    step = min(max(member.attempt, 1), len(RETRY_SECONDS)) - 1
    return RETRY_SECONDS[step] * (1 + jitter / 2)


def target(member: Member) -> str:
    """The picture that the write is to show. A retry shows what was meant the first time."""
    match member.wish:
        case Wish.UNDO:
            return member.previous
        case Wish.RESTORE | Wish.LEAVE | Wish.FORGET:
            return OWN_PICTURE
        case _:
            intent = member.intent
            return intent.picture if intent is not None and intent.picture != OWN_PICTURE else member.next

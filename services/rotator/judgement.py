"""Whose photo is it that Slack shows now? Pure.

Slack names each photo by a hash that we learn only after setting it. So the question has three kinds of answers: it is
ours or the one we know, it is somebody else's, or (after a crash between our call and its answer) it may be ours and
only a look at the picture can tell.
"""

from enum import StrEnum

from rotavatar.records import OWN_PICTURE, Member
from rotavatar.slack import Profile


class Verdict(StrEnum):
    """What may happen to the photo that Slack shows."""

    WRITE = "write"
    """Replace it: it is ours, or the member's own and kept already."""
    KEEP_FIRST = "keep"
    """It is the member's own and not kept yet."""
    DONE = "done"
    """It is what our last intent meant to show: the call had worked."""
    COMPARE = "compare"
    """It may be what our last intent meant to show: look at it."""
    OUTSIDE = "outside"
    """Somebody changed it outside Rotavatar: it stays."""


def judge(member: Member, profile: Profile) -> Verdict:
    """What the photo in `profile` is to the member's record."""
    shown = profile.avatar_hash
    intent = member.intent
    if intent is not None and shown not in (intent.previous_hash, member.our_hash):
        restored_default = intent.picture == OWN_PICTURE and member.own is not None and not member.own.name
        if restored_default:
            return Verdict.OUTSIDE if profile.has_own_photo else Verdict.DONE
        return Verdict.COMPARE if profile.has_own_photo else Verdict.OUTSIDE
    if not member.our_hash:
        return Verdict.WRITE if _kept(member, profile) else Verdict.KEEP_FIRST
    if shown == member.our_hash or (intent is not None and shown == intent.previous_hash):
        return Verdict.WRITE
    if member.picture == OWN_PICTURE and _is_own_default(member, profile):
        return Verdict.WRITE
    return Verdict.OUTSIDE


def _kept(member: Member, profile: Profile) -> bool:
    if member.own is None:
        return False
    return member.own.hash == profile.avatar_hash or _is_own_default(member, profile)


def _is_own_default(member: Member, profile: Profile) -> bool:
    return member.own is not None and not member.own.name and not profile.has_own_photo

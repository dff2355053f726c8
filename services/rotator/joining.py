"""A member has authorised the app: for the first time, or again. Pure."""

from rotator.placement import replaced
from rotavatar.policy import Policy
from rotavatar.records import Idle, Member, Wish

RETURNING = frozenset({Idle.LEFT, Idle.RECONNECT, Idle.CONSENT})
"""What a new consent heals. A photo changed outside, or an organisation's ban, it does not."""


def joined(member: Member, *, policy: Policy, zone: str, at: int, now_ms: int) -> Member:
    """The record of who is here (again). What they once chose is kept; what they left undone is not done now.

    `at` is Slack's time of the consent: clicks that came after it may have been done before this job.
    """
    unchosen = member.joined_at == 0 and member.frequency_at == 0
    return replaced(
        member,
        idle=Idle.NO if member.idle in RETURNING else member.idle,
        wish=Wish.NONE if member.wish_at <= at else member.wish,
        attempt=0,
        lost=0,
        problem="" if member.idle in RETURNING else member.problem,
        frequency=policy.default_frequency if unchosen else member.frequency,
        zone=zone or member.zone,
        joined_at=member.joined_at or now_ms,
        left_at=0,
    )

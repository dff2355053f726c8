"""A member whom each worker died of is given up for some hours, and that is said."""

from typing import Final

import msgspec.structs
import structlog

from rotavatar.messages import PublishAsked
from rotavatar.records import BROKEN
from rotavatar.store import Claim, Commit, MemberStore, Outcome, Place

log = structlog.get_logger()

GIVEN_UP: Final = "given up"
"""The outcome of such a claim."""


async def tell(claim: Claim, *, members: MemberStore, now_ms: int) -> str:
    """Tell the operator at once, then the member in their Home tab, unless they have asked for a change meanwhile.

    Nothing of the member but their record is touched: whatever workers died of must not end this one too.
    """
    log.error("rotation given up", workspace=claim.workspace, user=claim.user, reason="each worker died of it")
    publish = PublishAsked(workspace=claim.workspace, user=claim.user, at=now_ms, trace="")
    while (seen := await members.snapshot(claim.workspace, claim.user)) and seen.member and seen.member.lost:
        broken = msgspec.structs.replace(seen.member, problem=BROKEN)
        if await members.commit(seen, Commit(member=broken, place=Place.STAY, publish=publish)) is Outcome.OK:
            break
    return GIVEN_UP

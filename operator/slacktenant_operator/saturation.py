"""Whether the members of a workspace ask for more rotations than its limits let through, and the numbers."""

import asyncio
import math
from typing import Final

from rotavatar.keys import Workspace
from rotavatar.policy import HOUR, Policy
from rotavatar.store import MemberStore, Place
from rotavatar.store.members import Tally
from slacktenant_operator.model import Rotations

PAGE: Final = 200


def allowed_per_hour(policy: Policy) -> int:
    """Rotations an hour that the limits let through in the long run."""
    return int(HOUR * 1000 // policy.limits.photo.interval_ms)


def rounded(number: float) -> int:
    """To two digits: a number in a status must not change with each member who comes or goes."""
    if number <= 0:
        return 0
    unit: int = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return round(number / unit) * unit


class Saturation:
    """Adds up what members chose, where there are so many that it can be too much."""

    def __init__(self, members: MemberStore) -> None:
        """Read them in `members`."""
        self._members = members
        self._found: dict[Workspace, Rotations | None] = {}

    async def of(self, workspace: Workspace, policy: Policy, tally: Tally, *, look: bool) -> Rotations | None:
        """The numbers, where more is wanted than allowed. Without `look` as they were found last, where they were.

        Nobody changes more often than once an hour, so fewer members than the limit allows are never too many.
        """
        allowed = allowed_per_hour(policy)
        if tally.due + tally.flight <= allowed:
            self._found.pop(workspace, None)
            return None
        if look or workspace not in self._found:
            wanted = await self._wanted(workspace)
            found = Rotations(wanted_per_hour=rounded(wanted), allowed_per_hour=rounded(allowed))
            self._found[workspace] = found if wanted > allowed else None
        return self._found[workspace]

    async def _wanted(self, workspace: Workspace) -> float:
        wanted = 0.0
        for place in (Place.DUE, Place.FLIGHT):
            cursor, first = 0, True
            while cursor or first:
                first = False
                cursor, users = await self._members.queue_page(workspace, place, cursor, count=PAGE)
                for seen in await asyncio.gather(*(self._members.snapshot(workspace, user) for user in users)):
                    if seen is not None and seen.member is not None and seen.member.frequency:
                        wanted += HOUR / seen.member.frequency
        return wanted

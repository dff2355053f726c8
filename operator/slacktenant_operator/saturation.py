"""Whether the members of a workspace ask for more rotations than its limits let through, and the numbers.

Nobody changes more often than once an hour. So a workspace with no more members than its limits allow rotations an hour
is never asked; a larger one is asked at once where its limits changed, and else each minute, and ten seconds later for
each thousand members: what one member chooses is neither a write nor a look.
"""

import math
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from rotavatar.keys import Workspace
from rotavatar.pacing import Limits
from rotavatar.store import DemandStore
from rotavatar.store.demand import allowed_an_hour
from rotavatar.store.members import Tally
from slacktenant_operator.model import Rotations

LOOK_SECONDS: Final = 60.0
SECONDS_A_MEMBER: Final = 0.01
"""Reading what a member chose takes Redis some 10 µs: a thousandth of its time goes into this at most."""


class _Found(NamedTuple):
    """What a look found, under which limits, and until when that does."""

    rotations: Rotations | None
    limits: Limits
    until: float


class Saturation:
    """Asks what members chose, where there are so many that it can be too much."""

    def __init__(self, demand: DemandStore, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Ask `demand`."""
        self._demand = demand
        self._monotonic = monotonic
        self._found: dict[Workspace, _Found] = {}

    async def of(self, workspace: Workspace, limits: Limits, tally: Tally) -> Rotations | None:
        """The numbers, where more is wanted than `limits` allow, as they were found last while that is recent."""
        if tally.members <= allowed_an_hour(limits):
            self.forget(workspace)
            return None
        found = self._found.get(workspace)
        if found is None or found.limits != limits or found.until <= self._monotonic():
            found = self._found[workspace] = await self._look(workspace, limits)
        return found.rotations

    def seconds_left(self, workspace: Workspace) -> float | None:
        """Until the workspace is to be asked again; None where it need not be."""
        found = self._found.get(workspace)
        return None if found is None else max(0.0, found.until - self._monotonic())

    def forget(self, workspace: Workspace) -> None:
        """Nobody asks about the workspace any more."""
        self._found.pop(workspace, None)

    async def _look(self, workspace: Workspace, limits: Limits) -> _Found:
        demand = await self._demand.demand(workspace, limits)
        rotations = None
        if demand.wanted is not None and demand.saturated:
            wanted, allowed = rounded(demand.wanted), rounded(demand.allowed)
            rotations = Rotations(wanted_per_hour=wanted, allowed_per_hour=allowed)
        period = LOOK_SECONDS + SECONDS_A_MEMBER * demand.members
        return _Found(rotations, limits, self._monotonic() + period)


def rounded(number: float) -> int:
    """To two digits: a number in a status must not change with each member who comes or goes."""
    if number <= 0:
        return 0
    unit: int = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return round(number / unit) * unit

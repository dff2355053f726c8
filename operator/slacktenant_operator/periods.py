"""When each workspace is due for a look at everything, whatever seems to be in step: its tenant's resyncPeriod."""

import random
import time
from collections.abc import Callable

from rotavatar.keys import Workspace
from slacktenant_operator.conversion import seconds_of


class Periods:
    """Spread over the period after a start, so that ten thousand tenants do not look all at once; then ± 10 %."""

    def __init__(
        self, *, monotonic: Callable[[], float] = time.monotonic, random: Callable[[], float] = random.random
    ) -> None:
        """`random` gives numbers from 0 to 1."""
        self._monotonic = monotonic
        self._random = random
        self._due: dict[Workspace, float] = {}

    def is_due(self, workspace: Workspace, period: str) -> bool:
        """Whether the workspace is to be looked at as a whole. Never at its first round: that is soon enough later."""
        due = self._due.setdefault(workspace, self._monotonic() + seconds_of(period) * self._random())
        return self._monotonic() >= due

    def looked(self, workspace: Workspace, period: str) -> None:
        """A whole look is over."""
        self._due[workspace] = self._monotonic() + seconds_of(period) * (0.9 + 0.2 * self._random())

    def left(self, workspace: Workspace) -> float:
        """Seconds until the next whole look."""
        return max(0.0, self._due.get(workspace, 0.0) - self._monotonic())

    def forget(self, workspace: Workspace) -> None:
        """No tenant names the workspace any more."""
        self._due.pop(workspace, None)

"""How many members, credentials and keys there are, told after each census."""

import time
from collections.abc import Callable

from rotavatar.clock import Clock
from rotavatar.keyring import KeyRing
from rotavatar.records import Idle
from rotavatar.shared import measures
from rotavatar.store import CensusStore

STATES = ("scheduled", *(each.value for each in Idle if each.value))
KEYS_TOLD = 16
"""More key ids than anybody rotates at a time: what else is found is told as `other`."""


class Counting:
    """Keeps the gauges of the census up to date."""

    def __init__(
        self, *, store: CensusStore, clock: Clock, keys: KeyRing, now: Callable[[], float] = time.time
    ) -> None:
        """`keys` are those that this process has; `now` is the time that Prometheus compares with."""
        self._store = store
        self._clock = clock
        self._keys = keys
        self._now = now

    async def count(self) -> None:
        """Count once. Raises Unavailable, and then every gauge stays as it was."""
        census = await self._store.count(now_ms=self._clock.now() * 1000)
        for state in STATES:
            measures.MEMBERS.labels(state).set(census.members[state])
        for owner in ("member", "bot"):
            for state in ("sealed", "missing", "none"):
                measures.TOKENS.labels(owner, state).set(census.tokens[owner, state])
        measures.WORKSPACES.clear()
        for status, number in census.workspaces.items():
            measures.WORKSPACES.labels(status).set(number)
        measures.OVERDUE.set(census.overdue["members"])
        self._tell_keys(census.sealed)
        measures.COUNTED.set(self._now())

    def _tell_keys(self, sealed: dict[str, int]) -> None:
        measures.SEALED.clear()
        for key in self._keys.ids:
            measures.SEALED.labels(key).set(sealed.get(key, 0))
        strangers = sorted(set(sealed) - set(self._keys.ids))
        for key in strangers:
            measures.SEALED.labels(key if len(strangers) <= KEYS_TOLD else "other").inc(sealed[key])
        measures.KEYS_MISSING.set(len(strangers))

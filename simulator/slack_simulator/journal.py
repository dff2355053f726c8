"""The log that people read, and the exact counts that tests rely on. No token is ever written here."""

from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import msgspec

from slack_simulator.feed import Feed

Kind = Literal["call", "event", "interaction", "command", "limit", "retry", "image", "oauth", "trouble"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log. `at` is on the schedule's clock, `ms` how long it took really."""

    n: int
    at: float
    kind: Kind
    team: str = ""
    user: str = ""
    method: str = ""
    status: int = 0
    error: str = ""
    ms: float = 0.0
    detail: str = ""


class Journal:
    """A bounded log, and unbounded exact counts: every arrival of a Web API call is counted, refused ones too."""

    def __init__(self, *, feed: Feed, length: int) -> None:
        self._feed = feed
        self._entries: deque[Entry] = deque(maxlen=length)
        self._n = 0
        self.arrivals: defaultdict[tuple[str, str], array[float]] = defaultdict(lambda: array("d"))
        self.outcomes: Counter[tuple[str, str, str]] = Counter()
        self.by_user: Counter[tuple[str, str, str, str]] = Counter()
        self.overlaps: Counter[tuple[str, str, str]] = Counter()
        self._running: Counter[tuple[str, str, str]] = Counter()

    def note(
        self,
        kind: Kind,
        *,
        at: float,
        team: str = "",
        user: str = "",
        method: str = "",
        status: int = 0,
        error: str = "",
        ms: float = 0.0,
        detail: str = "",
    ) -> Entry:
        """Write one line."""
        self._n += 1
        entry = Entry(
            n=self._n,
            at=at,
            kind=kind,
            team=team,
            user=user,
            method=method,
            status=status,
            error=error,
            ms=round(ms, 2),
            detail=detail,
        )
        self._entries.append(entry)
        self._feed.send("log", {"entry": entry})
        return entry

    def after(self, n: int) -> list[Entry]:
        """The entries later than number `n` that are still kept, oldest first."""
        return [entry for entry in self._entries if entry.n > n]

    @contextmanager
    def call(self, *, team: str, user: str, method: str, at: float) -> Iterator[None]:
        """Count the arrival of a call of `user` at `at`, and whether it overlaps another of the same user."""
        self.arrivals[team, method].append(at)
        key = (team, user, method)
        if self._running[key]:
            self.overlaps[key] += 1
        self._running[key] += 1
        try:
            yield
        finally:
            self._running[key] -= 1
            if not self._running[key]:
                del self._running[key]

    def outcome(self, *, team: str, user: str, method: str, result: str) -> None:
        """Count how a call ended: `ok` or the error."""
        self.outcomes[team, method, result] += 1
        self.by_user[team, user, method, result] += 1

    def count(self, *, method: str, team: str | None = None, user: str | None = None, result: str | None = None) -> int:
        """How many calls of `method` ended, in all or only of that team, user or result (`ok` or an error)."""
        return sum(
            n
            for (t, u, m, r), n in self.by_user.items()
            if m == method and team in (None, t) and user in (None, u) and result in (None, r)
        )

    def busiest(self, *, team: str, method: str, window: float = 60.0) -> int:
        """The most arrivals of `method` of `team` within any `window` seconds of the schedule's clock."""
        times = sorted(self.arrivals.get((team, method), ()))
        most = first = 0
        for last, at in enumerate(times):
            while at - times[first] >= window:
                first += 1
            most = max(most, last - first + 1)
        return most

    def clear(self) -> None:
        """Forget the log and the counts; the numbers of the entries go on."""
        self._entries.clear()
        self.arrivals.clear()
        self.outcomes.clear()
        self.by_user.clear()
        self.overlaps.clear()

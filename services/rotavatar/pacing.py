"""Keeping to Slack's rate limits by not starting early.

The pacer is a GCRA: a call may start when the theoretical arrival time (TAT) of its method is near enough, and each
grant moves the TAT by one interval. A GCRA of rate r with burst B admits B + r·w calls in a window w, so the rate that
keeps within L calls in any 60 s is less than L a minute. A grant may wait `GRANT_SECONDS` before its call leaves, so
the window that counts is that much longer.
"""

from typing import Final

import msgspec

GRANT_SECONDS: Final = 5
"""A grant that has not started by then goes back unused."""

WINDOW_SECONDS: Final = 60
"""Slack counts calls by the minute (https://docs.slack.dev/apis/web-api/rate-limits)."""


class Limit(msgspec.Struct, frozen=True):
    """At most `per_minute` calls of a method in any 60 s, of which `burst` may leave at once."""

    per_minute: int
    burst: int

    def __post_init__(self) -> None:
        """Raise ValueError for a limit that would never let a call through."""
        if not 1 <= self.burst < self.per_minute:
            raise ValueError(f"a limit of {self.per_minute} a minute needs a burst between 1 and {self.per_minute - 1}")

    @property
    def interval_ms(self) -> int:
        """Milliseconds between calls once the burst is spent, rounded up."""
        window = (WINDOW_SECONDS + GRANT_SECONDS) * 1000
        return -(-window // (self.per_minute - self.burst))


class Limits(msgspec.Struct, frozen=True):
    """The limits of one workspace. The defaults stay under Slack's tiers 2 (20 a minute) and 4 (100 a minute)."""

    photo: Limit = Limit(per_minute=18, burst=3)
    profile: Limit = Limit(per_minute=90, burst=20)
    publish: Limit = Limit(per_minute=90, burst=20)
    background: Limit = Limit(per_minute=72, burst=16)
    """Publishes for members who are not looking: a fifth of the rate is kept for those who are."""

    def packed(self) -> str:
        """As the scripts read it: interval (ms) and burst of each, in the order of the fields."""
        each = (self.photo, self.profile, self.publish, self.background)
        return " ".join(f"{limit.interval_ms} {limit.burst}" for limit in each)

"""What the operator of a workspace allows its members."""

from typing import Final

import msgspec

from rotavatar.pacing import Limits

HOUR: Final = 3600
DAY: Final = 24 * HOUR

FREQUENCIES: Final = (0, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY)
"""What a member may choose, in seconds between changes; 0 is off."""

DEFAULT_PACK: Final = "critters"
"""Friendly, free and nobody's face."""


class Quiet(msgspec.Struct, frozen=True):
    """Hours in which no photo changes, in minutes after midnight of `zone`; the end may be past midnight."""

    start: int
    end: int


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """The rules of one workspace. Empty tuples allow everything."""

    frequencies: tuple[int, ...] = ()
    packs: tuple[str, ...] = ()
    default_frequency: int = 0
    default_pack: str = DEFAULT_PACK
    quiet: Quiet | None = None
    working_days: tuple[int, ...] = ()
    """ISO weekdays (1 is Monday) on which photos change; empty means every day."""
    zone: str = ""
    """IANA zone of the quiet hours and working days; empty means each member's own."""
    lifelike: bool = False
    """Whether packs that look like real persons may be chosen."""
    max_members: int = 0
    """How many members there may be, those who left aside; 0 means any number. Who is one already stays one."""
    limits: Limits = Limits()

    def allows_frequency(self, seconds: int) -> bool:
        """Whether a member may choose `seconds`; off is always allowed."""
        return seconds == 0 or (seconds in FREQUENCIES and (not self.frequencies or seconds in self.frequencies))

    def allows_pack(self, pack: str) -> bool:
        """Whether members may draw from `pack`."""
        return not self.packs or pack in self.packs

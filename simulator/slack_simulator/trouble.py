"""The switches that make trouble, for everybody or for one workspace."""

from typing import Literal

import msgspec

EVERYWHERE = "*"


class Switches(msgspec.Struct, kw_only=True):
    """What is broken. Counts: -1 is "until switched off", a positive number "so many times".

    `cut` closes the connection before the call has its effect, or after it but before the answer. `slow` is in real
    seconds. `no_profile` leaves `profile` out of the answer of users.setPhoto, as Slack's documentation shows it.
    `home_tab_off` answers not_enabled. `blank_state` and `bare_denial` spoil the OAuth redirect as seen in the wild.
    """

    images_unreachable: bool = False
    answer_500: int = 0
    slow: float = 0.0
    cut: Literal["", "before", "after"] = ""
    cut_count: int = -1
    deliver_twice: bool = False
    out_of_order: bool = False
    ratelimited_200: int = 0
    lock_photos: bool = False
    no_profile: bool = False
    home_tab_off: bool = False
    blank_state: bool = False
    bare_denial: bool = False
    methods: list[str] = msgspec.field(default_factory=list)

    def concerns(self, method: str) -> bool:
        """Whether the answers to `method` are spoilt: all are, unless methods were named."""
        return not self.methods or method in self.methods


QUIET = Switches()


class Trouble:
    """The switches of each workspace, and those that hold everywhere."""

    def __init__(self) -> None:
        self._switches: dict[str, Switches] = {}

    def of(self, team: str) -> Switches:
        """The switches of `team` alone; change them in place."""
        return self._switches.setdefault(team, Switches())

    @property
    def everywhere(self) -> Switches:
        """The switches that hold for all; change them in place."""
        return self.of(EVERYWHERE)

    def applying(self, team: str) -> tuple[Switches, ...]:
        """The switches that a call of `team` meets."""
        if not self._switches:
            return ()
        return tuple(s for s in (self._switches.get(EVERYWHERE), self._switches.get(team)) if s is not None)

    def any(self, team: str, name: str) -> bool:
        """Whether the switch `name` is on for `team`."""
        return any(getattr(s, name) for s in self.applying(team))

    def spend(self, team: str, name: str, method: str) -> bool:
        """Whether the counted switch `name` strikes this call of `method`; counts it down."""
        for switches in self.applying(team):
            left = getattr(switches, name)
            if left and switches.concerns(method):
                setattr(switches, name, left - 1 if left > 0 else left)
                return True
        return False

    def delay(self, team: str, method: str) -> float:
        """How many real seconds the answer to this call is held back."""
        return max((s.slow for s in self.applying(team) if s.concerns(method)), default=0.0)

    def cut(self, team: str, method: str) -> Literal["", "before", "after"]:
        """Whether and when the connection of this call is cut."""
        for switches in self.applying(team):
            if switches.cut and switches.concerns(method) and switches.cut_count:
                if switches.cut_count > 0:
                    switches.cut_count -= 1
                return switches.cut
        return ""

    def shown(self, team: str) -> Switches:
        """The switches of `team`, to look at only."""
        return self._switches.get(team, QUIET)

    def clear(self) -> None:
        """Everything works again."""
        self._switches.clear()

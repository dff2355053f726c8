"""What an alert is."""

from enum import StrEnum
from typing import Any, Final

import msgspec

RUNBOOKS: Final = "https://github.com/rotavatar/rotavatar/blob/main/docs/runbooks"
"""Where the pages are that an alert leads to."""

Rule = dict[str, Any]


class Severity(StrEnum):
    """What somebody has to do."""

    PAGE = "page"
    """Somebody looks at once: members or Slack notice it, or soon will."""
    TICKET = "ticket"
    """Somebody looks on the next working day."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert. `family` is its runbook page, which has a heading of the alert's name."""

    name: str
    family: str
    severity: Severity
    expr: str
    lasting: str
    """How long it has to hold: Prometheus' `for`."""
    summary: str
    """One sentence about what is wrong, for who is woken up by it."""
    keep: str = ""
    """How long it goes on after it holds no longer, so that what flaps is one alert."""

    @property
    def runbook(self) -> str:
        """The address of its heading."""
        return f"{RUNBOOKS}/{self.family}.md#{self.name.lower()}"

    def rule(self) -> Rule:
        """The rule as Prometheus reads it."""
        made: Rule = {"alert": self.name, "expr": self.expr, "for": self.lasting}
        if self.keep:
            made["keep_firing_for"] = self.keep
        labels = {"severity": self.severity.value, "service": "rotavatar"}
        return {**made, "labels": labels, "annotations": {"summary": self.summary, "runbook_url": self.runbook}}

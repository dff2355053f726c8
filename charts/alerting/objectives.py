"""What is promised over 30 days, and alerts for when it is given up too fast.

Multi-window burn rates (https://sre.google/workbook/alerting-on-slos/): a page where a day or less would use up the
month's budget of errors at this rate, a ticket where it would last a few days; a short window beside the long one lets
the alert go when the trouble is over, and with little traffic, where one failure is a high rate, nobody is woken.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
from charts.alerting.model import Alert, Rule, Severity

SLACK_ROUTES: Final = "events|interactions|commands|options"


class Burn(NamedTuple):
    """A rate at which the budget is used up, and the windows over which it has to hold."""

    factor: float
    long: str
    short: str


FAST: Final = (Burn(14.4, "1h", "5m"), Burn(6, "6h", "30m"))
SLOW: Final = (Burn(3, "1d", "2h"), Burn(1, "3d", "6h"))


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """One promise. `errors` and `total` are PromQL with `$w` for the window; `total` counts what could have failed."""

    name: str
    """As it stands in the names of recorded series."""
    alert: str
    family: str
    promise: str
    target: float
    """The share that is good."""
    errors: str
    """The share that was not good over the window."""
    total: str = ""
    """How many there were over the window; empty where the promise is about time and not about a number of things."""
    least: int = 0
    """Fewer than this over the long window are too few to say anything."""

    @property
    def budget(self) -> float:
        """The share that may fail."""
        return round(1 - self.target, 6)

    def ratio(self, window: str) -> str:
        """The recorded series of errors over a window."""
        return f"rotavatar:{self.name}_errors:ratio_{window}"

    def count(self, window: str) -> str:
        """The recorded series of how many there were."""
        return f"rotavatar:{self.name}:increase_{window}"

    def recorded(self) -> Iterator[Rule]:
        """The series that the alerts read."""
        burns = (*FAST, *SLOW)
        for window in dict.fromkeys(window for burn in burns for window in (burn.short, burn.long)):
            yield {"record": self.ratio(window), "expr": self.errors.replace("$w", window)}
        if self.total:
            for burn in burns:
                yield {"record": self.count(burn.long), "expr": self.total.replace("$w", burn.long)}

    def alerts(self) -> tuple[Alert, Alert]:
        """One that pages and one that does not."""
        return self._alert("Fast", FAST, Severity.PAGE, "2m"), self._alert("Slowly", SLOW, Severity.TICKET, "15m")

    def _alert(self, how: str, burns: tuple[Burn, ...], severity: Severity, lasting: str) -> Alert:
        told = "the errors of a month are used up within days" if how == "Fast" else "more errors than a month may have"
        return Alert(
            name=f"{self.alert}Burns{how}",
            family=self.family,
            severity=severity,
            expr=" or ".join(f"({self._burning(burn)})" for burn in burns),
            lasting=lasting,
            summary=f"{self.promise} That does not hold: at this rate, {told}.",
        )

    def _burning(self, burn: Burn) -> str:
        most = f"{round(burn.factor * self.budget, 6):g}"
        windows = [f"{self.ratio(window)} > {most}" for window in (burn.long, burn.short)]
        enough = [f"{self.count(burn.long)} >= {self.least}"] if self.total else []
        return " and ".join([*windows, *enough])


def _within(metric: str, labels: str, seconds: str) -> str:
    """The share that took longer than `seconds`, one of the histogram's bounds."""
    bound = seconds.replace(".0", "(\\\\.0)?")
    inside = f'sum(rate({metric}_bucket{{{labels},le=~"{bound}"}}[$w]))'
    return f"1 - {inside} / sum(rate({metric}_count{{{labels}}}[$w]))"


ACKED: Final = Objective(
    name="slack_requests",
    alert="RotavatarAcks",
    family="acking",
    promise="Of 1,000 requests of Slack 999 are taken and answered within a second.",
    target=0.999,
    errors=(
        f'clamp_max((sum(rate(rotavatar_ingress_requests_total{{route=~"{SLACK_ROUTES}",outcome=~"shed|failed"}}[$w])) '
        "or vector(0)) / sum(rate(rotavatar_ingress_ack_seconds_count[$w])) + "
        + _within("rotavatar_ingress_ack_seconds", 'route!=""', "1.0")
        + ", 1)"
    ),
    total="sum(increase(rotavatar_ingress_ack_seconds_count[$w]))",
    least=200,
)

ROTATED: Final = Objective(
    name="rotations",
    alert="RotavatarRotations",
    family="rotations",
    promise="Of 100 photos 99 are begun within a minute of when they are due and Slack's limits allow it.",
    target=0.99,
    errors=_within("rotavatar_rotation_lateness_seconds", 'cause="ours"', "60.0"),
    total='sum(increase(rotavatar_rotation_lateness_seconds_count{cause="ours"}[$w]))',
    least=50,
)

SHOWN: Final = Objective(
    name="home_tabs",
    alert="RotavatarHomeTabs",
    family="home-tabs",
    promise="Of 100 Home tabs that somebody looks at, 99 are up to date within 5 seconds.",
    target=0.99,
    errors=_within("rotavatar_publish_latency_seconds", 'looking="yes"', "5.0"),
    total='sum(increase(rotavatar_publish_latency_seconds_count{looking="yes"}[$w]))',
    least=50,
)

IN_STEP: Final = Objective(
    name="tenants",
    alert="RotavatarTenants",
    family="tenants",
    promise="In 99 of 100 minutes no change of a SlackTenant or its Secrets waits longer than a minute.",
    target=0.99,
    errors="avg_over_time(rotavatar:tenants_out_of_step:bool[$w])",
)

OUT_OF_STEP: Final[Rule] = {
    "record": "rotavatar:tenants_out_of_step:bool",
    "expr": "max(rotavatar_operator_queue_oldest_seconds) > bool 60",
}

OBJECTIVES: Final = (ACKED, ROTATED, SHOWN, IN_STEP)


def recorded() -> list[Rule]:
    """Every recorded series, each once."""
    return [OUT_OF_STEP, *(rule for objective in OBJECTIVES for rule in objective.recorded())]

"""Make the alert rules of the chart, and the page docs/alerts.md, from charts/alerting. `make docs` runs it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import yaml
from charts.alerting.causes import CAUSES
from charts.alerting.model import Alert, Rule
from charts.alerting.objectives import OBJECTIVES, recorded

ROOT: Final = Path(__file__).parents[1]
RULES: Final = ROOT / "charts/rotavatar/files/rules"
PAGE: Final = ROOT / "docs/alerts.md"

HEADING: Final = "# Made from charts/alerting by `make docs`: change it there.\n"

BEFORE: Final = """\
# Promises and alerts

Made from `charts/alerting` by `make docs`. The chart brings these rules as a PrometheusRule
(`prometheusRule.enabled`); without the Prometheus operator give Prometheus the files in
`charts/rotavatar/files/rules`, which are plain rule files. Each alert leads to the heading of its name on a page of
the runbook. `page` means now, `ticket` means the next working day.

## What is promised

Over 30 days. Of a promise that is given up too fast the first alert pages: at that rate the errors that a month may
have are used up within days. With fewer things than the last column says in the alert's long window nobody is woken.

| promise | good | alerts | at least |
|---|---|---|---|
"""

WATCHED: Final = """
## Alerts

| alert | severity | says |
|---|---|---|
"""


def alerts() -> tuple[Alert, ...]:
    """Every alert, those of the promises first."""
    return (*(alert for objective in OBJECTIVES for alert in objective.alerts()), *CAUSES)


def families() -> dict[str, list[Alert]]:
    """The alerts of each page of the runbook."""
    found: dict[str, list[Alert]] = {}
    for alert in alerts():
        found.setdefault(alert.family, []).append(alert)
    return dict(sorted(found.items()))


def _file(*groups: tuple[str, Iterable[Rule]]) -> str:
    content = {"groups": [{"name": name, "rules": list(rules)} for name, rules in groups]}
    dumped: str = yaml.safe_dump(content, sort_keys=False, width=160, allow_unicode=True)
    return HEADING + dumped


def rule_files() -> dict[Path, str]:
    """Every rule file: the recorded series of the promises, and one of alerts for each page of the runbook."""
    promises = {RULES / "objectives.yaml": _file(("rotavatar-objectives", recorded()))}
    return promises | {
        RULES / f"{family}.yaml": _file((f"rotavatar-{family}", (alert.rule() for alert in group)))
        for family, group in families().items()
    }


def page() -> str:
    """The page docs/alerts.md."""
    promises = "".join(
        f"| {each.promise} | {each.target * 100:g} % | {', '.join(map(_link, each.alerts()))} | {each.least or '-'} |\n"
        for each in OBJECTIVES
    )
    watched = "".join(f"| {_link(each)} | {each.severity} | {each.summary} |\n" for each in alerts())
    return BEFORE + promises + WATCHED + watched


def _link(alert: Alert) -> str:
    return f"[{alert.name}](runbooks/{alert.family}.md#{alert.name.lower()})"


def made() -> dict[Path, str]:
    """Every file that is made."""
    return {**rule_files(), PAGE: page()}


def main() -> None:
    """Write them, and take away rule files of families that are no more."""
    RULES.mkdir(parents=True, exist_ok=True)
    for path in RULES.glob("*.yaml"):
        path.unlink()
    for path, text in made().items():
        path.write_text(text)


if __name__ == "__main__":
    main()

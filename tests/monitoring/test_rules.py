"""The alert rules: judged by promtool, each shown to fire and to stay silent, each with a page that says what to do."""

import re
from pathlib import Path

import pytest
import yaml
from charts import make_rules
from charts.alerting.model import RUNBOOKS, Alert

from tests.monitoring.cases import CASES, Case, Series
from tests.monitoring.promtool import promtool
from tests.monitoring.scraping import metrics_in, unknown

RULES = make_rules.RULES
RUNBOOK = Path(__file__).parents[2] / "docs/runbooks"
SECTIONS = ["Symptom", "Telling causes apart", "Action", "Verification"]
ALERTS = make_rules.alerts()
FILES = sorted(RULES.glob("*.yaml"))


@pytest.mark.parametrize(("path", "text"), make_rules.made().items(), ids=lambda each: getattr(each, "name", ""))
def test_files_are_as_they_are_made(path: Path, text: str) -> None:
    assert path.read_text() == text, "run `make docs`"


def test_no_rule_file_is_left_over() -> None:
    assert set(FILES) == set(make_rules.rule_files())


def test_promtool_finds_no_fault_in_the_rules() -> None:
    promtool("check", "rules", "--lint-fatal", *FILES)


def test_each_alert_is_shown_to_fire_and_to_stay_silent() -> None:
    assert set(CASES) == {alert.name for alert in ALERTS}
    assert all(case.fires and case.silent for case in CASES.values())


def expected(name: str, case: Case, series: Series, *, fires: bool) -> dict[str, object]:
    """One of promtool's tests: how many alerts of that name fire at the time."""
    firing = f'count by (alertname) (ALERTS{{alertname="{name}",alertstate="firing"}}) > bool 0'
    samples = [{"labels": f'{{alertname="{name}"}}', "value": 1}] if fires else []
    return {
        "name": f"{name} {'fires' if fires else 'stays silent'}: {series}",
        "interval": case.step,
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "promql_expr_test": [{"expr": firing, "eval_time": case.at, "exp_samples": samples}],
    }


@pytest.mark.parametrize("family", make_rules.families())
def test_alerts_fire_and_stay_silent(family: str, tmp_path: Path) -> None:
    for step in {CASES[alert.name].step for alert in make_rules.families()[family]}:
        cases = {alert.name: CASES[alert.name] for alert in make_rules.families()[family]}
        tests = [
            expected(name, case, series, fires=fires)
            for name, case in cases.items()
            for fires, shown in ((True, case.fires), (False, case.silent))
            for series in shown
            if case.step == step
        ]
        file = tmp_path / f"cases-{step}.yaml"
        order = ["objectives", family]  # an alert reads what was recorded at the same instant
        content = {
            "rule_files": [str(RULES / f"{name}.yaml") for name in order],
            "group_eval_order": [f"rotavatar-{name}" for name in order],
            "evaluation_interval": step,
            "tests": tests,
        }
        file.write_text(yaml.safe_dump(content))
        promtool("test", "rules", file)


def headings(text: str, level: int) -> list[str]:
    return re.findall(rf"^{'#' * level} (.+)$", text, re.MULTILINE)


@pytest.mark.parametrize("family", make_rules.families())
def test_page_of_the_runbook_has_its_sections_and_its_alerts(family: str) -> None:
    text = (RUNBOOK / f"{family}.md").read_text()
    assert headings(text, 2) == SECTIONS
    symptoms, *others = re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]
    assert headings(symptoms, 3) == [alert.name for alert in make_rules.families()[family]]
    for section, title in zip(others, SECTIONS[1:], strict=True):
        assert len(section.split()) > 15, f"{title} of {family} says next to nothing"
    assert "```" in others[-1], "how to verify is a command or a query"


def test_no_page_is_without_an_alert() -> None:
    assert {page.stem for page in RUNBOOK.glob("*.md")} == set(make_rules.families())


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_alert_leads_to_its_heading(alert: Alert) -> None:
    page, anchor = alert.rule()["annotations"]["runbook_url"].removeprefix(f"{RUNBOOKS}/").split("#")
    assert anchor in [heading.lower() for heading in headings((RUNBOOK / page).read_text(), 3)]
    assert alert.summary.endswith(".")


def test_every_metric_in_rules_and_runbook_exists() -> None:
    table = (RUNBOOK.parent / "metrics.md").read_text()
    known = {name.removesuffix("_total") for name in re.findall(r"^\| `(rotavatar_\w+)`", table, re.MULTILINE)}
    groups = [group for file in FILES for group in yaml.safe_load(file.read_text())["groups"]]
    expressions = [rule["expr"] for group in groups for rule in group["rules"]]
    fenced = re.compile(r"^```promql\n(.*?)^```", re.DOTALL | re.MULTILINE)
    queries = [query for page in RUNBOOK.glob("*.md") for query in fenced.findall(page.read_text())]
    named = set().union(*map(metrics_in, [*expressions, *queries]))
    assert len(named) > 20
    assert not unknown(named, known)

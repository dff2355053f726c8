"""Alert rules and dashboards that lie in the chart's files become objects, as they are."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.chart.rendering import CHART, render

GROUP = {
    "name": "rotavatar-example",
    "rules": [
        {
            "alert": "Example",
            "expr": "up == 0",
            "labels": {"severity": "page"},
            "annotations": {"summary": "{{ $value }}"},
        },
        {"record": "example:up", "expr": "sum(up)"},
    ],
}
DASHBOARD = {"title": "Example", "panels": [{"legendFormat": "{{ method }}"}]}


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """The chart with one file more of each kind."""
    copy = tmp_path / "rotavatar"
    shutil.copytree(CHART, copy)
    for folder, name, text in (
        ("rules", "zz-example.yaml", yaml.safe_dump({"groups": [GROUP]})),
        ("dashboards", "zz-example.json", json.dumps(DASHBOARD)),
    ):
        (copy / "files" / folder).mkdir(exist_ok=True)
        (copy / "files" / folder / name).write_text(text)
    return copy


def test_rules_become_one_object_with_the_labels_of_the_values(chart: Path) -> None:
    spec = render("everything", chart=chart).one("PrometheusRule")["spec"]
    (group,) = [each for each in spec["groups"] if each["name"] == "rotavatar-example"]
    alert, record = group["rules"]
    assert alert["labels"] == {"severity": "page", "team": "people"}
    assert alert["annotations"] == GROUP["rules"][0]["annotations"]  # type: ignore[index]
    assert record == GROUP["rules"][1]
    assert not render("everything", chart=chart, values={"prometheusRule": {"enabled": False}}).of("PrometheusRule")


def test_a_dashboard_becomes_a_config_map_that_grafana_finds(chart: Path) -> None:
    found = [each for each in render("everything", chart=chart).of("ConfigMap")
             if "zz-example.json" in each.get("data", {})]  # fmt: skip
    (board,) = found
    assert json.loads(board["data"]["zz-example.json"]) == DASHBOARD
    assert board["metadata"]["labels"]["dashboards"] == "yes"
    assert board["metadata"]["annotations"]["folder"] == "Rotavatar"
    assert board["metadata"]["namespace"] == "grafana"

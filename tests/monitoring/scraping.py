"""Reading a metrics page: which families it has, and which series."""

import re
from collections.abc import Set as AbstractSet

import yaml
from charts.make_rules import RULES
from prometheus_client.parser import text_string_to_metric_families

SUFFIXES = ("_bucket", "_count", "_sum", "_total", "_created", "_info")


def families(page: str) -> set[str]:
    """The names that the page declares, also where nothing has happened yet; counters without `_total`."""
    return {family.name for family in text_string_to_metric_families(page)}


def series(page: str) -> list[str]:
    """Every line that holds a value."""
    return [line for line in page.splitlines() if line and not line.startswith("#")]


def metrics_in(expression: str) -> set[str]:
    """The metrics of ours that a PromQL expression reads. Recorded series, which have colons, are none."""
    bare = re.sub(r'"[^"]*"', "", expression)
    return {name for name in re.findall(r"(?<![\w:])rotavatar_\w+(?![\w:]*:)", bare) if ":" not in name}


def metrics_of_rules() -> set[str]:
    """The metrics of ours that the chart's rules read."""
    groups = [group for path in RULES.glob("*.yaml") for group in yaml.safe_load(path.read_text())["groups"]]
    return set().union(*(metrics_in(rule["expr"]) for group in groups for rule in group["rules"]))


def unknown(names: AbstractSet[str], known: AbstractSet[str]) -> set[str]:
    """Those of `names` that are of no family in `known`."""
    return {name for name in names if name not in known and not _family(name) & known}


def _family(name: str) -> set[str]:
    return {name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)}

"""What an upgrade must not change: names and selectors, held against what the previous version rendered.

Kubernetes refuses another selector, and another name is another object: a volume left behind, a Secret that no pod
finds. `pytest tests/chart/test_contract.py --update-golden` writes the reference anew, which is a new major version.
"""

import json
from typing import Any

import pytest

from tests.chart.rendering import SETS, Object, render

REFERENCE = "tests/chart/reference/{}.json"

IMMUTABLE = {
    "Deployment": (("spec", "selector"),),
    "StatefulSet": (("spec", "selector"), ("spec", "serviceName"), ("spec", "volumeClaimTemplates")),
    "Service": (("spec", "clusterIP"),),
    "RoleBinding": (("roleRef",),),
    "ClusterRoleBinding": (("roleRef",),),
    "PersistentVolumeClaim": (("spec",),),
}
"""Fields that Kubernetes refuses to change."""

FOLLOWED = {"Service": (("spec", "selector"),), "PodDisruptionBudget": (("spec", "selector"),)}
"""Fields that others rely on."""


def contract(objects: tuple[Object, ...]) -> dict[str, Any]:
    """What is held of each object, by kind, namespace and name."""
    found: dict[str, Any] = {}
    for each in objects:
        metadata = each["metadata"]
        held = {
            ".".join(path): _at(each, path)
            for path in (*IMMUTABLE.get(each["kind"], ()), *FOLLOWED.get(each["kind"], ()))
            if _at(each, path) is not None
        }
        found["/".join((each["kind"], metadata.get("namespace", ""), metadata["name"]))] = held
    return found


def _at(each: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        each = each.get(key) if isinstance(each, dict) else None
    return each


@pytest.mark.parametrize("name", SETS)
def test_names_and_selectors_are_those_of_the_version_before(name: str, request: pytest.FixtureRequest) -> None:
    path = request.config.rootpath / REFERENCE.format(name)
    now = contract(render(name).objects)
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")
    before = json.loads(path.read_text())
    assert before.keys() - now.keys() == set(), "an upgrade would delete these"
    for each, held in before.items():
        assert now[each] == held, f"{each} cannot be upgraded"
    # What is new is written down too, so that the next version is held to it.
    assert now.keys() == before.keys(), "new objects: run with --update-golden"


def test_a_chart_of_another_version_has_the_same_selectors() -> None:
    """Nothing that changes with a version may be part of one."""
    for each in render("everything").of("Deployment"):
        assert not each["spec"]["selector"]["matchLabels"].keys() & {
            "helm.sh/chart",
            "app.kubernetes.io/version",
            "team",
        }

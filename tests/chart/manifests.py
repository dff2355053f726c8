"""The processes of k8s/ come from the chart: `python -m tests.chart.manifests` writes them anew.

Rights, the definition of SlackTenant and the namespaces have their source in k8s/ itself.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from tests.chart.rendering import Object, component, render

PROCESSES: Final = Path(__file__).parents[2] / "k8s/processes"
NAMESPACE: Final = "rotavatar"
SETS: Final = ("trial", "production", "namespaced")

ELSEWHERE: Final = (
    "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
)  # fmt: skip
"""Kinds that k8s/ holds by itself."""

OF_HELM: Final = ("helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/version")
HEADING: Final = "# Made from charts/rotavatar/ci/{}-values.yaml by `python -m tests.chart.manifests`.\n"


def manifests(name: str) -> list[Object]:
    """The objects of a set of values, without what only Helm understands."""
    rendered = render(name, namespace=NAMESPACE, values={"tests": {"enabled": False}})
    return [_plain(each) for each in rendered.objects if _belongs(each)]


def _belongs(each: Object) -> bool:
    return each["kind"] not in ELSEWHERE and (each["kind"], component(each)) != ("ServiceAccount", "operator")


def _plain(node: Any) -> Any:
    """A copy without labels and annotations of Helm, and without sums of a configuration that others will patch."""
    if isinstance(node, dict):
        dropped = {*OF_HELM, "checksum/config", "helm.sh/resource-policy"}
        kept = {key: _plain(value) for key, value in node.items() if key not in dropped}
        return {key: value for key, value in kept.items() if not (key == "annotations" and value == {})}
    return [_plain(each) for each in node] if isinstance(node, list) else node


def texts() -> Iterator[tuple[Path, str]]:
    """Every file that is made, and its content."""
    for name in SETS:
        body = yaml.safe_dump_all(manifests(name), sort_keys=False, width=120)
        yield PROCESSES / name / "processes.yaml", HEADING.format(name) + body


def main() -> None:
    """Write them."""
    for path, text in texts():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()

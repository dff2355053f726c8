"""Renders the chart with a real Helm, as objects. For every test that needs to know what an installation consists of.

rendered = render("production")                    # charts/rotavatar/ci/production-values.yaml
rendered.one("Deployment", "rotator")              # by the end of its name
refusal({"publicUrl": ""})                         # what Helm says about values that cannot work
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from control_plane.locating import find

CHART: Final = Path(__file__).parents[2] / "charts/rotavatar"
RELEASE: Final = "rotavatar"
NAMESPACE: Final = "photos"
HELMS: Final = ("helm", "helm3")

SETS: Final = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))
"""The realistic sets of values."""

OLDEST, NEWEST = "1.31.0", "1.37.0"
"""Of Kubernetes, that the chart supports; NEWEST is the newest of which there are schemas to check against."""

MONITORING: Final = tuple(
    f"monitoring.coreos.com/v1/{kind}" for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule")
)
KEDA: Final = ("keda.sh/v1alpha1/ScaledObject",)
GATEWAY: Final = ("gateway.networking.k8s.io/v1/HTTPRoute",)
KNOWN_KINDS: Final = (*MONITORING, *KEDA, *GATEWAY)
"""What a cluster with all the usual additions knows."""

Object = dict[str, Any]


class Refused(AssertionError):
    """Helm did not render; the text is what it said."""


@dataclass(frozen=True)
class Rendered:
    """The objects of one rendering, in order."""

    objects: tuple[Object, ...]

    def of(self, kind: str) -> list[Object]:
        """Every object of a kind."""
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, ending: str = "") -> Object:
        """The only object of a kind whose name ends so. Raises AssertionError where there is none, or more."""
        found = [each for each in self.of(kind) if each["metadata"]["name"].endswith(ending)]
        assert len(found) == 1, f"{len(found)} of {kind} …{ending}: {[each['metadata']['name'] for each in found]}"
        return found[0]

    def pods(self) -> Iterator[tuple[Object, Object]]:
        """Every object that makes pods, with the pod's template, those of hooks too."""
        for each in self.objects:
            if each["kind"] in ("Deployment", "StatefulSet", "Job"):
                yield each, each["spec"]["template"]

    def variables(self, component: str) -> dict[str, str]:
        """What the ConfigMap of a process tells it."""
        found: dict[str, str] = self.one("ConfigMap", f"-{component}")["data"]
        return found


def component(each: Object) -> str:
    """Which part of the installation an object belongs to; empty for the whole."""
    found: str = each["metadata"]["labels"].get("app.kubernetes.io/component", "")
    return found


def render(
    *sets: str,
    values: Mapping[str, Any] | None = None,
    kinds: tuple[str, ...] = KNOWN_KINDS,
    kubernetes: str = NEWEST,
    helm: str = "helm",
    chart: Path = CHART,
    namespace: str = NAMESPACE,
) -> Rendered:
    """Render with these sets of values, and further `values` over them, for a cluster that knows `kinds`.

    Raises Refused with what Helm says where it does not.
    """
    return _rendered(
        sets,
        json.dumps(values or {}),
        kinds=kinds,
        kubernetes=kubernetes,
        helm=helm,
        chart=chart,
        namespace=namespace,
    )


@cache
def _rendered(
    sets: tuple[str, ...],
    values: str,
    *,
    kinds: tuple[str, ...],
    kubernetes: str,
    helm: str,
    chart: Path,
    namespace: str,
) -> Rendered:
    text = _helm(
        helm, "template", RELEASE, str(chart), "--namespace", namespace, "--kube-version", kubernetes,
        *(word for name in sets for word in ("--values", str(CHART / f"ci/{name}-values.yaml"))),
        *(word for kind in kinds for word in ("--api-versions", kind)),
        "--values", "-", given=values,
    )  # fmt: skip
    loaded = yaml.load_all(text, Loader=yaml.CSafeLoader)
    return Rendered(tuple(each for each in loaded if each is not None))


def refusal(*sets: str, values: Mapping[str, Any], kinds: tuple[str, ...] = KNOWN_KINDS) -> str:
    """What Helm says about values that cannot work. Raises AssertionError where it renders them."""
    try:
        render(*sets, values=values, kinds=kinds)
    except Refused as said:
        return str(said)
    raise AssertionError(f"{values} were rendered")


def _helm(helm: str, *words: str, given: str = "") -> str:
    done = subprocess.run([find(helm), *words], input=given, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def lint(name: str, *, helm: str) -> str:
    """`helm lint --strict` with a set of values. Raises Refused with its text where it finds something."""
    return _helm(helm, "lint", "--strict", str(CHART), "--values", str(CHART / f"ci/{name}-values.yaml"))


def notes(name: str) -> str:
    """What `helm install` prints at its end."""
    chart, values = str(CHART), str(CHART / f"ci/{name}-values.yaml")
    said = _helm("helm", "install", RELEASE, chart, "--namespace", NAMESPACE, "--dry-run=client", "--values", values)
    return said.partition("\nNOTES:\n")[2]

"""What the sets of values expect of the cluster that they are installed in, and kinds that others define there.

The definitions are for these tests: they take whatever they are given, and nobody acts on their objects. What the chart
puts in is held against the real schemas in tests/chart.
"""

import secrets
from typing import Any, Final

from control_plane.nodes import Node
from control_plane.plane import ControlPlane, Options
from tests.cluster.tenants import DEFINITIONS, is_served
from tests.dev import eventually

OPTIONS: Final = Options(
    controllers=True,
    scheduler=True,
    scheduler_names=("default-scheduler", "slow"),
    nodes=(
        Node(name="common"),
        Node(
            name="services",
            labels={"pool": "services"},
            taints=({"key": "pool", "value": "services", "effect": "NoSchedule"},),
        ),
    ),
)
"""The schedulers and pools that the set `everything` names."""

OTHER_NAMESPACES: Final = ("rotavatar-tenants", "team-a", "team-b", "tenants", "grafana")

FOREIGN: Final = {
    "servicemonitors.monitoring.coreos.com": ("v1", "ServiceMonitor"),
    "podmonitors.monitoring.coreos.com": ("v1", "PodMonitor"),
    "prometheusrules.monitoring.coreos.com": ("v1", "PrometheusRule"),
    "scaledobjects.keda.sh": ("v1alpha1", "ScaledObject"),
    "triggerauthentications.keda.sh": ("v1alpha1", "TriggerAuthentication"),
    "httproutes.gateway.networking.k8s.io": ("v1", "HTTPRoute"),
}
"""Version and kind of what the Prometheus operator, KEDA and the Gateway API define."""

SLACK_TENANTS: Final = f"{DEFINITIONS}/slacktenants.rotavatar.dev"
NAMESPACES: Final = "/api/v1/namespaces"


def prepare(plane: ControlPlane) -> None:
    """Make what belongs to a cluster and not to a release."""
    for name in OTHER_NAMESPACES:
        plane.api.post(NAMESPACES, {"metadata": {"name": name}})
    plane.api.post("/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "production"}, "value": 1000})
    plane.api.post("/apis/node.k8s.io/v1/runtimeclasses", {"metadata": {"name": "gvisor"}, "handler": "gvisor"})


def restricted_namespace(plane: ControlPlane) -> str:
    """A new namespace in which only pods are let in that Pod Security calls restricted."""
    name = f"photos-{secrets.token_hex(3)}"
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    plane.api.post(NAMESPACES, {"metadata": {"name": name, "labels": labels}})
    account = f"{NAMESPACES}/{name}/serviceaccounts/default"
    eventually(lambda: plane.api.exists(account), "the namespace has its service account")
    return name


def add_volumes(plane: ControlPlane, namespace: str, number: int) -> None:
    """Volumes that claims of this namespace can be bound to; nobody makes some on demand here."""
    for index in range(number):
        spec = {
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/nowhere"},
        }
        plane.api.post("/api/v1/persistentvolumes", {"metadata": {"name": f"{namespace}-{index}"}, "spec": spec})


def define_foreign_kinds(plane: ControlPlane) -> None:
    """Let the cluster know the kinds of FOREIGN, as if these additions were installed."""
    for name, (version, kind) in FOREIGN.items():
        if not plane.api.exists(f"{DEFINITIONS}/{name}"):
            plane.api.post(DEFINITIONS, _definition(name, version, kind))
    for name, (version, _) in FOREIGN.items():
        plural, _, group = name.partition(".")
        eventually(lambda path=f"/apis/{group}/{version}/{plural}": is_served(plane.api, path), f"{name} are served")  # type: ignore[misc]


def forget_foreign_kinds(plane: ControlPlane) -> None:
    """A cluster without these additions."""
    remove_definitions(plane, *FOREIGN)


def remove_definitions(plane: ControlPlane, *names: str) -> None:
    """Take definitions away, with all objects of their kinds."""
    for name in names:
        if plane.api.exists(f"{DEFINITIONS}/{name}"):
            plane.api.delete(f"{DEFINITIONS}/{name}")
    for name in names:
        eventually(lambda path=f"{DEFINITIONS}/{name}": not plane.api.exists(path), f"{name} is gone")  # type: ignore[misc]


def _definition(name: str, version: str, kind: str) -> dict[str, Any]:
    plural, _, group = name.partition(".")
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        # Groups below k8s.io ask for the annotation.
        "metadata": {"name": name, "annotations": {"api-approved.kubernetes.io": "unapproved, of a test"}},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [
                {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}},
            ],
        },
    }

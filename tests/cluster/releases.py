"""Releases of the chart in a running cluster, by a real Helm; and what is in that cluster, whoever made it."""

import json
import os
import subprocess
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import yaml

from control_plane.errors import ApiError
from control_plane.locating import find
from control_plane.plane import ControlPlane
from tests.chart.rendering import CHART, RELEASE, Refused
from tests.dev import eventually
from tests.manifests import Object

WAIT: Final = ("--wait", "--timeout", "90s")
"""A ceiling: with fake nodes it takes seconds."""

QUICK: Final[Mapping[str, Any]] = {"defaults": {"minReadySeconds": 0}}
"""Nothing is learnt while a fake pod is ready for five seconds."""

ALWAYS_CHANGING: Final = frozenset(["events", "leases", "endpointslices", "endpoints", "componentstatuses"])
"""What Kubernetes itself keeps and takes away in its own time."""

AUTOMANAGED: Final = "kube-aggregator.kubernetes.io/automanaged"
"""Label of what the API server makes of each resource definition, and takes away with it."""

Inventory = set[tuple[str, str, str]]
"""Resource, namespace and name."""


class Release:
    """The release `rotavatar` in a namespace; whose Helm speaks is said by each command."""

    def __init__(self, plane: ControlPlane, namespace: str, folder: Path, *, helm: str = "helm") -> None:
        """`folder` takes Helm's caches."""
        self.plane, self.namespace, self.folder, self.helm = plane, namespace, folder, helm

    def install(self, *sets: str, values: Mapping[str, Any] | None = None, wait: tuple[str, ...] = WAIT) -> str:
        """Install with these sets of values and further ones over them. Raises Refused; see `run`."""
        return self._with("install", sets, values, wait)

    def upgrade(self, *sets: str, values: Mapping[str, Any] | None = None, wait: tuple[str, ...] = WAIT) -> str:
        """Upgrade to these values. Raises Refused; see `run`."""
        return self._with("upgrade", sets, values, wait)

    def test(self) -> str:
        """`helm test`. Raises Refused where it fails."""
        return self.run("test", RELEASE, "--timeout", "90s")

    def rollback(self) -> str:
        """Back to the revision before. Raises Refused."""
        return self.run("rollback", RELEASE, *WAIT)

    def uninstall(self) -> str:
        """Away with it. Raises Refused."""
        return self.run("uninstall", RELEASE, *WAIT)

    def history(self) -> list[tuple[int, str]]:
        """Number and status of each revision."""
        told = json.loads(self.run("history", RELEASE, "--output", "json"))
        return [(each["revision"], each["status"]) for each in told]

    def run(self, *words: str, given: str = "") -> str:
        """Helm's output, warnings included, in the namespace of the release. Raises Refused with what it says."""
        done = subprocess.run(
            [find(self.helm), *words, "--namespace", self.namespace],
            env={**os.environ, "KUBECONFIG": str(self.plane.kubeconfig), "HOME": str(self.folder)},
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=180,
        )
        if done.returncode:
            raise Refused(done.stdout)
        return done.stdout

    def _with(self, verb: str, sets: tuple[str, ...], values: Mapping[str, Any] | None, wait: tuple[str, ...]) -> str:
        files = [word for name in sets for word in ("--values", str(CHART / f"ci/{name}-values.yaml"))]
        given = json.dumps(values or {})
        return self.run(verb, RELEASE, str(CHART), *files, "--values", "-", *wait, given=given)

    def manifest(self) -> dict[str, Any]:
        """Everything that Helm says it made, as one List for kubectl."""
        found = list(yaml.load_all(self.run("get", "manifest", RELEASE), Loader=yaml.CSafeLoader))
        for each in found:
            if not each["kind"].startswith(("Cluster", "CustomResource")):
                each["metadata"].setdefault("namespace", self.namespace)
        return {"apiVersion": "v1", "kind": "List", "items": found}

    def listed(self, path: str) -> list[Object]:
        """The objects of a collection in the namespace: `apps/v1/deployments`, `v1/pods`."""
        group, _, resource = path.rpartition("/")
        base = f"/api/{group}" if group == "v1" else f"/apis/{group}"
        found: list[Object] = self.plane.api.get(f"{base}/namespaces/{self.namespace}/{resource}")["items"]
        return found

    def revisions(self) -> dict[str, tuple[str, str]]:
        """Of each Deployment, by component: which object it is, and a number that grows when its pods are replaced."""
        return {
            each["metadata"]["labels"]["app.kubernetes.io/component"]: (
                each["metadata"]["uid"],
                each["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
            )
            for each in self.listed("apps/v1/deployments")
        }

    def pods(self) -> dict[str, set[str]]:
        """The names of the pods that shall stay, by component."""
        found: dict[str, set[str]] = {}
        for each in self.listed("v1/pods"):
            if "deletionTimestamp" not in each["metadata"]:
                part = each["metadata"]["labels"]["app.kubernetes.io/component"]
                found.setdefault(part, set()).add(each["metadata"]["name"])
        return found

    def refused_pods(self) -> list[str]:
        """What the controllers say about pods that they were not allowed to make."""
        return [each["message"] for each in self.listed("v1/events") if each["reason"] == "FailedCreate"]


def inventory(plane: ControlPlane) -> Inventory:
    """Everything in the cluster but what always changes."""
    return {
        (resource, each["metadata"].get("namespace", ""), each["metadata"]["name"])
        for base, resource in _collections(plane)
        for each in _items(plane, f"{base}/{resource}")
        if AUTOMANAGED not in each["metadata"].get("labels", {})
    }


def _collections(plane: ControlPlane) -> list[tuple[str, str]]:
    groups = [each["preferredVersion"]["groupVersion"] for each in plane.api.get("/apis")["groups"]]
    return [
        (base, resource["name"])
        for base in ("/api/v1", *(f"/apis/{group}" for group in groups))
        for resource in plane.api.get(base)["resources"]
        if "list" in resource["verbs"] and resource["name"] not in ALWAYS_CHANGING
    ]


def _items(plane: ControlPlane, path: str) -> list[Object]:
    found: list[Object] = eventually(lambda: _list(plane, path), f"{path} can be listed")["items"]
    return found


def _list(plane: ControlPlane, path: str) -> Object | None:
    """None where the kind is not served yet; an empty list where it is gone meanwhile."""
    try:
        return plane.api.get(path)
    except ApiError as error:
        if error.status == HTTPStatus.TOO_MANY_REQUESTS:
            return None
        if error.status == HTTPStatus.NOT_FOUND:
            return {"items": []}
        raise

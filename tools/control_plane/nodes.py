"""Nodes without machines: kwok tells the API server of their pods what a kubelet would, and runs none of the programs.

Pods become Running and Ready at once, those of Jobs succeed, deleted ones go (the stages of kwok's folder `fast`).
"""

from typing import Any, Final

import msgspec

from control_plane.api import Api
from control_plane.pins import KWOK

STAGES: Final = tuple(file.rpartition("/")[2] for file in KWOK.files)
"""What happens to nodes and pods, by the files that the build puts beside kwok."""

FAKE: Final = "kwok.x-k8s.io/node"
"""Annotation of the nodes that kwok looks after."""

NODES: Final = "/api/v1/nodes"


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A node to make."""

    name: str
    labels: dict[str, str] = {}
    taints: tuple[dict[str, str], ...] = ()
    """As in the spec of a node: key, value, effect."""

    def manifest(self) -> dict[str, Any]:
        """The object to post."""
        labels = {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux", **self.labels}
        return {
            "metadata": {"name": self.name, "annotations": {FAKE: "fake"}, "labels": labels},
            "spec": {"taints": list(self.taints)},
        }


def make(api: Api, nodes: tuple[Node, ...]) -> None:
    """Make those of `nodes` that are not there. Raises ApiError."""
    for node in nodes:
        if not api.exists(f"{NODES}/{node.name}"):
            api.post(NODES, node.manifest())


def ready(api: Api, nodes: tuple[Node, ...]) -> bool:
    """Whether pods can go to all of `nodes`. Raises ApiError where one is missing."""
    return all(_is_ready(api.get(f"{NODES}/{node.name}")) for node in nodes)


def _is_ready(node: dict[str, Any]) -> bool:
    """The controllers take their taint away a moment after kwok has said that the node is ready."""
    conditions = node.get("status", {}).get("conditions", [])
    unready = any(taint["key"] == "node.kubernetes.io/not-ready" for taint in node["spec"].get("taints", []))
    return not unready and any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

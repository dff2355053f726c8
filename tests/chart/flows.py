"""Answers from rendered NetworkPolicies who may speak to whom, as Kubernetes would.

A connection is allowed if the policies of the source allow it out and those of the target allow it in; a pod that no
policy selects for a direction is open in it (https://kubernetes.io/docs/concepts/services-networking/network-policies/).
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.chart.rendering import Object, Rendered, component


@dataclass(frozen=True)
class Peer:
    """One end of a connection: a pod, with the labels of it and of its namespace, or an address outside."""

    name: str
    labels: dict[str, str] = field(default_factory=dict)
    namespace: dict[str, str] = field(default_factory=dict)
    address: str = ""


def pods(rendered: Rendered, namespace: str) -> dict[str, Peer]:
    """The pods of an installation by component."""
    home = {"kubernetes.io/metadata.name": namespace}
    return {component(each): Peer(component(each), pod["metadata"]["labels"], home) for each, pod in rendered.pods()}


def elsewhere(name: str, namespace: str, **labels: str) -> Peer:
    """A pod of another namespace."""
    return Peer(name, {key.replace("_", "-"): value for key, value in labels.items()},
                {"kubernetes.io/metadata.name": namespace})  # fmt: skip


def allowed(rendered: Rendered, home: str, source: Peer, target: Peer, *, port: int, protocol: str = "TCP") -> bool:
    """Whether `source` may open a connection to `port` of `target`."""
    policies = rendered.of("NetworkPolicy")
    return _open(policies, home, source, target, way="Egress", port=port, protocol=protocol) and _open(
        policies, home, target, source, way="Ingress", port=port, protocol=protocol
    )


def _open(policies: Iterable[Object], home: str, own: Peer, other: Peer, *, way: str, port: int, protocol: str) -> bool:
    ours = own.namespace.get("kubernetes.io/metadata.name") == home
    selecting = [
        each["spec"] for each in policies
        if ours and way in each["spec"]["policyTypes"] and _selects(each["spec"]["podSelector"], own.labels)
    ]  # fmt: skip
    if not selecting:
        return True
    side = "to" if way == "Egress" else "from"
    rules = [rule for spec in selecting for rule in spec.get(way.lower(), [])]
    return any(_ports(rule, port, protocol) and _peers(rule.get(side), other, home) for rule in rules)


def _ports(rule: Object, port: int, protocol: str) -> bool:
    wanted = rule.get("ports")
    return not wanted or any(each["port"] == port and each.get("protocol", "TCP") == protocol for each in wanted)


def _peers(peers: list[Object] | None, other: Peer, home: str) -> bool:
    return not peers or any(_matches(peer, other, home) for peer in peers)


def _matches(peer: Object, other: Peer, home: str) -> bool:
    if "ipBlock" in peer:
        return bool(other.address) and _within(other.address, peer["ipBlock"])
    if other.address:
        return False
    if "namespaceSelector" in peer:
        there = _selects(peer["namespaceSelector"], other.namespace)
    else:
        there = other.namespace.get("kubernetes.io/metadata.name") == home
    return there and _selects(peer.get("podSelector", {}), other.labels)


def _within(address: str, block: Object) -> bool:
    own = ipaddress.ip_address(address)
    inside = own in ipaddress.ip_network(block["cidr"])
    return inside and not any(own in ipaddress.ip_network(part) for part in block.get("except", []))


def _selects(selector: Object, labels: dict[str, str]) -> bool:
    exact = selector.get("matchLabels", {}).items() <= labels.items()
    return exact and all(_holds(each, labels) for each in selector.get("matchExpressions", []))


def _holds(expression: Object, labels: dict[str, str]) -> bool:
    assert expression["operator"] == "In", "the only operator that the chart uses"
    return labels.get(expression["key"]) in expression["values"]

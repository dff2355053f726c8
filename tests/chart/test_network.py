"""The network policies allow the connections of docs/architecture.md, and no others: every pair of ends is tried."""

import itertools

import pytest

from tests.chart.flows import Peer, allowed, elsewhere, pods
from tests.chart.rendering import NAMESPACE, SETS, Rendered, render

SLACK = Peer("slack", address="54.192.0.1")
PRIVATE = Peer("a machine of the company", address="10.1.2.3")
METADATA = Peer("the cloud's metadata", address="169.254.169.254")
API_SERVER = Peer("API server", address="10.96.0.1")
DNS = elsewhere("dns", "kube-system", k8s_app="kube-dns")
PROXY = elsewhere("ingress controller", "ingress-nginx", app="controller")
PROMETHEUS = elsewhere("prometheus", "monitoring", app="prometheus")
REDIS = elsewhere("their redis", "databases", app="redis")
OTHER_DATABASE = elsewhere("postgres", "databases", app="postgres")
KEDA = elsewhere("keda", "keda", app="keda-operator")
STRANGER = elsewhere("stranger", "default")
NEIGHBOUR = Peer("neighbour", {"app": "x"}, {"kubernetes.io/metadata.name": NAMESPACE})
OUTSIDE = (
    SLACK, PRIVATE, METADATA, API_SERVER, DNS, PROXY, PROMETHEUS, REDIS, OTHER_DATABASE, KEDA, STRANGER, NEIGHBOUR,
)  # fmt: skip

PORTS = (22, 53, 80, 443, 5432, 6379, 6380, 6443, 8080, 9090)
PROCESSES = ("ingress-api", "rotator", "publisher", "operator")
CALLERS = (*PROCESSES, "toolbox")

Flow = tuple[str, str, int]


def flows(rendered: Rendered) -> set[Flow]:
    """Every allowed connection over TCP of which one end is a pod of ours."""
    ours = pods(rendered, NAMESPACE)
    ends = [*ours.values(), *OUTSIDE]
    return {
        (source.name, target.name, port)
        for source, target in itertools.product(ends, ends)
        for port in PORTS
        if source is not target and ({source.name, target.name} & ours.keys())
        and allowed(rendered, NAMESPACE, source, target, port=port)
    }  # fmt: skip


def common(proxies: set[str], redis: tuple[str, int]) -> set[Flow]:
    """The connections of the architecture that every installation has."""
    return {
        *((proxy, "ingress-api", 8080) for proxy in proxies),
        *(("prometheus", process, 9090) for process in PROCESSES),
        *((process, "dns", 53) for process in (*CALLERS, "test")),
        *((process, redis[0], redis[1]) for process in CALLERS),
        *((process, "slack", 443) for process in CALLERS),
        ("test", "ingress-api", 8080),
        ("test", "ingress-api", 9090),
    }


def test_production_allows_exactly_the_flows_of_the_architecture() -> None:
    api_server = {("operator", "API server", 443), ("operator", "API server", 6443)}
    assert flows(render("production")) == common({"ingress controller"}, ("their redis", 6380)) | api_server


def test_a_trial_with_its_own_redis_differs_only_where_nothing_is_known() -> None:
    """Who the proxy is and where the API server is has no default: pods may call, the operator may go anywhere."""
    rendered = render("trial")
    anybody = {end.name for end in OUTSIDE if not end.address} | {"test"}
    allowed_in = {flow for flow in flows(rendered) if flow[1] == "ingress-api" and flow[2] == 8080}
    # Pods of ours are let in by ingress's policy but not out by their own.
    assert {source for source, *_ in allowed_in} == anybody
    rest = {flow for flow in flows(rendered) - allowed_in if not (flow[0] == "operator" and flow[2] in (443, 6443))}
    expected = {flow for flow in common(set(), ("redis", 6379)) if flow[:2] != ("operator", "slack")}
    assert rest == expected - {("test", "ingress-api", 8080)}


def test_keda_reaches_the_embedded_redis_only_where_it_scales() -> None:
    scaled = {"rotator": {"keda": {"enabled": True}, "replicas": 1}, "photoStore": {"url": "s3://x"}}
    assert ("keda", "redis", 6379) not in flows(render("trial"))
    assert ("keda", "redis", 6379) in flows(render("trial", values=scaled))


def test_dns_is_asked_over_udp_too() -> None:
    rendered = render("production")
    ours = pods(rendered, NAMESPACE)
    for process in PROCESSES:
        assert allowed(rendered, NAMESPACE, ours[process], DNS, port=53, protocol="UDP")
        assert not allowed(rendered, NAMESPACE, ours[process], STRANGER, port=53, protocol="UDP")


@pytest.mark.parametrize("name", SETS)
def test_no_pod_is_without_a_policy_in_either_direction(name: str) -> None:
    rendered = render(name)
    for pod in pods(rendered, NAMESPACE).values():
        for port in (1, 31337):
            assert not allowed(rendered, NAMESPACE, STRANGER, pod, port=port)
            assert not allowed(rendered, NAMESPACE, pod, STRANGER, port=port)


def test_the_photo_store_inside_the_cluster_is_for_the_rotator() -> None:
    rendered = render("gateway")
    minio = elsewhere("minio", "minio")
    ours = pods(rendered, NAMESPACE)
    assert [name for name in ours if allowed(rendered, NAMESPACE, ours[name], minio, port=9000)] == [
        "rotator",
        "toolbox",
    ]


def test_without_policies_nothing_is_rendered() -> None:
    assert not render("production", values={"networkPolicy": {"enabled": False}}).of("NetworkPolicy")

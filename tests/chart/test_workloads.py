"""How pods are run: probes, replicas, spreading, stopping."""

import pytest

from rotavatar.health import READY_SECONDS
from rotavatar.keys import PARTITIONS, publish_jobs, schedule_jobs
from rotavatar.process import GRACE_SECONDS
from rotavatar.store.jobs import GROUP
from tests.chart.rendering import SETS, Object, Rendered, component, render
from tests.servers import SHIPPED_OPTIONS

PROCESSES = ("ingress-api", "rotator", "publisher", "operator")


def processes(rendered: Rendered) -> list[Object]:
    """Every Deployment but the toolbox, in which nothing runs by itself."""
    return [each for each in rendered.of("Deployment") if component(each) != "toolbox"]


def container(rendered: Rendered, name: str) -> Object:
    found: Object = rendered.one("Deployment", f"-{name}")["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.parametrize("name", SETS)
def test_every_process_has_three_probes_on_its_metrics_port(name: str) -> None:
    for each in processes(render(name)):
        own = each["spec"]["template"]["spec"]["containers"][0]
        assert {port["name"] for port in own["ports"]} >= {"metrics"}
        paths = {kind: own[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
        assert paths["startup"] == paths["liveness"] == {"path": "/healthz", "port": "metrics"}
        assert paths["readiness"] == {"path": "/readyz", "port": "metrics"}


def test_a_probe_waits_longer_than_the_check_that_it_asks_for() -> None:
    for name in PROCESSES:
        assert container(render("trial"), name)["readinessProbe"]["timeoutSeconds"] > READY_SECONDS


@pytest.mark.parametrize("name", SETS)
def test_a_process_may_finish_before_it_is_killed(name: str) -> None:
    for each in render(name).of("Deployment"):
        spec = each["spec"]["template"]["spec"]
        pause = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert spec["terminationGracePeriodSeconds"] > pause + GRACE_SECONDS


def test_ingress_goes_on_serving_while_proxies_forget_it() -> None:
    assert container(render("trial"), "ingress-api")["lifecycle"]["preStop"]["sleep"]["seconds"] == 10
    assert render("trial").one("Deployment", "-ingress-api")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize("name", SETS)
def test_what_is_scaled_has_no_replicas_of_its_own(name: str) -> None:
    """An upgrade would set them back otherwise."""
    rendered = render(name)
    scaled = {each["spec"]["scaleTargetRef"]["name"]
              for kind in ("HorizontalPodAutoscaler", "ScaledObject") for each in rendered.of(kind)}  # fmt: skip
    for each in rendered.of("Deployment"):
        assert ("replicas" in each["spec"]) != (each["metadata"]["name"] in scaled)


@pytest.mark.parametrize("name", SETS)
def test_a_disruption_takes_one_pod_at_a_time(name: str) -> None:
    rendered = render(name)
    budgets = {component(each): each["spec"] for each in rendered.of("PodDisruptionBudget")}
    assert budgets.keys() == {component(each) for each in processes(rendered)}
    for spec in budgets.values():
        assert (spec["maxUnavailable"], spec["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")


@pytest.mark.parametrize("name", SETS)
def test_selectors_find_their_own_pods_and_no_others(name: str) -> None:
    rendered = render(name)
    pods = {component(each): pod["metadata"]["labels"] for each, pod in rendered.pods()}
    selecting = [each for kind in ("Deployment", "PodDisruptionBudget", "Service") for each in rendered.of(kind)]
    for each in selecting:
        selector = each["spec"]["selector"]
        wanted = selector.get("matchLabels", selector)
        assert [own for own, labels in pods.items() if wanted.items() <= labels.items()] == [component(each)]


def test_replicas_are_spread_over_zones_and_hosts() -> None:
    spec = render("trial").one("Deployment", "-rotator")["spec"]
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    for each in spread:
        assert each["labelSelector"]["matchLabels"] == spec["selector"]["matchLabels"]
        assert each["matchLabelKeys"] == ["pod-template-hash"]


def test_there_are_never_two_operators() -> None:
    spec = render("production").one("Deployment", "-operator")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_what_stands_with_a_process_replaces_the_default() -> None:
    values = {
        "defaults": {"hostUsers": False, "podLabels": {"a": "1"}},
        "rotator": {"hostUsers": True, "podLabels": {}},
    }
    rendered = render("trial", values=values)
    pods = {component(each): pod for each, pod in rendered.pods()}
    assert pods["publisher"]["spec"]["hostUsers"] is False
    assert pods["publisher"]["metadata"]["labels"]["a"] == "1"
    assert "hostUsers" not in pods["rotator"]["spec"]
    assert "a" not in pods["rotator"]["metadata"]["labels"]


def test_keda_counts_what_waits_and_what_is_being_done_in_every_partition() -> None:
    rendered = render("keda")
    for name, stream_of in (("rotator", schedule_jobs), ("publisher", publish_jobs)):
        spec = rendered.one("ScaledObject", f"-{name}")["spec"]
        triggers = {each["name"]: each["metadata"] for each in spec["triggers"]}
        streams = {stream_of(partition) for partition in range(PARTITIONS)}
        for kind, parameter in (("lag", "lagCount"), ("pending", "pendingEntriesCount")):
            named = [each for trigger, each in triggers.items() if trigger.startswith(kind)]
            assert {each["stream"] for each in named} == streams
            assert all(parameter in each and each["consumerGroup"] == GROUP for each in named)
        assert all(("lagCount" in each) != ("pendingEntriesCount" in each) for each in triggers.values())
        assert set(spec["advanced"]["scalingModifiers"]["formula"].split(" + ")) == triggers.keys()
        assert spec["minReplicaCount"] >= 1 and spec["fallback"]["replicas"] >= spec["minReplicaCount"]


def test_keda_asks_sentinels_with_a_user_of_its_own() -> None:
    rendered = render("keda")
    trigger = rendered.one("ScaledObject", "-rotator")["spec"]["triggers"][0]
    assert trigger["type"] == "redis-sentinel-streams"
    assert trigger["metadata"]["sentinelMaster"] == "rotavatar"
    assert trigger["metadata"]["username"] == "keda"
    given = rendered.one("TriggerAuthentication")["spec"]["secretTargetRef"]
    assert {each["parameter"]: (each["name"], each["key"]) for each in given} == {
        "password": ("rotavatar-redis-keda", "redis-password"),
        "sentinelPassword": ("rotavatar-redis", "sentinel-password"),
    }


def test_the_embedded_valkey_is_what_the_product_is_tested_with() -> None:
    rendered = render("trial")
    lines = dict(line.split(" ", 1) for line in rendered.one("ConfigMap", "-redis")["data"]["valkey.conf"].splitlines())
    lines["save"] = lines["save"].strip('"')
    assert SHIPPED_OPTIONS.items() <= lines.items()
    spec = rendered.one("StatefulSet")["spec"]
    assert spec["replicas"] == 1
    assert spec["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Retain"
    image = spec["template"]["spec"]["containers"][0]["image"]
    assert image.startswith("docker.io/valkey/valkey:") and "bitnami" not in image


def test_photos_stay_when_the_chart_goes() -> None:
    claim = render("trial").one("PersistentVolumeClaim", "-photos")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    gone = render("trial", values={"photoStore": {"persistence": {"keep": False}}})
    assert "annotations" not in gone.one("PersistentVolumeClaim", "-photos")["metadata"]
    assert not render("production").of("PersistentVolumeClaim")


@pytest.mark.parametrize("name", ["production", "everything"])
def test_an_ingress_leads_to_the_public_port_only(name: str) -> None:
    rendered = render(name)
    ingress, service = rendered.one("Ingress"), rendered.one("Service", "-ingress-api")
    backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": service["metadata"]["name"], "port": {"name": "http"}}
    assert [port["name"] for port in service["spec"]["ports"]] == ["http"]
    hosts = {"production": "rotavatar.example.com", "everything": "photos.example.com"}
    assert ingress["spec"]["rules"][0]["host"] == hosts[name]


def test_a_route_leads_to_the_same_port() -> None:
    rendered = render("gateway")
    route, service = rendered.one("HTTPRoute"), rendered.one("Service", "-ingress-api")
    (backend,) = route["spec"]["rules"][0]["backendRefs"]
    assert backend == {"name": service["metadata"]["name"], "port": service["spec"]["ports"][0]["port"]}
    assert route["spec"]["hostnames"] == ["rotavatar.example.com"]
    assert route["spec"]["parentRefs"] == [{"name": "public", "namespace": "gateways"}]


def test_every_pod_with_metrics_is_scraped_once() -> None:
    rendered = render("production")
    service, pods = rendered.one("ServiceMonitor"), rendered.one("PodMonitor")
    (metrics,) = [each for each in rendered.of("Service") if each["metadata"]["name"].endswith("-metrics")]
    assert service["spec"]["selector"]["matchLabels"].items() <= metrics["metadata"]["labels"].items()
    (workers,) = pods["spec"]["selector"]["matchExpressions"]
    assert {*workers["values"], component(service)} == set(PROCESSES)
    assert pods["spec"]["podMetricsEndpoints"][0]["port"] == metrics["spec"]["ports"][0]["name"] == "metrics"
    assert service["metadata"]["labels"]["release"] == "prometheus"

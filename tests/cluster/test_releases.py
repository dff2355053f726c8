"""Every set of values lives in a real cluster: installed, tested, upgraded, rolled back, gone. Nodes are fake."""

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from control_plane.plane import ControlPlane, running
from tests.chart.rendering import CHART, RELEASE, SETS, Refused
from tests.cluster.releases import QUICK, Inventory, Release, inventory
from tests.cluster.surroundings import (
    OPTIONS,
    add_volumes,
    define_foreign_kinds,
    forget_foreign_kinds,
    prepare,
    remove_definitions,
    restricted_namespace,
)
from tests.dev import eventually

pytestmark = pytest.mark.helm

DEFINITION = ("customresourcedefinitions", "", "slacktenants.rotavatar.dev")
PROCESSES = {"ingress-api", "rotator", "publisher", "operator", "toolbox"}
INSTALL = Path(__file__).parents[2] / "docs/install.md"
LIVES = [("helm", name) for name in SETS] + [("helm3", "production")]
CHANGED = {**QUICK, "retentionDays": 3}
"""Read by the rotator, and the toolbox, alone."""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster with nodes; definitions come and go with the tests."""
    with running(tmp_path_factory.mktemp("releases"), OPTIONS) as started:
        prepare(started)
        yield started


@pytest.fixture
def release(plane: ControlPlane, tmp_path: Path) -> Iterator[Callable[..., Release]]:
    """Releases of the test's own, each in a namespace of its own: `release()`, `release("helm3")`.

    They are uninstalled after the test, and SlackTenant is forgotten, as one release at a time can own it.
    """
    made = []

    def make(helm: str = "helm") -> Release:
        made.append(Release(plane, restricted_namespace(plane), tmp_path, helm=helm))
        return made[-1]

    yield make
    for each in made:
        if each.run("list", "--short").strip():
            each.uninstall()
    remove_definitions(plane, DEFINITION[-1])


def kept(name: str, namespace: str) -> Inventory:
    """What docs/install.md says is left behind."""
    found: Inventory = set() if name in ("namespaced", "gateway") else {DEFINITION}
    if name == "trial":
        claims = ("rotavatar-photos", "data-rotavatar-redis-0")
        found |= {("persistentvolumeclaims", namespace, claim) for claim in claims}
    return found


def commands_that_clean_up() -> list[list[str]]:
    """What docs/install.md tells to say to kubectl after `helm uninstall`."""
    lines = INSTALL.read_text().partition("Kept on purpose")[2].splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("kubectl delete")]


def test_monitors_come_as_soon_as_the_cluster_knows_them(plane: ControlPlane, release: Callable[[], Release]) -> None:
    forget_foreign_kinds(plane)
    it = release()
    assert "No monitor was made, as this cluster does not know" in it.install("production", values=QUICK)
    define_foreign_kinds(plane)
    assert "No monitor was made" not in it.upgrade("production", values=QUICK)
    assert len(it.listed("monitoring.coreos.com/v1/servicemonitors")) == 1
    assert len(it.listed("monitoring.coreos.com/v1/podmonitors")) == 1


@pytest.mark.parametrize(
    ("name", "kind"), [("keda", "ScaledObject"), ("gateway", "HTTPRoute"), ("everything", "PodMonitor")]
)
def test_what_needs_an_addition_is_refused_without_it(
    name: str, kind: str, plane: ControlPlane, release: Callable[[], Release]
) -> None:
    """By its name, before anything is made."""
    forget_foreign_kinds(plane)
    it = release()
    before = inventory(plane)
    with pytest.raises(Refused, match=rf'no matches for kind "{kind}" in version \S+\nensure CRDs are installed first'):
        it.install(name)
    assert inventory(plane) == before


def test_a_pod_that_is_not_restricted_would_be_seen(release: Callable[[], Release]) -> None:
    """What the next test finds none of."""
    it = release()
    loose = {"rotator": {"securityContext": {"allowPrivilegeEscalation": True}}}
    assert "would violate PodSecurity" in it.install("trial", values=loose, wait=())
    eventually(lambda: any("violates PodSecurity" in each for each in it.refused_pods()), "a pod is refused")


@pytest.mark.parametrize(("helm", "name"), LIVES)
def test_a_release_lives_and_leaves(helm: str, name: str, plane: ControlPlane, release: Callable[..., Release]) -> None:
    define_foreign_kinds(plane)
    it = release(helm)
    add_volumes(plane, it.namespace, 2)
    before = inventory(plane)
    said = it.run("lint", str(CHART), "--strict", "--values", str(CHART / f"ci/{name}-values.yaml"))
    said += it.install(name, values=QUICK)
    plane.kubectl("get", "--filename", "-", given=json.dumps(it.manifest()))  # raises where one is missing
    first, pods = it.revisions(), it.pods()
    assert "Succeeded" in it.test()

    said += it.upgrade(name, values=CHANGED)
    second = it.revisions()
    assert replaced(first, second) == {"rotator", "toolbox"}
    said += it.rollback()
    third = it.revisions()
    assert replaced(second, third) == {"rotator", "toolbox"}
    assert {part: uid for part, (uid, _) in third.items()} == {part: uid for part, (uid, _) in first.items()}
    now = it.pods()
    assert not [part for part in pods.keys() - {"rotator"} if not pods[part] <= now[part]], "a pod went for nothing"
    assert it.history() == [(1, "superseded"), (2, "superseded"), (3, "deployed")]

    assert it.refused_pods() == []
    assert "PodSecurity" not in said
    it.uninstall()
    eventually(lambda: inventory(plane) - before == kept(name, it.namespace), "nothing is left but what is kept")
    assert before <= inventory(plane)


def replaced(before: dict[str, tuple[str, str]], after: dict[str, tuple[str, str]]) -> set[str]:
    """The components whose pods are others now."""
    return {part for part in after if after[part] != before[part]}


def test_what_was_kept_is_taken_up_again_and_goes_with_the_commands_of_the_guide(
    plane: ControlPlane, release: Callable[[], Release]
) -> None:
    it = release()
    add_volumes(plane, it.namespace, 2)
    before = inventory(plane)
    for name in ("rotavatar-slack", "rotavatar-vault", "rotavatar-redis"):
        plane.api.post(f"/api/v1/namespaces/{it.namespace}/secrets", {"metadata": {"name": name}})
    it.install("trial", values=QUICK)
    claims = it.listed("v1/persistentvolumeclaims")
    it.uninstall()
    it.install("trial", values=QUICK)
    again = it.listed("v1/persistentvolumeclaims")
    assert [each["metadata"]["uid"] for each in again] == [each["metadata"]["uid"] for each in claims]
    it.upgrade("trial", values={"ingressApi": {"nodeSelector": {"there-is": "none"}}}, wait=())
    with pytest.raises(Refused):
        it.run("test", RELEASE, "--timeout", "2s")
    it.uninstall()
    assert [each["metadata"]["name"] for each in it.listed("batch/v1/jobs")] == ["rotavatar-test"]
    assert len(commands_that_clean_up()) == 4
    for words in commands_that_clean_up():
        plane.kubectl(*words, "--namespace", it.namespace)
    eventually(lambda: inventory(plane) == before, "nothing is left")


def test_one_release_owns_the_definition_of_slack_tenants(release: Callable[[], Release]) -> None:
    first, second = release(), release()
    first.install("trial", wait=())
    with pytest.raises(Refused, match=r"slacktenants\.rotavatar\.dev.* cannot be imported into the current release"):
        second.install("trial", wait=())
    second.install("trial", values={"crds": {"enabled": False}}, wait=())


def test_an_upgrade_leaves_the_number_of_pods_to_who_scales_them(release: Callable[[], Release]) -> None:
    it = release()
    it.install("production", values=QUICK)
    it.plane.kubectl("scale", "deployment/rotavatar-ingress-api", "--replicas=4", "--namespace", it.namespace)
    it.upgrade("production", values={**QUICK, "log": {"level": "debug"}})
    (ingress,) = [
        each for each in it.listed("apps/v1/deployments") if each["metadata"]["name"] == "rotavatar-ingress-api"
    ]
    assert ingress["spec"]["replicas"] == 4


def test_helm_3_may_install_what_helm_4_upgrades(release: Callable[..., Release]) -> None:
    it = release("helm3")
    it.install("production", values=QUICK)
    before = it.revisions()
    it.helm = "helm"
    it.upgrade("production", values=CHANGED)
    assert replaced(before, it.revisions()) == {"rotator", "toolbox"}
    it.helm = "helm3"
    it.rollback()
    assert [status for _, status in it.history()] == ["superseded", "superseded", "deployed"]

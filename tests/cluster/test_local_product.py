"""`rotavatar dev --kubernetes`: what a person applies with kubectl is what members see in their Home tab."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from control_plane import audit, background
from control_plane.plane import KUBECTL_SECONDS
from tests.cluster.living import alive
from tests.cluster.test_background import command
from tests.dev import Dev, Person, descendants, eventually, running_dev, shell

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

HOUR = "3600"
OPTIONS = ("--no-draw", "--kubernetes", "--install-policy", "approve")
OURS = "rotavatar-tenants"
OPERATOR = audit.username("rotavatar", "rotavatar-operator")


class Cluster:
    """The Kubernetes of a `rotavatar dev`, as a person has it who copied the lines that it printed."""

    def __init__(self, dev: Dev) -> None:
        self.folder = dev.folder
        self.exports = [line.strip() for line in dev.log.splitlines() if line.startswith("  export ")]
        assert len(self.exports) == 2

    def kubectl(self, *words: str) -> str:
        return shell([*self.exports, f"kubectl {' '.join(words)}"], folder=self.folder, seconds=KUBECTL_SECONDS)

    def tenants(self) -> dict[str, dict[str, Any]]:
        """SlackTenants by the workspace that they name."""
        items = json.loads(self.kubectl("get", "sltn", "--all-namespaces", "--output=json"))["items"]
        return {item["spec"]["workspace"]: item for item in items}

    def ready(self, team: str) -> str:
        """The reason of the condition Ready, for the present generation; empty where there is none yet."""
        found = self.tenants().get(team)
        if found is None or found.get("status", {}).get("observedGeneration") != found["metadata"]["generation"]:
            return ""
        return next((str(c["reason"]) for c in found["status"]["conditions"] if c["type"] == "Ready"), "")

    def until(self, team: str, reason: str) -> None:
        eventually(lambda: self.ready(team) == reason, f"{team} is {reason}")

    def patch(self, name: str, **spec: Any) -> None:
        patch = json.dumps({"spec": spec}).replace(" ", "")
        self.kubectl("patch", "sltn", name, f"--namespace={OURS}", "--type=merge", f"--patch='{patch}'")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dev")


@pytest.fixture(scope="module")
def dev(folder: Path) -> Iterator[Dev]:
    with running_dev(folder, *OPTIONS) as running:
        yield running


@pytest.fixture(scope="module")
def cluster(dev: Dev) -> Cluster:
    return Cluster(dev)


@pytest.fixture(scope="module")
def declared(dev: Dev, cluster: Cluster) -> tuple[Person, Person]:
    """Both workspaces are declared by the files that are there, and somebody of each has joined."""
    for name in ("lighthouse-bakery", "northwind-cartography"):
        assert "created" in cluster.kubectl("apply", "--filename", f".rotavatar/kubernetes/{name}.yaml")
    joined = Person(dev.page), Person(dev.page, workspace=1)
    for person in joined:
        cluster.until(person.team, "Ready")
        person.post("/ui/api/open_home")
        eventually(person.home, "a Home tab that welcomes")
        assert "You are connected" in person.connect()
        assert person.choose("frequency", HOUR) == 200
    joined[0].post("/ui/api/clock", speed=1800)
    return joined


def changes(person: Person) -> bool:
    before = person.avatar()
    return eventually(lambda: person.avatar() != before, "another photo")


def shown(person: Person, words: str) -> Callable[[], bool]:
    return lambda: words in person.home()


def test_a_workspace_that_is_declared_works_and_a_policy_is_told_in_the_home_tab(
    declared: tuple[Person, Person], cluster: Cluster
) -> None:
    bakery, maps = declared
    assert changes(bakery)
    assert changes(maps)
    table = cluster.kubectl("get", "sltn", "--all-namespaces").splitlines()
    assert len(table) == 3
    for line, person, name in zip(table[1:], declared, ("Lighthouse Bakery", "Northwind Cartography"), strict=True):
        assert f"{person.team}   {name}" in line
        assert "True    Ready" in line
    cluster.patch("lighthouse-bakery", policy={"frequencies": {"allowed": ["1d", "1w"]}})
    eventually(shown(bakery, "Your workspace no longer allows *Every hour*"), "the Home tab says so")
    assert "no longer allows" not in maps.home()
    assert changes(maps)


def test_a_workspace_that_installs_by_itself_appears_and_works_once_it_is_approved(dev: Dev, cluster: Cluster) -> None:
    founded = Person(dev.page).post("/ui/api/workspace")["id"]
    person = Person(dev.page, workspace=2)
    assert person.team == founded
    assert "waits for the approval" in person.connect()
    cluster.until(founded, "AwaitingApproval")
    born = cluster.tenants()[founded]
    assert born["metadata"]["namespace"] == OURS
    assert born["metadata"]["labels"]["rotavatar.dev/origin"] == "oauth"
    cluster.patch(born["metadata"]["name"], suspend=False)
    cluster.until(founded, "Ready")
    person.choose("frequency", HOUR)
    person.post("/ui/api/clock", speed=1800)
    assert changes(person)


def test_the_operator_has_the_shipped_account_and_lacks_nothing(
    dev: Dev, cluster: Cluster, declared: tuple[Person, Person]
) -> None:
    environment = Path(f"/proc/{dev.pid('operator')}/environ").read_text().split("\0")
    (used,) = [line.partition("=")[2] for line in environment if line.startswith("KUBECONFIG=")]
    who = cluster.kubectl("--kubeconfig", used, "auth", "whoami", "--output=json")
    assert json.loads(who)["status"]["userInfo"]["username"] == OPERATOR
    events = list(audit.events(dev.folder / ".rotavatar/cluster/kube-apiserver-audit.log"))
    assert ("patch", "slacktenants/status") in {(use.verb, use.resource) for use in audit.uses(events, OPERATOR)}
    assert not audit.refusals(events, OPERATOR)
    for name in ("operator.kubeconfig", "lighthouse-bakery.yaml"):
        assert (dev.folder / ".rotavatar/kubernetes" / name).stat().st_mode & 0o077 == 0


def test_what_says_that_all_is_ready_names_the_kubeconfig(dev: Dev) -> None:
    told = json.loads((dev.folder / "ready.json").read_text())["kubeconfig"]
    assert f"export KUBECONFIG={told}" in dev.log
    assert "kubectl apply --filename .rotavatar/kubernetes/lighthouse-bakery.yaml" in dev.log


def works_again(dev: Dev, name: str, kill: int) -> None:
    before = dev.starts(name)
    os.kill(kill, signal.SIGKILL)
    eventually(lambda: dev.starts(name) > before, f"{name} is started again")
    eventually(lambda: f"{name} works again" in dev.log.split("is started again")[-1], f"{name} works again")


def test_an_operator_that_is_killed_is_started_again_and_goes_on(
    dev: Dev, cluster: Cluster, declared: tuple[Person, Person]
) -> None:
    maps = declared[1]
    works_again(dev, "operator", dev.pid("operator"))
    cluster.patch("northwind-cartography", suspend=True)
    cluster.until(maps.team, "Suspended")
    cluster.patch("northwind-cartography", suspend=False)
    cluster.until(maps.team, "Ready")
    assert changes(maps)


def test_an_api_server_that_is_killed_is_started_again_and_the_operator_finds_it(
    dev: Dev, cluster: Cluster, declared: tuple[Person, Person]
) -> None:
    running = background.state(dev.folder / ".rotavatar/cluster")
    assert running is not None
    works_again(dev, "kubernetes", running.processes["kube-apiserver"])
    eventually(lambda: "the operator is attached to it" in dev.log, "the operator is attached")
    cluster.patch("northwind-cartography", suspend=True)
    cluster.until(declared[1].team, "Suspended")
    cluster.patch("northwind-cartography", suspend=False)
    cluster.until(declared[1].team, "Ready")


def test_ctrl_c_stops_kubernetes_too_unless_somebody_else_started_it(
    dev: Dev, folder: Path, declared: tuple[Person, Person]
) -> None:
    told = background.state(folder / ".rotavatar/cluster")
    assert told is not None
    assert dev.stop() == 0
    assert descendants(folder) == []
    assert not any(map(alive, told.processes.values()))
    assert command("start", folder / ".rotavatar/cluster").returncode == 0
    try:
        with running_dev(folder, *OPTIONS) as again:
            assert "joining the Kubernetes that runs here already" in again.log
            Cluster(again).until(declared[0].team, "Ready")
            assert changes(Person(again.page, workspace=1))
            command("stop", folder / ".rotavatar/cluster")
            eventually(lambda: "Kubernetes has ended: `make cluster` starts it again" in again.log, "it says so")
            command("start", folder / ".rotavatar/cluster")
            eventually(lambda: "the operator is attached to it" in again.log, "the operator is attached")
            Cluster(again).patch("northwind-cartography", suspend=True)
            Cluster(again).until(declared[1].team, "Suspended")
            assert again.stop(signal.SIGTERM) == 0
        assert background.state(folder / ".rotavatar/cluster") is not None
    finally:
        command("stop", folder / ".rotavatar/cluster")


def test_a_reset_forgets_the_tenants_of_the_workspaces_that_it_forgets(
    dev: Dev, folder: Path, declared: tuple[Person, Person]
) -> None:
    if dev.process.poll() is None:
        dev.stop()
    with running_dev(folder, *OPTIONS, "--reset") as fresh:
        cluster = Cluster(fresh)
        eventually(lambda: not cluster.tenants(), "the operator has let all of them go")
        assert "created" in cluster.kubectl("apply", "--filename", ".rotavatar/kubernetes/lighthouse-bakery.yaml")
        cluster.until(Person(fresh.page).team, "Ready")
        told = background.state(folder / ".rotavatar/cluster")
        assert told is not None
        fresh.process.kill()
        fresh.process.wait()
    eventually(lambda: not descendants(folder), "nothing outlives a supervisor that is killed")
    eventually(lambda: not any(map(alive, told.processes.values())), "Kubernetes neither")

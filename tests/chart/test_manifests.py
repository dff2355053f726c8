"""k8s/ and the chart install the same; what differs is listed here, and nothing else may."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from control_plane.locating import find
from tests.chart.manifests import NAMESPACE, manifests, texts
from tests.chart.rendering import Object, component, render

pytestmark = pytest.mark.cluster  # kubectl is one of the programs of the control plane

K8S = Path(__file__).parents[2] / "k8s"
OVERLAYS = {"trial": "trial", "production": "production", "production-namespaced": "namespaced"}
"""Overlay, and the set of values that it is made from."""

RIGHTS = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
ONLY_IN_K8S = {
    ("Namespace", "rotavatar"), ("Namespace", "rotavatar-tenants"),
    ("CustomResourceDefinition", "slacktenants.rotavatar.dev"),  # namespaced-values leaves it to somebody else
}  # fmt: skip
ONLY_IN_THE_CHART = {("ConfigMap", "rotavatar-test"), ("Job", "rotavatar-test"), ("NetworkPolicy", "rotavatar-test")}
"""`helm test`, and its way to ingress."""


def kustomize(folder: Path) -> list[Object]:
    done = subprocess.run(
        [find("kubectl"), "kustomize", folder], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader))


def names(objects: list[Object]) -> set[tuple[str, str]]:
    return {(each["kind"], each["metadata"]["name"]) for each in objects if each["kind"] not in RIGHTS}


@pytest.mark.parametrize(
    ("path", "text"), list(texts()), ids=lambda each: each.parent.name if isinstance(each, Path) else ""
)
def test_what_is_made_is_what_was_committed(path: Path, text: str) -> None:
    assert path.read_text() == text, "run `python -m tests.chart.manifests`"


@pytest.mark.parametrize(("overlay", "values"), OVERLAYS.items())
def test_chart_and_manifests_differ_only_where_it_is_said(overlay: str, values: str) -> None:
    ours, charts = (
        names(kustomize(K8S / "overlays" / overlay)),
        names(list(render(values, namespace=NAMESPACE).objects)),
    )
    assert ours - charts <= ONLY_IN_K8S
    assert charts - ours == ONLY_IN_THE_CHART


@pytest.mark.parametrize(("overlay", "values"), OVERLAYS.items())
def test_what_both_have_is_the_same(overlay: str, values: str) -> None:
    built = {(each["kind"], each["metadata"]["name"]): each for each in kustomize(K8S / "overlays" / overlay)}
    told = {"rotavatar-operator", "rotavatar-toolbox"} if overlay == "production-namespaced" else set()
    for each in manifests(values):
        key = (each["kind"], each["metadata"]["name"])
        if each["kind"] != "ConfigMap" or key[1] not in told:  # these hear of other namespaces
            assert built[key] == each


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_operator_of_the_manifests_runs_with_their_rights(overlay: str) -> None:
    objects = kustomize(K8S / "overlays" / overlay)
    (operator,) = [each for each in objects if each["kind"] == "Deployment" and component(each) == "operator"]
    account = operator["spec"]["template"]["spec"]["serviceAccountName"]
    subjects = [subject for each in objects if each["kind"].endswith("Binding") for subject in each["subjects"]]
    assert subjects
    assert all((subject["name"], subject["namespace"]) == (account, NAMESPACE) for subject in subjects)
    assert ("ServiceAccount", account) in names(objects)


def test_the_namespaced_overlay_has_no_right_over_the_cluster_for_the_operator() -> None:
    objects = kustomize(K8S / "overlays/production-namespaced")
    assert not [each for each in objects if each["kind"] == "ClusterRoleBinding"]
    (settings,) = [each["data"] for each in objects
                   if (each["kind"], each["metadata"]["name"]) == ("ConfigMap", "rotavatar-operator")]  # fmt: skip
    granted = {each["metadata"]["namespace"] for each in objects if each["kind"] == "RoleBinding"}
    assert granted == {settings["ROTAVATAR_WATCH_NAMESPACES"], settings["ROTAVATAR_INSTALL_NAMESPACE"]}


def test_settings_of_ones_own_are_one_patch(tmp_path: Path) -> None:
    """As docs/install.md shows it."""
    page = (K8S.parent / "docs/install.md").read_text()
    example = page.partition("```yaml\n# kustomization.yaml\n")[2].partition("```")[0]
    assert example
    (tmp_path / "kustomization.yaml").write_text(example.replace("rotavatar/k8s", "k8s"))
    shutil.copytree(K8S, tmp_path / "k8s")
    objects = kustomize(tmp_path)
    told = {each["metadata"]["name"]: each["data"] for each in objects if each["kind"] == "ConfigMap"}
    for process in ("ingress-api", "rotator", "publisher", "operator", "toolbox"):
        assert told[f"rotavatar-{process}"]["ROTAVATAR_SLACK_APP_ID"] == "A0YOURAPP"

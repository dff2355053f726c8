"""The manifests and commands of the documentation do what it says, on a real API server."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from control_plane.locating import find
from control_plane.plane import ControlPlane
from tests.cluster.tenants import collection, install_definition, tenant
from tests.manifests import documents

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / name for name in ("slacktenant.md", "gitops.md", "secrets.md")]
HERE = {"v1", "rotavatar.dev/v1alpha1"}
ELSEWHERE = {
    ("argoproj.io/v1alpha1", "Application"),
    ("external-secrets.io/v1", "ExternalSecret"),
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
    ("kustomize.config.k8s.io/v1beta1", "Kustomization"),
}
"""What is meant for programs that are not here, so that the API server cannot judge it."""


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


MANIFESTS = [(page, found) for page in PAGES for text in fenced(page, "yaml") for found in documents(text)]


def served() -> list[Any]:
    return [
        pytest.param(found, id=f"{page.stem} {found['kind']} {found['metadata']['name']}")
        for page, found in MANIFESTS
        if found["apiVersion"] in HERE
    ]


def command(page: str, beginning: str) -> str:
    """The one command line of a page after the sentence that begins so."""
    text = (DOCS / page).read_text()
    found = re.search(rf"{re.escape(beginning)}.*?```sh\n(.*?)\n```", text, re.DOTALL)
    assert found, beginning
    return found[1]


def run(plane: ControlPlane, line: str, folder: Path) -> str:
    path = f"{find('kubectl').parent}{os.pathsep}{os.environ['PATH']}"
    environ = {"PATH": path, "KUBECONFIG": str(plane.kubeconfig), "HOME": str(folder)}
    done = subprocess.run(["sh", "-ec", line], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("manifest", served())
def test_a_manifest_applies(tenants_plane: ControlPlane, namespace: str, manifest: dict[str, Any]) -> None:
    manifest["metadata"]["namespace"] = namespace
    group = f"apis/{manifest['apiVersion']}" if "/" in manifest["apiVersion"] else f"api/{manifest['apiVersion']}"
    path = f"/{group}/namespaces/{namespace}/{manifest['kind'].lower()}s?fieldValidation=Strict"
    assert tenants_plane.api.post(path, manifest)["metadata"]["uid"]


def test_every_other_manifest_is_one_for_a_program_that_is_named() -> None:
    others = {(found["apiVersion"], found["kind"]) for _, found in MANIFESTS if found["apiVersion"] not in HERE}
    assert others == ELSEWHERE


@pytest.fixture
def three(own_control_plane: Callable[..., ControlPlane]) -> ControlPlane:
    """A control plane with two tenants on trial, in two namespaces, and one that is not."""
    plane = own_control_plane()
    install_definition(plane)
    plane.api.post("/api/v1/namespaces", {"metadata": {"name": "rotavatar-tenants"}})
    trial, oauth = {"plan": "trial"}, {"rotavatar.dev/origin": "oauth"}
    for namespace, name, labels, suspended in (
        ("default", "acme", trial, False),
        ("rotavatar-tenants", "globex", trial, False),
        ("default", "umbrella", {}, False),
        ("rotavatar-tenants", "t0123wait", oauth, True),
    ):
        spec = {"workspace": f"T{name.upper()}", "suspend": suspended}
        finalizers = ["rotavatar.dev/cleanup"]
        plane.api.post(collection(namespace), tenant(name, spec, labels=labels, finalizers=finalizers))
    return plane


def specs(plane: ControlPlane) -> dict[str, dict[str, Any]]:
    listed = plane.api.get("/apis/rotavatar.dev/v1alpha1/slacktenants")
    return {each["metadata"]["name"]: each["spec"] for each in listed["items"]}


def suspended(plane: ControlPlane) -> set[str]:
    return {name for name, spec in specs(plane).items() if spec["suspend"]}


def test_many_tenants_are_changed_at_once(three: ControlPlane, tmp_path: Path) -> None:
    run(three, command("gitops.md", "All tenants with `plan=trial` rest:"), tmp_path)
    assert suspended(three) == {"acme", "globex", "t0123wait"}
    run(three, command("gitops.md", "They go on:"), tmp_path)
    assert suspended(three) == {"t0123wait"}
    run(three, command("gitops.md", "more often than daily:"), tmp_path)
    limited = {name for name, spec in specs(three).items() if "policy" in spec}
    assert limited == {"acme", "globex"}
    assert specs(three)["acme"]["policy"]["frequencies"] == {"allowed": ["1d", "2d", "1w"], "default": "off"}
    run(three, command("gitops.md", "All that wait for approval are approved:"), tmp_path)
    assert not suspended(three)


def test_the_commands_to_look_with_are_understood(three: ControlPlane, tmp_path: Path) -> None:
    shown = command("slacktenant.md", "## Looking at tenants").splitlines()
    told = [run(three, line, tmp_path) for line in shown if not line.startswith("kubectl wait")]
    assert "umbrella" in told[0]
    assert "T0123ACME" not in told[2]


def test_stored_objects_are_rewritten(three: ControlPlane, tmp_path: Path) -> None:
    told = run(three, command("slacktenant.md", "What is stored is rewritten by applying each object once:"), tmp_path)
    assert len(told.splitlines()) == 4


def test_a_definition_is_upgraded_in_place(three: ControlPlane) -> None:
    line = command("slacktenant.md", "apply it yourself:")
    file = DOCS.parent / line.split()[-1]
    three.kubectl("apply", "--server-side", "--force-conflicts", "--filename", str(file))
    assert len(specs(three)) == 4


def test_everything_can_be_taken_away_after_the_operator_has_gone(three: ControlPlane, tmp_path: Path) -> None:
    run(three, command("gitops.md", "take the finalizers away and then delete the definition:"), tmp_path)
    assert not three.api.exists("/apis/rotavatar.dev/v1alpha1")

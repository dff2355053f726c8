"""Every pod meets the Pod Security Standard `restricted`, and only the operator may speak to the API server.

The rules are those of https://kubernetes.io/docs/concepts/security/pod-security-standards/.
"""

from collections.abc import Iterator

import pytest

from tests.chart.rendering import SETS, Object, component, render

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def violations(pod: Object) -> Iterator[str]:
    """What `restricted` refuses about a pod's spec."""
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield field
    for volume in pod.get("volumes", []):
        if not volume.keys() & VOLUMES:
            yield f"volume {volume['name']}"
    shared = pod.get("securityContext", {})
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        own = container.get("securityContext", {})
        effective = shared | own
        name = container["name"]
        if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
            yield f"{name}: privileges"
        if own.get("capabilities", {}).get("drop") != ["ALL"] or own["capabilities"].get("add"):
            yield f"{name}: capabilities"
        if effective.get("runAsNonRoot") is not True or effective.get("runAsUser") == 0:
            yield f"{name}: root"
        if effective.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield f"{name}: seccomp"
        if any("hostPort" in port for port in container.get("ports", [])):
            yield f"{name}: host port"


@pytest.mark.parametrize("name", SETS)
def test_every_pod_is_restricted(name: str) -> None:
    pods = list(render(name).pods())
    assert len(pods) >= 4
    for each, pod in pods:
        assert list(violations(pod["spec"])) == [], each["metadata"]["name"]


def test_the_rules_notice_a_pod_that_is_not() -> None:
    pod = {"containers": [{"name": "x"}], "volumes": [{"name": "host", "hostPath": {}}], "hostNetwork": True}
    assert len(list(violations(pod))) == 6


@pytest.mark.parametrize("name", SETS)
def test_nothing_is_written_to_an_image_and_nobody_is_root(name: str) -> None:
    for each, pod in render(name).pods():
        spec = pod["spec"]
        ours = [own for own in spec["containers"] if own["name"] != "beside"]
        assert all(own["securityContext"]["readOnlyRootFilesystem"] for own in ours), each["metadata"]["name"]
        assert spec["securityContext"]["runAsUser"] >= 10_000
        assert all(own["resources"]["limits"]["memory"] and own["resources"]["requests"]["cpu"] for own in ours)


@pytest.mark.parametrize("name", SETS)
def test_only_the_operator_has_a_token(name: str) -> None:
    rendered = render(name)
    with_token = {component(each) for each, pod in rendered.pods() if pod["spec"]["automountServiceAccountToken"]}
    assert with_token == {"operator"} & {component(each) for each in rendered.of("Deployment")}
    assert not [each for each in rendered.of("ServiceAccount") if each["automountServiceAccountToken"]]
    used = {pod["spec"].get("serviceAccountName") for each, pod in rendered.pods() if component(each) != "operator"}
    bound = {subject["name"] for each in [*rendered.of("RoleBinding"), *rendered.of("ClusterRoleBinding")]
             for subject in each["subjects"]}  # fmt: skip
    assert not used & bound


@pytest.mark.parametrize("name", SETS)
def test_services_of_the_namespace_do_not_reach_the_environment(name: str) -> None:
    """Otherwise a Service named `rotavatar` would set ROTAVATAR_PORT."""
    for _, pod in render(name).pods():
        assert pod["spec"]["enableServiceLinks"] is False


def test_an_image_can_be_pinned_by_digest() -> None:
    digest = "sha256:" + "b" * 64
    pinned = render("trial", values={"rotator": {"image": {"repository": "", "tag": "", "digest": digest}}})
    image = pinned.one("Deployment", "-rotator")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"ghcr.io/rotavatar/rotavatar-rotator:0.1.0@{digest}"

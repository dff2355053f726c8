"""What the API server lets the operator's account and people do, once our kustomizations are applied."""

from collections.abc import Callable
from typing import Any

import pytest

from control_plane.errors import ApiError
from control_plane.plane import ControlPlane
from tests.dev import eventually
from tests.manifests import K8S

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
OPERATOR = "system:serviceaccount:rotavatar:rotavatar-operator"
OURS = "rotavatar-tenants"
EVERYWHERE = ""

READING = [
    *((verb, "rotavatar.dev/slacktenants") for verb in ("get", "list", "watch", "patch")),
    ("patch", "rotavatar.dev/slacktenants/status"),
    *((verb, "/secrets") for verb in ("get", "list", "watch")),
    ("get", "/namespaces"),
    ("create", "events.k8s.io/events"),
]
INSTALLING = [
    *((verb, "rotavatar.dev/slacktenants") for verb in ("create", "delete")),
    *((verb, "/secrets") for verb in ("create", "update", "delete")),
]
NEVER = [
    *((verb, "/secrets") for verb in ("patch", "deletecollection")),
    *((verb, "rotavatar.dev/slacktenants") for verb in ("update", "deletecollection")),
    *((verb, "/pods") for verb in ("get", "list", "create")),
    ("create", "/pods/exec"),
    ("create", "/serviceaccounts/token"),
    ("impersonate", "/users"),
    ("list", "/namespaces"),
    ("delete", "/events"),
    *((verb, "rbac.authorization.k8s.io/roles") for verb in ("get", "create", "bind", "escalate")),
    ("list", "apiextensions.k8s.io/customresourcedefinitions"),
]


def may(plane: ControlPlane, user: str, namespace: str, verb: str, what: str) -> bool:
    """Whether a user may do something; `what` is group/resource, or group/resource/subresource."""
    group, resource, *subresource = what.split("/")
    wish: dict[str, Any] = {"namespace": namespace, "verb": verb, "group": group, "resource": resource}
    wish["subresource"] = "".join(subresource)
    told = plane.api.post(REVIEWS, {"spec": {"user": user, "resourceAttributes": wish}})
    return bool(told["status"]["allowed"])


def may_not(plane: ControlPlane, namespace: str, wishes: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [wish for wish in wishes if not may(plane, OPERATOR, namespace, *wish)]


@pytest.fixture
def applied(own_control_plane: Callable[..., ControlPlane]) -> Callable[[str], ControlPlane]:
    """Start a control plane and apply one of our overlays."""

    def start(overlay: str, **options: bool) -> ControlPlane:
        plane = own_control_plane(**options)
        plane.kubectl("apply", "--kustomize", str(K8S / "overlays" / overlay))
        eventually(lambda: may(plane, OPERATOR, OURS, "create", "/secrets"), "the operator has its rights")
        return plane

    return start


def test_an_operator_of_the_cluster(applied: Callable[[str], ControlPlane]) -> None:
    plane = applied("cluster")
    for namespace in (EVERYWHERE, "default", OURS):
        assert not may_not(plane, namespace, READING)
        assert may_not(plane, namespace, NEVER) == NEVER
    for namespace in (EVERYWHERE, "default", "rotavatar", "kube-system"):
        assert may_not(plane, namespace, INSTALLING) == INSTALLING
    assert not may_not(plane, OURS, INSTALLING)


def test_an_operator_of_one_namespace(applied: Callable[[str], ControlPlane]) -> None:
    plane = applied("namespaced")
    assert not may_not(plane, OURS, [*READING, *INSTALLING])
    assert may_not(plane, OURS, NEVER) == NEVER
    for namespace in (EVERYWHERE, "default", "rotavatar", "kube-system"):
        everything = [*READING, *INSTALLING, *NEVER]
        assert may_not(plane, namespace, everything) == everything
    operator = plane.api_server.as_user(plane.token("rotavatar", "rotavatar-operator"))
    assert operator.get(f"/api/v1/namespaces/{OURS}")["metadata"]["name"] == OURS
    with pytest.raises(ApiError, match="Forbidden"):
        operator.get("/api/v1/namespaces/default")


def test_whoever_edits_a_namespace_edits_its_tenants(applied: Callable[..., ControlPlane]) -> None:
    plane = applied("cluster", controllers=True)
    for role in ("view", "edit"):
        plane.kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}er", f"--namespace={OURS}")
    tenants = "rotavatar.dev/slacktenants"
    eventually(lambda: may(plane, "viewer", OURS, "list", tenants), "the right to view includes tenants")
    eventually(lambda: may(plane, "editer", OURS, "patch", tenants), "the right to edit includes tenants")
    assert not may(plane, "viewer", OURS, "patch", tenants)
    assert not may(plane, "editer", OURS, "patch", f"{tenants}/status")
    assert not may(plane, "editer", "default", "list", tenants)

"""The control plane of the other tests is a real one: rights, controllers, restarts, history and audit."""

import re
import subprocess
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from control_plane import audit, pins
from control_plane.errors import ApiError, ControlPlaneError, StartFailed
from control_plane.plane import ControlPlane, Options
from tests.cluster.accounts import Account
from tests.cluster.conftest import AuditLogs, OwnAudit
from tests.cluster.living import alive
from tests.dev import eventually

READ_SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}


def secret(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "stringData": {"token": "canary"}}


def test_it_is_the_pinned_kubernetes(control_plane: ControlPlane) -> None:
    assert control_plane.api.get("/readyz") == {"text": "ok"}
    assert control_plane.api_server.version()["gitVersion"] == pins.KUBERNETES.version
    assert "default" in control_plane.kubectl("get", "namespaces")


def test_an_account_may_do_what_it_was_given_and_nothing_else(
    control_plane: ControlPlane, namespace: str, service_account: Callable[..., Account]
) -> None:
    nobody, reader = service_account("nobody"), service_account("reader", rules=[READ_SECRETS])
    path = f"/api/v1/namespaces/{namespace}/secrets"
    control_plane.api.post(path, secret("one"))
    assert reader.api.get(f"{path}/one")["metadata"]["name"] == "one"
    attempts: list[Callable[[], object]] = [
        lambda: nobody.api.get(f"{path}/one"),
        lambda: reader.api.delete(f"{path}/one"),
        lambda: reader.api.get("/api/v1/namespaces/default/secrets"),
    ]
    for attempt in attempts:
        with pytest.raises(ApiError, match=r"cannot \w+ resource \"secrets\"") as refused:
            attempt()
        assert (refused.value.status, refused.value.reason) == (HTTPStatus.FORBIDDEN, "Forbidden")


def test_rights_in_the_whole_cluster_are_given_apart(namespace: str, service_account: Callable[..., Account]) -> None:
    account = service_account(cluster_rules=[READ_SECRETS])
    assert account.api.get("/api/v1/secrets")["kind"] == "SecretList"
    with pytest.raises(ApiError, match="Forbidden"):
        account.api.post(f"/api/v1/namespaces/{namespace}/secrets", secret("one"))


def test_a_kubeconfig_makes_a_program_that_account(
    control_plane: ControlPlane, service_account: Callable[..., Account]
) -> None:
    account = service_account(rules=[READ_SECRETS])
    assert control_plane.kubectl("auth", "can-i", "list", "secrets", kubeconfig=account.kubeconfig) == "yes\n"
    with pytest.raises(ControlPlaneError, match=r"list pods: no$"):
        control_plane.kubectl("auth", "can-i", "list", "pods", kubeconfig=account.kubeconfig)


def test_a_namespace_goes_with_all_that_is_in_it(control_plane: ControlPlane, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    eventually(lambda: control_plane.api.exists(f"{path}/serviceaccounts/default"), "its default account")
    control_plane.api.post(f"{path}/secrets", secret("one"))
    control_plane.api.delete(path)
    eventually(lambda: not control_plane.api.exists(path), "the namespace is gone", seconds=60)
    control_plane.api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert not control_plane.api.exists(f"{path}/secrets/one")


def test_the_audit_log_tells_who_used_which_right(
    namespace: str, service_account: Callable[..., Account], audit_log: OwnAudit, audit_logs: AuditLogs
) -> None:
    account = service_account(rules=[READ_SECRETS])
    account.api.get(f"/api/v1/namespaces/{namespace}/secrets")
    with pytest.raises(ApiError):
        account.api.get(f"/api/v1/namespaces/{namespace}/configmaps/one")
    assert audit_log.uses(account.username) == {audit.Use("", "secrets", "list")}
    assert audit_log.refusals(account.username) == {audit.Use("", "configmaps", "get")}
    assert audit_logs.uses(account.username) == audit_log.uses(account.username)
    allowed = next(event for event in audit_log.events() if event.user.username == account.username)
    assert f"system:serviceaccounts:{namespace}" in allowed.user.groups
    assert f'by RoleBinding "{account.name}/{namespace}"' in allowed.reason


def test_the_audit_log_holds_no_body(control_plane: ControlPlane, namespace: str, audit_log: OwnAudit) -> None:
    control_plane.api.post(f"/api/v1/namespaces/{namespace}/secrets", secret("one"))
    made = [event.object_ref for event in audit_log.events() if event.verb == "create"]
    assert ("secrets", namespace) in [(each.resource, each.namespace) for each in made]
    assert not re.search("canary|requestObject|responseObject", control_plane.audit_log.read_text())


@pytest.mark.slow
def test_what_is_stored_and_signed_survives_restarts_and_crashes(
    own_control_plane: Callable[..., ControlPlane],
) -> None:
    plane = own_control_plane()
    plane.api.post("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "somebody"}})
    token = plane.token("default", "somebody")
    plane.api_server.stop()
    with pytest.raises(OSError, match="refused"):
        plane.api.get("/readyz")
    plane.api_server.start()
    plane.api_server.kill()
    plane.api_server.start()
    with pytest.raises(ApiError) as refused:
        plane.api_server.as_user(token).get("/api/v1/secrets")
    assert refused.value.status == HTTPStatus.FORBIDDEN  # known, and without rights: not 401
    with pytest.raises(ApiError) as refused:
        plane.api_server.as_user("made up").get("/api/v1/secrets")
    assert refused.value.status == HTTPStatus.UNAUTHORIZED


@pytest.mark.slow
def test_a_second_api_server_serves_the_same_while_the_first_is_away(
    own_control_plane: Callable[..., ControlPlane], audit_logs: AuditLogs
) -> None:
    plane = own_control_plane()
    second = plane.add_api_server("second")
    plane.api_server.stop()
    second.api.post("/api/v1/namespaces", {"metadata": {"name": "meanwhile"}})
    assert "meanwhile" in plane.kubectl("get", "namespaces", kubeconfig=second.kubeconfig)
    plane.api_server.start()
    assert plane.api.exists("/api/v1/namespaces/meanwhile")
    names = {event.object_ref.name for event in audit_logs.events() if event.verb == "create"}
    assert "meanwhile" in names


@pytest.mark.slow
def test_history_can_be_compacted_and_data_put_back(
    own_control_plane: Callable[..., ControlPlane], tmp_path: Path
) -> None:
    plane = own_control_plane()
    before = plane.api.get("/api/v1/namespaces")["metadata"]["resourceVersion"]
    plane.snapshot(tmp_path / "snapshot")
    plane.api.post("/api/v1/namespaces", {"metadata": {"name": "later"}})
    plane.api_server.restart()
    then = f"/api/v1/namespaces?limit=1&resourceVersion={before}&resourceVersionMatch=Exact"
    assert plane.api.get(then)["metadata"]["resourceVersion"] == before
    assert plane.compact() > int(before)
    with pytest.raises(ApiError) as refused:
        plane.api.get(then)
    assert (refused.value.status, refused.value.reason) == (HTTPStatus.GONE, "Expired")
    answer = plane.api.get(f"/api/v1/namespaces?watch=1&timeoutSeconds=1&resourceVersion={before}")
    assert answer["object"]["code"] == HTTPStatus.GONE
    plane.restore(tmp_path / "snapshot")
    assert not plane.api.exists("/api/v1/namespaces/later")
    assert plane.api.exists("/api/v1/namespaces/default")


@pytest.mark.slow
def test_a_pod_gets_its_node_from_the_scheduler(own_control_plane: Callable[..., ControlPlane]) -> None:
    plane = own_control_plane(controllers=True, scheduler=True)
    plane.api.post("/api/v1/nodes", {"metadata": {"name": "one"}})
    room = {
        "capacity": {"cpu": "4", "memory": "4Gi", "pods": "10"},
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    plane.api.patch("/api/v1/nodes/one/status", {"status": room})
    pods = "/api/v1/namespaces/default/pods"
    anywhere = [{"operator": "Exists"}]  # a new node is tainted for a moment
    spec = {"containers": [{"name": "one", "image": "none"}], "tolerations": anywhere}
    plane.api.post(pods, {"metadata": {"name": "one"}, "spec": spec})
    eventually(lambda: plane.api.get(f"{pods}/one")["spec"].get("nodeName") == "one", "the pod is bound", seconds=60)


def test_what_does_not_start_says_why(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path, Options(api_server_flags=("--no-such-flag",)))
    try:
        with pytest.raises(StartFailed, match=r"(?s)exit code 1.*kube-apiserver\.log.*no-such-flag"):
            plane.start()
        assert not [process.name for process in plane.processes if process.pid]
    finally:
        plane.end()


def test_its_processes_end_with_whoever_started_them(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib\n"
        "from control_plane.plane import ControlPlane\n"
        "plane = ControlPlane(pathlib.Path(sys.argv[1]))\n"
        "plane.start()\n"
        "print(*[process.pid for process in plane.processes], flush=True)\n"
        "time.sleep(100)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = [int(word) for word in owner.stdout.readline().split()]
        assert len(pids) == 2
        assert all(alive(pid) for pid in pids)
        owner.kill()
    eventually(lambda: not any(alive(pid) for pid in pids), "etcd and the API server are gone")

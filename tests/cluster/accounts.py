"""Service accounts with exactly the rights that a test gives them."""

from pathlib import Path

from control_plane import audit
from control_plane.api import Api
from control_plane.plane import ControlPlane
from tests.dev import eventually

RBAC = "/apis/rbac.authorization.k8s.io/v1"
Rule = dict[str, list[str]]


class Account:
    """A service account, and the way in which a program is it."""

    def __init__(self, plane: ControlPlane, namespace: str, name: str, kubeconfig: Path) -> None:
        """Made by make_account."""
        self.namespace = namespace
        self.name = name
        self.username = audit.username(namespace, name)
        self.kubeconfig = kubeconfig
        """File for KUBECONFIG."""
        self.token = plane.token(namespace, name)
        self.api: Api = plane.api_server.as_user(self.token)


def make_account(
    plane: ControlPlane, namespace: str, name: str, folder: Path, *, rules: list[Rule], cluster_rules: list[Rule]
) -> Account:
    """Make a service account that has `rules` in its namespace and `cluster_rules` everywhere, and nothing else."""
    plane.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    if rules:
        _bind(plane.api, f"{RBAC}/namespaces/{namespace}", "Role", name, rules=rules, subject=subject)
    if cluster_rules:
        _bind(plane.api, RBAC, "ClusterRole", f"{namespace}-{name}", rules=cluster_rules, subject=subject)
    for rule in [*rules, *cluster_rules]:
        what = f"{name} has the right to {rule['verbs']} {rule['resources']}"
        eventually(lambda rule=rule: _allowed(plane.api, namespace, name, rule), what)  # type: ignore[misc]
    kubeconfig = plane.account_kubeconfig(namespace, name, folder / f"{name}.kubeconfig")
    return Account(plane, namespace, name, kubeconfig)


def _bind(api: Api, base: str, kind: str, name: str, *, rules: list[Rule], subject: dict[str, str]) -> None:
    api.post(f"{base}/{kind.lower()}s", {"metadata": {"name": name}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
    binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
    api.post(f"{base}/{kind.lower()}bindings", binding)


def _allowed(api: Api, namespace: str, name: str, rule: Rule) -> bool:
    """Whether the API server's cache knows the binding already: that takes a moment."""
    resource, _, subresource = rule["resources"][0].partition("/")
    wish = {
        "namespace": namespace,
        "group": rule["apiGroups"][0],
        "resource": resource,
        "subresource": subresource,
        "verb": rule["verbs"][0],
        "name": rule.get("resourceNames", [""])[0],
    }
    review = {"spec": {"user": audit.username(namespace, name), "resourceAttributes": wish}}
    told = api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(told["status"]["allowed"])

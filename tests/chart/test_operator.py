"""The operator's rights and the definition of SlackTenant are those of k8s/, whichever way it is installed."""

from typing import Any

import pytest

from tests.chart.rendering import NAMESPACE, Object, Rendered, component, render
from tests.manifests import objects


def rules(path: str, kind: str) -> Any:
    (role,) = [each for each in objects(path) if each["kind"] == kind]
    return role["rules"]


def granted(rendered: Rendered, kind: str, namespace: str | None, ending: str = "operator") -> Object:
    (found,) = [
        each for each in rendered.of(kind)
        if each["metadata"].get("namespace") == namespace and each["metadata"]["name"].endswith(ending)
    ]  # fmt: skip
    return found


def test_cluster_wide_rights_are_those_of_the_manifests() -> None:
    rendered = render("production")
    role = granted(rendered, "ClusterRole", None)
    assert role["rules"] == rules("rbac/cluster/roles.yaml", "ClusterRole")
    installing = granted(rendered, "Role", "rotavatar-tenants", "-installations")
    assert installing["rules"] == rules("rbac/installations/roles.yaml", "Role")


def test_namespaced_rights_are_roles_alone() -> None:
    rendered = render("namespaced")
    assert not rendered.of("ClusterRole") and not rendered.of("ClusterRoleBinding")
    assert not rendered.of("CustomResourceDefinition")
    for namespace in ("team-a", "team-b"):
        assert granted(rendered, "Role", namespace)["rules"] == rules("rbac/namespaced/roles.yaml", "Role")
    assert len(rendered.of("Role")) == 3
    assert rendered.variables("operator")["ROTAVATAR_WATCH_NAMESPACES"] == "team-a,team-b"


@pytest.mark.parametrize("name", ["trial", "production", "namespaced", "everything"])
def test_rights_belong_to_the_account_that_the_operator_runs_as(name: str) -> None:
    rendered = render(name)
    account = rendered.one("Deployment", "-operator")["spec"]["template"]["spec"]["serviceAccountName"]
    bindings = [*rendered.of("RoleBinding"), *rendered.of("ClusterRoleBinding")]
    assert bindings
    roles = {(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]): each
             for kind in ("Role", "ClusterRole") for each in rendered.of(kind)}  # fmt: skip
    for each in bindings:
        assert each["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]
        home = each["metadata"].get("namespace") if each["roleRef"]["kind"] == "Role" else None
        assert (each["roleRef"]["kind"], home, each["roleRef"]["name"]) in roles


def test_who_may_edit_a_namespace_may_edit_its_tenants() -> None:
    wanted = {
        each["metadata"]["name"].removeprefix("rotavatar-"): each["rules"] for each in objects("base/people.yaml")
    }
    found = {each["metadata"]["name"].partition("rotavatar-tenants")[2]: each
             for each in render("trial").of("ClusterRole") if "tenants" in each["metadata"]["name"]}  # fmt: skip
    assert {f"tenants{ending}": each["rules"] for ending, each in found.items()} == wanted
    assert found["-view"]["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"


def test_the_definition_is_that_of_the_manifests_and_stays() -> None:
    (source,) = objects("crd/slacktenants.rotavatar.dev.yaml")
    crd = render("production").one("CustomResourceDefinition")
    assert crd["spec"] == source["spec"]
    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    loose = render("production", values={"crds": {"keep": False}}).one("CustomResourceDefinition")
    assert "helm.sh/resource-policy" not in loose["metadata"]["annotations"]


def test_without_the_operator_nothing_of_it_is_left() -> None:
    rendered = render("gateway")
    assert not [each for each in rendered.objects if component(each) == "operator"]
    assert not rendered.of("ClusterRole")

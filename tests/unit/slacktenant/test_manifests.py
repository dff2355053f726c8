"""What k8s/ holds: rights that are no wider than they must be, and examples that say what they promise."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from slacktenant_operator import model
from slacktenant_operator.conversion import contradictions, policy_of
from slacktenant_operator.crd import schema_of
from tests.manifests import K8S, documents, examples, objects, of_kind

CREDENTIAL = "rotavatar.dev/credential"
ACCOUNT = {"kind": "ServiceAccount", "name": "rotavatar-operator", "namespace": "rotavatar"}


def rules(*names: str) -> list[dict[str, list[str]]]:
    return [rule for role in objects(*names) for rule in role.get("rules", [])]


def rights(name: str) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules(name)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def paths(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield f"{path}.{name}"
            yield from paths(below, f"{path}.{name}")
    if isinstance(value, list):
        for below in value:
            yield from paths(below, f"{path}[]")


def test_both_ways_to_run_the_operator_give_it_the_same_rights():
    assert rules("rbac/cluster/roles.yaml") == rules("rbac/namespaced/roles.yaml")


def test_a_namespaced_operator_has_no_right_over_the_cluster():
    given = objects("rbac/namespaced/roles.yaml", "rbac/installations/roles.yaml")
    assert {each["kind"] for each in given} == {"Role", "RoleBinding"}


def test_only_where_installations_appear_are_secrets_written():
    writing = {"create", "update", "patch", "delete", "deletecollection"}
    assert not {verb for _, resource, verb in rights("rbac/cluster/roles.yaml") if resource == "secrets"} & writing
    assert {verb for _, resource, verb in rights("rbac/installations/roles.yaml") if resource == "secrets"} == {
        "create", "update", "delete",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["cluster", "namespaced", "installations"])
def test_nothing_is_granted_by_a_wildcard_and_all_of_it_to_one_account(name: str):
    given = rights(f"rbac/{name}/roles.yaml")
    assert not [right for right in given if "*" in right]
    assert {resource for _, resource, _ in given} <= {
        "slacktenants",
        "slacktenants/status",
        "secrets",
        "namespaces",
        "events",
    }
    bindings = [each for each in objects(f"rbac/{name}/roles.yaml") if each["kind"].endswith("Binding")]
    assert [binding["subjects"] for binding in bindings] == [[ACCOUNT]]


def test_a_base_alone_grants_the_operator_nothing():
    kinds = {
        each["kind"] for name in ("namespace", "service-account", "people") for each in objects(f"base/{name}.yaml")
    }
    assert kinds == {"Namespace", "ServiceAccount", "ClusterRole"}


@pytest.mark.parametrize("path", sorted(K8S.rglob("kustomization.yaml")), ids=lambda path: path.parent.name)
def test_everything_that_a_kustomization_names_is_there(path: Path):
    (kustomization,) = documents(path.read_text())
    assert all((path.parent / resource).exists() for resource in kustomization["resources"])


def test_every_example_is_part_of_the_whole():
    (whole,) = objects("examples/kustomization.yaml")
    assert sorted(whole["resources"]) == [path.name for path in examples()]


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.stem)
def test_an_example_is_read_and_holds_together(path: Path):
    found = documents(path.read_text())
    (tenant,) = of_kind(model.KIND, found)
    spec = msgspec.convert(tenant["spec"], model.TenantSpec)
    assert not contradictions(spec.policy)
    policy_of(spec.policy)
    secrets = {secret["metadata"]["name"]: secret for secret in of_kind("Secret", found)}
    references: list[Any] = [spec.bot_token] if spec.bot_token else []
    references += [spec.app.client_secret, *spec.app.signing_secrets] if spec.app else []
    assert {reference.name for reference in references} == set(secrets)
    assert all(reference.key in secrets[reference.name]["stringData"] for reference in references)
    assert all(secret["metadata"]["labels"][CREDENTIAL] == "true" for secret in secrets.values())


def test_the_full_example_names_every_field():
    (tenant,) = of_kind(model.KIND, objects("examples/full.yaml"))
    named = set(paths(tenant["spec"]))
    assert set(fields_below(schema_of(model.TenantSpec))) <= named


def fields_below(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, below in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from fields_below(below, f"{path}.{name}")
    if "items" in schema:
        yield from fields_below(schema["items"], f"{path}[]")


def test_no_secret_of_an_example_looks_like_one():
    values = [
        value for path in examples() for secret in of_kind("Secret", documents(path.read_text()))
        for value in secret["stringData"].values()
    ]  # fmt: skip
    assert values
    assert all(re.fullmatch(r"put-the-[a-z-]+-here", value) for value in values)

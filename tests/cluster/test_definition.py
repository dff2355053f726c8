"""What the API server makes of our definition of SlackTenant: every check of it, its defaults, and what people see."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from control_plane.errors import ApiError, ControlPlaneError
from control_plane.plane import ControlPlane
from slacktenant_operator import crd, model
from slacktenant_operator.rules import APP_STAYS
from tests.cluster import constraints
from tests.cluster.constraints import CHANGES, SPEC, SPEC_EXAMPLES, STATUS, STATUS_EXAMPLES, Example, Key, changed
from tests.cluster.tenants import collection, tenant
from tests.dev import eventually
from tests.manifests import documents, examples

STRICT_DRY_RUN = "?dryRun=All&fieldValidation=Strict"
INVALID = 422


def named(table: dict[Key, Any]) -> list[Any]:
    return [pytest.param(key, value, id=f"{key[0]} {key[1]}") for key, value in table.items()]


def create(plane: ControlPlane, namespace: str, spec: dict[str, Any], *, query: str = STRICT_DRY_RUN) -> dict[str, Any]:
    return plane.api.post(collection(namespace) + query, tenant("acme", spec))


def holds(found: Any, wanted: Any) -> bool:
    """Whether `wanted` is part of what the API server made of it; it fills defaults in."""
    if isinstance(wanted, dict):
        return all(name in found and holds(found[name], value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(holds, found, wanted))
    return bool(found == wanted)


def table(printed: str) -> list[list[str]]:
    """What kubectl prints, cell by cell."""
    return [re.split(r" {2,}", line.strip()) for line in printed.splitlines()]


@pytest.fixture
def stored(tenants_plane: ControlPlane, namespace: str) -> str:
    """Path of a SlackTenant called acme."""
    create(tenants_plane, namespace, SPEC, query="")
    return f"{collection(namespace)}/acme"


def test_every_check_has_an_accepted_and_a_refused_example() -> None:
    assert sorted(constraints.found()) == sorted({**SPEC_EXAMPLES, **STATUS_EXAMPLES, **CHANGES})


@pytest.mark.parametrize(("key", "example"), named(SPEC_EXAMPLES))
def test_a_spec_is_checked(tenants_plane: ControlPlane, key: Key, example: Example) -> None:
    taken = changed({"spec": SPEC}, key[0], example.taken)["spec"]
    assert holds(create(tenants_plane, "default", taken)["spec"], taken)
    with pytest.raises(ApiError) as refused:
        create(tenants_plane, "default", changed({"spec": SPEC}, key[0], example.refused)["spec"])
    assert refused.value.status == INVALID
    assert example.says in refused.value.message


@pytest.mark.parametrize(("key", "example"), named(STATUS_EXAMPLES))
def test_a_status_is_checked(tenants_plane: ControlPlane, stored: str, key: Key, example: Example) -> None:
    path = f"{stored}/status{STRICT_DRY_RUN}"
    taken = changed({"status": STATUS}, key[0], example.taken)
    assert holds(tenants_plane.api.patch(path, taken)["status"], taken["status"])
    with pytest.raises(ApiError) as refused:
        tenants_plane.api.patch(path, changed({"status": STATUS}, key[0], example.refused))
    assert refused.value.status == INVALID
    assert example.says in refused.value.message


@pytest.mark.parametrize(("key", "example"), named(CHANGES))
def test_a_change_is_checked(
    tenants_plane: ControlPlane, namespace: str, key: Key, example: tuple[Example, Any]
) -> None:
    (taken, refused, says), before = example
    create(tenants_plane, namespace, before, query="")
    path = f"{collection(namespace)}/acme"
    tenants_plane.api.patch(path, {"spec": taken})
    with pytest.raises(ApiError) as error:
        tenants_plane.api.patch(path, {"spec": refused})
    assert error.value.status == INVALID
    assert says in error.value.message


def test_an_app_can_neither_come_nor_go(tenants_plane: ControlPlane, namespace: str) -> None:
    """A rule over the field itself would be passed over in both cases."""
    create(tenants_plane, namespace, {"workspace": "T0123ACME"}, query="")
    with pytest.raises(ApiError, match=re.escape(APP_STAYS.message)):
        tenants_plane.api.patch(f"{collection(namespace)}/acme", {"spec": {"app": SPEC["app"]}})


def test_the_workspace_cannot_go(tenants_plane: ControlPlane, namespace: str) -> None:
    create(tenants_plane, namespace, SPEC, query="")
    for gone in ({"spec": {"workspace": None}}, {"spec": None}):
        with pytest.raises(ApiError, match="Required value"):
            tenants_plane.api.patch(f"{collection(namespace)}/acme", gone)


def test_what_is_left_out_is_filled_in(tenants_plane: ControlPlane) -> None:
    reference = {"name": "acme"}
    signing = [{"name": "acme", "key": "signingSecret"}]
    app = {"appID": "A0ACME", "clientID": "1.2", "clientSecret": reference, "signingSecrets": signing}
    spec = {"workspace": "T0ACME", "botToken": reference, "app": app, "policy": {"frequencies": {}, "packs": {}}}
    filled = create(tenants_plane, "default", spec)["spec"]
    assert (filled["suspend"], filled["deletionPolicy"], filled["resyncPeriod"]) == (False, "Delete", "10m")
    assert filled["botToken"]["key"] == "token"
    assert filled["app"]["clientSecret"]["key"] == "clientSecret"
    assert filled["policy"] == {"frequencies": {"default": "off"}, "packs": {"default": "critters"}, "lifelike": False}


def test_a_field_that_is_none_is_as_if_it_were_left_out(tenants_plane: ControlPlane) -> None:
    filled = create(tenants_plane, "default", {"workspace": "T0ACME", "app": None, "resyncPeriod": None})["spec"]
    assert "app" not in filled
    assert filled["resyncPeriod"] == "10m"


def test_another_namespace_cannot_be_named(tenants_plane: ControlPlane) -> None:
    spec = {"workspace": "T0ACME", "botToken": {"name": "acme", "namespace": "kube-system"}}
    with pytest.raises(ApiError, match=r'unknown field "spec\.botToken\.namespace"'):
        create(tenants_plane, "default", spec)
    kept = create(tenants_plane, "default", spec, query="?dryRun=All")
    assert kept["spec"]["botToken"] == {"name": "acme", "key": "token"}


def test_a_misspelt_field_is_refused_by_kubectl(tenants_plane: ControlPlane) -> None:
    written = json.dumps(tenant("acme", {"workspace": "T0ACME", "suspended": True}))
    with pytest.raises(ControlPlaneError, match=r'unknown field "spec\.suspended"'):
        tenants_plane.kubectl("apply", "--dry-run=server", "--filename=-", given=written)


def test_status_and_spec_are_written_apart(tenants_plane: ControlPlane, stored: str) -> None:
    """Who may only report cannot change what is wanted, and applying a manifest does not forge a report."""
    api = tenants_plane.api
    both = {"spec": {"suspend": True}, "status": {"workspace": {"name": "Forged"}}}
    assert "status" not in api.patch(stored, both)
    reported = api.patch(f"{stored}/status", {"spec": {"suspend": False}, "status": {"workspace": {"name": "Acme"}}})
    assert (reported["spec"]["suspend"], reported["status"]) == (True, {"workspace": {"name": "Acme"}})
    assert reported["metadata"]["generation"] == 2


def test_people_see_how_tenants_are(tenants_plane: ControlPlane, namespace: str, stored: str) -> None:
    ready = {**constraints.CONDITION, "message": "The workspace works."}
    status = {**STATUS, "conditions": [{**ready, "type": "Synced", "reason": "Synced"}, ready]}
    tenants_plane.api.patch(f"{stored}/status", {"status": status})
    tenants_plane.api.post(collection(namespace), tenant("other", {"workspace": "T0123OTHR", "suspend": True}))
    narrow = table(tenants_plane.kubectl("get", "sltn", "--namespace", namespace))
    assert list(narrow[0]) == ["NAME", "WORKSPACE", "NAME", "READY", "REASON", "SUSPENDED", "AGE"]
    assert narrow[1][:6] == ["acme", "T0123ACME", "Acme", "True", "Ready", "false"]
    wide = tenants_plane.kubectl("get", "sltn", "--namespace", namespace, "--output=wide").splitlines()
    assert wide[0].split()[-2:] == ["MESSAGE", "APP"]
    assert re.search(r"The workspace works\. +A0123ACME$", wide[1])


def test_tenants_are_found_by_workspace_and_suspension(
    tenants_plane: ControlPlane, namespace: str, stored: str
) -> None:
    tenants_plane.api.post(collection(namespace), tenant("other", {"workspace": "T0123OTHR", "suspend": True}))
    for selector, name in (("spec.workspace=T0123ACME", "acme"), ("spec.suspend=true", "other")):
        found = tenants_plane.kubectl(
            "get", "slacktenants", "--namespace", namespace, "--output=name", f"--field-selector={selector}"
        )
        assert found == f"slacktenant.rotavatar.dev/{name}\n"


def test_tenants_are_in_a_category(tenants_plane: ControlPlane, namespace: str, stored: str) -> None:
    assert "acme" in tenants_plane.kubectl("get", "rotavatar", "--namespace", namespace)


def test_explain_says_what_each_field_is(tenants_plane: ControlPlane) -> None:
    told = eventually(lambda: _explained(tenants_plane, "slacktenant.spec"), "the field is explained")
    properties = crd.schema_of(model.TenantSpec)["properties"]
    assert set(re.findall(r"^  (\w+)\t", told, re.MULTILINE)) == set(properties)
    flat = " ".join(told.split())
    assert all(field["description"] in flat for field in properties.values())
    assert "workspace <string> -required-" in flat
    assert "enum: Delete, Retain" in flat


def _explained(plane: ControlPlane, field: str) -> str | None:
    """What kubectl explains; the API server publishes a new schema a moment after it serves the resource."""
    try:
        return plane.kubectl("explain", field)
    except ControlPlaneError as error:
        if "couldn't find resource" in str(error) or "not found" in str(error):
            return None
        raise


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.stem)
def test_an_example_applies(tenants_plane: ControlPlane, namespace: str, path: Path) -> None:
    given = path.read_text()
    told = tenants_plane.kubectl("apply", "--namespace", namespace, "--filename=-", given=given).splitlines()
    assert len(told) == len(documents(given))
    assert all(line.endswith(" created") for line in told)
    again = tenants_plane.kubectl("apply", "--namespace", namespace, "--filename=-", given=given)
    tenants = [line for line in again.splitlines() if line.startswith("slacktenant")]
    assert [line.rpartition(" ")[2] for line in tenants] == ["unchanged"]

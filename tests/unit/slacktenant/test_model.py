"""What is written of a SlackTenant is read, its definition follows from the model, and nothing in it stays unsaid."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from slacktenant_operator import crd, model

ROOT = Path(__file__).parents[3]
STORED = ROOT / "k8s/crd/slacktenants.rotavatar.dev.yaml"
METADATA = {"name": "acme", "namespace": "tenants", "uid": "4f", "managedFields": [], "generation": 3}


def schema() -> dict[str, Any]:
    whole: dict[str, Any] = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return whole


def fields(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a schema by its path; what a list holds is `[]`."""
    yield path, node
    for name, below in node.get("properties", {}).items():
        yield from fields(below, f"{path}.{name}")
    if "items" in node:
        yield from fields(node["items"], f"{path}[]")


def read(spec: dict[str, Any]) -> model.TenantSpec:
    return model.read_tenant({"metadata": METADATA, "spec": spec}).spec


def test_the_stored_definition_is_the_one_of_the_model():
    assert STORED.read_text() == crd.HEADING + msgspec.yaml.encode(crd.definition()).decode(), "run `make docs`"


@pytest.mark.parametrize(
    ("path", "node"), [pytest.param(*found, id=found[0] or "the whole") for found in fields(schema())]
)
def test_every_field_is_typed_described_and_bounded(path: str, node: dict[str, Any]):
    """An unbounded text or list makes the API server refuse rules over it, and lets one object fill the memory."""
    assert node["type"] in {"object", "array", "string", "integer", "boolean"}
    if not path.endswith("[]"):
        assert node["description"].endswith(".")
    if node["type"] == "string":
        assert {"maxLength", "enum", "format"} & node.keys()
    if node["type"] == "array":
        assert "maxItems" in node
    if node["type"] == "integer":
        assert "minimum" in node
    assert not {"$ref", "anyOf", "nullable", "title"} & node.keys()
    assert node.get("default", "something") not in (None, "", [], {})


def test_nothing_in_a_list_has_a_default():
    """What compares lists as a whole (kubectl apply, Argo CD) would see a difference for ever."""
    assert not [path for path, node in fields(schema()) if "[]" in path and "default" in node]


def test_a_tenant_of_one_line_has_every_default():
    spec = read({"workspace": "T0ACME"})
    assert spec == model.TenantSpec(workspace="T0ACME")
    assert (spec.suspend, spec.deletion_policy, spec.resync_period) == (False, "Delete", "10m")
    assert spec.bot_token is None
    assert spec.app is None


def test_names_in_kubernetes_are_those_of_its_conventions():
    spec = read({
        "workspace": "T0ACME",
        "botToken": {"name": "acme-bot"},
        "app": {
            "appID": "A0ACME",
            "clientID": "12.34",
            "clientSecret": {"name": "acme-app"},
            "signingSecrets": [{"name": "acme-app", "key": "newer"}, {"name": "acme-app", "key": "older"}],
        },
        "policy": {"quietHours": {"from": "18:00", "to": "08:00"}, "limits": {"photo": {"perMinute": 9, "burst": 2}}},
    })  # fmt: skip
    assert spec.bot_token == model.TokenReference(name="acme-bot", key="token")
    assert spec.app is not None
    assert spec.app.app_id == "A0ACME"
    assert spec.app.client_secret.key == "clientSecret"
    assert [reference.key for reference in spec.app.signing_secrets] == ["newer", "older"]
    assert spec.policy.quiet_hours == model.QuietHours(start="18:00", end="08:00")
    assert spec.policy.limits.photo == model.PhotoLimit(per_minute=9, burst=2)


def test_fields_of_a_newer_definition_are_passed_over():
    assert read({"workspace": "T0ACME", "mood": "sunny"}) == model.TenantSpec(workspace="T0ACME")


def test_a_field_of_another_kind_is_named():
    with pytest.raises(ValueError, match=r"spec\.suspend"):
        read({"workspace": "T0ACME", "suspend": "yes"})


def test_what_is_written_is_what_is_read():
    spec = model.TenantSpec(workspace="T0ACME", suspend=True, bot_token=model.TokenReference(name="acme-bot"))
    assert model.written(spec) == {"workspace": "T0ACME", "suspend": True, "botToken": {"name": "acme-bot"}}
    assert read(model.written(spec)) == spec


def test_a_status_comes_back_as_it_was_written():
    status = model.TenantStatus(
        observed_generation=4,
        conditions=(
            model.Condition(type="Ready", status="True", reason="Ready", last_transition_time="2026-01-02T03:04:05Z"),
        ),
        workspace=model.WorkspaceFacts(name="Acme"),
        credential=model.CredentialSeen(secret_uid="5a", resource_version="77"),
        install_url="https://rota.example.com/slack/install",
    )
    body = model.written(status)
    assert body["credential"] == {"secretUID": "5a", "resourceVersion": "77"}
    whole = {"metadata": METADATA, "spec": {"workspace": "T0ACME"}, "status": body}
    assert model.read_tenant(whole).status == status

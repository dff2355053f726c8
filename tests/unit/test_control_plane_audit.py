"""What is read from an audit log, also from one whose writer was killed."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from control_plane import audit

READER = audit.username("acme", "reader")


def line(verb: str, resource: str = "secrets", *, decision: str = "allow", **reference: str) -> dict[str, Any]:
    return {
        "kind": "Event",
        "stage": "ResponseComplete",
        "requestURI": "/somewhere",
        "verb": verb,
        "user": {"username": READER, "groups": ["system:serviceaccounts"]},
        "objectRef": {"resource": resource, **reference},
        "responseStatus": {"code": 200 if decision == "allow" else 403},
        "annotations": {"authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": "because"},
    }


def log_of(folder: Path, *lines: dict[str, Any]) -> Path:
    log = folder / "audit.log"
    log.write_text("".join(json.dumps(each) + "\n" for each in lines))
    return log


def test_uses_and_refusals_are_told_as_rules_have_them(tmp_path: Path) -> None:
    status = line("patch", "slacktenants", apiGroup="rotavatar.dev", subresource="status", namespace="acme", name="one")
    log = log_of(tmp_path, line("list"), line("list"), status, line("get", "pods", decision="forbid"))
    seen = list(audit.events(log))
    used = {audit.Use("", "secrets", "list"), audit.Use("rotavatar.dev", "slacktenants/status", "patch")}
    assert audit.uses(seen, READER) == used
    assert audit.refusals(seen, READER) == {audit.Use("", "pods", "get")}
    assert not audit.uses(seen, audit.username("acme", "another"))
    assert (seen[2].object_ref.name, seen[2].reason, seen[3].response_status.code) == ("one", "because", 403)


def test_a_path_that_is_no_resource_is_no_use(tmp_path: Path) -> None:
    probe = line("get")
    del probe["objectRef"]
    assert not audit.uses(audit.events(log_of(tmp_path, probe)), READER)


def test_half_a_line_is_left_out(tmp_path: Path) -> None:
    log = log_of(tmp_path, line("list"), line("watch"))
    whole = log.read_bytes()
    log.write_bytes(whole[:50] + whole + whole[:50])
    assert [event.verb for event in audit.events(log)] == ["watch"], "the first line was glued to a torn one"
    log.write_bytes(whole)
    assert [event.verb for event in audit.events(log, offset=10)] == ["watch"]
    assert not list(audit.events(tmp_path / "not there yet"))


def test_a_line_of_another_form_is_not_left_out(tmp_path: Path) -> None:
    with pytest.raises(msgspec.ValidationError):
        list(audit.events(log_of(tmp_path, line("list") | {"verb": 1})))

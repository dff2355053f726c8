"""After all other tests of this folder: the operator's account may do what it did there, and nothing that it did not.

Left out of a run that does not hold all tests of the operator: what was not used would say nothing then.
"""

import re
from collections.abc import Iterator

from control_plane import audit
from control_plane.audit import Use
from tests.cluster.conftest import AuditLogs
from tests.manifests import objects

ROLES = ("cluster", "namespaced", "installations")
OURS = re.compile(r"system:serviceaccount:(test-[^:]*|tenants):rotavatar-operator")
"""The accounts of the tests of the operator: others try by hand what it must not do, or have rights of a release."""


def rules(name: str) -> list[dict[str, list[str]]]:
    """The rules of the role in one of the files that we ship."""
    (role,) = [each for each in objects(f"rbac/{name}/roles.yaml") if each["kind"] in {"Role", "ClusterRole"}]
    found: list[dict[str, list[str]]] = role["rules"]
    return found


def rights(rules: list[dict[str, list[str]]]) -> Iterator[Use]:
    for rule in rules:
        assert rule.keys() == {"apiGroups", "resources", "verbs"}
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield Use(group, resource, verb)


def test_every_right_was_used_and_none_was_missing(audit_logs: AuditLogs) -> None:
    assert rules("cluster") == rules("namespaced")
    events = [event for event in audit_logs.events() if OURS.fullmatch(event.user.username)]
    accounts = {event.user.username for event in events}
    assert accounts
    given = {right for name in ROLES for right in rights(rules(name))}
    used = {account: audit.uses(events, account) for account in accounts}
    # An API server that starts refuses whatever it is asked before it knows the roles; what it lets later was no lack.
    lacked = {account: audit.refusals(events, account) - used[account] for account in accounts}
    assert {account: sorted(uses) for account, uses in lacked.items() if uses} == {}
    assert sorted(given - set().union(*used.values())) == []

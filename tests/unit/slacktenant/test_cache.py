"""What the watch tells becomes work exactly where something is to be done."""

from prometheus_client import REGISTRY

from rotavatar.keys import Workspace
from slacktenant_operator.cache import Cache, named
from slacktenant_operator.cluster import Named
from tests.unit.slacktenant.tenants import tenant

ACME = Workspace("T0ACME")


def test_a_new_tenant_is_work_and_its_repetition_is_not() -> None:
    cache = Cache()
    assert cache.put(tenant()) == {ACME}
    assert cache.put(tenant()) == set()
    assert cache.put(tenant(resourceVersion="6")) == set()
    assert cache.put(tenant(resourceVersion="7", generation=2, spec={"suspend": True})) == {ACME}
    assert cache.put(tenant(resourceVersion="4", generation=1)) == set()
    known = cache.get(Named("tenants", "acme"))
    assert known is not None
    assert known.spec.suspend


def test_our_own_status_comes_back_and_is_no_work_but_somebody_elses_is() -> None:
    cache = Cache()
    cache.put(tenant())
    ours = tenant(resourceVersion="6", status={"observedGeneration": 1})
    cache.put(ours)
    assert cache.put(ours) == set()
    assert cache.put(tenant(resourceVersion="7", status={"observedGeneration": 9})) == {ACME}


def test_what_others_changed_comes_back_with_our_own_write_and_is_work() -> None:
    """The watch then brings a version that is known already: nobody else would say it."""
    cache = Cache()
    seen = tenant()
    cache.put(seen)
    ours = tenant(resourceVersion="6", status={"observedGeneration": 1}, finalizers=["rotavatar.dev/cleanup"])
    assert cache.put_written(seen, ours) == set()
    theirs = tenant(resourceVersion="8", generation=2, spec={"suspend": True}, status={"observedGeneration": 1})
    assert cache.put_written(ours, theirs) == {ACME}
    assert cache.put(theirs) == set()


def test_tenants_of_a_workspace_are_known_by_age() -> None:
    cache = Cache()
    cache.put(tenant("young", creationTimestamp="2026-02-01T00:00:00Z"))
    cache.put(tenant("old"))
    assert [t.metadata.name for t in cache.of(ACME)] == ["old", "young"]
    assert cache.of(Workspace("T0OTHER")) == []


def test_secrets_lead_to_the_workspaces_that_refer_to_them() -> None:
    cache = Cache()
    token = {"botToken": {"name": "slack"}}
    cache.put(tenant("a", spec=token))
    cache.put(tenant("b", spec={**token, "workspace": "T0OTHER"}))
    assert cache.referring(Named("tenants", "slack")) == {"T0ACME", "T0OTHER"}
    assert cache.referring(Named("elsewhere", "slack")) == set()
    cache.put(tenant("a", resourceVersion="6", generation=2, spec={"botToken": {"name": "another"}}))
    assert cache.referring(Named("tenants", "slack")) == {"T0OTHER"}
    cache.remove(Named("tenants", "b"), "uid-of-b")
    assert cache.referring(Named("tenants", "slack")) == set()
    assert cache.referring(Named("tenants", "another")) == {ACME}


def test_an_end_that_was_seen_is_kept_until_it_is_settled() -> None:
    cache = Cache()
    cache.put(tenant())
    assert cache.remove(Named("tenants", "acme"), "another uid") == set()
    assert cache.remove(Named("tenants", "acme"), "uid-of-acme") == {ACME}
    assert list(cache.ended(ACME)) == ["tenants/acme/uid-of-acme"]
    cache.settle_ended(ACME, "tenants/acme/uid-of-acme")
    assert cache.ended(ACME) == {}
    assert len(cache) == 0


def test_a_tenant_that_took_anothers_name_ends_that_one() -> None:
    cache = Cache()
    cache.put(tenant())
    after = tenant(uid="another", resourceVersion="9", spec={"workspace": "T0OTHER"})
    assert cache.put(after) == {ACME, "T0OTHER"}
    assert list(cache.ended(ACME)) == ["tenants/acme/uid-of-acme"]
    assert cache.of(ACME) == []
    assert [named(t) for t in cache.of(Workspace("T0OTHER"))] == [("tenants", "acme")]


def test_tenants_are_counted_by_condition() -> None:
    def count(status: str) -> float:
        labels = {"condition": "Synced", "status": status}
        return REGISTRY.get_sample_value("rotavatar_operator_tenants", labels) or 0.0

    def synced(status: str, version: str) -> dict[str, object]:
        condition = {"type": "Synced", "status": status, "reason": "R", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        return {"status": {"conditions": [condition]}, "resourceVersion": version}

    cache, began = Cache(), count("True")
    cache.put(tenant(**synced("True", "5")))  # type: ignore[arg-type]
    assert count("True") == began + 1
    cache.put(tenant(**synced("False", "6")))  # type: ignore[arg-type]
    assert count("True") == began
    cache.remove(Named("tenants", "acme"), "uid-of-acme")
    assert count("False") == 0

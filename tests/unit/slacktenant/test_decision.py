"""What the record has to say: deciding again upon what was decided asks for nothing."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rotavatar.pacing import Limits
from rotavatar.policy import Policy
from rotavatar.records import Status, Suspension, WorkspaceRecord
from rotavatar.slack.answers import Identity
from rotavatar.store.workspaces import ChoreKind
from slacktenant_operator import ending
from slacktenant_operator.cache import governs
from slacktenant_operator.conversion import policy_of
from slacktenant_operator.decision import (
    Sealed,
    chore_of,
    governed,
    governing,
    released,
)
from slacktenant_operator.model import SlackTenant
from tests.unit.slacktenant.tenants import tenant

APP = "A0OURS"
IDENTITY = Identity(team_id="T0ACME", user_id="U0BOT", team_name="Acme")
TOKEN = Sealed(b"sealed", "uid/7", IDENTITY)

records = st.none() | st.builds(
    WorkspaceRecord,
    version=st.integers(1, 3),
    epoch=st.integers(0, 2),
    status=st.sampled_from(Status),
    status_at=st.sampled_from([0, 5]),
    suspended=st.sampled_from(Suspension),
    app=st.sampled_from(["", APP]),
    credential=st.sampled_from([b"", b"sealed", b"other"]),
    credential_at=st.sampled_from([0, 3]),
    bot_user=st.sampled_from(["", "U0BOT"]),
    policy=st.sampled_from([Policy(), Policy(packs=("robots",))]),
    tenant=st.sampled_from(["", "tenants/acme/uid-of-acme", "tenants/old/uid-of-old"]),
    source=st.sampled_from(["", "uid/7", "uid/6"]),
)
specs = st.fixed_dictionaries(
    {},
    optional={
        "suspend": st.booleans(),
        "botToken": st.just({"name": "acme-slack"}),
        "deletionPolicy": st.sampled_from(["Delete", "Retain"]),
        "policy": st.sampled_from([{}, {"packs": {"allowed": ["robots", "critters"]}}]),
    },
)


def decide(record: WorkspaceRecord | None, declared: SlackTenant, token: Sealed | None, now_ms: int) -> WorkspaceRecord:
    return governed(record, declared, policy=policy_of(declared.spec.policy), token=token, app=APP, now_ms=now_ms)


@given(records, specs, st.booleans(), st.sampled_from(["", "oauth"]))
def test_a_decision_applied_asks_for_nothing_more(
    record: WorkspaceRecord | None, spec: dict[str, Any], valid: bool, origin: str
) -> None:
    declared = tenant(spec=spec, labels={"rotavatar.dev/origin": origin})
    token = TOKEN if valid and "botToken" in spec else None
    first = decide(record, declared, token, 100)
    assert decide(first, declared, token, 200) == first
    assert chore_of(first, decide(first, declared, token, 200)) is None


@given(records, specs, specs)
def test_the_end_depends_on_the_last_spec_only(
    record: WorkspaceRecord | None, before: dict[str, Any], last: dict[str, Any]
) -> None:
    """Acto's question: where a workspace came from does not show, times and the reason of a suspension aside."""

    def at_the_end(*specs: dict[str, Any]) -> WorkspaceRecord:
        stands = record
        for spec in specs:
            stands = decide(stands, tenant(spec=spec), TOKEN if "botToken" in spec else None, 100)
        assert stands is not None
        resting = Suspension.OPERATOR if stands.suspended else Suspension.NO
        return replace(stands, suspended=resting, credential_at=0, epoch=0)

    ways = [at_the_end(before, last), at_the_end(before, before, last)]
    assert ways[0] == ways[1]
    if "botToken" in last:
        assert at_the_end(before, last) == at_the_end(last)


@given(records, st.booleans())
def test_a_release_is_done_once(record: WorkspaceRecord | None, keep: bool) -> None:
    if record is None:
        return
    first = released(record, keep=keep, now_ms=100)
    assert released(first, keep=keep, now_ms=200) == first
    assert first.tenant == ""
    if keep:
        assert first == replace(record, tenant="")
    else:
        assert (first.status, first.credential) == (Status.UNINSTALLED, b"")
        assert chore_of(record, first) is (None if record.status is Status.UNINSTALLED else ChoreKind.WIPE) or (
            chore_of(record, first) is ChoreKind.POLICY and record.status is Status.UNINSTALLED
        )


def test_the_oldest_holds_and_who_is_being_deleted_does_not() -> None:
    first = tenant("b", creationTimestamp="2026-01-01T00:00:00Z", uid="1")
    second = tenant("a", creationTimestamp="2026-01-01T00:00:00Z", uid="2")
    assert governing([first, second]) is first
    leaving = tenant("b", deletionTimestamp="2026-01-02T00:00:00Z")
    assert governing([leaving, second]) is second
    assert governing([leaving]) is None


def test_a_token_of_a_secret_is_installed_with_what_slack_says() -> None:
    stands = decide(None, tenant(spec={"botToken": {"name": "s"}}), TOKEN, 100)
    assert (stands.credential, stands.source, stands.credential_at) == (b"sealed", "uid/7", 100)
    assert (stands.app, stands.name, stands.bot_user) == (APP, "Acme", "U0BOT")
    assert stands.tenant == "tenants/acme/uid-of-acme"
    assert stands.limits == ""


def test_another_version_of_the_secret_with_the_same_token_only_changes_the_source() -> None:
    spec = {"botToken": {"name": "s"}}
    before = decide(None, tenant(spec=spec), TOKEN, 100)
    after = decide(before, tenant(spec=spec), Sealed(b"sealed", "uid/8", IDENTITY), 200)
    assert after == replace(before, source="uid/8")
    assert chore_of(before, after) is None


def test_a_declared_token_brings_an_uninstalled_workspace_back_under_a_new_epoch() -> None:
    gone = WorkspaceRecord(epoch=3, status=Status.UNINSTALLED, status_at=50)
    stands = decide(gone, tenant(spec={"botToken": {"name": "s"}}), TOKEN, 100)
    assert (stands.status, stands.status_at, stands.epoch) == (Status.ACTIVE, 0, 4)


def test_a_reference_that_was_taken_away_takes_the_token_with_it_but_not_one_of_oauth() -> None:
    declared = WorkspaceRecord(credential=b"sealed", source="uid/7")
    assert decide(declared, tenant(), None, 100).credential == b""
    installed = WorkspaceRecord(credential=b"sealed")
    assert decide(installed, tenant(), None, 100).credential == b"sealed"


def test_limits_are_packed_only_where_they_are_not_the_usual_ones() -> None:
    stands = decide(None, tenant(spec={"policy": {"limits": {"photo": {"perMinute": 9, "burst": 2}}}}), None, 100)
    assert stands.limits == stands.policy.limits.packed() != Limits().packed()


def test_what_members_are_told_makes_a_chore_and_nothing_else() -> None:
    before = decide(None, tenant(), None, 100)
    assert chore_of(None, before) is None
    assert chore_of(before, decide(before, tenant(spec={"suspend": True}), None, 100)) is ChoreKind.POLICY
    packs = {"policy": {"packs": {"allowed": ["critters"]}}}
    assert chore_of(before, decide(before, tenant(spec=packs), None, 100)) is ChoreKind.POLICY
    assert chore_of(before, replace(before, name="Another")) is None


def test_approval_goes_on_to_be_waited_for_and_is_given_once() -> None:
    born = tenant(spec={"suspend": True}, labels={"rotavatar.dev/origin": "oauth"})
    waiting = WorkspaceRecord(suspended=Suspension.APPROVAL)
    assert decide(waiting, born, None, 100).suspended is Suspension.APPROVAL
    given_ = decide(waiting, tenant(spec={"suspend": False}), None, 100)
    assert given_.suspended is Suspension.NO
    assert decide(given_, born, None, 100).suspended is Suspension.OPERATOR


def test_a_lost_redis_learns_from_the_status_what_was_waited_for() -> None:
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "AwaitingApproval",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {"conditions": [ready]}
    born = tenant(spec={"suspend": True}, labels={"rotavatar.dev/origin": "oauth"}, status=status)
    assert decide(None, born, None, 100).suspended is Suspension.APPROVAL


def test_a_tenant_that_nobody_saw_go_takes_nobodys_data_with_it() -> None:
    record = WorkspaceRecord(tenant="tenants/acme/uid-of-acme", credential=b"sealed")
    assert ending.after_end(record, {}, members=1, now_ms=9) == replace(record, tenant="")
    assert ending.after_end(record, {}, members=0, now_ms=9).status is Status.UNINSTALLED
    seen = tenant()
    assert ending.after_end(record, {governs(seen): seen}, members=1, now_ms=9).status is Status.UNINSTALLED
    kept = tenant(spec={"deletionPolicy": "Retain"})
    assert ending.after_end(record, {governs(kept): kept}, members=0, now_ms=9) == replace(record, tenant="")


def test_a_finalizer_is_there_only_for_what_is_to_be_cleaned() -> None:
    app = {
        "appID": "A0OWN",
        "clientID": "1.2",
        "clientSecret": {"name": "app", "key": "client"},
        "signingSecrets": [{"name": "app", "key": "signing"}],
    }
    ours, theirs = WorkspaceRecord(credential=b"bot"), WorkspaceRecord(credential=b"bot", source="uid/1")
    assert not ending.wants_finalizer(tenant(), None, members=0)
    assert ending.wants_finalizer(tenant(), None, members=1)
    assert ending.wants_finalizer(tenant(spec={"app": app}), None, members=0)
    assert ending.wants_finalizer(tenant(), ours, members=0)
    assert not ending.wants_finalizer(tenant(), theirs, members=0)
    assert not ending.wants_finalizer(tenant(spec={"botToken": {"name": "acme"}}), ours, members=0)
    assert not ending.wants_finalizer(tenant(spec={"deletionPolicy": "Retain"}), ours, members=0)
    assert not ending.wants_finalizer(tenant(spec={"app": app, "deletionPolicy": "Retain"}), None, members=1)
    assert ending.finalizers(tenant(finalizers=["a/b"]), wanted=True) == ["a/b", "rotavatar.dev/cleanup"]
    assert ending.finalizers(tenant(finalizers=["rotavatar.dev/cleanup", "a/b"]), wanted=False) == ["a/b"]


def test_patience_is_shorter_where_a_namespace_waits() -> None:
    leaving = tenant(deletionTimestamp="2026-01-01T00:00:00Z")
    began = 1_767_225_600.0
    assert not ending.out_of_patience(leaving, namespace_ends=False, now=began + 599)
    assert ending.out_of_patience(leaving, namespace_ends=False, now=began + 601)
    assert ending.out_of_patience(leaving, namespace_ends=True, now=began + 61)
    assert not ending.out_of_patience(tenant(), namespace_ends=True, now=began + 10_000)

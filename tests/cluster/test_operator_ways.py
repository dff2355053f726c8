"""Everything beside the straight path: who comes second, what is wrong, who goes and how, restarts, a lost Redis."""

import pytest

from control_plane.plane import ControlPlane
from rotavatar.records import Status
from rotavatar.store import AppStore
from rotavatar.store.workspaces import ChoreKind
from slack_simulator.config import AppConfig
from tests.cluster.conftest import OwnAudit
from tests.cluster.operating import Operator, grant, operating
from tests.cluster.test_operator_straight import TEAM, declared
from tests.servers import Server

CANARY = "xoxb-1-CANARY"


async def test_the_second_tenant_of_a_workspace_says_so_and_takes_over(operator: Operator) -> None:
    await operator.start()
    await declared(operator)
    await operator.until_condition("acme", "True", "Ready")
    await operator.next_second()
    await operator.create_tenant("zweiter", workspace=TEAM, botToken={"name": "acme-slack"}, suspend=True)
    await operator.until_condition("zweiter", "False", "DuplicateWorkspace")
    assert f"{operator.namespace}/acme" in await operator.message("zweiter")
    record = await operator.record(TEAM)
    assert record is not None
    assert not record.suspended
    await operator.delete_tenant("acme")
    await operator.until_condition("zweiter", "False", "Suspended")
    assert await operator.token(TEAM) != ""


@pytest.mark.parametrize(
    ("value", "kind", "status", "reason"),
    [
        ("xoxe.xoxb-1-a", "CredentialsValid", "False", "RotatingToken"),
        ("xoxp-1-a", "CredentialsValid", "False", "NotABotToken"),
        (CANARY, "CredentialsValid", "False", "TokenRefused"),
        ("", "SecretsResolved", "False", "ValueUnusable"),
    ],
)
async def test_a_wrong_token_is_refused_by_name(
    operator: Operator, value: str, kind: str, status: str, reason: str
) -> None:
    await operator.start()
    await operator.apply_secret("acme-slack", token=value)
    await operator.create_tenant("acme", workspace=TEAM, botToken={"name": "acme-slack"})
    await operator.until_condition("acme", status, reason, kind=kind)
    await operator.until_condition("acme", "False", reason)
    assert await operator.token(TEAM) == ""
    if value:
        assert value not in str(await operator.tenant("acme")) + operator.log + await operator.metrics()


async def test_a_token_of_another_workspace_names_both_and_the_old_one_stays(operator: Operator) -> None:
    await operator.start()
    token = await declared(operator)
    await operator.until_condition("acme", "True", "Ready")
    await operator.apply_secret("acme-slack", token=operator.workspace("T0ELSE"))
    await operator.until_condition("acme", "False", "WrongWorkspace")
    said = await operator.message("acme")
    assert "T0ELSE" in said
    assert TEAM in said
    assert await operator.token(TEAM) == token


async def test_secrets_that_are_missing_come_and_go(operator: Operator) -> None:
    await operator.start()
    await operator.create_tenant("acme", workspace=TEAM, botToken={"name": "acme-slack"})
    await operator.until_condition("acme", "False", "SecretNotFound")
    await operator.until_condition("acme", "Unknown", "NotChecked", kind="CredentialsValid")
    token = operator.workspace(TEAM)
    await operator.apply_secret("acme-slack", another=token)
    await operator.until_condition("acme", "False", "KeyNotFound")
    await operator.apply_secret("acme-slack", token=token)
    await operator.until_condition("acme", "True", "Ready")
    await operator.delete_secret("acme-slack")
    await operator.until_condition("acme", "False", "SecretNotFound")
    assert await operator.token(TEAM) == token


async def test_without_a_token_the_policy_is_in_place_and_the_link_is_told(operator: Operator) -> None:
    await operator.start()
    await operator.create_tenant("acme", workspace=TEAM, policy={"lifelike": True})
    await operator.until_condition("acme", "False", "NotInstalled")
    tenant = await operator.tenant("acme")
    assert tenant is not None
    assert tenant["status"]["installURL"] == "https://rotavatar.example/slack/install"
    record = await operator.record(TEAM)
    assert record is not None
    assert record.policy.lifelike
    await operator.install(TEAM, "U0ANA")
    await operator.until_condition("acme", "True", "Ready")
    assert await operator.secret("acme") is None


async def test_a_policy_that_cannot_be_leaves_the_one_before_in_force(operator: Operator) -> None:
    await operator.start()
    await declared(operator, policy={"lifelike": True})
    await operator.until_condition("acme", "True", "Ready")
    await operator.patch_tenant("acme", policy={"lifelike": False, "zone": "Europe/Nowhere"})
    await operator.until_condition("acme", "False", "PolicyInvalid", kind="Synced")
    await operator.until_condition("acme", "False", "PolicyInvalid")
    assert "there is no time zone Europe/Nowhere" in await operator.message("acme")
    record = await operator.record(TEAM)
    assert record is not None
    assert record.policy.lifelike


async def test_slack_being_away_changes_nothing_that_works(operator: Operator) -> None:
    await operator.start()
    token = await declared(operator)
    await operator.until_condition("acme", "True", "Ready")
    url = operator.simulator.slack.base_url
    await operator.stop()
    operator.settings["SLACK_BASE_URL"] = "http://127.0.0.1:9"
    await operator.start()
    await operator.apply_secret("acme-slack", token=operator.renewed_token(TEAM))
    await operator.until_condition("acme", "Unknown", "SlackUnavailable", kind="CredentialsValid")
    assert await operator.condition("acme") == ("True", "Ready")
    assert await operator.token(TEAM) == token
    await operator.stop()
    operator.settings["SLACK_BASE_URL"] = url
    await operator.start()
    await operator.until_condition("acme", "True", "Valid", kind="CredentialsValid")


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
async def test_deleting_with_members(operator: Operator, policy: str) -> None:
    await operator.start()
    token = await declared(operator, deletionPolicy=policy)
    await operator.until_condition("acme", "True", "Ready")
    await operator.install(TEAM, "U0ANA")
    finalizers = ["rotavatar.dev/cleanup"] if policy == "Delete" else []

    async def held() -> bool:
        tenant = await operator.tenant("acme")
        assert tenant is not None
        return bool(tenant["metadata"].get("finalizers", []) == finalizers)

    await operator.until(held, "the finalizer is as it should be")
    await operator.settled()
    await operator.delete_tenant("acme")
    await operator.until_gone("acme")

    async def released() -> bool:
        record = await operator.record(TEAM)
        return record is not None and not record.tenant

    await operator.until(released, "nobody governs the workspace")
    record = await operator.record(TEAM)
    assert record is not None
    assert operator.lives(token), "a token that a Secret declares is not ours to revoke"
    if policy == "Delete":
        assert (record.status, record.credential) == (Status.UNINSTALLED, b"")
        assert await operator.chores(TEAM) == {ChoreKind.WIPE}
    else:
        assert record.status is Status.ACTIVE
        assert await operator.token(TEAM) == token


async def test_a_tenant_that_went_while_nobody_looked(operator: Operator) -> None:
    await operator.start()
    await declared(operator)
    await operator.until_condition("acme", "True", "Ready")
    await operator.stop()
    await operator.delete_tenant("acme")
    await operator.start()

    async def ended() -> bool:
        record = await operator.record(TEAM)
        return record is not None and record.status is Status.UNINSTALLED and not record.tenant

    await operator.until(ended, "what it left was cleaned")


async def test_a_restart_reads_no_secret_asks_nobody_and_writes_nothing(
    operator: Operator, audit_log: OwnAudit
) -> None:
    await operator.start()
    for n in range(5):
        await declared(operator, f"T0MANY{n}", f"many{n}")
    for n in range(5):
        await operator.until_condition(f"many{n}", "True", "Ready")
    await operator.settled()
    assert await operator.stop() == 0
    asked, writes = operator.simulator.slack.journal.outcomes.total(), operator.writes()
    before, began = await operator.tenants(), len(audit_log.events())
    await operator.start()
    await operator.settled()
    assert await operator.tenants() == before
    assert operator.writes() == writes
    assert operator.simulator.slack.journal.outcomes.total() == asked
    ours = f"system:serviceaccount:{operator.namespace}:rotavatar-operator"
    verbs = {
        (e.verb, e.object_ref.resource)
        for e in audit_log.events()[began:]
        if e.user.username == ours and e.object_ref.resource
    }
    assert verbs <= {("list", "slacktenants"), ("watch", "slacktenants"), ("list", "secrets"), ("watch", "secrets")}


async def test_a_lost_redis_is_filled_again(operator: Operator) -> None:
    await operator.start()
    token = await declared(operator, policy={"lifelike": True})
    await operator.until_condition("acme", "True", "Ready")
    await operator.stop()
    operator.valkey.flush()
    await operator.start()
    await operator.until_token(TEAM, token)
    record = await operator.record(TEAM)
    assert record is not None
    assert record.policy.lifelike


async def test_a_redis_that_loses_everything_is_filled_again_at_once(operator: Operator) -> None:
    await operator.start()
    token = await declared(operator, policy={"lifelike": True})
    await operator.until_condition("acme", "True", "Ready")
    await operator.install(TEAM, "U0ANA")
    await operator.settled()
    operator.valkey.flush()
    await operator.until_token(TEAM, token)
    record = await operator.record(TEAM)
    assert record is not None
    assert record.policy.lifelike


async def test_more_than_the_limits_allow_is_said_with_both_numbers(operator: Operator) -> None:
    await operator.start()
    limits = {"photo": {"perMinute": 3, "burst": 2}}
    await declared(operator, policy={"limits": limits})
    await operator.until_condition("acme", "True", "Ready")
    await operator.until_condition("acme", "False", "WithinLimits", kind="Saturated")
    for number in range(57):
        await operator.join(TEAM, f"U0N{number}", frequency=3600)
    await operator.until_condition("acme", "True", "AboveLimits", kind="Saturated")
    tenant = await operator.tenant("acme")
    assert tenant is not None
    assert tenant["status"]["rotations"] == {"wantedPerHour": 57, "allowedPerHour": 55}
    said = await operator.message("acme", "Saturated")
    assert "57" in said
    assert "55" in said
    await operator.settled()
    before, writes = await operator.tenant("acme"), operator.writes()
    await operator.restart()
    await operator.settled()
    assert (await operator.tenant("acme"), operator.writes()) == (before, writes), "at rest nothing is written"
    await operator.patch_tenant("acme", policy={"limits": {"photo": {"perMinute": 10, "burst": 1}}})
    await operator.until_condition("acme", "False", "WithinLimits", kind="Saturated")
    tenant = await operator.tenant("acme")
    assert tenant is not None
    assert "rotations" not in tenant["status"]


async def test_an_app_of_the_tenants_own(operator: Operator) -> None:
    await operator.start()
    own = AppConfig(app_id="A0OWNAPP", client_id="77.88", client_secret="own-secret", signing_secrets=("sign-1",))
    operator.simulator.slack.apps = (*operator.simulator.slack.apps, own)
    operator.workspace(TEAM)
    token = operator.simulator.install(TEAM, f"U{TEAM[1:]}", member=False, app=own)["bot"].access
    await operator.apply_secret("acme-slack", token=token)
    await operator.apply_secret("acme-app", client="own-secret", signing="sign-1")
    app = {
        "appID": own.app_id,
        "clientID": own.client_id,
        "clientSecret": {"name": "acme-app", "key": "client"},
        "signingSecrets": [{"name": "acme-app", "key": "signing"}],
    }
    await operator.create_tenant("acme", workspace=TEAM, botToken={"name": "acme-slack"}, app=app)
    await operator.until_condition("acme", "True", "Ready")
    stored = await operator.app(own.app_id)
    assert stored is not None
    assert [s.reveal() for s in stored.signing_secrets] == ["sign-1"]
    await operator.apply_secret("acme-app", client="own-secret", signing="sign-2")

    async def overlaps() -> bool:
        now = await operator.app(own.app_id)
        assert now is not None
        return [s.reveal() for s in now.signing_secrets] == ["sign-2"] and [
            old.secret.reveal() for old in now.retiring
        ] == ["sign-1"]

    await operator.until(overlaps, "both signing secrets count")
    await operator.apply_secret("other-app", client="another", signing="sign-2")
    other = {**app, "clientSecret": {"name": "other-app", "key": "client"}}
    await operator.next_second()
    await operator.create_tenant("other", workspace="T0OTHER", app=other)
    await operator.until_condition("other", "False", "AppConflict")
    await operator.delete_tenant("acme")
    await operator.until_gone("acme")
    await operator.until_condition("other", "False", "NotInstalled")
    await operator.delete_tenant("other")
    await operator.until_gone("other")
    assert await AppStore(operator.redis).sources() == {}


async def test_an_operator_of_the_cluster(
    tenants_plane: ControlPlane, namespace: str, valkey: Server, tmp_path
) -> None:
    kubeconfig = grant(tenants_plane, namespace, tmp_path, "cluster")
    async with operating(
        tenants_plane, valkey, tmp_path, namespace=namespace, kubeconfig=kubeconfig, WATCH_NAMESPACES=""
    ) as operator:
        await operator.start()
        await declared(operator)
        await operator.until_condition("acme", "True", "Ready")
        assert await operator.stop() == 0

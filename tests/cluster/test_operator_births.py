"""Installations by OAuth appear as SlackTenants, follow what happens in Slack, and nothing bounces."""

import base64
import json
import time

import pytest
from msgspec.structs import replace

from control_plane.plane import ControlPlane
from rotavatar.credentials import open_credential
from rotavatar.keys import Workspace
from rotavatar.records import Status, Suspension
from rotavatar.vault import Owner
from tests.cluster.operating import Operator, grant, operating
from tests.servers import Server

TEAM, USER, NAME = "T0BORN", "U0ANA", "t0born"


@pytest.fixture
async def operator(tenants_plane: ControlPlane, namespace: str, valkey: Server, tmp_path):
    """An operator that makes tenants in the namespace that it looks after."""
    kubeconfig = grant(tenants_plane, namespace, tmp_path, "namespaced", "installations")
    policy = json.dumps({"frequencies": {"allowed": ["1d", "1w"], "default": "1d"}})
    settings = {"INSTALL_NAMESPACE": namespace, "INSTALL_TENANT_POLICY": policy}
    async with operating(
        tenants_plane, valkey, tmp_path, namespace=namespace, kubeconfig=kubeconfig, **settings
    ) as started:
        yield started


async def mirrored(operator: Operator) -> str:
    """The token in the tenant's Secret; empty where there is none."""
    secret = await operator.secret(NAME)
    return "" if secret is None else base64.b64decode(secret["data"]["token"]).decode()


async def test_an_installation_becomes_a_tenant(operator: Operator) -> None:
    await operator.start()
    token = await operator.install(TEAM, USER)
    await operator.until_condition(NAME, "True", "Ready")
    tenant = await operator.tenant(NAME)
    assert tenant is not None
    assert tenant["metadata"]["labels"] == {
        "rotavatar.dev/origin": "oauth",
        "app.kubernetes.io/managed-by": "rotavatar",
    }
    assert tenant["spec"]["policy"]["frequencies"]["allowed"] == ["1d", "1w"]
    secret = await operator.secret(NAME)
    assert secret is not None
    assert [owner["uid"] for owner in secret["metadata"]["ownerReferences"]] == [tenant["metadata"]["uid"]]
    assert await mirrored(operator) == token
    record = await operator.record(TEAM)
    assert record is not None
    assert (record.source, record.policy.default_frequency) == ("", 24 * 3600)
    assert record.tenant.endswith(tenant["metadata"]["uid"])


async def test_reinstalling_updates_and_a_wrong_hand_is_corrected(operator: Operator) -> None:
    await operator.start()
    before = await operator.install(TEAM, USER)
    await operator.until_condition(NAME, "True", "Ready")
    operator.simulator.slack.tokens.kill(before)
    after = await operator.install(TEAM, USER)
    assert after != before

    async def shows() -> bool:
        return await mirrored(operator) == after

    await operator.until(shows, "the Secret holds the new token")
    await operator.delete_secret(NAME)
    await operator.until(shows, "the Secret is there again")
    assert await operator.token(TEAM) == after


async def test_an_installation_waits_for_approval(operator: Operator) -> None:
    await operator.start()
    await operator.install(TEAM, USER, suspended=Suspension.APPROVAL)
    await operator.until_condition(NAME, "False", "AwaitingApproval")
    await operator.patch_tenant(NAME, suspend=False)
    await operator.until_condition(NAME, "True", "Ready")
    record = await operator.record(TEAM)
    assert record is not None
    assert record.suspended is Suspension.NO


async def test_a_refused_installation_ends(operator: Operator) -> None:
    await operator.start()
    token = await operator.install(TEAM, USER, suspended=Suspension.APPROVAL)
    await operator.until_condition(NAME, "False", "AwaitingApproval")

    async def held() -> bool:
        tenant = await operator.tenant(NAME)
        return tenant is not None and "rotavatar.dev/cleanup" in tenant["metadata"].get("finalizers", [])

    await operator.until(held, "its members make it wait for the cleanup")
    await operator.delete_tenant(NAME)
    await operator.until_gone(NAME)
    record = await operator.record(TEAM)
    assert record is not None
    assert (record.status, record.credential, record.tenant) == (Status.UNINSTALLED, b"", "")
    assert not operator.lives(token), "the token is revoked at Slack"


async def test_the_end_waits_for_slack_to_revoke_the_token_and_says_so(operator: Operator) -> None:
    await operator.start()
    token = await operator.install(TEAM, USER)
    await operator.until_condition(NAME, "True", "Ready")
    await operator.settled()
    await operator.stop()
    operator.settings["SLACK_BASE_URL"] = "http://127.0.0.1:9"
    await operator.start()
    await operator.delete_tenant(NAME)
    await operator.until_condition(NAME, "False", "Deleting")
    assert "Slack cannot be asked to revoke" in await operator.message(NAME)
    assert await operator.token(TEAM) == token
    assert operator.lives(token)
    await operator.stop()
    del operator.settings["SLACK_BASE_URL"]
    await operator.start()
    await operator.until_gone(NAME)
    assert not operator.lives(token)
    assert await operator.token(TEAM) == ""


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
async def test_uninstalling_takes_what_the_policy_says(operator: Operator, policy: str) -> None:
    await operator.start()
    await operator.install(TEAM, USER)
    await operator.until_condition(NAME, "True", "Ready")
    await operator.patch_tenant(NAME, deletionPolicy=policy)
    await operator.until_condition(NAME, "True", "Ready")
    await operator.uninstall(TEAM)

    async def no_secret() -> bool:
        return await operator.secret(NAME) is None

    await operator.until(no_secret, "the Secret is gone")
    if policy == "Delete":
        await operator.until_gone(NAME)
    else:
        await operator.until_condition(NAME, "False", "Uninstalled")
        await operator.install(TEAM, USER)
        await operator.until_condition(NAME, "True", "Ready")


async def test_a_lost_redis_is_healed(operator: Operator) -> None:
    await operator.start()
    token = await operator.install(TEAM, USER)
    await operator.until_condition(NAME, "True", "Ready")
    await operator.stop()
    operator.valkey.flush()
    await operator.start()
    await operator.until_token(TEAM, token)
    record = await operator.record(TEAM)
    assert record is not None
    assert (record.source, record.policy.default_frequency) == ("", 24 * 3600)


async def test_a_redis_that_loses_everything_is_healed_at_once(operator: Operator) -> None:
    await operator.start()
    token = await operator.install(TEAM, USER)
    await operator.until_condition(NAME, "True", "Ready")
    await operator.settled()
    operator.valkey.flush()
    await operator.until_token(TEAM, token)
    assert "redis lost what it held" in operator.log


async def test_a_pair_that_expired_is_renewed_from_its_secret(operator: Operator) -> None:
    operator.simulator.slack.apps = (replace(operator.simulator.slack.app, token_rotation=True),)
    issued = operator.issue(TEAM)
    await operator.start()
    await operator.install(TEAM, USER, issued=issued, expires_at=int(time.time()) + 9 * 3600)
    await operator.until_condition(NAME, "True", "Ready")
    await operator.until(lambda: mirrored(operator), "the Secret is there")
    await operator.settled()
    await operator.stop()
    secret = await operator.secret(NAME)
    assert secret is not None
    secret["data"]["expiresAt"] = base64.b64encode(b"1").decode()
    await operator.api("PUT", operator._secrets(NAME), secret)
    operator.simulator.slack.tokens.kill(issued.access, "token_expired")
    operator.valkey.flush()
    await operator.start()

    async def renewed() -> bool:
        token = await operator.token(TEAM)
        return token not in ("", issued.access) and token == await mirrored(operator) and operator.lives(token)

    await operator.until(renewed, "another token is in use, and in the Secret")
    record = await operator.record(TEAM)
    assert record is not None
    pair = open_credential(operator.vault, record.credential, Owner("bot", Workspace(TEAM)))
    assert pair.refresh_token is not None
    assert pair.refresh_token.reveal() != issued.refresh
    assert (pair.expires_at or 0) > time.time()


async def test_at_rest_nothing_is_written(operator: Operator) -> None:
    await operator.start()
    await operator.install(TEAM, USER)
    await operator.until_condition(NAME, "True", "Ready")
    await operator.settled()
    tenant, secret, writes = await operator.tenant(NAME), await operator.secret(NAME), operator.writes()
    await operator.stop()
    await operator.start()
    await operator.settled()
    assert (await operator.tenant(NAME), await operator.secret(NAME)) == (tenant, secret)
    assert operator.writes() == writes

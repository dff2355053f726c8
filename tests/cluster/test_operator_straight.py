"""The straight path: what is declared is true in Redis soon, and said in the status."""

from typing import Any

from rotavatar.records import Status, Suspension
from tests.cluster.operating import Operator

TEAM = "T0STRAIGHT"


async def declared(operator: Operator, team: str = TEAM, name: str = "acme", **spec: Any) -> str:
    """A workspace that a tenant and a Secret declare; its bot token."""
    token = operator.workspace(team)
    await operator.apply_secret(f"{name}-slack", token=token)
    await operator.create_tenant(name, workspace=team, botToken={"name": f"{name}-slack"}, **spec)
    return token


async def test_declared_workspace_works(operator: Operator) -> None:
    await operator.start()
    token = await declared(
        operator,
        policy={"frequencies": {"allowed": ["4h", "1d"]}, "limits": {"photo": {"perMinute": 10, "burst": 2}}},
    )
    await operator.until_condition("acme", "True", "Ready")
    assert await operator.token(TEAM) == token
    record = await operator.record(TEAM)
    assert record is not None
    tenant = await operator.tenant("acme")
    secret = await operator.secret("acme-slack")
    assert tenant is not None
    assert secret is not None
    assert record.tenant == f"{operator.namespace}/acme/{tenant['metadata']['uid']}"
    assert record.source == f"{secret['metadata']['uid']}/{secret['metadata']['resourceVersion']}"
    assert record.policy.frequencies == (4 * 3600, 24 * 3600)
    assert record.limits == record.policy.limits.packed() != ""
    assert record.app == operator.simulator.slack.app.app_id
    assert record.name == "Team"
    stands = {c["type"]: (c["status"], c["reason"]) for c in tenant["status"]["conditions"]}
    assert stands == {
        "Ready": ("True", "Ready"),
        "SecretsResolved": ("True", "Resolved"),
        "CredentialsValid": ("True", "Valid"),
        "Synced": ("True", "Synced"),
        "Saturated": ("False", "WithinLimits"),
    }
    assert tenant["metadata"].get("finalizers", []) == []
    assert tenant["metadata"].get("annotations", {}) == {}
    assert await operator.told("acme") == []
    assert await operator.stop() == 0


async def test_new_token_is_used(operator: Operator) -> None:
    await operator.start()
    before = await declared(operator)
    await operator.until_condition("acme", "True", "Ready")
    token = operator.renewed_token(TEAM)
    assert token != before
    await operator.apply_secret("acme-slack", token=token + "\n")
    await operator.until_token(TEAM, token)


async def test_suspended_and_resumed(operator: Operator) -> None:
    await operator.start()
    await declared(operator)
    await operator.until_condition("acme", "True", "Ready")
    await operator.patch_tenant("acme", suspend=True)
    await operator.until_condition("acme", "False", "Suspended")
    record = await operator.record(TEAM)
    assert record is not None
    assert record.suspended is Suspension.OPERATOR
    await operator.patch_tenant("acme", suspend=False)
    await operator.until_condition("acme", "True", "Ready")

    async def told() -> bool:
        return await operator.told("acme") == [("Warning", "Suspended"), ("Normal", "Ready")]

    await operator.until(told, "each turn is told once")
    record = await operator.record(TEAM)
    assert record is not None
    assert record.suspended is Suspension.NO


async def test_deleted(operator: Operator) -> None:
    await operator.start()
    await declared(operator)
    await operator.until_condition("acme", "True", "Ready")
    await operator.delete_tenant("acme")
    await operator.until_gone("acme")

    async def ended() -> bool:
        record = await operator.record(TEAM)
        assert record is not None
        return record.status is Status.UNINSTALLED and not record.credential and not record.tenant

    await operator.until(ended, "the installation ended")

"""Who is deleted waits for Slack and for Redis, but not for ever, and it is said what was left."""

from typing import Any

import pytest

from rotavatar.errors import SlackBusy, Unavailable
from rotavatar.records import Status
from slacktenant_operator import ending
from tests.cluster.staging import Stage
from tests.cluster.test_operator_deaths import BORN, TEAM, join


async def is_away(*_: Any) -> None:
    raise SlackBusy(method="auth.revoke", code="timeout")


async def is_unavailable(*_: Any) -> None:
    raise Unavailable("the test said so")


async def rounds(stage: Stage, count: int = 3) -> None:
    for _ in range(count):
        await stage.process.hear()
        await stage.process.work()


async def test_slack_is_waited_for_and_then_not(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.begin()
    await join(stage)
    await stage.settle()
    token = await stage.world.token(TEAM)
    monkeypatch.setattr(stage.process.parts._reconciling._releasing._tokens, "revoke_bot", is_away)
    await stage.world.delete_tenant(BORN)
    await rounds(stage)
    assert await stage.world.condition(BORN) == ("False", "Deleting")
    assert await stage.world.token(TEAM) == token, "it can still be revoked"
    monkeypatch.setattr(ending, "PATIENCE_SECONDS", 0.0)
    await stage.settle()
    assert await stage.world.tenant(BORN) is None
    assert ("Warning", "SlackUnavailable") in await stage.world.told(BORN)
    record = await stage.world.record(TEAM)
    assert record is not None
    assert (record.status, record.credential, record.tenant) == (Status.UNINSTALLED, b"", "")
    assert stage.world.lives(token), "nobody could revoke it, and that is what the Event says"


async def test_redis_is_waited_for_and_then_not(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.begin()
    await join(stage)
    await stage.settle()
    workspaces = stage.process.parts._reconciling._workspaces
    monkeypatch.setattr(workspaces, "read", is_unavailable)
    await stage.world.delete_tenant(BORN)
    await rounds(stage)
    assert await stage.world.condition(BORN) == ("False", "Deleting")
    assert "Redis cannot be reached" in await stage.world.message(BORN)
    monkeypatch.setattr(ending, "PATIENCE_SECONDS", 0.0)
    await rounds(stage)
    assert await stage.world.tenant(BORN) is None
    assert ("Warning", "RedisUnavailable") in await stage.world.told(BORN)


async def test_a_namespace_that_ends_waits_less(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.begin()
    await join(stage)
    await stage.settle()
    releasing = stage.process.parts._reconciling._releasing
    monkeypatch.setattr(releasing._tokens, "revoke_bot", is_away)
    monkeypatch.setattr(ending, "PATIENCE_OF_NAMESPACE_SECONDS", 0.0)
    await stage.world.delete_tenant(BORN)
    await rounds(stage)
    assert await stage.world.tenant(BORN) is not None

    async def ends(_: str) -> bool:
        return True

    monkeypatch.setattr(releasing._cluster, "namespace_ends", ends)
    await stage.settle()
    assert await stage.world.tenant(BORN) is None

"""Who may add the app: what people see, and what becomes of the permission that they gave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from rotavatar import keys
from rotavatar.keys import User, Workspace
from rotavatar.policy import Policy
from rotavatar.records import Suspension, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.store import Outcome, WorkspaceStore
from slack_simulator.app import Simulator
from slack_simulator.config import AppConfig
from tests import ingress as at
from tests.governing import govern
from tests.integration.test_ingress_oauth import Town, title
from tests.patience import SECONDS
from tests.servers import Server, free_port


@asynccontextmanager
async def town(valkey: Server, folder: Path, policy: str) -> AsyncIterator[Town]:
    at.draw(folder / "catalogue")
    port = free_port()
    public = f"http://127.0.0.1:{port}"
    app = AppConfig(signing_secrets=(at.SECRET,), redirect_urls=(f"{public}/slack/oauth_redirect",))
    async with Simulator(app) as slack:
        variables = at.environment(
            redis_url=valkey.url,
            catalogue=folder / "catalogue",
            slack=slack.url,
            PUBLIC_URL=public,
            INSTALL_POLICY=policy,
        )
        with await asyncio.to_thread(at.start_ingress, variables, port=port) as ingress:
            yield Town(slack, ingress, valkey)
            assert await asyncio.to_thread(ingress.stop) == 0


@pytest.fixture
async def redis(valkey: Server) -> AsyncIterator[Redis]:
    redis = await Redis.connect(valkey.url, name="test")
    yield redis
    await redis.close()


async def test_a_workspace_that_is_not_declared_gets_a_kind_page_and_its_tokens_are_given_back(
    valkey: Server, redis: Redis, tmp_path: Path
) -> None:
    async with town(valkey, tmp_path, "declared") as it:
        team = it.slack.add_team("Lighthouse")
        amara, ben = (it.slack.add_member(team.id, name=name) for name in ("amara", "ben"))
        page = await it.connect(f"{team.id}.{amara.id}")
        assert (page.status_code, title(page)) == (403, "Rotavatar is not open to this workspace yet")
        assert team.id in page.text
        assert await it.snapshot(team.id, amara.id) is None
        assert it.slack.slack.journal.count(method="auth.revoke") == 2
        declared = WorkspaceRecord(tenant="maps/maps/uid-1")
        assert await WorkspaceStore(redis).commit(Workspace(team.id), None, declared) is Outcome.OK
        page = await it.connect(f"{team.id}.{ben.id}")
        assert (page.status_code, title(page)) == (200, "You are connected")
        assert await counted(it, "undeclared") == 1
    assert it.slack.slack.journal.count(method="auth.revoke") == 2


async def test_a_new_workspace_is_told_that_it_waits_and_installing_again_changes_nothing(
    valkey: Server, redis: Redis, tmp_path: Path
) -> None:
    async with town(valkey, tmp_path, "approve") as it:
        team = it.slack.add_team("Lighthouse & Söhne")
        people = [it.slack.add_member(team.id, name=name) for name in ("amara", "ben")]
        pages = await asyncio.gather(*(it.connect(f"{team.id}.{person.id}") for person in people))
        assert [(page.status_code, title(page)) for page in pages] == [(200, "Almost there")] * 2
        assert "Lighthouse &amp; Söhne" in pages[0].text
        seen = await it.snapshot(team.id, people[0].id)
        assert seen is not None and seen.member is not None
        assert (seen.record.suspended, bool(seen.record.credential)) == (Suspension.APPROVAL, True)
        await govern(WorkspaceStore(redis), team.id, now_ms=0, suspended=Suspension.NO)
        page = await it.connect(f"{team.id}.{people[0].id}")
        assert title(page) == "You are connected"
        assert await counted(it, "waiting") == 2


async def test_who_comes_to_a_full_workspace_gives_nothing_away(valkey: Server, redis: Redis, tmp_path: Path) -> None:
    async with town(valkey, tmp_path, "open") as it:
        team = it.slack.add_team("Lighthouse")
        people = [it.slack.add_member(team.id, name=f"person-{n}") for n in range(6)]
        await it.connect(f"{team.id}.{people[0].id}")
        await govern(WorkspaceStore(redis), team.id, Policy(max_members=2), now_ms=0)
        pages = await asyncio.gather(*(it.connect(f"{team.id}.{each.id}", team=team.id) for each in people[1:]))
        assert sorted(page.status_code for page in pages) == [200, 409, 409, 409, 409]
        refused = [page for page in pages if page.status_code == 409]
        assert {title(page) for page in refused} == {"No place is left in this workspace"}
        assert it.slack.slack.journal.count(method="auth.revoke") == 4
        members = await redis.execute(keys.partition_of(Workspace(team.id)), "SCARD", keys.members(Workspace(team.id)))
        assert members == 2
        assert await counted(it, "full") == 4
    for person, page in zip(people[1:], pages, strict=True):
        seen = await it.snapshot(team.id, User(person.id))
        assert seen is not None
        assert (seen.member is None) is (page.status_code == 409)


async def counted(it: Town, outcome: str) -> int:
    async with httpx.AsyncClient(timeout=SECONDS) as client:
        text = (await client.get(f"{it.ingress.metrics_url}/metrics")).text
    line = f'rotavatar_ingress_installations_total{{outcome="{outcome}"}} '
    return sum(int(float(row.removeprefix(line))) for row in text.splitlines() if row.startswith(line))

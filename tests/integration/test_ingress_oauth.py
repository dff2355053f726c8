"""Consents from the first click to the page at the end: a real ingress, a real Redis and the simulated Slack."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec
import pytest

from rotavatar import keys
from rotavatar.configuration import Secret
from rotavatar.credentials import open_credential
from rotavatar.keyring import KeyRing
from rotavatar.keys import User, Workspace
from rotavatar.messages import Job, Joined, PublishAsked, decode
from rotavatar.policy import Policy
from rotavatar.records import Snapshot
from rotavatar.redis import Redis
from rotavatar.store import MemberStore, Outcome, WorkspaceStore
from rotavatar.vault import Owner, Vault
from slack_simulator.app import Simulator
from slack_simulator.config import AppConfig
from tests import ingress as at
from tests.ingress import Ingress
from tests.patience import SECONDS
from tests.servers import Server, free_port

BOT_SCOPES = {"commands", "users:read", "chat:write"}
USER_SCOPES = {"users.profile:read", "users.profile:write"}


@dataclass
class Town:
    """Slack, ingress and Redis, connected to each other."""

    slack: Simulator
    ingress: Ingress
    server: Server

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.ingress.url, timeout=SECONDS)

    async def snapshot(self, workspace: str, user: str) -> Snapshot | None:
        redis = await Redis.connect(self.server.url, name="test")
        try:
            return await MemberStore(redis).snapshot(Workspace(workspace), User(user))
        finally:
            await redis.close()

    async def allow(self, workspace: str, policy: Policy) -> None:
        redis = await Redis.connect(self.server.url, name="test")
        try:
            store = WorkspaceStore(redis)
            record = await store.read(Workspace(workspace))
            assert record is not None
            changed = msgspec.structs.replace(record, policy=policy)
            assert await store.commit(Workspace(workspace), record, changed) is Outcome.OK
        finally:
            await redis.close()

    def jobs(self, workspace: str) -> list[Job]:
        partition = keys.partition_of(Workspace(workspace))
        names = (keys.schedule_jobs(partition), keys.publish_jobs(partition))
        return [decode(entry[1][b"j"]) for name in names for entry in self.server.command("XRANGE", name, "-", "+")]

    async def visit_slack(
        self, browser: httpx.AsyncClient, *, person: str, team: str = "", decision: str = "allow", **form: str
    ) -> str:
        """Press *Add to Slack* (or *Connect me* with `team`) and answer Slack; where the browser is sent then."""
        sent = await browser.get("/slack/install", params={"team": team} if team else {})
        assert sent.status_code == 303
        asked = dict(parse_qsl(urlsplit(sent.headers["location"]).query))
        back = await browser.post(
            f"{self.slack.url}/oauth/v2/authorize", data={**asked, "person": person, "decision": decision, **form}
        )
        assert back.status_code == 303, back.text
        return str(back.headers["location"])

    async def connect(self, person: str, **how: str) -> httpx.Response:
        """A whole consent; the last page."""
        async with self.browser() as browser:
            return await browser.get(await self.visit_slack(browser, person=person, **how))


@pytest.fixture
async def town(valkey: Server, tmp_path: Path) -> AsyncIterator[Town]:
    at.draw(tmp_path / "catalogue")
    port = free_port()
    app = AppConfig(
        signing_secrets=(at.SECRET,),
        redirect_urls=(f"http://127.0.0.1:{port}/slack/oauth_redirect",),
        events_url=f"http://127.0.0.1:{port}/slack/events",
        interactions_url=f"http://127.0.0.1:{port}/slack/interactions",
        commands_url=f"http://127.0.0.1:{port}/slack/commands",
    )
    async with Simulator(app) as slack:
        variables = at.environment(
            redis_url=valkey.url,
            catalogue=tmp_path / "catalogue",
            slack=slack.url,
            PUBLIC_URL=f"http://127.0.0.1:{port}",
        )
        ingress = await asyncio.to_thread(at.start_ingress, variables, port=port)
        with ingress:
            yield Town(slack, ingress, valkey)
            assert await asyncio.to_thread(ingress.stop) == 0
    output = "".join(ingress.output)
    assert "Traceback" not in output
    assert not re.search(r"xox[a-z]-\w{6}|simulated-client-secret", output)


def title(page: httpx.Response) -> str:
    found = re.search(r"<h1>(.*?)</h1>", page.text)
    assert found, page.text
    return found[1]


async def test_adding_the_app_stores_both_credentials_and_asks_for_the_first_publish(town: Town) -> None:
    team = town.slack.add_team("Lighthouse & Söhne")
    person = town.slack.add_member(team.id, name="amara")
    page = await town.connect(f"{team.id}.{person.id}")
    assert (page.status_code, title(page)) == (200, "You are connected")
    assert "Lighthouse &amp; Söhne" in page.text
    assert 'http-equiv="refresh"' in page.text
    assert page.headers["cache-control"] == "no-store"
    seen = await town.snapshot(team.id, person.id)
    assert seen is not None and seen.member is not None
    vault = Vault(KeyRing(Secret(at.VAULT_KEYS)))
    bot = open_credential(vault, seen.record.credential, Owner("bot", team.id))
    mine = open_credential(vault, seen.member.credential, Owner("member", team.id, person.id))
    assert bot.access_token.reveal().startswith("xoxb-")
    assert mine.access_token.reveal().startswith("xoxp-")
    assert (set(bot.scopes), set(mine.scopes)) == (BOT_SCOPES, USER_SCOPES)
    assert (seen.record.app, seen.record.name) == (at.APP_ID, "Lighthouse & Söhne")
    joined, publish = town.jobs(team.id)
    assert isinstance(joined, Joined)
    assert isinstance(publish, PublishAsked)
    assert (publish.user, publish.looking, publish.trace) == (person.id, True, joined.trace)
    assert joined.at == seen.member.credential_at > 0


async def test_connecting_asks_for_user_scopes_only_and_leaves_the_workspace_alone(town: Town) -> None:
    team = town.slack.add_team()
    first, second = (town.slack.add_member(team.id, name=name) for name in ("amara", "jonas"))
    await town.connect(f"{team.id}.{first.id}")
    before = await town.snapshot(team.id, first.id)
    async with town.browser() as browser:
        sent = await browser.get("/slack/install", params={"team": team.id})
        asked = dict(parse_qsl(urlsplit(sent.headers["location"]).query, keep_blank_values=True))
        assert (asked["scope"], asked["user_scope"], asked["team"]) == ("", ",".join(sorted(USER_SCOPES)), team.id)
    page = await town.connect(f"{team.id}.{second.id}", team=team.id)
    assert title(page) == "You are connected"
    after = await town.snapshot(team.id, second.id)
    assert before is not None and after is not None and after.member is not None
    assert after.record == before.record
    assert after.member.credential


async def test_connecting_to_a_workspace_without_the_app_stores_nothing_and_gives_the_token_back(town: Town) -> None:
    team = town.slack.add_team()
    person = town.slack.add_member(team.id)
    page = await town.connect(f"{team.id}.{person.id}", team=team.id)
    assert (page.status_code, title(page)) == (409, "Rotavatar is not in this workspace yet")
    assert await town.snapshot(team.id, person.id) is None
    assert not town.server.command("KEYS", "*members*")
    assert 'href="/slack/install"' in page.text


async def test_who_comes_to_a_full_workspace_is_told_so_and_nothing_of_them_is_kept(town: Town) -> None:
    team = town.slack.add_team()
    first, second = (town.slack.add_member(team.id, name=name) for name in ("amara", "jonas"))
    await town.connect(f"{team.id}.{first.id}")
    await town.allow(team.id, Policy(max_members=1))
    page = await town.connect(f"{team.id}.{second.id}", team=team.id)
    assert (page.status_code, title(page)) == (409, "No place is left in this workspace")
    seen = await town.snapshot(team.id, second.id)
    assert seen is not None and seen.member is None
    assert town.slack.slack.journal.count(method="auth.revoke") == 1
    again = await town.connect(f"{team.id}.{first.id}", team=team.id)
    assert title(again) == "You are connected", "who is in stays in"
    await town.allow(team.id, Policy(max_members=2))
    assert title(await town.connect(f"{team.id}.{second.id}", team=team.id)) == "You are connected"


async def test_an_organisation_is_stored_under_its_own_id_and_its_administrator_sent_on(town: Town) -> None:
    team = town.slack.add_team("Bakery")
    person = town.slack.add_member(team.id, name="amara")
    org = town.slack.add_enterprise("Guild", teams=(team.id,))
    admin = town.slack.slack.world.members(org)[0] if town.slack.slack.world.members(org) else person
    page = await town.connect(f"{org}.{admin.id}")
    assert (page.status_code, title(page)) == (200, "One more step")
    seen = await town.snapshot(org, admin.id)
    assert seen is not None
    assert (seen.record.org, seen.record.enterprise, seen.record.name) == (True, org, "Guild")


@pytest.mark.parametrize("described", [True, False])
async def test_who_says_no_is_told_that_nothing_happened(town: Town, *, described: bool) -> None:
    team = town.slack.add_team()
    person = town.slack.add_member(team.id)
    async with town.browser() as browser:
        address = await town.visit_slack(browser, person=f"{team.id}.{person.id}", decision="cancel")
        if not described:
            address = re.sub(r"error_description=[^&]*&?", "", address)
        page = await browser.get(address)
    assert (page.status_code, title(page)) == (200, "Nothing was changed")
    assert await town.snapshot(team.id, person.id) is None


async def test_an_optional_scope_may_be_refused(town: Town) -> None:
    team = town.slack.add_team()
    person = town.slack.add_member(team.id)
    page = await town.connect(f"{team.id}.{person.id}", choices="shown")
    assert title(page) == "You are connected"
    seen = await town.snapshot(team.id, person.id)
    assert seen is not None
    bot = open_credential(Vault(KeyRing(Secret(at.VAULT_KEYS))), seen.record.credential, Owner("bot", team.id))
    assert set(bot.scopes) == BOT_SCOPES - {"chat:write"}


async def test_without_the_photo_scope_the_page_says_so_and_the_workspace_is_installed(town: Town) -> None:
    town.slack.configure(optional_scopes=("users.profile:write",))
    team = town.slack.add_team()
    person = town.slack.add_member(team.id)
    page = await town.connect(f"{team.id}.{person.id}", choices="shown")
    assert (page.status_code, title(page)) == (200, "Almost there")
    assert f"/slack/install?team={team.id}" in page.text
    seen = await town.snapshot(team.id, person.id)
    assert seen is not None and seen.record.credential


async def test_coming_back_twice_counts_once(town: Town) -> None:
    team = town.slack.add_team()
    person = town.slack.add_member(team.id)
    async with town.browser() as browser:
        address = await town.visit_slack(browser, person=f"{team.id}.{person.id}")
        assert title(await browser.get(address)) == "You are connected"
        again = await browser.get(address)
    assert (again.status_code, title(again)) == (400, "This link has been used")
    assert len(town.jobs(team.id)) == 2


async def test_a_code_of_an_earlier_consent_is_refused_by_slack_and_explained(town: Town) -> None:
    team = town.slack.add_team()
    person = town.slack.add_member(team.id)
    async with town.browser() as browser:
        first = await town.visit_slack(browser, person=f"{team.id}.{person.id}")
        await browser.get(first)
        second = await town.visit_slack(browser, person=f"{team.id}.{person.id}")
        codes = [dict(parse_qsl(urlsplit(address).query))["code"] for address in (first, second)]
        page = await browser.get(second.replace(codes[1], codes[0]))
    assert (page.status_code, title(page)) == (400, "Please start again")
    assert len(town.jobs(team.id)) == 2


async def test_another_browser_cannot_finish_a_consent(town: Town) -> None:
    team = town.slack.add_team()
    person = town.slack.add_member(team.id)
    async with town.browser() as mine, town.browser() as other:
        address = await town.visit_slack(mine, person=f"{team.id}.{person.id}")
        await town.visit_slack(other, person=f"{team.id}.{person.id}")
        page = await other.get(address)
        assert (page.status_code, title(page)) == (400, "Please start again")
        assert title(await mine.get(address)) == "You are connected"


async def test_two_tabs_of_one_browser_can_both_finish(town: Town) -> None:
    teams = [town.slack.add_team(name) for name in ("One", "Two")]
    people = [town.slack.add_member(team.id) for team in teams]
    async with town.browser() as browser:
        tabs = [
            await town.visit_slack(browser, person=f"{team.id}.{person.id}")
            for team, person in zip(teams, people, strict=True)
        ]
        assert [title(await browser.get(tab)) for tab in tabs] == ["You are connected"] * 2


@pytest.mark.parametrize("query", ["", "code=1", "code=1&state=", "code=1&state=abc.def", "code=1&state=%00%ff.&x=%"])
async def test_a_state_that_is_none_of_ours_offers_to_start_again(town: Town, query: str) -> None:
    async with town.browser() as browser:
        await browser.get("/slack/install")
        page = await browser.get(f"/slack/oauth_redirect?{query}")
    assert (page.status_code, title(page)) == (400, "Please start again")
    assert 'href="/slack/install"' in page.text


async def test_reinstalling_replaces_the_credentials_and_raises_the_epoch(town: Town) -> None:
    team = town.slack.add_team()
    person = town.slack.add_member(team.id)
    await town.connect(f"{team.id}.{person.id}")
    first = await town.snapshot(team.id, person.id)
    await town.connect(f"{team.id}.{person.id}")
    second = await town.snapshot(team.id, person.id)
    assert first is not None and second is not None
    assert first.member is not None and second.member is not None
    assert second.record.epoch == first.record.epoch + 1
    assert second.member.epoch == first.member.epoch + 1


async def test_slack_away_is_said_and_nothing_is_stored(town: Town) -> None:
    team = town.slack.add_team()
    person = town.slack.add_member(team.id)
    async with town.browser() as browser:
        address = await town.visit_slack(browser, person=f"{team.id}.{person.id}")
        await town.slack.stop()
        page = await browser.get(address)
        await town.slack.start()
    assert (page.status_code, title(page)) == (503, "Slack does not answer at the moment")
    assert page.headers["retry-after"] == "60"
    assert await town.snapshot(team.id, person.id) is None


async def test_the_events_of_slack_reach_redis_signed_as_slack_signs(town: Town) -> None:
    team = town.slack.add_team()
    person = town.slack.add_member(team.id)
    await town.connect(f"{team.id}.{person.id}")
    town.slack.open_home(team.id, person.id)
    answer = await town.slack.command(team.id, person.id, "shuffle")
    assert answer.status == 200
    async with asyncio.timeout(SECONDS):
        while len(town.jobs(team.id)) < 4:
            await asyncio.sleep(0.02)
    kinds = [type(job).__name__ for job in town.jobs(team.id)]
    assert kinds == ["Joined", "ShuffleAsked", "PublishAsked", "PublishAsked"]

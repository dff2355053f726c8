"""Lines 4 and 5 on Enterprise Grid: organisation installations, access to teams, and moving into one."""

import json

import pytest

from slack_simulator import lifecycle
from tests.contract.conftest import APP, Target, picture, text_view
from tests.contract.receiver import Receiver


class Org:
    def __init__(self, sim, member: Target) -> None:
        self.sim = sim
        self.member = member
        self.team = next(iter(sim.slack.world.workspaces))
        self.id = sim.add_enterprise("Group", teams=(self.team,))
        self.tokens = sim.install(self.id, member.user)
        self.installation = sim.slack.world.installation(APP.app_id, self.id)

    def let_in(self, on: bool = True) -> None:
        lifecycle.set_team_access(self.sim.slack, self.installation, team=self.team, on=on)

    async def call(self, method: str, kind: str = "bot", **body):
        return await self.member.call(method, token=self.tokens[kind].access, **body)


@pytest.fixture
def org(sim, member: Target) -> Org:
    return Org(sim, member)


async def test_who_an_organisations_token_is(org):
    answer = await org.call("auth.test")
    assert answer["is_enterprise_install"] is True
    assert answer["enterprise_id"] == org.id


async def test_a_team_token_lives_on_and_shows_the_organisation(org):
    answer = await org.member.call("auth.test", token=org.member.bot_token)
    assert (answer["team_id"], answer["enterprise_id"]) == (org.team, org.id)
    assert answer["is_enterprise_install"] is False


async def test_access_to_a_team_must_be_granted_first(org):
    body = {"user_id": org.member.user, "view": text_view()}
    assert (await org.call("views.publish", json=body))["error"] == "team_access_not_granted"
    org.let_in()
    assert (await org.call("views.publish", json=body))["ok"]


async def test_granting_and_taking_back_is_told_without_a_team(org, app: Receiver):
    org.let_in()
    org.let_in(False)
    await app.wait_for(2)
    for received, name in zip(app.received, ("team_access_granted", "team_access_revoked"), strict=True):
        assert received.event["team_ids"] == [org.team]
        assert received.event["type"] == name
        assert received.json["enterprise_id"] == org.id
        assert "team_id" not in received.json
        assert received.json["authorizations"][0]["is_enterprise_install"] is True


async def test_auth_teams_list(org):
    org.let_in()
    second = org.sim.add_team("Second", enterprise=org.id)
    lifecycle.set_team_access(org.sim.slack, org.installation, team=second.id, on=True)
    first_page = await org.call("auth.teams.list", data={"limit": "1"})
    cursor = first_page["response_metadata"]["next_cursor"]
    second_page = await org.call("auth.teams.list", data={"limit": "1", "cursor": cursor})
    assert [t["id"] for t in first_page["teams"] + second_page["teams"]] == [org.team, second.id]
    assert second_page["response_metadata"]["next_cursor"] == ""
    assert (await org.call("auth.teams.list", data={"limit": "1001"}))["error"] == "invalid_limit"
    assert (await org.call("auth.teams.list", data={"cursor": "x"}))["error"] == "invalid_cursor"


async def test_the_organisations_installation_serves_the_home_tab_once_it_is_let_in(org, app: Receiver):
    org.sim.open_home(org.team, org.member.user)
    org.let_in()
    org.sim.open_home(org.team, org.member.user)
    await org.sim.slack.delivery.settled()
    first, second = [r.json for r in app.received if r.event["type"] == "app_home_opened"]
    assert first["authorizations"][0]["is_enterprise_install"] is False
    assert second["authorizations"][0]["is_enterprise_install"] is True
    assert second["team_id"] == org.team


async def test_a_click_under_an_organisations_installation_has_no_team(org, app: Receiver):
    org.let_in()
    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
    view = {"type": "home", "blocks": [{"type": "actions", "block_id": "b", "elements": [button]}]}
    assert (await org.call("views.publish", json={"user_id": org.member.user, "view": view}))["ok"]
    app.received.clear()
    await org.sim.act(org.team, org.member.user, block_id="b", action_id="go")
    payload = json.loads(app.received[-1].form["payload"])
    assert payload["team"] is None
    assert payload["is_enterprise_install"] is True
    assert payload["enterprise"] == {"id": org.id, "name": "Group"}
    assert payload["user"]["team_id"] == org.team


async def test_organisation_tokens_have_a_bucket_of_their_own(org):
    limiter = org.sim.slack.limiter
    limiter.close(team=org.id, method="auth.test", until=org.sim.clock.now() + 9)
    assert (await org.call("auth.test"))["error"] == "ratelimited"
    assert (await org.member.call("auth.test", token=org.member.bot_token))["ok"]


async def test_moving_into_an_organisation(sim, member: Target, app: Receiver):
    team = next(iter(sim.slack.world.workspaces))
    org = sim.add_enterprise("Group")
    lifecycle.start_migration(sim.slack, team=team, enterprise=org)
    assert (await member.call("auth.test", token=member.bot_token))["error"] == "team_added_to_org"
    lifecycle.finish_migration(sim.slack, team=team)
    assert (await member.call("auth.test", token=member.bot_token))["enterprise_id"] == org
    assert (await member.call("users.profile.get", token=member.user_token))["ok"]
    await app.wait_for(2)
    assert [r.event["type"] for r in app.received] == ["grid_migration_started", "grid_migration_finished"]
    assert {r.event["enterprise_id"] for r in app.received} == {org}


async def test_a_person_has_one_photo_in_all_teams_of_an_organisation(org):
    second = org.sim.add_team("Second", enterprise=org.id)
    person = org.sim.slack.world.member(org.id, org.member.user)
    org.sim.slack.world.add_member(second.id, person)
    theirs = org.sim.install(second.id, org.member.user)["user"].access
    changed = await org.member.set_photo(picture())
    seen = await org.member.call("users.profile.get", token=theirs)
    assert seen["profile"]["avatar_hash"] == changed["profile"]["avatar_hash"]

"""Line 4: the authorize page, codes, client credentials, and what oauth.v2.access answers."""

import asyncio
import base64
import random
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from slack_simulator import lifecycle
from slack_simulator.app import Simulator
from slack_simulator.timing import ManualTiming
from tests.contract.conftest import APP, REDIRECT
from tests.patience import SECONDS

BOT = "commands,users:read,chat:write"
USER = "users.profile:read,users.profile:write"
CREDENTIALS = (APP.client_id, APP.client_secret)


class Browser:
    """A person's browser at the authorize page."""

    def __init__(self, sim: Simulator, client: httpx.AsyncClient) -> None:
        self.sim = sim
        self.client = client
        self.team = sim.add_team("Harbour").id
        self.user = sim.add_member(self.team, name="ada").id

    async def decide(self, decision: str = "allow", *, person: str = "", **changes: str) -> dict[str, str]:
        """What the app's redirect address is visited with."""
        query = {"client_id": APP.client_id, "scope": BOT, "user_scope": USER, "redirect_uri": REDIRECT, "state": "s1"}
        query |= changes
        page = await self.client.get("/oauth/v2/authorize", params=query)
        assert page.status_code == 200, page.text
        form = {**query, "decision": decision, "person": person or f"{self.team}.{self.user}"}
        answer = await self.client.post("/oauth/v2/authorize", data=form)
        assert answer.status_code == 303, answer.text
        target = urlsplit(answer.headers["location"])
        assert f"{target.scheme}://{target.netloc}{target.path}" == query["redirect_uri"]
        return {key: values[0] for key, values in parse_qs(target.query, keep_blank_values=True).items()}

    async def code(self, **changes: str) -> str:
        return (await self.decide(**changes))["code"]

    async def access(self, *, auth: Any = CREDENTIALS, **fields: str) -> Any:
        return (await self.client.post("/api/oauth.v2.access", data=fields, auth=auth)).json()

    async def install(self, **changes: str) -> Any:
        return await self.access(code=await self.code(**changes), redirect_uri=REDIRECT)


@pytest.fixture
async def browser(sim):
    async with httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client:
        yield Browser(sim, client)


async def test_the_page_shows_who_asks_for_what(browser):
    query = {"client_id": APP.client_id, "scope": BOT, "user_scope": USER, "redirect_uri": REDIRECT}
    page = (await browser.client.get("/oauth/v2/authorize", params=query)).text
    assert "Rotavatar is requesting permission" in page
    assert all(scope in page for scope in (*BOT.split(","), *USER.split(",")))
    assert "Ada" in page
    assert "Harbour" in page


async def test_allowing_gives_a_code_and_the_state_back(browser):
    answer = await browser.decide()
    assert answer["state"] == "s1"
    assert "error" not in answer


async def test_the_answer_of_a_team_installation(browser):
    answer = await browser.install()
    assert answer["ok"]
    assert answer["access_token"].startswith("xoxb-")
    assert (answer["token_type"], answer["scope"]) == ("bot", BOT)
    assert answer["team"] == {"id": browser.team, "name": "Harbour"}
    assert answer["enterprise"] is None
    assert answer["is_enterprise_install"] is False
    assert answer["authed_user"]["id"] == browser.user
    assert answer["authed_user"]["access_token"].startswith("xoxp-")
    assert answer["authed_user"]["scope"] == USER
    assert not {"bot_id", "refresh_token", "expires_in"} & answer.keys()
    assert answer["app_id"] == APP.app_id


async def test_user_scopes_alone_give_no_bot_token(browser):
    answer = await browser.install(scope="")
    assert not {"access_token", "scope", "token_type", "bot_user_id"} & answer.keys()
    assert answer["authed_user"]["access_token"].startswith("xoxp-")


async def test_bot_scopes_alone_give_no_user_token(browser):
    answer = await browser.install(user_scope="")
    assert answer["authed_user"] == {"id": browser.user}
    assert answer["access_token"].startswith("xoxb-")


async def test_an_organisation_installation_names_no_team(browser):
    org = browser.sim.add_enterprise("Group", teams=(browser.team,))
    answer = await browser.install(person=f"{org}.{browser.user}")
    assert answer["team"] is None
    assert answer["enterprise"] == {"id": org, "name": "Group"}
    assert answer["is_enterprise_install"] is True


async def test_a_team_of_an_organisation_names_both(browser):
    org = browser.sim.add_enterprise("Group", teams=(browser.team,))
    answer = await browser.install()
    assert answer["team"]["id"] == browser.team
    assert answer["enterprise"]["id"] == org
    assert answer["is_enterprise_install"] is False


async def test_under_an_organisations_installation_a_member_joins_it_and_the_bot_is_not_installed_again(browser):
    sim = browser.sim
    org = sim.add_enterprise("Group", teams=(browser.team,))
    await browser.install(person=f"{org}.{browser.user}", user_scope="")
    installation = sim.slack.world.installation(APP.app_id, org)
    lifecycle.set_team_access(sim.slack, installation, team=browser.team, on=True)
    assert (await browser.install())["error"] == "cannot_install_an_org_installed_app"
    answer = await browser.install(scope="")
    assert answer["is_enterprise_install"] is True
    assert (answer["team"], answer["enterprise"]["id"]) == (None, org)
    assert answer["authed_user"]["access_token"].startswith("xoxp-")


async def test_a_code_works_once(browser):
    code = await browser.code()
    assert (await browser.access(code=code, redirect_uri=REDIRECT))["ok"]
    assert (await browser.access(code=code, redirect_uri=REDIRECT))["error"] == "code_already_used"


async def test_two_simultaneous_trades_of_a_code_give_tokens_once(browser):
    code = await browser.code()
    answers = await asyncio.gather(*(browser.access(code=code, redirect_uri=REDIRECT) for _ in range(4)))
    assert sum(answer["ok"] for answer in answers) == 1


async def test_a_code_lives_ten_minutes():
    timing = ManualTiming()
    async with (
        Simulator(APP, timing=timing, rng=random.Random(7)) as sim,
        httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client,
    ):
        browser = Browser(sim, client)
        early, late = await browser.code(), await browser.code()
        timing.advance(599)
        assert (await browser.access(code=early, redirect_uri=REDIRECT))["ok"]
        timing.advance(1)
        assert (await browser.access(code=late, redirect_uri=REDIRECT))["error"] == "invalid_code"


async def test_an_unknown_code_is_invalid(browser):
    assert (await browser.access(code="1.2.3"))["error"] == "invalid_code"


async def test_the_redirect_address_must_be_repeated(browser):
    code = await browser.code()
    assert (await browser.access(code=code))["error"] == "bad_redirect_uri"
    assert (await browser.access(code=code, redirect_uri=REDIRECT + "/"))["error"] == "bad_redirect_uri"
    assert (await browser.access(code=code, redirect_uri=REDIRECT))["ok"]


@pytest.mark.parametrize(
    "redirect",
    ["https://evil.example/slack/oauth_redirect", REDIRECT + "_else", REDIRECT + "#x", "javascript:alert(1)"],
)
async def test_a_foreign_redirect_address_is_refused_on_the_page(browser, redirect):
    query = {"client_id": APP.client_id, "scope": BOT, "redirect_uri": redirect}
    page = await browser.client.get("/oauth/v2/authorize", params=query)
    assert page.status_code == 400
    assert "bad_redirect_uri" in page.text


async def test_a_path_below_a_configured_address_is_allowed(browser):
    below = REDIRECT + "/more"
    code = await browser.code(redirect_uri=below)
    assert (await browser.access(code=code, redirect_uri=below))["ok"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "1.2"}, "invalid_client_id"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"user_scope": "files:write"}, "invalid_scope"),
        ({"scope": "", "user_scope": ""}, "no_scopes"),
    ],
)
async def test_what_the_page_refuses(browser, changes, error):
    query = {"client_id": APP.client_id, "scope": BOT, "user_scope": USER, "redirect_uri": REDIRECT, **changes}
    page = await browser.client.get("/oauth/v2/authorize?" + urlencode(query))
    assert (page.status_code, error in page.text) == (400, True)


async def test_credentials_come_as_basic_or_in_the_form(browser):
    fields = {"client_id": APP.client_id, "client_secret": APP.client_secret, "redirect_uri": REDIRECT}
    assert (await browser.access(auth=None, code=await browser.code(), **fields))["ok"]
    assert (await browser.access(code=await browser.code(), redirect_uri=REDIRECT))["ok"]


async def test_wrong_credentials(browser):
    code = await browser.code()
    assert (await browser.access(auth=(APP.client_id, "no"), code=code))["error"] == "bad_client_secret"
    assert (await browser.access(auth=("1.2", "no"), code=code))["error"] == "invalid_client_id"
    assert (await browser.access(auth=None, code=code))["error"] == "invalid_client_id"
    broken = {"Authorization": "Basic " + base64.b64encode(b"\xff\xff").decode()}
    answer = await browser.client.post("/api/oauth.v2.access", data={"code": code}, headers=broken)
    assert answer.json()["error"] == "invalid_client_id"


async def test_an_unknown_grant_type(browser):
    assert (await browser.access(grant_type="password"))["error"] == "invalid_grant_type"


async def test_cancelling_with_and_without_a_description(browser):
    answer = await browser.decide("cancel")
    assert answer["error"] == "access_denied"
    assert answer["error_description"].startswith("The user has denied access")
    assert answer["state"] == "s1"
    browser.sim.slack.trouble.everywhere.bare_denial = True
    assert await browser.decide("cancel") == {"error": "access_denied", "state": "s1"}


async def test_the_state_may_arrive_empty(browser):
    browser.sim.slack.trouble.everywhere.blank_state = True
    assert (await browser.decide())["state"] == ""


async def test_an_optional_scope_can_be_refused_and_others_cannot(browser):
    query = {"client_id": APP.client_id, "scope": BOT, "redirect_uri": REDIRECT}
    form = {**query, "decision": "allow", "person": f"{browser.team}.{browser.user}", "choices": "shown"}
    answer = await browser.client.post("/oauth/v2/authorize", data=form)
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    assert (await browser.access(code=code, redirect_uri=REDIRECT))["scope"] == "commands,users:read"


async def test_scopes_add_up(browser):
    assert (await browser.install(scope="commands", user_scope="users.profile:read"))["scope"] == "commands"
    answer = await browser.install(scope="users:read", user_scope="users.profile:write")
    assert answer["scope"] == "commands,users:read"
    assert answer["authed_user"]["scope"] == "users.profile:read,users.profile:write"


async def test_installing_again_without_rotation_hands_out_the_same_tokens(browser):
    first, second = await browser.install(), await browser.install()
    assert first["access_token"] == second["access_token"]
    assert first["authed_user"]["access_token"] == second["authed_user"]["access_token"]


async def test_a_deactivated_person_cannot_allow(browser):
    member = browser.sim.slack.world.member(browser.team, browser.user)
    member.deactivated = True
    query = {"client_id": APP.client_id, "scope": BOT, "redirect_uri": REDIRECT}
    form = {**query, "decision": "allow", "person": f"{browser.team}.{browser.user}"}
    assert (await browser.client.post("/oauth/v2/authorize", data=form)).status_code == 400


async def test_the_deep_link_lands_on_the_persons_home(browser):
    await browser.decide()
    query = {"app": APP.app_id, "team": browser.team}
    answer = await browser.client.get("/app_redirect", params=query)
    assert answer.headers["location"] == f"/?team={browser.team}&user={browser.user}"

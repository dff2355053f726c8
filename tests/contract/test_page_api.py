"""The JSON API and the stream on which the simulator's page is built."""

import base64
import json
from contextlib import asynccontextmanager
from typing import Any

import pytest

from slack_simulator.app import STATIC
from tests.contract.conftest import Target, picture, text_view
from tests.contract.receiver import Receiver
from tests.contract.test_views_publish import actions, button


class Page:
    def __init__(self, sim, member: Target) -> None:
        self.sim, self.member, self.client = sim, member, member.client
        self.team = next(iter(sim.slack.world.workspaces))
        self.who = {"team": self.team, "user": member.user}

    async def post(self, name: str, **body) -> dict[str, Any]:
        answer = await self.client.post(f"/ui/api/{name}", json={**self.who, **body})
        return {"http": answer.status_code, **answer.json()}

    async def state(self) -> Any:
        return (await self.client.get("/ui/api/state")).json()

    async def me(self) -> dict[str, Any]:
        members = (await self.state())["workspaces"][0]["members"]
        return next(m for m in members if m["id"] == self.member.user)

    @asynccontextmanager
    async def stream(self):
        async with self.client.stream("GET", "/ui/api/stream") as response:
            lines = response.aiter_lines()
            assert response.headers["content-type"].startswith("text/event-stream")
            await anext(lines)

            async def following(event: str) -> Any:
                while await anext(lines) != f"event: {event}":
                    pass
                return json.loads((await anext(lines)).removeprefix("data: "))

            yield following


@pytest.fixture
def page(sim, member: Target) -> Page:
    return Page(sim, member)


async def test_the_page_itself(page):
    answer = await page.client.get("/")
    assert answer.status_code == 200
    assert "<!doctype html>" in answer.text.lower()
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    for path in ("/", "/ui/static/main.js"):
        assert (await page.client.get(path)).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("main.js", "javascript"), ("panels/log.js", "javascript"), ("page.css", "css"), ("icon.svg", "svg")],
)
async def test_the_files_of_the_page(page, name, kind):
    answer = await page.client.get(f"/ui/static/{name}")
    assert (answer.status_code, answer.content) == (200, (STATIC / name).read_bytes())
    assert kind in answer.headers["content-type"]


@pytest.mark.parametrize(
    "name", ["", "panels", "none.js", "../app.py", "%2e%2e/app.py", "/etc/passwd", "%00", "x" * 5000]
)
async def test_nothing_else_is_a_file_of_the_page(page, name):
    assert (await page.client.get(f"/ui/static/{name}")).status_code == 404


async def test_the_state(page):
    state = await page.state()
    assert state["clock"]["speed"] == 1
    workspace = state["workspaces"][0]
    assert workspace["installed"] is True
    assert workspace["kind"] == "team"
    me = await page.me()
    assert (me["connected"], me["token_state"], me["home"]) == (True, "active", None)
    assert me["avatar"]["custom"] is False
    await page.member.call("users.deletePhoto", token=page.member.user_token)
    rate = (await page.state())["workspaces"][0]["rate"]
    assert rate["users.deletePhoto"] == {"used": 1, "limit": 20}


async def test_the_home_tab(page):
    assert (await page.client.get("/ui/api/home", params=page.who)).json()["view"] is None
    published = (await page.member.publish(text_view("Hi")))["view"]
    home = (await page.client.get("/ui/api/home", params=page.who)).json()
    assert home["hash"] == published["hash"]
    assert home["view"]["blocks"][0]["text"]["text"] == "Hi"
    assert (await page.me())["home"]["hash"] == published["hash"]


async def test_opening_the_home_tab(page, app: Receiver):
    assert (await page.post("open_home"))["event_id"].startswith("Ev")
    (received,) = await app.wait_for(1)
    assert received.event["user"] == page.member.user


async def test_an_action(page, app: Receiver):
    await page.member.publish({"type": "home", "blocks": [{**actions(button(action_id="go")), "block_id": "b"}]})
    answer = await page.post("action", block_id="b", action_id="go", type="button")
    assert (answer["http"], answer["status"], answer["error"]) == (200, 200, "")
    app.always(401)
    assert (await page.post("action", block_id="b", action_id="go", type="button"))["status"] == 401
    assert (await page.post("action", block_id="b", action_id="no", type="button"))["http"] == 404


@pytest.mark.parametrize("kind", ["random", "upload"])
async def test_changing_a_photo_by_hand(page, kind):
    before = (await page.me())["avatar"]
    image = {"image": base64.b64encode(picture()).decode()} if kind == "upload" else {}
    assert (await page.post("photo", kind=kind, **image))["http"] == 200
    changed = (await page.me())["avatar"]
    assert changed["custom"] is True
    assert changed["hash"] != before["hash"]
    assert (await page.post("photo", kind="reset"))["http"] == 200
    assert (await page.me())["avatar"]["hash"] == before["hash"]
    assert (await page.post("photo", kind="upload", image=base64.b64encode(b"x").decode()))["error"] == "bad_image"


async def test_signing_in_decides_who_meets_the_authorize_page(page):
    someone = page.sim.add_member(page.team, name="grace hopper")
    await page.post("signin", user=someone.id)
    query = {"client_id": page.sim.slack.app.client_id, "scope": "commands"}
    text = (await page.client.get("/oauth/v2/authorize", params=query)).text
    assert f'value="{page.team}.{someone.id}" selected' in text


@pytest.mark.parametrize(
    ("name", "body", "shown"),
    [
        ("images_unreachable", {"on": True}, True),
        ("answer_500", {"count": 3}, 3),
        ("answer_500", {"on": True}, -1),
        ("slow", {"seconds": 9}, 9),
        ("cut_connections", {"on": True}, "before"),
        ("deliver_twice", {"on": True}, True),
        ("out_of_order", {"on": True}, True),
        ("ratelimited_200", {"on": True}, -1),
        ("lock_photos", {"on": True}, True),
    ],
)
async def test_switches_show_in_the_state_until_they_are_cleared(page, name, body, shown):
    field = {"cut_connections": "cut"}.get(name, name)
    assert (await page.post(f"trouble/{name}", user="", **body))["http"] == 200
    assert (await page.state())["workspaces"][0]["trouble"][field] == shown
    assert (await page.state())["trouble"][field] != shown
    assert (await page.client.post(f"/ui/api/trouble/{name}", json=body)).status_code == 200
    assert (await page.state())["trouble"][field] == shown
    await page.post("trouble/clear")
    assert not (await page.state())["trouble"][field]


async def test_members_can_be_troubled(page):
    assert (await page.post("trouble/revoke_token"))["http"] == 200
    assert (await page.me())["token_state"] == "none"
    assert (await page.post("trouble/revoke_token"))["http"] == 404
    assert (await page.post("trouble/deactivate_member"))["http"] == 200
    assert (await page.me())["deactivated"] is True
    assert (await page.post("trouble/reactivate_member"))["http"] == 200
    assert (await page.me())["deactivated"] is False
    assert (await page.post("trouble/uninstall"))["http"] == 200
    assert (await page.state())["workspaces"][0]["installed"] is False


async def test_installing_from_the_settings_shows_the_bot_token_and_gives_nobodys_photo_away(page):
    async with page.stream() as next_event:
        founded = (await page.client.post("/ui/api/workspace", json={"name": "Quarry"})).json()
        shown = (await next_event("state"))["workspace"]
    assert (shown["id"], shown["installed"]) == (founded["id"], False)
    token = (await page.post("install", team=founded["id"], user=founded["user"]))["bot_token"]
    said = (await page.client.post("/api/auth.test", headers={"Authorization": f"Bearer {token}"})).json()
    assert (said["ok"], said["team_id"]) == (True, founded["id"])
    assert (await page.post("install", team=founded["id"], user=founded["user"]))["bot_token"] == token
    added = (await page.state())["workspaces"][-1]
    assert added["installed"] is True
    assert [member["connected"] for member in added["members"]] == [False]
    assert token not in json.dumps(await page.state())


async def test_an_organisations_installation_is_not_repeated_in_one_of_its_teams(page):
    await page.post("trouble/uninstall")
    org = (await page.post("enterprise", teams=[page.team]))["id"]
    page.sim.install(org, page.member.user)
    await page.post("trouble/team_access", on=True)
    refused = await page.post("install")
    assert (refused["http"], refused["error"]) == (409, "cannot_install_an_org_installed_app")


async def test_workspaces_can_be_troubled(page, app: Receiver):
    org = (await page.post("enterprise"))["id"]
    assert (await page.post("trouble/migrate", enterprise=org))["http"] == 200
    assert (await page.state())["workspaces"][0]["migrating_to"] == org
    assert (await page.post("trouble/finish_migration"))["http"] == 200
    assert (await page.state())["workspaces"][0]["enterprise_id"] == org
    assert (await page.post("trouble/team_access"))["http"] == 404, "nobody installed it in the organisation"
    page.sim.install(org, page.member.user)
    assert (await page.post("trouble/team_access", on=True))["http"] == 200
    assert (await page.state())["workspaces"][0]["installed_by"] == org
    assert (await page.post("trouble/team_access", on=False))["http"] == 200
    assert (await page.state())["workspaces"][0]["installed_by"] == page.team
    assert (await page.post("trouble/revoke_bot"))["http"] == 200
    assert (await page.state())["workspaces"][0]["installed"] is False
    assert (await page.post("trouble/revoke_bot"))["http"] == 404
    await page.sim.slack.delivery.settled()
    sent = [r.event["type"] for r in app.received]
    assert sorted(sent) == [
        "grid_migration_finished",
        "grid_migration_started",
        "team_access_granted",
        "team_access_revoked",
        "tokens_revoked",
    ]


async def test_a_limit_made_by_hand_shows_as_a_full_bucket_until_it_is_over(page):
    assert (await page.post("trouble/rate_limit", method="users.setPhoto", seconds=60))["http"] == 200
    assert (await page.state())["workspaces"][0]["rate"]["users.setPhoto"] == {"used": 20, "limit": 20}
    await page.post("trouble/clear")
    assert "users.setPhoto" not in (await page.state())["workspaces"][0]["rate"]


async def test_events_that_slack_disabled_are_enabled_on_the_page(page, app: Receiver):
    page.sim.slack.delivery._disabled.add(page.sim.slack.app.app_id)
    assert (await page.state())["app"]["events_disabled"] is True
    assert (await page.post("trouble/enable_events"))["http"] == 200
    assert (await page.state())["app"]["events_disabled"] is False
    assert (await page.post("open_home"))["event_id"]


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("trouble/cut_connections", {"when": "during"}, 400),
        ("trouble/migrate", {"enterprise": "E0"}, 404),
        ("trouble/revoke_token", {"user": "U0"}, 404),
        ("trouble/uninstall", {"team": "T0"}, 404),
        ("trouble/unheard_of", {}, 404),
        ("trouble/lock_photos", {"team": "T0"}, 404),
        ("unheard_of", {}, 404),
        ("open_home", {"user": "U0"}, 404),
        ("clock", {"speed": 0.5}, 400),
        ("clock", {"speed": "fast"}, 400),
        ("photo", {"kind": "statue"}, 404),
    ],
)
async def test_what_the_page_api_refuses(page, name, body, status):
    answer = await page.post(name, **body)
    assert answer["http"] == status
    assert answer["error"]


async def test_the_stream_tells_what_changes(page):
    async with page.stream() as following:
        await page.client.post("/ui/api/trouble/deliver_twice", json={"on": True})
        assert (await following("state"))["trouble"]["deliver_twice"] is True
        await page.member.set_photo(picture())
        changed = await following("state")
        assert changed["workspace"]["id"] == page.team
        assert changed["member"]["avatar"]["custom"] is True
        published = (await page.member.publish(text_view()))["view"]
        assert await following("home") == {**page.who, "hash": published["hash"]}
        await page.member.call("auth.test", token=page.member.user_token)
        entry = (await following("log"))["entry"]
        assert entry["kind"] == "call"
        await page.post("clock", speed=60)
        assert (await following("clock"))["speed"] == 60


async def test_the_log_continues_after_a_number(page):
    for _ in range(3):
        await page.member.call("auth.test", token=page.member.user_token)
    entries = (await page.client.get("/ui/api/log?after=0")).json()["entries"]
    assert [e["method"] for e in entries] == ["auth.test"] * 3
    rest = (await page.client.get(f"/ui/api/log?after={entries[1]['n']}")).json()["entries"]
    assert [e["n"] for e in rest] == [entries[2]["n"]]

"""Line 6: one bucket per app, workspace and method, shared by every token; and the other ways to be busy."""

import asyncio
import random
import time

import httpx
import msgspec
import pytest

from rotavatar.clock import ManualClock
from slack_simulator.app import Simulator
from tests.contract.conftest import APP, Target, member_of, picture
from tests.patience import SECONDS


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def paced(clock):
    """A Slack whose buckets fill by hand, and two members of one workspace."""
    async with (
        Simulator(APP, clock=clock, rng=random.Random(7)) as sim,
        httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client,
    ):
        team = sim.add_team().id
        yield member_of(sim, client, team), member_of(sim, client, team)


async def outcomes(member: Target, method: str, times: int, **body) -> list[str]:
    answers = [await member.call(method, token=member.user_token, **body) for _ in range(times)]
    return [answer.get("error", "ok") for answer in answers]


async def test_tier_2_lets_twenty_through_and_then_one_each_three_seconds(paced, clock):
    member, _ = paced
    assert await outcomes(member, "users.deletePhoto", 22) == ["ok"] * 20 + ["ratelimited"] * 2
    clock.advance(2.9)
    assert await outcomes(member, "users.deletePhoto", 1) == ["ratelimited"]
    clock.advance(0.2)
    assert await outcomes(member, "users.deletePhoto", 2) == ["ok", "ratelimited"]
    clock.advance(3600)
    assert await outcomes(member, "users.deletePhoto", 21) == ["ok"] * 20 + ["ratelimited"]


async def test_tier_4_lets_a_hundred_through(paced):
    member, _ = paced
    assert await outcomes(member, "users.profile.get", 101) == ["ok"] * 100 + ["ratelimited"]


async def test_the_answer_of_a_limit(paced):
    member, _ = paced
    await outcomes(member, "users.deletePhoto", 20)
    answer = await member.send("users.deletePhoto", token=member.user_token)
    assert answer.status_code == 429
    assert answer.json() == {"ok": False, "error": "ratelimited"}
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["retry-after"] == "3"


async def test_colleagues_share_the_bucket_and_other_methods_do_not(paced):
    member, colleague = paced
    await outcomes(member, "users.deletePhoto", 20)
    assert await outcomes(colleague, "users.deletePhoto", 1) == ["ratelimited"]
    assert await outcomes(colleague, "users.profile.get", 1) == ["ok"]
    assert (await colleague.set_photo(picture()))["ok"]


async def test_other_workspaces_do_not_share_it(paced):
    member, _ = paced
    await outcomes(member, "users.deletePhoto", 20)
    elsewhere = member_of(member.simulator, member.client)
    assert await outcomes(elsewhere, "users.deletePhoto", 1) == ["ok"]


async def test_other_apps_do_not_share_it(clock):
    second = msgspec.structs.replace(APP, app_id="A2", client_id="2.2")
    async with (
        Simulator(APP, second, clock=clock, rng=random.Random(7)) as sim,
        httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client,
    ):
        member = member_of(sim, client)
        await outcomes(member, "users.deletePhoto", 20)
        team = next(iter(sim.slack.world.workspaces))
        other = sim.install(team, member.user, app=second)["user"].access
        assert (await member.call("users.deletePhoto", token=other))["ok"]


async def test_calls_refused_for_their_rate_change_nothing(paced):
    member, _ = paced
    for _ in range(20):
        await member.set_photo(picture())
    before = (await member.call("users.profile.get", token=member.user_token))["profile"]["avatar_hash"]
    assert (await member.set_photo(picture(seed=2)))["error"] == "ratelimited"
    after = (await member.call("users.profile.get", token=member.user_token))["profile"]["avatar_hash"]
    assert before == after


async def test_every_arrival_is_counted_with_its_time(paced, clock):
    member, _ = paced
    team = next(iter(member.simulator.slack.world.workspaces))
    start = clock.now()
    await outcomes(member, "users.deletePhoto", 25)
    clock.advance(59)
    await outcomes(member, "users.deletePhoto", 3)
    journal = member.simulator.slack.journal
    assert list(journal.arrivals[team, "users.deletePhoto"]) == [start] * 25 + [start + 59] * 3
    assert journal.busiest(team=team, method="users.deletePhoto") == 28
    assert journal.busiest(team=team, method="users.deletePhoto", window=59) == 25
    assert journal.count(method="users.deletePhoto", result="ratelimited") == 5
    assert journal.count(method="users.deletePhoto", user=member.user, result="ok") == 23


async def test_overlapping_calls_of_one_user_are_counted(sim, member: Target):
    sim.slack.trouble.everywhere.slow = 0.1
    await asyncio.gather(*(member.call("users.profile.get", token=member.user_token) for _ in range(3)))
    team = next(iter(sim.slack.world.workspaces))
    assert sim.slack.journal.overlaps[team, member.user, "users.profile.get"] == 2


async def test_a_workspace_can_be_limited_by_hand(sim, member: Target):
    team = next(iter(sim.slack.world.workspaces))
    body = {"team": team, "method": "users.setPhoto", "seconds": 30}
    assert (await member.client.post("/ui/api/trouble/rate_limit", json=body)).status_code == 200
    assert (await member.set_photo(picture()))["error"] == "ratelimited"
    assert (await member.call("auth.test", token=member.user_token))["ok"]
    await member.client.post("/ui/api/trouble/clear", json={})
    assert (await member.set_photo(picture()))["ok"]


async def test_200_and_ratelimited_without_a_header(sim, member: Target):
    await member.client.post("/ui/api/trouble/ratelimited_200", json={"count": 1})
    answer = await member.send("users.profile.get", token=member.user_token)
    assert answer.status_code == 200
    assert answer.json() == {"ok": False, "error": "ratelimited"}
    assert "retry-after" not in answer.headers
    assert (await member.call("users.profile.get", token=member.user_token))["ok"]


async def test_answering_500_a_counted_number_of_times(sim, member: Target):
    await member.client.post("/ui/api/trouble/answer_500", json={"count": 2})
    statuses = [(await member.send("auth.test", token=member.user_token)).status_code for _ in range(3)]
    assert statuses == [500, 500, 200]


async def test_answering_slowly(sim, member: Target):
    await member.client.post("/ui/api/trouble/slow", json={"seconds": 0.3})
    started = time.perf_counter()
    assert (await member.call("auth.test", token=member.user_token))["ok"]
    assert time.perf_counter() - started >= 0.3


@pytest.mark.parametrize(("when", "changed"), [("before", False), ("after", True)])
async def test_a_connection_cut_before_or_after_the_effect(sim, member: Target, when, changed):
    await member.client.post("/ui/api/trouble/cut_connections", json={"when": when, "count": 1})
    with pytest.raises(httpx.TransportError):
        await member.set_photo(picture())
    profile = (await member.call("users.profile.get", token=member.user_token))["profile"]
    assert ("image_original" in profile) is changed


async def test_trouble_of_one_workspace_and_one_method(sim, member: Target):
    team = next(iter(sim.slack.world.workspaces))
    elsewhere = member_of(sim, member.client)
    switches = sim.slack.trouble.of(team)
    switches.answer_500 = -1
    switches.methods.append("auth.test")
    assert (await member.send("auth.test", token=member.user_token)).status_code == 500
    assert (await member.call("users.profile.get", token=member.user_token))["ok"]
    assert (await elsewhere.call("auth.test", token=elsewhere.user_token))["ok"]

"""Line 10: nothing in it is bound to slack.com; and the process as a whole: its options, its file, its clock."""

import asyncio
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image

from rotavatar.clock import CLOCK_KEY, SystemClock
from slack_simulator.app import Simulator
from tests.contract.conftest import APP, Target, member_of, picture, text_view
from tests.patience import SECONDS
from tests.servers import Server


async def test_two_environments_know_nothing_of_each_other(member: Target):
    async with Simulator(APP) as other, httpx.AsyncClient(base_url=other.url, timeout=SECONDS) as client:
        answer = await client.post("/api/auth.test", headers={"Authorization": f"Bearer {member.user_token}"})
        assert answer.json()["error"] == "invalid_auth"
        assert other.url != member.simulator.url


async def test_addresses_begin_with_the_public_one():
    async with (
        Simulator(APP, public_url="https://slack-gov.example/") as sim,
    ):
        team = sim.add_team().id
        profile = sim.slack.profile(sim.add_member(team))
        assert sim.url == "https://slack-gov.example"
        assert profile["image_72"].startswith("https://slack-gov.example/avatars/")


async def test_a_second_start_continues_where_the_first_one_stopped(tmp_path):
    file = tmp_path / "slack.json"
    async with Simulator(APP, state=file) as sim, httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client:
        member = member_of(sim, client)
        team = next(iter(sim.slack.world.workspaces))
        avatar_hash = (await member.set_photo(picture()))["profile"]["avatar_hash"]
        view_hash = (await member.publish(text_view("kept")))["view"]["hash"]
    async with Simulator(APP, state=file) as sim, httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client:
        headers = {"Authorization": f"Bearer {member.user_token}"}
        profile = (await client.post("/api/users.profile.get", headers=headers)).json()["profile"]
        assert profile["avatar_hash"] == avatar_hash
        shown = await client.get(profile["image_512"])
        assert Image.open(io.BytesIO(shown.content)).size == (512, 512)
        home = sim.home(team, member.user)
        assert home
        assert home["hash"] == view_hash


async def test_photos_that_nobody_wears_are_swept_at_the_start(tmp_path):
    file = tmp_path / "slack.json"
    async with Simulator(APP, state=file) as sim, httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client:
        member = member_of(sim, client)
        await member.set_photo(picture(seed=1))
        await member.set_photo(picture(seed=2))
        assert len([*(tmp_path / "slack.photos").iterdir()]) == 2
    async with Simulator(APP, state=file) as sim:
        (person,) = sim.slack.world.people.values()
        assert person.photo
        assert [p.name for p in (tmp_path / "slack.photos").iterdir()] == [person.photo.digest]


async def test_a_grid_can_be_part_of_it():
    async with Simulator(APP, seeded=True, grid=True) as sim:
        kinds = [w.kind for w in sim.slack.world.workspaces.values()]
        (org,) = [w for w in sim.slack.world.workspaces.values() if w.kind == "org"]
        assert kinds == ["team", "team", "org", "team", "team"]
        assert len(sim.slack.world.teams_of(org.id)) == 2
        assert {m.name for m in sim.slack.world.members(org.id)} == {"sofia", "daniel", "freja"}


async def test_the_file_is_written_while_it_runs(tmp_path):
    file = tmp_path / "slack.json"
    async with Simulator(APP, state=file) as sim:
        sim.add_team("Seen")
        async with asyncio.timeout(SECONDS):
            while not file.exists():
                await asyncio.sleep(0.05)
        assert "Seen" in file.read_text()


async def test_a_file_that_nobody_can_read_stops_the_start(tmp_path):
    file = tmp_path / "slack.json"
    file.write_text("{")
    with pytest.raises(ValueError, match=r"slack\.json"):
        await Simulator(APP, state=file).start()


async def test_refresh_tokens_survive_a_restart(tmp_path):
    rotating = {**{f: getattr(APP, f) for f in APP.__struct_fields__}, "token_rotation": True}
    app = type(APP)(**rotating)
    file = tmp_path / "slack.json"
    async with Simulator(app, state=file) as sim:
        team = sim.add_team().id
        tokens = sim.install(team, sim.add_member(team).id)
    async with Simulator(app, state=file) as sim, httpx.AsyncClient(base_url=sim.url, timeout=SECONDS) as client:
        fields = {"grant_type": "refresh_token", "refresh_token": tokens["user"].refresh}
        answer = await client.post("/api/oauth.v2.access", data=fields, auth=(app.client_id, app.client_secret))
        assert answer.json()["ok"]


async def test_twenty_thousand_people_are_there_at_once():
    async with Simulator(APP, rng=random.Random(7)) as sim:
        started = time.perf_counter()
        workspace = sim.add_team(members=20_000)
        assert time.perf_counter() - started < 5
        assert len(sim.slack.world.members(workspace.id)) == 20_000


class Process:
    """`python -m slack_simulator` as people start it."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "slack_simulator", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        assert self.process.stdout
        assert self.process.stderr
        line = self.process.stdout.readline()
        self.url = line.strip().rpartition(" ")[2]
        assert self.url.startswith("http://127.0.0.1:"), line + self.process.stderr.read()

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, errors


def test_the_process_seeds_two_workspaces_and_stops_cleanly(tmp_path):
    process = Process("--state", str(tmp_path / "s.json"), SIMULATOR_EVENTS_URL="http://127.0.0.1:9/slack/events")
    state = httpx.get(f"{process.url}/ui/api/state", timeout=SECONDS).json()
    assert process.stop() == (0, "")
    assert len(state["workspaces"]) == 2
    assert any(m["avatar"]["custom"] for w in state["workspaces"] for m in w["members"])
    again = Process("--state", str(tmp_path / "s.json"))
    assert (
        httpx.get(f"{again.url}/ui/api/state", timeout=SECONDS).json()["workspaces"][0]["id"]
        == state["workspaces"][0]["id"]
    )
    again.stop()
    reset = Process("--state", str(tmp_path / "s.json"), SIMULATOR_RESET="1")
    assert (
        httpx.get(f"{reset.url}/ui/api/state", timeout=SECONDS).json()["workspaces"][0]["id"]
        != state["workspaces"][0]["id"]
    )
    reset.stop()


def test_a_port_that_is_taken_is_said_in_one_sentence():
    first = Process()
    port = first.url.rpartition(":")[2]
    run = subprocess.run(
        [sys.executable, "-m", "slack_simulator", "--port", port],
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    first.stop()
    assert run.returncode == 1
    assert run.stderr.startswith("the simulator does not start: ")
    assert len(run.stderr.splitlines()) == 1


def test_the_app_may_come_from_a_file(tmp_path: Path):
    file = tmp_path / "app.json"
    file.write_text(json.dumps({"app_id": "A123", "name": "Other", "redirect_urls": ["http://127.0.0.1:9/x"]}))
    process = Process("--app", str(file), "--app-id", "A456")
    app = httpx.get(f"{process.url}/ui/api/state", timeout=SECONDS).json()["app"]
    process.stop()
    assert (app["id"], app["name"]) == ("A456", "Other")


def test_the_speed_of_the_clock_is_shared_through_redis(valkey: Server):
    process = Process("--redis-url", valkey.url)
    answer = httpx.post(f"{process.url}/ui/api/clock", json={"speed": 600}, timeout=SECONDS).json()
    refused = httpx.post(f"{process.url}/ui/api/clock", json={"speed": 3601}, timeout=SECONDS)
    state = httpx.get(f"{process.url}/ui/api/state", timeout=SECONDS).json()
    process.stop()
    assert answer["speed"] == state["clock"]["speed"] == 600
    assert refused.status_code == 400
    assert CLOCK_KEY.startswith("rv:{p00}")


async def test_without_redis_the_clock_is_its_own(member: Target):
    clock = member.simulator.clock
    assert isinstance(clock, SystemClock)
    before = clock.now()
    await member.client.post("/ui/api/clock", json={"speed": 3600})
    await asyncio.sleep(0.1)
    assert clock.now() - before > 300

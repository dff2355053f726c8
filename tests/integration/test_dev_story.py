"""`rotavatar dev` as a newcomer meets it: all starts, a photo changes, a death is mended, all stops and goes on."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dev import Dev, Person, descendants, eventually, rotavatar, running_dev

pytestmark = pytest.mark.slow

HOUR = "3600"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dev")


@pytest.fixture(scope="module")
def dev(folder: Path) -> Iterator[Dev]:
    with running_dev(folder, "--no-draw") as running:
        yield running


@pytest.fixture(scope="module")
def amara(dev: Dev) -> Person:
    """She has connected and chosen a change each hour, and the clock runs half an hour a second."""
    person = Person(dev.page)
    assert "You are connected" in person.connect()
    eventually(person.home, "a Home tab")
    assert person.choose("frequency", HOUR) == 200
    person.post("/ui/api/clock", speed=1800)
    return person


def changes(person: Person) -> bool:
    before = person.avatar()
    return eventually(lambda: person.avatar() != before, "another photo")


def test_a_member_connects_chooses_and_sees_the_photo_change(amara: Person) -> None:
    assert changes(amara)
    assert changes(amara)


def test_what_says_that_all_is_ready_names_the_page(dev: Dev) -> None:
    assert f"ready {dev.page}" in dev.log.splitlines()
    assert "\x1b" not in dev.log


def test_secrets_are_for_their_owner_only_and_never_printed(dev: Dev) -> None:
    for name in ("secrets.json", "vault-keys", "environment"):
        assert (dev.folder / ".rotavatar" / name).stat().st_mode & 0o077 == 0
    environment = (dev.folder / ".rotavatar" / "environment").read_text()
    secrets = [line.partition("=")[2].strip("'") for line in environment.splitlines() if "SECRET" in line]
    assert len(secrets) == 2
    assert not any(
        secret in dev.log for secret in [*secrets, (dev.folder / ".rotavatar/vault-keys").read_text().strip()]
    )


def test_the_commands_see_what_runs(dev: Dev, amara: Person) -> None:
    members = dev.json("members", "list")
    assert [(member["workspace"], member["member"]) for member in members] == [(amara.team, amara.user)]
    assert dev.json("workspaces", "list")[0]["members"] == 1
    assert dev.json("members", "check") == {"members": 1, "faults": []}
    assert dev.json("dead-letters", "list") == []
    findings = dev.json("doctor")
    assert not [finding for finding in findings if finding["state"] == "fault"]


@pytest.mark.parametrize("name", ["rotator", "publisher", "ingress_api", "slack", "valkey"])
def test_a_process_that_is_killed_is_named_and_started_again(dev: Dev, amara: Person, name: str) -> None:
    before = dev.starts(name)
    os.kill(dev.pid(name), signal.SIGKILL)
    eventually(lambda: dev.starts(name) > before, f"{name} is started again")
    eventually(lambda: f"{name} works again" in dev.log.split("is started again")[-1], f"{name} works again")
    assert f"{name} was killed by SIGKILL" in dev.log
    assert changes(amara)


def test_a_second_one_in_the_same_folder_is_refused(dev: Dev) -> None:
    ended = rotavatar("dev", "--port", "0", folder=dev.folder)
    assert ended.returncode == 1
    assert f"already runs in {dev.folder} as process {dev.process.pid}" in ended.stderr


def test_ctrl_c_stops_all_and_the_next_start_goes_on(dev: Dev, amara: Person, folder: Path) -> None:
    photo, team = amara.avatar(), amara.team
    assert dev.stop() == 0
    assert descendants(folder) == []
    with running_dev(folder, "--no-draw") as again:
        person = Person(again.page)
        assert person.team == team
        assert person.avatar() != "" and photo
        assert person.state()["clock"]["speed"] == 1800
        assert changes(person)
        assert again.stop(signal.SIGTERM) == 0
    assert descendants(folder) == []


def test_reset_forgets_everybody(folder: Path, dev: Dev) -> None:
    if dev.process.poll() is None:
        dev.stop()
    with running_dev(folder, "--no-draw", "--reset") as fresh:
        assert fresh.json("members", "list") == []
        assert fresh.stop() == 0


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with running_dev(tmp_path, "--no-draw") as dev:
        dev.process.kill()
        dev.process.wait()
    eventually(lambda: not descendants(tmp_path), "all processes are gone")


def test_a_port_that_is_taken_is_named_with_who_has_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = rotavatar("dev", "--port", str(port), folder=tmp_path)
    assert ended.returncode == 1
    assert f"Port {port} for the page with the simulated Slack is taken by process {os.getpid()}" in ended.stderr
    assert "--port" in ended.stderr


def test_a_process_that_does_not_exist_cannot_be_left_out(tmp_path: Path) -> None:
    ended = rotavatar("dev", "--without", "rotatr", folder=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr == "--without rotatr: there is only slack, ingress_api, rotator, publisher.\n"

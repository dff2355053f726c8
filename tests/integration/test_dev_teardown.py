"""Keys replaced and everything taken down while `rotavatar dev` runs: the same way as for an operator."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from rotavatar import keys
from tests.dev import Dev, Person, eventually, running_dev

pytestmark = pytest.mark.slow


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    with running_dev(tmp_path, "--no-draw") as running:
        yield running


@pytest.fixture
def people(dev: Dev) -> list[Person]:
    """Two in one workspace and one in the other; everybody's photo has been changed."""
    everybody = [Person(dev.page, place=0), Person(dev.page, place=1), Person(dev.page, workspace=1, place=0)]
    for person in everybody:
        before = person.avatar()
        person.connect()
        eventually(person.home, "a Home tab")
        assert person.choose("frequency", "3600") == 200
        person.post("/ui/api/clock", speed=1800)
        eventually(lambda: person.avatar() != before, "another photo")  # noqa: B023 - called before the next one
    everybody[0].post("/ui/api/clock", speed=1)
    return everybody


def test_keys_are_replaced_while_photos_change(dev: Dev, people: list[Person]) -> None:
    old = dev.json("keys", "status")["seals"]
    assert dev.command("keys", "add").returncode == 0
    new = dev.json("keys", "status")["keys"][1]
    assert dev.command("keys", "first", new).returncode == 0
    dev.json("keys", "re-encrypt")
    counts = dev.json("keys", "status")["counts"]
    assert counts["members"] == {new: 3}
    assert counts["workspaces"] == {new: 2}
    assert dev.command("keys", "retire", old).returncode == 0
    people[0].post("/ui/api/clock", speed=1800)
    for person in people:
        before = person.avatar()
        eventually(lambda: person.avatar() != before, "another photo")  # noqa: B023 - called before the next one
    assert [each["state"] for each in dev.json("doctor") if each["subject"] == "vault"] == ["ok", "ok"]


def test_a_teardown_puts_photos_back_revokes_and_forgets(dev: Dev, people: list[Person]) -> None:
    refused = dev.command("teardown")
    assert refused.returncode == 2
    assert "3 members, 3 of them with a token, in 2 workspaces" in refused.stderr
    ended = dev.command("teardown", "--yes")
    assert ended.returncode == 0, ended.stderr + dev.log
    assert ended.stdout.endswith("Nothing is left.\n")
    assert dev.json("workspaces", "list") == []
    workspaces = people[0].state()["workspaces"]
    assert [workspace["installed"] for workspace in workspaces] == [False, False]
    members = {member["id"]: member for workspace in workspaces for member in workspace["members"]}
    assert [members[person.user]["avatar"]["custom"] for person in people] == [True, False, False]
    photos = [file for file in (dev.folder / ".rotavatar" / "photos").rglob("*") if file.is_file()]
    assert photos == []
    with redis.Redis.from_url(dev.running["redis_url"]) as client:
        left = [key for person in people for key in client.scan_iter(f"*{person.team}*")]
        chores = [entry for number in range(keys.PARTITIONS) for entry in client.zrange(keys.chores(number), 0, -1)]
    assert left == []
    assert chores == [b"sweep:"], "which belongs to no workspace"
    assert dev.command("teardown", "--yes").stdout.endswith("Nothing is left.\n")
    errors = [line for line in dev.log.splitlines() if " ERROR " in line]
    assert errors == [], json.dumps(errors, indent=1)

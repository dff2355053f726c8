"""The commands against a real Valkey that holds two workspaces, as an operator calls them."""

import asyncio
import io
import json
import logging
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec.structs
import pytest
import structlog

from rotavatar import keys
from rotavatar.apps import AppCredentials, open_app, seal_app
from rotavatar.configuration import Secret
from rotavatar.credentials import Credential, open_credential, seal_credential
from rotavatar.errors import VaultError
from rotavatar.keyring import KeyRing, generate_key
from rotavatar.keys import User, Workspace
from rotavatar.messages import Joined, PublishAsked, ShuffleAsked, StatusAsked
from rotavatar.photo_store import PhotoRef, open_photo_store
from rotavatar.records import Idle, Member, WorkspaceRecord
from rotavatar.redis import Redis
from rotavatar.store import Commit, JobStore, MemberStore, Outcome, Place, PublishStore, WorkspaceStore
from rotavatar.store.apps import AppStore
from rotavatar.store.jobs import Entry
from rotavatar.store.publishing import Published
from rotavatar.vault import Owner, Vault
from rotavatar_cli.checking import faults_of
from rotavatar_cli.main import run
from rotavatar_cli.sealing import SealedRecords
from rotavatar_cli.session import Environment, opened
from tests.dev import rotavatar
from tests.servers import Server, free_port

BAKERY, MAPS = Workspace("T0BAKERY"), Workspace("T0MAPS")
AMARA, JONAS, INES = User("U0AMARA"), User("U0JONAS"), User("U0INES")
PHOTO = b"\xff\xd8\xff a photo"
NOW = 1_700_000_000_000
TOKEN = "xoxp-1234567890-canary"


def in_process(*arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command here, which is ten times faster than a process of its own; logging is put back afterwards."""
    out, err = io.StringIO(), io.StringIO()
    root, structured = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    try:
        with mock.patch.dict(os.environ, environ), redirect_stdout(out), redirect_stderr(err):
            code = run(arguments)
    finally:
        root.handlers, root.level = handlers, level
        structlog.configure(**structured)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@dataclass
class House:
    """Two workspaces: Amara is due, Jonas is paused, Inés left. Commands run in a folder of their own."""

    redis: Redis
    folder: Path
    environ: dict[str, str]

    @property
    def key_file(self) -> Path:
        """Where the keys are."""
        return self.folder / "vault-keys"

    @property
    def vault(self) -> Vault:
        """The keys as they are now."""
        return Vault(KeyRing(Secret(self.key_file.read_text().strip())))

    def lose_key(self) -> None:
        """Put another key in the place of the present one."""
        self.key_file.write_text(generate_key(taken=self.vault.keys.ids))

    async def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command. None shows a token or a key."""
        ended = await asyncio.to_thread(in_process, *arguments, environ=self.environ)
        for secret in (TOKEN, "canary", *self.key_file.read_text().strip().split(",")):
            assert secret not in ended.stdout + ended.stderr
        return ended

    async def json(self, *arguments: str) -> Any:
        """What a command prints as JSON."""
        ended = await self.run(*arguments, "--json")
        assert ended.stdout, ended.stderr
        return json.loads(ended.stdout)


@pytest.fixture
async def house(valkey: Server, tmp_path: Path) -> AsyncIterator[House]:
    redis = await Redis.connect(valkey.url, name="test")
    key_file = tmp_path / "vault-keys"
    key_file.write_text(generate_key())
    environ = {
        "ROTAVATAR_REDIS_URL": valkey.url,
        "ROTAVATAR_VAULT_KEYS_FILE": str(key_file),
        "ROTAVATAR_PHOTO_STORE_URL": str(tmp_path / "photos"),
    }
    made = House(redis, tmp_path, environ)
    await furnish(made)
    yield made
    await redis.close()


async def furnish(house: House) -> None:
    for workspace, user, member in (
        (BAKERY, AMARA, Member(frequency=3600, joined_at=NOW, credential_at=5)),
        (BAKERY, JONAS, Member(frequency=3600, joined_at=NOW, credential_at=5, idle=Idle.PAUSED, paused=True)),
        (MAPS, INES, Member(joined_at=NOW, credential_at=5, idle=Idle.LEFT, left_at=NOW)),
    ):
        await join(house, workspace, user, member)
    ref = await open_photo_store(house.environ["ROTAVATAR_PHOTO_STORE_URL"], house.vault).put(
        PHOTO, workspace=BAKERY, user=AMARA
    )
    assert ref.owner == Owner("photo", BAKERY, AMARA)
    app = AppCredentials(app_id="A0OTHER", client_id="1.2", client_secret=Secret("canary"))
    await AppStore(house.redis).put("A0OTHER", seal_app(house.vault, app))


async def join(house: House, workspace: Workspace, user: User, member: Member) -> None:
    credential = Credential(access_token=Secret(TOKEN))
    sealed = seal_credential(house.vault, credential, Owner("member", workspace, user))
    bot = seal_credential(house.vault, credential, Owner("bot", workspace))
    fields = {name: getattr(member, name) for name in ("frequency", "joined_at", "credential_at", "paused", "left_at")}
    await WorkspaceStore(house.redis).install(
        workspace,
        user,
        record=WorkspaceRecord(app="A1", name=workspace.title(), credential=bot, credential_at=5),
        member=Member(credential=sealed, **fields),
        joined=Joined(workspace=workspace, user=user, at=5, trace="t"),
        publish=PublishAsked(workspace=workspace, user=user, at=5, trace="t"),
    )
    seen = await MemberStore(house.redis).snapshot(workspace, user)
    assert seen is not None and seen.member is not None
    place = Place.DUE if member.idle is Idle.NO else Place.IDLE
    changed = Member(**{**_fields(seen.member), "idle": member.idle})
    await MemberStore(house.redis).commit(seen, Commit(member=changed, place=place, time_ms=NOW))


def _fields(member: Member) -> dict[str, Any]:
    return {name: getattr(member, name) for name in member.__struct_fields__}


async def test_members_are_listed_and_shown(house: House) -> None:
    listed = {(each["workspace"], each["member"]): each["stands"] for each in await house.json("members", "list")}
    assert listed == {
        (BAKERY, AMARA): "due 2023-11-14 22:13:20Z",
        (BAKERY, JONAS): "idle: paused",
        (MAPS, INES): "idle: left",
    }
    assert len(await house.json("members", "list", "--workspace", BAKERY)) == 2
    assert [each["member"] for each in await house.json("members", "list", "--idle", "left")] == [INES]
    assert len(await house.json("members", "list", "--limit", "1")) == 1
    shown = await house.run("members", "show", BAKERY, AMARA)
    assert "sealed with key" in shown.stdout
    table = await house.run("members", "list")
    assert "idle: paused" in table.stdout and "1 h" in table.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("members", "show", BAKERY, "U0NOBODY"), 1, "There is no member U0NOBODY in T0BAKERY"),
        (("members", "list", "--workspace", "T0NONE"), 1, "There is no workspace T0NONE"),
        (("members", "list", "--idle", "tired"), 2, "--idle tired: the reasons are off, paused, outside"),
        (("workspaces", "show", "T0NONE"), 1, "There is no workspace T0NONE"),
        (("dead-letters", "show", "99/1-1"), 1, "There is no dead letter 99/1-1"),
        (("dead-letters", "requeue"), 2, "Name dead letters by their ids, or all of them with --all."),
        (("keys", "first", "nope"), 1, "there is no key nope"),
        (("teardown",), 2, "repeat it with --yes"),
        (("no-such-command",), 2, "No such command"),
    ],
)
async def test_every_error_is_a_sentence_that_says_what_to_do(
    house: House, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    ended = await house.run(*arguments)
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.returncode == code


async def test_a_redis_that_is_away_is_named_by_its_place(house: House) -> None:
    port = free_port()
    house.environ["ROTAVATAR_REDIS_URL"] = f"redis://:hunter2@127.0.0.1:{port}/0"
    ended = await house.run("members", "list")
    assert ended.returncode == 1
    assert f"(127.0.0.1:{port})" in ended.stderr
    assert "hunter2" not in ended.stderr


async def test_workspaces_are_listed_with_their_numbers(house: House) -> None:
    listed = {each["workspace"]: each for each in await house.json("workspaces", "list")}
    assert (listed[BAKERY]["members"], listed[BAKERY]["due"], listed[BAKERY]["flight"]) == (2, 1, 0)
    assert listed[MAPS]["members"] == 1
    shown = await house.json("workspaces", "show", MAPS)
    assert (shown["status"], shown["partition"]) == ("active", keys.partition_of(MAPS))
    await house.redis.execute(keys.partition_of(MAPS), "HSET", keys.workspace(MAPS), "su", "approval")
    shown = await house.json("workspaces", "show", MAPS)
    assert (shown["status"], shown["suspended"]) == ("suspended (approval)", "approval")


async def test_a_workspace_is_suspended_resumed_and_approved_and_members_are_told(house: House) -> None:
    partition = keys.partition_of(MAPS)
    for command, standing, chores in (
        ("suspend", "suspended (operator)", 1),
        ("suspend", "suspended (operator)", 0),
        ("approve", "suspended (operator)", 0),
        ("resume", "active", 1),
        ("resume", "active", 0),
    ):
        ended = await house.run("workspaces", command, MAPS)
        assert (ended.returncode, f"{MAPS} is {standing}" in ended.stdout) == (0, True)
        assert (await house.json("workspaces", "show", MAPS))["status"] == standing
        assert await house.redis.execute(partition, "ZREM", keys.chores(partition), f"policy:{MAPS}") == chores
    await house.redis.execute(partition, "HSET", keys.workspace(MAPS), "su", "approval")
    await house.run("workspaces", "approve", MAPS)
    assert (await house.json("workspaces", "show", MAPS))["status"] == "active"


async def test_usage_is_told_for_people_and_as_json(house: House) -> None:
    seen = await MemberStore(house.redis).snapshot(BAKERY, AMARA)
    assert seen is not None and seen.member is not None
    now_ms = int(time.time() * 1000)
    rotated = Commit(member=msgspec.structs.replace(seen.member, rotated_at=now_ms), place=Place.DUE, time_ms=now_ms)
    assert await MemberStore(house.redis).commit(seen, rotated) is Outcome.OK
    await PublishStore(house.redis).finish(BAKERY, AMARA, Published.DONE, now_ms=now_ms, view_hash="h1")
    told = {row["workspace"]: row for row in await house.json("workspaces", "usage")}
    bakery = told[BAKERY]
    assert (bakery["members"], bakery["rotations"], bakery["publishes"], bakery["rotations_last_month"]) == (2, 1, 1, 0)
    assert 0 < bakery["share_of_slack"] <= 1 / 20
    assert (told[MAPS]["rotations"], told[MAPS]["share_of_slack"]) == (0, 0)
    shown = (await house.run("workspaces", "usage")).stdout
    assert BAKERY in shown


async def test_what_a_slacktenant_governs_is_changed_there(house: House) -> None:
    await house.redis.execute(keys.partition_of(MAPS), "HSET", keys.workspace(MAPS), "t", "shop/maps/uid-1")
    for command in ("suspend", "resume", "approve"):
        ended = await house.run("workspaces", command, MAPS)
        assert ended.returncode == 1
        assert "kubectl -n shop patch slacktenant maps" in " ".join(ended.stderr.split())
    assert (await house.json("workspaces", "show", MAPS))["status"] == "active"
    ended = await house.run("workspaces", "suspend", "T0NOBODY")
    assert ended.returncode == 1
    assert "There is no workspace T0NOBODY" in ended.stderr


async def test_the_check_finds_who_is_in_no_place_or_in_two(house: House) -> None:
    assert (await house.json("members", "check", "--no-pictures")) == {"members": 3, "faults": []}
    partition = keys.partition_of(BAKERY)
    await house.redis.execute(partition, "ZREM", keys.due(BAKERY), AMARA)
    await house.redis.execute(partition, "ZADD", keys.due(BAKERY), NOW, JONAS, NOW, "U0GHOST")
    ended = await house.run("members", "check", "--no-pictures", "--json")
    assert ended.returncode == 1
    found = {(fault["user"], fault["what"].partition(":")[0]) for fault in json.loads(ended.stdout)["faults"]}
    assert found == {
        (AMARA, "is nowhere"),
        (JONAS, "is due and idle (paused) at once"),
        ("U0GHOST", "is queued and not a member"),
    }


async def test_a_member_who_moves_during_the_check_is_no_fault(house: House) -> None:
    partition = keys.partition_of(BAKERY)
    await house.redis.execute(partition, "ZREM", keys.due(BAKERY), AMARA)
    async with opened(Environment(house.environ)) as stores:
        checking = asyncio.create_task(faults_of(stores, BAKERY, numbers=None))
        await asyncio.sleep(0.2)
        await house.redis.execute(partition, "ZADD", keys.due(BAKERY), NOW, AMARA)
        assert await checking == (2, [])


async def bury(house: House, job: Any) -> str:
    partition = keys.partition_of(BAKERY)
    store = JobStore(house.redis)
    await store.create_groups([keys.schedule_jobs(number) for number in range(keys.PARTITIONS)])
    id_ = await store.add(job)
    stream = keys.schedule_jobs(partition)
    body = (await house.redis.execute(partition, "XRANGE", stream, id_, id_))[0][1][1]
    entry = Entry(partition=partition, stream=stream, id=id_, body=body, attempt=5)
    await store.bury(entry, reason="RequestRefused: users.setPhoto: not_allowed", now_ms=NOW)
    return id_


async def test_dead_letters_are_listed_shown_requeued_and_dropped(house: House) -> None:
    for at in range(3):
        await bury(house, ShuffleAsked(workspace=BAKERY, user=AMARA, at=at, trace="t"))
    letters = await house.json("dead-letters", "list")
    assert [(each["kind"], each["member"], each["attempts"]) for each in letters] == [("ShuffleAsked", AMARA, 5)] * 3
    shown = await house.run("dead-letters", "show", letters[0]["id"])
    assert "not_allowed" in shown.stdout and '"kind":"shuffle"' in shown.stdout
    partition = keys.partition_of(BAKERY)
    before = await house.redis.execute(partition, "XLEN", keys.schedule_jobs(partition))
    assert (await house.run("dead-letters", "requeue", letters[0]["id"])).returncode == 0
    assert await house.redis.execute(partition, "XLEN", keys.schedule_jobs(partition)) == before + 1
    assert len(await house.json("dead-letters", "list")) == 2
    assert (await house.run("dead-letters", "drop", "--all")).stdout == "2 dropped.\n"
    assert await house.json("dead-letters", "list") == []


async def test_a_response_url_in_a_dead_letter_is_not_shown(house: House) -> None:
    await bury(house, StatusAsked(workspace=BAKERY, user=AMARA, at=1, trace="t", reply="http://127.0.0.1/hooks/canary"))
    (letter,) = await house.json("dead-letters", "list")
    assert '"reply":"[redacted]"' in letter["body"]


async def test_many_dead_letters_are_all_found(house: House) -> None:
    partition = keys.partition_of(BAKERY)
    for number in range(250):
        await house.redis.execute(
            partition, "XADD", keys.dead_letters(partition), "*", "j", b"not a message", "reason", "unreadable",
            "stream", "s", "id", f"{number}-0", "attempts", 1, "at", NOW,
        )  # fmt: skip
    assert len(await house.json("dead-letters", "list", "--limit", "1000")) == 250
    assert (await house.run("dead-letters", "drop", "--all")).stdout == "250 dropped.\n"


async def test_keys_are_replaced_step_by_step(house: House) -> None:
    before = await house.json("keys", "status")
    old = before["seals"]
    assert before["counts"] == {
        "members": {old: 3},
        "workspaces": {old: 2},
        "apps": {old: 1},
        "photos": {old: 1},
    }
    assert (await house.run("keys", "add")).returncode == 0
    new = (await house.json("keys", "status"))["keys"][1]
    assert "seals: put another one first" in (await house.run("keys", "retire", old)).stderr
    assert (await house.run("keys", "first", new)).returncode == 0
    refused = await house.run("keys", "retire", old)
    assert refused.returncode == 1
    assert "still opens something: re-encrypt first" in refused.stderr
    moved = await house.json("keys", "re-encrypt")
    assert {kind: outcome["moved"] for kind, outcome in moved.items()} == {
        "members": 3,
        "workspaces": 2,
        "apps": 1,
        "photos": 1,
    }
    assert (await house.run("keys", "retire", old)).returncode == 0
    after = await house.json("keys", "status")
    assert (after["keys"], after["missing"]) == ([new], [])
    await everything_opens(house)


async def everything_opens(house: House) -> None:
    for workspace, user in ((BAKERY, AMARA), (BAKERY, JONAS), (MAPS, INES)):
        seen = await MemberStore(house.redis).snapshot(workspace, user)
        assert seen is not None and seen.member is not None
        opened = open_credential(house.vault, seen.member.credential, Owner("member", workspace, user))
        assert opened.access_token.reveal() == TOKEN
        bot = open_credential(house.vault, seen.record.credential, Owner("bot", workspace))
        assert bot.access_token.reveal() == TOKEN
    sealed = (await AppStore(house.redis).read()).sealed["A0OTHER"]
    assert open_app(house.vault, "A0OTHER", sealed).client_secret.reveal() == "canary"
    store = open_photo_store(house.environ["ROTAVATAR_PHOTO_STORE_URL"], house.vault)
    photos = [photo async for photo in store.photos()]
    assert [await store.get(PhotoRef(p.ref.workspace, p.ref.user, p.ref.name)) for p in photos] == [PHOTO]


async def test_a_token_that_was_renewed_meanwhile_stays(house: House) -> None:
    async with opened(Environment(house.environ)) as stores:
        records = SealedRecords(stores)
        walked = [item async for item in records.members()]
        bots = [item async for item in records.workspaces()]
        apps = [item async for item in records.apps()]
        for item in walked:
            assert not await records.replace_member(msgspec.structs.replace(item, blob=b"older"), b"moved")
        for item in bots:
            assert not await records.replace_workspace(msgspec.structs.replace(item, blob=b"older"), b"moved")
        for item in apps:
            assert not await records.replace_app(msgspec.structs.replace(item, blob=b"older"), b"moved")
        assert [item async for item in records.members()] == walked
    await everything_opens(house)


async def test_a_click_during_the_walk_loses_nothing(house: House) -> None:
    async with opened(Environment(house.environ)) as stores:
        records = SealedRecords(stores)
        (old,) = [item async for item in records.members() if item.owner.user == AMARA]
        clicked = await stores.members.snapshot(BAKERY, AMARA)
        assert clicked is not None and clicked.member is not None
        chosen = msgspec.structs.replace(clicked.member, frequency=7200)
        await stores.members.commit(clicked, Commit(member=chosen, place=Place.STAY))
        assert await records.replace_member(old, house.vault.seal(house.vault.open(old.blob, old.owner), old.owner))
        after = await stores.members.snapshot(BAKERY, AMARA)
        assert after is not None and after.member is not None
        assert (after.member.frequency, after.due) == (7200, NOW)
    await everything_opens(house)


async def test_a_key_that_is_gone_is_missed(house: House) -> None:
    house.lose_key()
    ended = await house.run("keys", "status")
    assert ended.returncode == 1
    assert "MISSING" in ended.stdout
    again = await house.run("keys", "re-encrypt")
    assert again.returncode == 1
    assert "`rotavatar keys status` names the keys that are missing" in again.stderr
    with pytest.raises(VaultError):
        await everything_opens(house)


async def test_a_new_key_is_printed_alone_and_is_one(house: House) -> None:
    ended = await house.run("keys", "new")
    KeyRing(Secret(ended.stdout.strip()))
    assert ended.stderr == ""


async def test_keys_without_a_file_go_to_standard_output(house: House) -> None:
    given = house.environ | {"ROTAVATAR_VAULT_KEYS": f"only:{generate_key().partition(':')[2]}"}
    del given["ROTAVATAR_VAULT_KEYS_FILE"]
    ended = await asyncio.to_thread(in_process, "keys", "add", environ=given)
    assert KeyRing(Secret(ended.stdout.strip())).ids[0] == "only"
    assert "in place of ROTAVATAR_VAULT_KEYS" in ended.stderr


async def test_a_dry_run_counts_and_changes_nothing(house: House) -> None:
    ended = await house.run("teardown", "--dry-run")
    assert ended.stdout == "Would take down 3 members, 3 of them with a token, in 2 workspaces.\n"
    assert len(await house.json("members", "list")) == 3


async def test_the_doctor_names_what_is_missing_and_what_is_wrong(
    house: House, own_server: Callable[..., Server]
) -> None:
    server = await asyncio.to_thread(own_server, appendfsync="everysec", maxmemory_policy="allkeys-lru")
    house.environ["ROTAVATAR_REDIS_URL"] = server.url
    ended = await house.run("doctor", "--no-outside")
    assert ended.returncode == 1
    lines = ended.stdout.splitlines()
    assert any(
        line.startswith("fault  settings") and "ROTAVATAR_SLACK_CLIENT_SECRET is missing" in line for line in lines
    )
    assert any(line.startswith("fault  redis") and "allkeys-lru" in line for line in lines)
    assert any(line.startswith("advice redis") and "everysec" in line for line in lines)
    assert any(line.startswith("ok     photos") for line in lines)
    assert sum("ROTAVATAR_SLACK_CLIENT_ID is missing" in line for line in lines) == 1


async def test_the_doctor_sees_tokens_that_no_key_opens(house: House) -> None:
    house.lose_key()
    found = await house.json("doctor", "--no-outside")
    assert any(each["subject"] == "vault" and "does not open" in each["sentence"] for each in found)


async def test_the_manifest_is_made_for_the_address_of_the_settings(house: House) -> None:
    given = json.loads(
        (await house.run("manifest", "--public-url", "https://R.example.com/", "--rotate-tokens")).stdout
    )
    assert given["oauth_config"]["redirect_urls"] == ["https://r.example.com/slack/oauth_redirect"]
    assert given["settings"]["token_rotation_enabled"] is True
    house.environ["ROTAVATAR_PUBLIC_URL"] = "https://r.example.com"
    assert json.loads((await house.run("manifest", "--rotate-tokens")).stdout) == given
    refused = await house.run("manifest", "--public-url", "https://r.example.com/path")
    assert refused.returncode == 2
    assert "without a path" in refused.stderr


async def test_the_version_is_that_of_the_distribution(house: House) -> None:
    assert (await house.run("version")).stdout == "0.1.0\n"


async def test_dev_settings_are_asked_for_where_there_are_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(house.folder)
    ended = await house.run("--dev", "members", "list")
    assert ended.returncode == 2
    assert "which `rotavatar dev` writes: start it in this folder first." in ended.stderr


def test_the_catalogue_is_the_one_of_the_settings(tmp_path: Path) -> None:
    environ = {"ROTAVATAR_CATALOGUE_DIR": str(tmp_path / "avatars")}
    ended = rotavatar("catalogue", "verify", folder=tmp_path, environ=environ)
    assert ended.returncode == 1
    assert f"rotavatar catalogue draw --to {tmp_path / 'avatars'}" in ended.stderr
    drawn = rotavatar("catalogue", "draw", "--packs", "critters", "--count", "2", folder=tmp_path, environ=environ)
    assert drawn.returncode == 0, drawn.stderr
    assert (
        "2 of 2 pictures drawn, 0 of them damaged"
        in rotavatar("catalogue", "verify", folder=tmp_path, environ=environ).stdout
    )
    assert "usage: rotavatar catalogue" in rotavatar("catalogue", "--help", folder=tmp_path).stdout

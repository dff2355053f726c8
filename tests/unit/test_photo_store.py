"""A photo is kept whole or not at all, opens for its member only, and nothing of a purged workspace is left."""

import asyncio
import base64
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rotavatar import photo_store
from rotavatar.configuration import Secret
from rotavatar.errors import ConfigurationError, Unavailable, VaultError
from rotavatar.keyring import KeyRing
from rotavatar.keys import User, Workspace
from rotavatar.photo_store import MAX_PHOTO_BYTES, PhotoRef, PhotoStore, StoredPhoto, name_of, open_photo_store
from rotavatar.reencryption import Outcome, count_keys, reencrypt
from rotavatar.vault import Vault
from tests.patience import SECONDS

ONE = "one:" + base64.b64encode(b"1" * 32).decode()
TWO = "two:" + base64.b64encode(b"2" * 32).decode()
VAULT = Vault(KeyRing(Secret(ONE)))
T, U = Workspace("T0123"), User("U0123")
PHOTO = b"\x89PNG" + bytes(range(256)) * 40


@pytest.fixture
def store(tmp_path) -> PhotoStore:
    return open_photo_store(str(tmp_path / "photos"), VAULT)


async def listed(store: PhotoStore, workspace: Workspace | None = None) -> list[StoredPhoto]:
    return [photo async for photo in store.photos(workspace)]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_photo_is_kept_encrypted_and_found_again(store, tmp_path):
    before = time.time()
    ref = await store.put(PHOTO, workspace=T, user=U)
    assert await store.get(ref) == PHOTO
    (file,) = files(tmp_path)
    assert file == tmp_path / "photos" / T / U / ref.name
    assert PHOTO[:40] not in file.read_bytes()
    (photo,) = await listed(store)
    assert photo.ref == ref
    assert photo.size == file.stat().st_size == len(PHOTO) + 32
    assert before - 1 <= photo.modified <= time.time() + 1
    assert (tmp_path / "photos").stat().st_mode & 0o077 == 0


async def test_the_same_photo_twice_is_one_and_another_one_is_another(store):
    first = await store.put(PHOTO, workspace=T, user=U)
    assert await store.put(PHOTO, workspace=T, user=U) == first
    second = await store.put(PHOTO + b".", workspace=T, user=U)
    assert {photo.ref for photo in await listed(store)} == {first, second}


async def test_photos_put_at_the_same_time_are_all_whole(store):
    photos = [os.urandom(200_000) for _ in range(8)] + [PHOTO] * 8
    refs = await asyncio.gather(*(store.put(photo, workspace=T, user=U) for photo in photos))
    assert [await store.get(ref) for ref in refs] == photos
    assert len(await listed(store)) == 9


async def test_a_photo_that_is_not_there_is_none_and_deleting_it_no_error(store):
    ref = await store.put(PHOTO, workspace=T, user=U)
    await store.delete(ref)
    await store.delete(ref)
    assert await store.get(ref) is None
    assert await listed(store) == []


@pytest.mark.parametrize("photo", [b"", b"x" * (MAX_PHOTO_BYTES + 1)])
async def test_what_has_no_photos_size_is_refused(store, tmp_path, photo):
    with pytest.raises(ValueError, match="bytes"):
        await store.put(photo, workspace=T, user=U)
    assert files(tmp_path) == []


async def test_the_largest_photo_is_kept(store):
    photo = os.urandom(MAX_PHOTO_BYTES)
    assert await store.get(await store.put(photo, workspace=T, user=U)) == photo


async def test_a_file_too_large_to_be_ours_is_not_read(store, tmp_path):
    ref = await store.put(PHOTO, workspace=T, user=U)
    (tmp_path / "photos" / ref.path).write_bytes(b"x" * (MAX_PHOTO_BYTES + 65))
    with pytest.raises(VaultError, match="none of ours"):
        await store.get(ref)


async def test_a_photo_moved_to_another_member_or_name_does_not_open(store, tmp_path):
    root = tmp_path / "photos"
    ref = await store.put(PHOTO, workspace=T, user=U)
    other = await store.put(PHOTO + b".", workspace=T, user=U)
    (root / other.path).write_bytes((root / ref.path).read_bytes())
    with pytest.raises(VaultError, match="not the one"):
        await store.get(other)
    stranger = await store.put(PHOTO, workspace=T, user=User("U9"))
    (root / stranger.path).write_bytes((root / ref.path).read_bytes())
    with pytest.raises(VaultError, match="key one"):
        await store.get(stranger)


async def test_a_file_cut_short_by_a_broken_disk_is_noticed_and_healed_by_putting_it_again(store, tmp_path):
    ref = await store.put(PHOTO, workspace=T, user=U)
    for size in (0, 20, 100):
        os.truncate(tmp_path / "photos" / ref.path, size)
        with pytest.raises(VaultError):
            await store.get(ref)
        await store.put(PHOTO, workspace=T, user=U)
        assert await store.get(ref) == PHOTO


# Names

hostile = st.sampled_from(["", ".", "..", "../..", "a/b", "/etc", "T1/../..", "T1\0", "t1", "T1\n", "%2e%2e", "T" * 33])
NAME = name_of(PHOTO, workspace=T, user=U)


@given(workspace=hostile | st.text(), user=hostile | st.text(), name=hostile | st.text())
def test_no_name_leads_out_of_its_folder(workspace, user, name):
    for parts in ((workspace, U, NAME), (T, user, NAME), (T, U, name)):
        try:
            path = PhotoRef(Workspace(parts[0]), User(parts[1]), parts[2]).path
        except ValueError:
            continue
        assert path.count("/") == 2
        assert all(part.replace("-", "").replace("_", "").isalnum() or part == name for part in path.split("/"))
        assert (Path("/root") / path).resolve() == Path("/root") / path


@pytest.mark.parametrize("bad", ["", "..", ".", "T1/..", "t1"])
async def test_hostile_ids_reach_no_file(store, tmp_path, bad):
    outside = tmp_path / "outside"
    outside.write_text("stays")
    await store.put(PHOTO, workspace=T, user=U)
    for call in (
        lambda: store.put(PHOTO, workspace=Workspace(bad), user=U),
        lambda: store.put(PHOTO, workspace=T, user=User(bad)),
        lambda: store.delete_member(T, User(bad)),
        lambda: store.delete_workspace(Workspace(bad)),
        lambda: listed(store, Workspace(bad)),
    ):
        with pytest.raises(ValueError, match="no Slack id"):
            await call()
    assert len(files(tmp_path)) == 2


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(photo=st.binary(min_size=1, max_size=99), other=st.binary(min_size=1, max_size=99))
def test_names_tell_photos_and_members_apart(photo, other):
    assume(photo != other)
    names = {name_of(each, workspace=T, user=user) for each in (photo, other) for user in (U, User("U9"))}
    assert len(names) == 4


# Deleting


async def test_a_workspace_goes_in_chunks_and_leaves_others_alone(store, tmp_path):
    for number in range(25):
        await store.put(PHOTO, workspace=T, user=User(f"U{number}"))
    neighbour = await store.put(PHOTO, workspace=Workspace(T + "4"), user=U)
    left = []
    while not await store.delete_workspace(T, chunk=10):
        left.append(len(await listed(store, T)))
    assert left == [15, 5]
    assert [photo.ref for photo in await listed(store)] == [neighbour]
    assert not (tmp_path / "photos" / T).exists()
    assert await store.delete_workspace(T) is True


async def test_a_members_photos_go_without_those_of_members_with_a_similar_id(store):
    for end in (b"1", b"2", b"3"):
        await store.put(PHOTO + end, workspace=T, user=U)
    neighbour = await store.put(PHOTO, workspace=T, user=User(U + "4"))
    assert await store.delete_member(T, U, chunk=2) is False
    assert await store.delete_member(T, U, chunk=2) is True
    assert [photo.ref for photo in await listed(store)] == [neighbour]


async def test_two_purges_of_a_workspace_at_once_do_not_disturb_each_other(store):
    for number in range(60):
        await store.put(PHOTO, workspace=T, user=User(f"U{number}"))

    async def purge() -> None:
        while not await store.delete_workspace(T, chunk=7):
            pass

    await asyncio.gather(purge(), purge(), purge())
    assert await listed(store) == []


async def test_a_photo_put_after_the_last_listing_survives_the_end_of_a_purge(store, tmp_path):
    ref = await store.put(PHOTO, workspace=T, user=U)
    photo_store._remove_unfinished(tmp_path / "photos" / T)
    assert await store.get(ref) == PHOTO


async def test_what_is_not_ours_in_the_store_is_neither_listed_nor_an_error(store, tmp_path):
    await store.put(PHOTO, workspace=T, user=U)
    (tmp_path / "photos" / "lost+found").mkdir()
    (tmp_path / "photos" / "README").write_text("mine")
    (tmp_path / "photos" / T / U / "deeper").mkdir()
    (tmp_path / "photos" / T / U / "deeper" / NAME).write_text("mine")
    assert len(await listed(store)) == 1


# Dying


WRITER = """
import asyncio, os, sys
from tests.unit.test_photo_store import VAULT, T, U
from rotavatar.photo_store import MAX_PHOTO_BYTES, open_photo_store

async def main():
    store = open_photo_store(sys.argv[1], VAULT)
    print("ready", flush=True)
    while True:
        await store.put(os.urandom(MAX_PHOTO_BYTES), workspace=T, user=U)

asyncio.run(main())
"""


def killed_while_it_writes(folder: Path) -> None:
    """Start a process that puts photos, and kill it as soon as a file that it has not finished is seen."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, env={"PYTHONPATH": f"{root}/services"}) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        deadline = time.monotonic() + SECONDS
        while not list(folder.glob("*/*/*#*")) and time.monotonic() < deadline:
            pass
        child.kill()


async def test_a_process_killed_while_it_writes_leaves_no_half_photo(store, tmp_path):
    folder = tmp_path / "photos"
    unfinished = 0
    for _ in range(5):
        await asyncio.to_thread(killed_while_it_writes, folder)
        for photo in await listed(store):
            assert await store.get(photo.ref) is not None
        unfinished += len(list(folder.glob("*/*/*#*")))
        assert await store.delete_workspace(T) is True
        assert files(tmp_path) == []
    assert unfinished, "no kill met a write, so this proved nothing"


# Keys


async def test_photos_move_to_a_new_key(tmp_path):
    url = (tmp_path / "photos").as_uri()
    before = open_photo_store(url, VAULT)
    refs = [await before.put(PHOTO, workspace=T, user=User(f"U{number}")) for number in range(5)]
    both = Vault(KeyRing(Secret(f"{TWO},{ONE}")))
    store = open_photo_store(url, both)
    assert await count_keys(store.headers()) == {"one": 5}
    assert await reencrypt(both, store.sealed(), replace=store.replace) == Outcome(moved=5)
    assert await count_keys(store.headers()) == {"two": 5}
    alone = open_photo_store(url, Vault(KeyRing(Secret(TWO))))
    assert [await alone.get(ref) for ref in refs] == [PHOTO] * 5


async def test_a_photo_deleted_during_reencryption_does_not_come_back(store):
    ref = await store.put(PHOTO, workspace=T, user=U)
    (sealed,) = [item async for item in store.sealed()]
    await store.delete(ref)
    assert await store.replace(sealed, b"anything") is False
    assert await listed(store) == []


async def test_an_empty_file_is_counted_as_unreadable(store, tmp_path):
    ref = await store.put(PHOTO, workspace=T, user=U)
    os.truncate(tmp_path / "photos" / ref.path, 0)
    assert await count_keys(store.headers()) == {"?": 1}


# Opening, and stores that are away


@pytest.mark.parametrize("url", ["s3://", "gs:// ", "az://"])
def test_a_url_that_names_no_store_is_a_configuration_error(url):
    with pytest.raises(ConfigurationError, match="ROTAVATAR_PHOTO_STORE_URL"):
        open_photo_store(url, VAULT)


def test_a_folder_that_cannot_be_made_is_a_configuration_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match="cannot be made"):
        open_photo_store(str(tmp_path / "file" / "photos"), VAULT)


async def test_a_folder_with_unusual_characters_is_the_same_as_path_and_as_url(tmp_path):
    folder = tmp_path / "a b#c%20é"
    ref = await open_photo_store(str(folder), VAULT).put(PHOTO, workspace=T, user=U)
    assert await open_photo_store(folder.as_uri(), VAULT).get(ref) == PHOTO


@pytest.fixture
def object_store(monkeypatch):
    """Opens an S3 store at a port of this machine."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "test-1")

    def opened(port: int) -> PhotoStore:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        return open_photo_store("s3://bucket/photos", VAULT)

    return opened


async def unavailable(store: PhotoStore) -> None:
    ref = PhotoRef(T, U, NAME)
    for call in (
        lambda: store.put(PHOTO, workspace=T, user=U),
        lambda: store.get(ref),
        lambda: store.delete(ref),
        lambda: listed(store),
        lambda: store.delete_workspace(T),
        store.check,
    ):
        with pytest.raises(Unavailable, match="photo store"):
            await call()


async def test_a_store_that_refuses_connections_is_unavailable(object_store, unused_tcp_port):
    await unavailable(object_store(unused_tcp_port))


@pytest.mark.parametrize(
    "status", ["403 Forbidden", "404 Not Found", "500 Internal Server Error", "301 Moved Permanently"]
)
async def test_a_store_that_answers_with_an_error_is_unavailable(object_store, status):
    methods = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        methods.add(head.split()[0])
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        store = object_store(server.sockets[0].getsockname()[1])
        with pytest.raises(Unavailable):
            await store.put(PHOTO, workspace=T, user=U)
        with pytest.raises(Unavailable):
            await store.get(PhotoRef(T, U, NAME))
        with pytest.raises(Unavailable):
            await store.check()
    assert methods == {b"PUT", b"GET"}


async def test_a_store_that_never_answers_is_unavailable_in_time(object_store, monkeypatch):
    monkeypatch.setattr(photo_store, "DEADLINE_SECONDS", 0.2)
    silence = asyncio.Event()
    calls = []

    async def never(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(writer)
        await silence.wait()
        writer.close()

    async with await asyncio.start_server(never, "127.0.0.1", 0) as server:
        store = object_store(server.sockets[0].getsockname()[1])
        started = time.monotonic()
        await unavailable(store)
        assert time.monotonic() - started < 6 * 0.2 + 2
        silence.set()
    assert len(calls) >= 6

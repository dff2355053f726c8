"""Drawing a catalogue into a folder: resuming, repairing, growing, refusing."""

import fcntl
import hashlib
import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from rotavatar.catalogue import CURRENT, LIST_SUFFIX, Catalogue, Library, is_address
from rotavatar_catalogue import cli, making
from rotavatar_catalogue.drawing import DrawingError
from rotavatar_catalogue.making import Order, Progress, damages, identity, make, prepare
from rotavatar_catalogue.packs import BY_KEY, PACKS

QUICK = ("robots", "planets")


def order(folder: Path, **changes: object) -> Order:
    return msgspec.structs.replace(Order(folder=folder, packs=QUICK, count=3), **changes)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished catalogue, for tests that only read it."""
    folder = tmp_path_factory.mktemp("drawn")
    make(order(folder))
    return folder


def test_a_catalogue_has_every_picture_under_the_digest_of_its_content(drawn: Path) -> None:
    catalogue = Library(drawn).current
    assert catalogue.complete
    pictures = list(catalogue.pictures())
    assert [str(picture.reference) for picture in pictures] == [
        f"{catalogue.id}/{pack}/{index}" for pack in QUICK for index in range(3)
    ]
    assert len({picture.sha256 for picture in pictures}) == 6
    for picture in pictures:
        content = catalogue.path(picture).read_bytes()
        assert hashlib.sha256(content).hexdigest() == picture.sha256
        assert len(content) == picture.size
        assert is_address(picture.address)
    assert not list(damages(catalogue))


def test_two_workers_draw_byte_for_byte_what_one_draws(drawn: Path, tmp_path: Path) -> None:
    make(order(tmp_path, workers=2))
    assert files_of(tmp_path) == files_of(drawn)


def test_another_seed_is_another_catalogue(drawn: Path, tmp_path: Path) -> None:
    other = make(order(tmp_path, packs=("robots",), count=2, seed="other"))
    mine = Library(drawn).current
    assert other.id != mine.id
    assert not {picture.sha256 for picture in other.pictures()} & {picture.sha256 for picture in mine.pictures()}


def test_the_first_pictures_come_first_and_the_rest_later(drawn: Path, tmp_path: Path) -> None:
    first = make(order(tmp_path, first=1))
    assert [first.drawn(pack) for pack in QUICK] == [1, 1]
    assert [pack.size for pack in first.packs.values()] == [3, 3]
    assert not first.complete
    make(order(tmp_path))
    assert files_of(tmp_path) == files_of(drawn)


def test_growing_and_adding_a_pack_changes_nothing_that_was_there(tmp_path: Path) -> None:
    before = make(order(tmp_path, packs=("robots",), count=2))
    references = {str(picture.reference): picture for picture in before.pictures()}
    after = make(order(tmp_path, packs=("robots", "stones"), count=3))
    assert after.id == before.id
    assert after.drawn("robots") == after.drawn("stones") == 3
    for picture in references.values():
        assert after.picture("robots", picture.reference.index) == picture
    shrunk = make(order(tmp_path, packs=("robots",), count=1))
    assert shrunk.packs["robots"].size == 3
    assert "stones" in shrunk.packs


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    seen: list[Progress] = []
    make(order(tmp_path), report=seen.append)
    assert seen[-1].done == seen[-1].total == 6
    assert {progress.pack for progress in seen} == set(QUICK)
    seen.clear()
    make(order(tmp_path), report=seen.append)
    assert seen == []


def test_damaged_and_missing_files_are_noticed_and_drawn_again(drawn: Path, tmp_path: Path) -> None:
    catalogue = make(order(tmp_path))
    one, other = catalogue.picture("robots", 1), catalogue.picture("planets", 2)
    assert one is not None
    assert other is not None
    content = bytearray(catalogue.path(one).read_bytes())
    content[len(content) // 2] ^= 1
    catalogue.path(one).write_bytes(content)
    catalogue.path(other).unlink()
    assert {(damage.picture, damage.missing) for damage in damages(catalogue)} == {(one, False), (other, True)}
    make(order(tmp_path))
    assert files_of(tmp_path) == files_of(drawn)


@pytest.mark.parametrize("spoil", [lambda text: text[:-20], lambda text: text[:80] + b"\0" + text[81:]])
def test_a_torn_or_damaged_list_is_mended(drawn: Path, tmp_path: Path, spoil) -> None:
    catalogue = make(order(tmp_path))
    listed = catalogue.folder / f"robots{LIST_SUFFIX}"
    listed.write_bytes(spoil(listed.read_bytes()))
    make(order(tmp_path))
    assert files_of(tmp_path) == files_of(drawn)


def test_a_killed_drawing_is_finished_by_the_next_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rotavatar_catalogue", "draw", "--to", str(tmp_path), "--workers", "2"]
    command += ["--packs", "robots", "stones", "--count", "400"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    listed = tmp_path / identity(making.SEED)[0] / f"robots{LIST_SUFFIX}"
    deadline = time.monotonic() + 60
    while not (listed.exists() and listed.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    workers = children_of(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert workers
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in workers if alive(pid)]
    before = Library(tmp_path).current
    kept = before.drawn("robots")
    assert 0 < kept < 400
    after = make(Order(folder=tmp_path, packs=("robots", "stones"), count=400, first=kept + 2))
    assert after.drawn("robots") == kept + 2
    assert [after.picture("robots", index) for index in range(kept)] == [
        before.picture("robots", index) for index in range(kept)
    ]
    assert not list(damages(after))


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_a_catalogue_can_be_opened_before_anything_is_drawn(tmp_path: Path) -> None:
    prepare(order(tmp_path))
    library = Library(tmp_path)
    assert [library.current.drawn(pack) for pack in QUICK] == [0, 0]
    make(order(tmp_path, first=1))
    library.refresh()
    assert [library.current.drawn(pack) for pack in QUICK] == [1, 1]


def test_the_catalogue_in_use_changes_only_when_the_new_one_is_drawn(tmp_path: Path) -> None:
    old = make(order(tmp_path, packs=("robots",), count=1, seed="old"))
    new = prepare(order(tmp_path, packs=("robots",), count=1))
    assert Library(tmp_path).current.id == old.id
    make(order(tmp_path, packs=("robots",), count=1))
    library = Library(tmp_path)
    assert library.current.id == new.id
    assert library.catalogue(old.id).complete


def test_two_drawings_into_one_folder_are_refused(drawn: Path) -> None:
    with (drawn / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DrawingError, match="another process"):
            make(order(drawn))


def test_a_recipe_that_changed_under_its_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(order(tmp_path, packs=("robots",), count=1))
    changed = [
        msgspec.structs.replace(recipe, options={**recipe.options, "chestProbability": 0})
        if recipe.key == "robots"
        else recipe
        for recipe in PACKS
    ]
    monkeypatch.setattr(making, "PACKS", changed)
    with pytest.raises(DrawingError, match="new key"):
        make(order(tmp_path, packs=("robots",), count=1))


def test_other_builds_of_the_libraries_are_noticed(tmp_path: Path) -> None:
    catalogue = make(order(tmp_path, packs=("robots",), count=1))
    listed = catalogue.folder / f"robots{LIST_SUFFIX}"
    listed.write_text(f"{'0' * 64} png 5\n")
    with pytest.raises(DrawingError, match="other builds"):
        make(order(tmp_path, packs=("robots",), count=1))


@pytest.mark.parametrize(("changes", "said"), [({"packs": ("nobody",)}, "no pack nobody"), ({"count": 1025}, "1024")])
def test_an_impossible_order_is_refused_in_a_sentence(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(DrawingError, match=said):
        make(order(tmp_path, **changes))


def test_the_same_picture_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "drawn", lambda batches, **_: ([b"same", b"same"] for _ in batches))
    with pytest.raises(DrawingError, match="twice"):
        make(order(tmp_path, packs=("robots",), count=2))


def test_the_command_draws_verifies_and_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert cli.main(["draw", "--to", str(tmp_path), "--packs", "stones", "--count", "2", "--workers", "1"]) == 0
        out, err = capsys.readouterr()
        assert "1 packs, 2 pictures" in out
        assert "drew 2 of 2 avatars" in err
        assert cli.main(["verify", "--to", str(tmp_path)]) == 0
        assert "2 of 2 pictures drawn, 0 of them damaged" in capsys.readouterr().out
        next(Library(tmp_path).current.folder.glob("stones/*.png")).write_bytes(b"")
        assert cli.main(["verify", "--to", str(tmp_path)]) == 1
        assert "damaged: " in capsys.readouterr().out
        assert cli.main(["draw", "--to", str(tmp_path), "--packs", "nobody"]) == 1
        assert capsys.readouterr().err.startswith("there is no pack nobody")
        assert cli.main(["packs"]) == 0
        assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(BY_KEY)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_command_stops_when_told_to_and_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rotavatar_catalogue", "draw", "--to", str(tmp_path), "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / CURRENT).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.splitlines()[-1] == "stopped; the same command goes on from here"
    assert Catalogue(tmp_path / identity(making.SEED)[0]).packs.keys() == BY_KEY.keys()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert cli.main(["draw", "--to", str(tmp_path), "--packs", "stones", "--count", "1", "--workers", "1"]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "drawing avatars" in terminal.getvalue()
    assert "\x1b[" in terminal.getvalue()

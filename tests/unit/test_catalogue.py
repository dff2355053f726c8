"""Reading a catalogue that another process draws."""

import hashlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotavatar.catalogue import (
    CURRENT,
    LIST_SUFFIX,
    MANIFEST,
    MAX_PER_PACK,
    Catalogue,
    Credit,
    Library,
    Manifest,
    Pack,
    Reference,
    is_address,
)
from rotavatar.errors import ConfigurationError

CREDIT = Credit(title="Art", creator="Somebody", source="https://example.org", licence="CC0 1.0", licence_url="")


def pack(key: str, *, ordinal: int = 0, size: int = 4, lifelike: bool = False) -> Pack:
    return Pack(key=key, ordinal=ordinal, title=key, size=size, lifelike=lifelike, credit=CREDIT, recipe="r")


def begin(folder: Path, *packs: Pack, name: str = "caaaaa") -> Path:
    """A catalogue of which nothing is drawn yet, in use."""
    catalogue = folder / name
    catalogue.mkdir()
    (catalogue / MANIFEST).write_bytes(msgspec.json.encode(Manifest(id=name, drawn_by={}, packs=packs)))
    (folder / CURRENT).write_text(f"{name}\n")
    return catalogue


def add(catalogue: Path, key: str, content: bytes) -> str:
    """Draw one picture."""
    digest = hashlib.sha256(content).hexdigest()
    (catalogue / key).mkdir(exist_ok=True)
    (catalogue / key / f"{digest}.png").write_bytes(content)
    with (catalogue / f"{key}{LIST_SUFFIX}").open("a") as listed:
        listed.write(f"{digest} png {len(content)}\n")
    return digest


def test_a_picture_is_found_by_reference_and_by_content(tmp_path: Path) -> None:
    folder = begin(tmp_path, pack("people", lifelike=True), pack("critters", ordinal=3))
    add(folder, "critters", b"zero")
    digest = add(folder, "critters", b"one")
    library = Library(tmp_path)
    found = library.picture(Reference(catalogue="caaaaa", pack="critters", index=1))
    assert found is not None
    assert found is library.current.by_sha256(digest)
    assert found.address == f"caaaaa/critters/{digest}.png"
    assert (found.mime, found.size, found.number) == ("image/png", 3, 3 * MAX_PER_PACK + 1)
    assert library.read(found) == b"one"


def test_the_default_pack_is_never_a_lifelike_one(tmp_path: Path) -> None:
    begin(tmp_path, pack("people", lifelike=True), pack("critters", ordinal=1))
    assert Library(tmp_path).current.default_pack.key == "critters"


def test_a_catalogue_that_grows_is_noticed_by_refresh_alone(tmp_path: Path) -> None:
    folder = begin(tmp_path, pack("critters", size=2))
    library = Library(tmp_path)
    assert library.current.drawn("critters") == 0
    assert library.current.picture("critters", 0) is None
    add(folder, "critters", b"zero")
    assert library.current.drawn("critters") == 0
    library.refresh()
    assert library.current.drawn("critters") == 1
    assert not library.current.complete
    add(folder, "critters", b"one")
    assert library.current.refresh() == 1
    assert library.current.complete


def test_a_line_that_is_still_being_written_waits(tmp_path: Path) -> None:
    folder = begin(tmp_path, pack("critters"))
    add(folder, "critters", b"zero")
    listed = folder / f"critters{LIST_SUFFIX}"
    whole = listed.read_bytes()
    for cut in range(len(whole)):
        listed.write_bytes(whole[:cut])
        assert Catalogue(folder).drawn("critters") == 0
    catalogue = Catalogue(folder)
    listed.write_bytes(whole)
    catalogue.refresh()
    assert catalogue.drawn("critters") == 1


def test_unknown_packs_and_indexes_are_none(tmp_path: Path) -> None:
    folder = begin(tmp_path, pack("critters"))
    add(folder, "critters", b"zero")
    library = Library(tmp_path)
    assert library.current.picture("critters", -1) is None
    assert library.current.picture("planets", 0) is None
    assert library.current.drawn("planets") == 0
    assert library.current.by_sha256("0" * 64) is None
    assert library.picture(Reference(catalogue="czzzzz", pack="critters", index=0)) is None


def test_pictures_of_an_older_catalogue_are_still_there(tmp_path: Path) -> None:
    add(begin(tmp_path, pack("critters"), name="coldaa"), "critters", b"old")
    library = Library(tmp_path)
    add(begin(tmp_path, pack("critters"), name="cnewaa"), "critters", b"new")
    library.refresh()
    assert library.current.id == "cnewaa"
    old = library.picture(Reference(catalogue="coldaa", pack="critters", index=0))
    assert old is not None
    assert library.read(old) == b"old"


@pytest.mark.parametrize("content", [None, "", "../../etc\n", "CAAAAA", "\xff\n"])
def test_a_folder_without_catalogue_is_refused_with_what_to_do(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / CURRENT).write_text(content, encoding="latin-1")
    with pytest.raises(ConfigurationError, match="draw"):
        Library(tmp_path)


def test_a_damaged_manifest_or_list_is_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = begin(tmp_path, pack("critters"))
    (folder / f"critters{LIST_SUFFIX}").write_text("../secret png 5\n")
    with pytest.raises(ConfigurationError, match="mends"):
        Library(tmp_path)
    (folder / MANIFEST).write_text('{"id": 1}')
    with pytest.raises(ConfigurationError, match="rotavatar catalogue draw"):
        Library(tmp_path)


references = st.builds(
    Reference,
    catalogue=st.from_regex(r"c[a-z2-7]{5}", fullmatch=True),
    pack=st.from_regex(r"[a-z][a-z0-9-]{1,10}", fullmatch=True),
    index=st.integers(min_value=0, max_value=MAX_PER_PACK - 1),
)


@given(references)
def test_a_reference_survives_the_text_and_stays_small(reference: Reference) -> None:
    assert Reference.parse(str(reference)) == reference
    assert len(str(reference)) <= 23


@given(st.text())
def test_any_other_text_is_no_reference(text: str) -> None:
    with pytest.raises(ValueError, match="not a picture reference"):
        Reference.parse(f"{text} ")


@pytest.mark.parametrize(
    "text",
    [
        "caaaaa/critters/" + "a" * 63 + ".png",
        "caaaaa/critters/" + "A" * 64 + ".png",
        "caaaaa/critters/" + "a" * 64 + ".svg",
        "caaaaa/critters/" + "a" * 64 + ".png\n",
        "caaaaa/../" + "a" * 64 + ".png",
        "caaaaa//" + "a" * 64 + ".png",
        "../caaaaa/critters/" + "a" * 64 + ".png",
        "caaaaa/critters/" + "\u0663" * 64 + ".png",
        "caaaaa/catalogue.json",
        "current",
        "",
    ],
)
def test_nothing_but_a_picture_has_an_address(text: str) -> None:
    assert is_address("caaaaa/critters/" + "a" * 64 + ".png")
    assert not is_address(text)

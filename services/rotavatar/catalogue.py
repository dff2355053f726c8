"""Reads the catalogue of drawn avatars: which packs there are, which pictures, and where their files lie.

    FOLDER/current                            the id of the catalogue in use, one line
    FOLDER/<catalogue>/catalogue.json         Manifest: packs, how many pictures each will have, licences
    FOLDER/<catalogue>/<pack>.pictures        a line for each drawn picture, in order of index: sha256 ext bytes
    FOLDER/<catalogue>/<pack>/<sha256>.<ext>  the pictures

A catalogue may be read while it is drawn: the manifest says from the start how many pictures a pack will have, and the
list of drawn ones only ever grows at its end. What an index means never changes. `rotavatar_catalogue` writes all this.
"""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec

from rotavatar.errors import ConfigurationError

CURRENT = "current"
MANIFEST = "catalogue.json"
LIST_SUFFIX = ".pictures"

MAX_PER_PACK = 1024
"""Pictures a pack may have: the width of its range in the bitmap of worn pictures."""

SIDE = 512
"""Width and height of each picture in pixels; Slack wants at least 512 (https://docs.slack.dev/reference/methods/users.setPhoto)."""

MIME = {"png": "image/png", "jpg": "image/jpeg"}

_CATALOGUE = r"c[a-z2-7]{5}"
_PACK = r"[a-z][a-z0-9-]{1,10}"
_REFERENCE = re.compile(rf"({_CATALOGUE})/({_PACK})/(\d{{1,4}})", re.ASCII)
_LISTED = re.compile(rb"([0-9a-f]{64}) (png|jpg) ([0-9]{1,9})")
_ADDRESS = re.compile(rf"{_CATALOGUE}/{_PACK}/[0-9a-f]{{64}}\.(png|jpg)", re.ASCII)


class Reference(msgspec.Struct, frozen=True, order=True):
    """Names one picture for ever, in at most 23 bytes of text: `c4kq2z/critters/123`. Member records keep this."""

    catalogue: str
    pack: str
    index: int

    def __str__(self) -> str:
        return f"{self.catalogue}/{self.pack}/{self.index}"

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Read what `str` wrote. Raises ValueError."""
        found = _REFERENCE.fullmatch(text)
        if found is None:
            raise ValueError(f"not a picture reference: {text[:40]!r}")
        return cls(catalogue=found[1], pack=found[2], index=int(found[3]))


class Credit(msgspec.Struct, frozen=True):
    """Who drew the art of a pack, and under which licence we use it."""

    title: str
    creator: str
    source: str
    licence: str
    licence_url: str


class Pack(msgspec.Struct, frozen=True):
    """A family of avatars. `ordinal` is its place in the catalogue and never changes; `size` never shrinks."""

    key: str
    ordinal: int
    title: str
    size: int
    lifelike: bool
    credit: Credit
    recipe: str
    """Digest of how it is drawn: a pack that would be drawn in another way must have another key."""


class Manifest(msgspec.Struct, frozen=True):
    """What a catalogue consists of. `drawn_by` names the libraries and the seed that the bytes depend on."""

    id: str
    drawn_by: dict[str, str]
    packs: tuple[Pack, ...]


class Picture(msgspec.Struct, frozen=True):
    """One drawn picture: which it is, and the file that holds it (`size` in bytes)."""

    reference: Reference
    number: int
    """Unique in its catalogue: the bit of this picture in a bitmap of worn ones."""
    sha256: str
    ext: str
    size: int

    @property
    def mime(self) -> str:
        """The Content-Type."""
        return MIME[self.ext]

    @property
    def address(self) -> str:
        """Path below the folder of catalogues, and below `/pictures/` in a URL."""
        return f"{self.reference.catalogue}/{self.reference.pack}/{self.sha256}.{self.ext}"


class _Shelf:
    """The drawn pictures of one pack, as far as they were read."""

    def __init__(self, *, catalogue: str, pack: Pack, path: Path) -> None:
        self.pack = pack
        self.pictures: list[Picture] = []
        self._catalogue = catalogue
        self._path = path
        self._offset = 0

    def read_on(self) -> list[Picture]:
        """What was drawn since the last look; a line that is still being written waits for the next look."""
        if not self._path.exists() or self._path.stat().st_size <= self._offset:
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        fresh = [self._picture(line, index) for index, line in enumerate(whole.splitlines(), start=len(self.pictures))]
        self.pictures += fresh
        return fresh

    def _picture(self, line: bytes, index: int) -> Picture:
        found = _LISTED.fullmatch(line)
        if found is None:
            raise ConfigurationError(f"line {index + 1} of {self._path} is damaged; rotavatar catalogue draw mends it")
        sha256, ext, size = (part.decode("ascii") for part in found.groups())
        return Picture(
            reference=Reference(catalogue=self._catalogue, pack=self.pack.key, index=index),
            number=self.pack.ordinal * MAX_PER_PACK + index,
            sha256=sha256,
            ext=ext,
            size=int(size),
        )


class Catalogue:
    """One catalogue. Reading a picture is a look into memory; only `refresh` and `read` touch the disk."""

    def __init__(self, folder: Path) -> None:
        """Read the catalogue in `folder`. Raises ConfigurationError when there is none or it is damaged."""
        self.folder = folder
        try:
            self.manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigurationError(
                f"{folder} holds no catalogue that can be read; draw it: rotavatar catalogue draw --to {folder.parent}"
            ) from error
        self.packs = {pack.key: pack for pack in self.manifest.packs}
        self._shelves = {
            pack.key: _Shelf(catalogue=self.id, pack=pack, path=folder / f"{pack.key}{LIST_SUFFIX}")
            for pack in self.manifest.packs
        }
        self._by_sha256: dict[str, Picture] = {}
        self.refresh()

    @property
    def id(self) -> str:
        """Six characters that stand in references and addresses."""
        return self.manifest.id

    @property
    def default_pack(self) -> Pack:
        """The pack of a member who has not chosen one; never a lifelike one."""
        return next(pack for pack in self.manifest.packs if not pack.lifelike)

    @property
    def complete(self) -> bool:
        """Whether every picture that the manifest promises was drawn."""
        return all(len(shelf.pictures) >= shelf.pack.size for shelf in self._shelves.values())

    def refresh(self) -> int:
        """Look for pictures drawn since the last look, and return how many; free once the catalogue is complete.

        Costs one `stat` for each unfinished pack (about 5 µs each), so it may be called before each round of work.
        """
        fresh = [
            picture
            for shelf in self._shelves.values()
            if len(shelf.pictures) < shelf.pack.size
            for picture in shelf.read_on()
        ]
        self._by_sha256.update((picture.sha256, picture) for picture in fresh)
        return len(fresh)

    def drawn(self, pack: str) -> int:
        """How many pictures of `pack` exist so far: those with the indexes below. 0 for an unknown pack."""
        shelf = self._shelves.get(pack)
        return len(shelf.pictures) if shelf else 0

    def picture(self, pack: str, index: int) -> Picture | None:
        """The picture, or None while it is not drawn yet (or never will be)."""
        shelf = self._shelves.get(pack)
        return shelf.pictures[index] if shelf and 0 <= index < len(shelf.pictures) else None

    def pictures(self) -> Iterator[Picture]:
        """Every picture drawn so far, pack by pack."""
        return chain.from_iterable(shelf.pictures for shelf in self._shelves.values())

    def by_sha256(self, sha256: str) -> Picture | None:
        """The picture with this content (lower-case hex), if it is one of ours."""
        return self._by_sha256.get(sha256)

    def path(self, picture: Picture) -> Path:
        """The file of `picture`."""
        return self.folder.parent / picture.address


class Library:
    """All catalogues of a folder: the one in use, and older ones that members still wear pictures of."""

    def __init__(self, folder: Path) -> None:
        """Open `folder`. Raises ConfigurationError when it holds no catalogue in use."""
        self._folder = folder
        self._open: dict[str, Catalogue] = {}
        self.current = self.catalogue(self._current_id())

    def refresh(self) -> None:
        """Notice newly drawn pictures, and another catalogue in use. See Catalogue.refresh for what it costs."""
        self.current = self.catalogue(self._current_id())
        self.current.refresh()

    def catalogue(self, identity: str) -> Catalogue:
        """The catalogue with this id. Raises ConfigurationError when the folder does not hold it."""
        if identity not in self._open:
            self._open[identity] = Catalogue(self._folder / identity)
        return self._open[identity]

    def picture(self, reference: Reference) -> Picture | None:
        """What `reference` means, in whichever catalogue; None when it is not drawn or its catalogue is gone."""
        try:
            return self.catalogue(reference.catalogue).picture(reference.pack, reference.index)
        except ConfigurationError:
            return None

    def read(self, picture: Picture) -> bytes:
        """The bytes of `picture`. Raises OSError when its file is missing."""
        return (self._folder / picture.address).read_bytes()

    def _current_id(self) -> str:
        try:
            identity = (self._folder / CURRENT).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"CATALOGUE_DIR names {self._folder}, which holds no pictures; "
                f"draw them: rotavatar catalogue draw --to {self._folder}"
            ) from error
        if not re.fullmatch(_CATALOGUE, identity):
            raise ConfigurationError(f"{self._folder / CURRENT} does not name a catalogue; draw it again")
        return identity


def is_pack_key(text: str) -> bool:
    """Whether `text` may be the key of a pack."""
    return re.fullmatch(_PACK, text, re.ASCII) is not None


def is_address(text: str) -> bool:
    """Whether `text` has the form of Picture.address, so that joining it to the folder stays in the folder."""
    return _ADDRESS.fullmatch(text) is not None

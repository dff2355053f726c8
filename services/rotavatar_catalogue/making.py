"""Makes a catalogue: decides its name, draws what is missing, finds what is damaged and draws it again.

One process draws at a time (a lock says so). A picture is written under another name and renamed, then its line is
appended to the list of its pack, always in order of index: whoever dies in between leaves nothing that a reader could
mistake, and the next run goes on from there.
"""

import base64
import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path

import msgspec

from rotavatar.catalogue import CURRENT, LIST_SUFFIX, MANIFEST, MAX_PER_PACK, Catalogue, Manifest, Pack, Picture
from rotavatar_catalogue.drawing import DrawingError, credit_of
from rotavatar_catalogue.packs import BY_KEY, PACKS, Recipe
from rotavatar_catalogue.workers import Batch, drawn

COUNT = 512
"""Pictures in a pack: at one a day more than a year without a repetition, and 57 MB for all packs together."""

SEED = "rotavatar"

LIBRARIES = ("dicebear-core", "dicebear-styles", "resvg-py", "Pillow")
"""What the bytes of a picture depend on besides the seed and the recipe."""

FORM = "1"
"""Raised when this code would draw other bytes from the same libraries and recipes."""

BATCH = 6
"""Pictures a worker draws at a time. All packs take turns, so this many of each come first."""

_LISTED = re.compile(rb"[0-9a-f]{64} (png|jpg) [0-9]{1,9}\n")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be drawn, and where to."""

    folder: Path
    packs: tuple[str, ...] = tuple(BY_KEY)
    count: int = COUNT
    """Pictures that each pack shall have in the end; written down at once and never lowered."""
    first: int = MAX_PER_PACK
    """Draw no more than this many of each pack for now."""
    workers: int = 1
    """Processes that draw; a single one draws where it is called."""
    seed: str = SEED


class Damage(msgspec.Struct, frozen=True):
    """A picture that is listed but whose file is missing or has other content."""

    picture: Picture
    missing: bool


class Progress(msgspec.Struct, frozen=True):
    """How far the drawing is: `done` of `total` pictures, just now in `pack`."""

    done: int
    total: int
    pack: str


def identity(seed: str) -> tuple[str, dict[str, str]]:
    """The id of the catalogue that this installation draws from `seed`, and what it depends on."""
    drawn_by = {"seed": seed, "form": FORM} | {library: version(library) for library in LIBRARIES}
    digest = hashlib.sha256(msgspec.json.encode(drawn_by, order="deterministic")).digest()
    return "c" + base64.b32encode(digest).decode("ascii").lower()[:5], drawn_by


def recipe_digest(recipe: Recipe) -> str:
    """Changes whenever `recipe` would draw other pictures; its title and its flag may change freely."""
    parts = (recipe.style, dict(recipe.options), recipe.unseen, recipe.ext)
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:16]


def prepare(order: Order) -> Catalogue:
    """Write down what the catalogue will consist of, in milliseconds, so that services can open it before it is drawn.

    It becomes the one in use when the folder has none; a catalogue that is in use stays so until `make` is done.
    Raises DrawingError for an unknown pack, for more than MAX_PER_PACK pictures, and for a pack whose recipe changed
    under its old name.
    """
    unknown = [pack for pack in order.packs if pack not in BY_KEY]
    if unknown:
        raise DrawingError(f"there is no pack {unknown[0]}; there are {', '.join(BY_KEY)}")
    if not 1 <= order.count <= MAX_PER_PACK:
        raise DrawingError(f"a pack has between 1 and {MAX_PER_PACK} pictures, not {order.count}")
    name, drawn_by = identity(order.seed)
    folder = order.folder / name
    known = {pack.key: pack for pack in _known_packs(folder)}
    fetched = [pack for pack in known.values() if pack.key not in BY_KEY]
    packs = [
        _pack(recipe, ordinal=ordinal, size=order.count * (recipe.key in order.packs), known=known.get(recipe.key))
        for ordinal, recipe in enumerate(PACKS)
        if recipe.key in known or recipe.key in order.packs
    ]
    for pack in packs:
        (folder / pack.key).mkdir(parents=True, exist_ok=True)
    manifest = Manifest(id=name, drawn_by=drawn_by, packs=(*packs, *fetched))
    replace_file(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    if not (order.folder / CURRENT).exists():
        _put_in_use(order.folder, name)
    return Catalogue(folder)


def make(order: Order, *, report: Callable[[Progress], None] = lambda _: None) -> Catalogue:
    """Draw everything of `order` that is missing or damaged, put the catalogue in use, and return it.

    Raises DrawingError, also while another process draws into the same folder.
    """
    order.folder.mkdir(parents=True, exist_ok=True)
    with alone(order.folder):
        for pack in order.packs:
            _mend_list(order.folder / identity(order.seed)[0] / f"{pack}{LIST_SUFFIX}")
        catalogue = prepare(order)
        _repair(catalogue, order=order)
        _complete(catalogue, order=order, report=report)
        _put_in_use(order.folder, catalogue.id)
    return catalogue


def damages(catalogue: Catalogue) -> Iterator[Damage]:
    """Read every listed picture (60 MB, a fraction of a second) and yield those that are not what they should be."""
    for picture in catalogue.pictures():
        path = catalogue.path(picture)
        if not path.exists():
            yield Damage(picture=picture, missing=True)
        elif _sha256(path.read_bytes()) != picture.sha256:
            yield Damage(picture=picture, missing=False)


def _known_packs(folder: Path) -> tuple[Pack, ...]:
    return Catalogue(folder).manifest.packs if (folder / MANIFEST).exists() else ()


def _pack(recipe: Recipe, *, ordinal: int, size: int, known: Pack | None) -> Pack:
    digest = recipe_digest(recipe)
    if known is not None and (known.recipe, known.ordinal) != (digest, ordinal):
        raise DrawingError(
            f"pack {recipe.key} was drawn from another recipe or stood at another place in PACKS; "
            "members wear those pictures, so give the changed pack a new key at the end of PACKS"
        )
    return Pack(
        key=recipe.key,
        ordinal=ordinal,
        title=recipe.title,
        size=max(size, known.size if known else 0),
        lifelike=recipe.lifelike,
        credit=credit_of(recipe.style),
        recipe=digest,
    )


def _mend_list(path: Path) -> None:
    """Cut a list off at the first line that is none. What followed is drawn again, to the same bytes."""
    if not path.exists():
        return
    content = path.read_bytes()
    sound = 0
    while found := _LISTED.match(content, sound):
        sound = found.end()
    if sound < len(content):
        replace_file(path, content[:sound])


def _repair(catalogue: Catalogue, *, order: Order) -> None:
    """Draw damaged pictures once more. The same bytes come out, so no list changes."""
    found = [damage.picture for damage in damages(catalogue) if damage.picture.reference.pack in BY_KEY]
    batches = [
        Batch(pack=reference.pack, start=reference.index, stop=reference.index + 1, seed=order.seed)
        for reference in (picture.reference for picture in found)
    ]
    for picture, (content,) in zip(found, drawn(batches, workers=order.workers), strict=True):
        if _sha256(content) != picture.sha256:
            raise DrawingError(
                f"{picture.reference} was drawn differently before, so by other builds of the libraries; "
                f"draw into another folder than {order.folder}"
            )
        replace_file(catalogue.path(picture), content)


def _complete(catalogue: Catalogue, *, order: Order, report: Callable[[Progress], None]) -> None:
    queues = [_missing(catalogue, pack, order=order) for pack in order.packs]
    batches = [batch for turn in zip_longest(*queues) for batch in turn if batch is not None]
    total = sum(batch.stop - batch.start for batch in batches)
    done = 0
    for batch, contents in zip(batches, drawn(batches, workers=order.workers), strict=True):
        _keep(catalogue, pack=batch.pack, contents=contents)
        done += len(contents)
        report(Progress(done=done, total=total, pack=batch.pack))


def _missing(catalogue: Catalogue, pack: str, *, order: Order) -> list[Batch]:
    stop = min(catalogue.packs[pack].size, order.first)
    return [
        Batch(pack=pack, start=start, stop=min(start + BATCH, stop), seed=order.seed)
        for start in range(catalogue.drawn(pack), stop, BATCH)
    ]


def _keep(catalogue: Catalogue, *, pack: str, contents: list[bytes]) -> None:
    ext = BY_KEY[pack].ext
    digests = [_sha256(content) for content in contents]
    if len(set(digests)) < len(digests) or any(catalogue.by_sha256(digest) for digest in digests):
        raise DrawingError(f"pack {pack} draws the same picture twice: its recipe counts traits nobody sees")
    with (catalogue.folder / f"{pack}{LIST_SUFFIX}").open("ab") as listed:
        for digest, content in zip(digests, contents, strict=True):
            replace_file(catalogue.folder / pack / f"{digest}.{ext}", content)
            listed.write(f"{digest} {ext} {len(content)}\n".encode())
    catalogue.refresh()


def _put_in_use(folder: Path, name: str) -> None:
    replace_file(folder / CURRENT, f"{name}\n".encode())


def replace_file(path: Path, content: bytes) -> None:
    """Write `path` so that a reader sees all of it or the file that was there before."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only process that writes catalogues into `folder`. Raises DrawingError while there is another."""
    with (folder / ".lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DrawingError(f"another process is drawing into {folder}: wait for it or stop it") from error
        yield

"""Where else pictures may come from: the interface of a picture source, and the pack that is made from one.

A source is asked once, when the operator runs `rotavatar catalogue fetch`; what it gave becomes a pack like any other,
with files that never change. So no serving process ever reaches out for a picture, every picture can be looked at
before anybody wears it, and a source that goes away takes nothing with it. None is used unless that command is run,
and its pack counts as lifelike: off until a workspace's policy allows it.
"""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from rotavatar.catalogue import LIST_SUFFIX, MANIFEST, MAX_PER_PACK, Catalogue, Credit, Pack, is_pack_key
from rotavatar.errors import RotavatarError
from rotavatar_catalogue.making import Progress, alone, replace_file
from rotavatar_catalogue.packs import BY_KEY

FIRST_ORDINAL = 48
"""Fetched packs count from here, so that drawn packs may go on being added before them."""

LAST_ORDINAL = 63
"""Keeps a workspace's bitmap of worn pictures below 8 KB."""

RECODE_SECONDS = 20.0
"""Longest time for decoding one image in its own process."""


class SourceError(RotavatarError):
    """A source did not give a usable picture. The message says what was wrong and holds nothing that it sent."""


class PictureSource(Protocol):
    """Anything that gives images. Write one, call `fetch_pack` with it: that is a plug-in."""

    async def picture(self, index: int) -> bytes:
        """The encoded image number `index` (PNG, JPEG or WebP, untrusted). Raises SourceError."""
        ...


class FetchOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Which pack shall be fetched, and what is known of its rights: without a licence there is no pack."""

    folder: Path
    """A catalogue that exists: `FOLDER/<catalogue>`."""
    key: str
    title: str
    credit: Credit
    count: int


async def fetch_pack(
    order: FetchOrder,
    source: PictureSource,
    *,
    recode: Callable[[bytes], bytes] | None = None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Catalogue:
    """Fill the pack of `order` from `source` and return its catalogue; interrupted, it goes on where it stopped.

    Each image is decoded and written anew by `recode` (by default in a process of its own with little memory), so no
    byte of a source reaches Slack. A picture that the pack has already is left out. Raises SourceError.
    """
    recode = recode or recode_apart
    with alone(order.folder.parent):
        catalogue = _announce(order)
        index = catalogue.drawn(order.key)
        for number in range(index, 2 * order.count):
            if catalogue.drawn(order.key) >= order.count:
                return catalogue
            _keep(catalogue, key=order.key, content=recode(await source.picture(number)))
            report(Progress(done=catalogue.drawn(order.key), total=order.count, pack=order.key))
    if catalogue.drawn(order.key) < order.count:
        raise SourceError(
            f"the source repeats itself: {catalogue.drawn(order.key)} different pictures, not {order.count}"
        )
    return catalogue


def recode_apart(content: bytes) -> bytes:
    """Decode an untrusted image in a process that has little memory and time. Raises SourceError."""
    command = [sys.executable, "-I", "-m", "rotavatar_catalogue.recode"]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=RECODE_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"decoding an image took more than {RECODE_SECONDS:.0f} s") from error
    if done.returncode != 0:
        raise SourceError("the source sent what is no PNG, JPEG or WebP of a usable size")
    return done.stdout


def _announce(order: FetchOrder) -> Catalogue:
    catalogue = Catalogue(order.folder)
    known = catalogue.packs.get(order.key)
    if not is_pack_key(order.key) or order.key in BY_KEY:
        raise SourceError(f"{order.key} cannot be the name of a fetched pack: use 2 to 11 letters, digits and hyphens")
    if not 1 <= order.count <= MAX_PER_PACK:
        raise SourceError(f"a pack has between 1 and {MAX_PER_PACK} pictures, not {order.count}")
    taken = [pack.ordinal for pack in catalogue.manifest.packs]
    ordinal = known.ordinal if known else max([FIRST_ORDINAL - 1, *taken]) + 1
    if ordinal > LAST_ORDINAL:
        raise SourceError(f"there are {LAST_ORDINAL - FIRST_ORDINAL + 1} fetched packs already")
    pack = Pack(
        key=order.key,
        ordinal=ordinal,
        title=order.title,
        size=max(order.count, known.size if known else 0),
        lifelike=True,
        credit=order.credit,
        recipe="fetched",
    )
    others = tuple(other for other in catalogue.manifest.packs if other.key != order.key)
    manifest = msgspec.structs.replace(catalogue.manifest, packs=(*others, pack))
    replace_file(order.folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return Catalogue(order.folder)


def _keep(catalogue: Catalogue, *, key: str, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if catalogue.by_sha256(digest) is not None:
        return
    folder = catalogue.folder / key
    folder.mkdir(exist_ok=True)
    replace_file(folder / f"{digest}.jpg", content)
    with (catalogue.folder / f"{key}{LIST_SUFFIX}").open("ab") as listed:
        listed.write(f"{digest} jpg {len(content)}\n".encode())
    catalogue.refresh()

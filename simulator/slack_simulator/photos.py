"""Profile photos: what people upload, the sizes in which Slack serves them, and the pictures that Slack draws itself.

https://docs.slack.dev/reference/methods/users.setPhoto. Every upload gets a file hash of its own, and every size is
encoded anew, so that nobody can recognise a picture by its bytes: only by looking at it.
"""

import hashlib
import io
from collections import deque
from functools import lru_cache
from typing import Any, Protocol

import msgspec
from PIL import Image, ImageDraw, UnidentifiedImageError

from slack_simulator.config import Rules
from slack_simulator.errors import SlackError
from slack_simulator.ids import Ids
from slack_simulator.state import Member, Photo

SIZES = (24, 32, 48, 72, 192, 512, 1024)
DEFAULT_PICTURES = 26
KEPT_PHOTOS = 5_000
"""Photos that were replaced and are still served, as Slack does for a while."""

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif"}
MEDIA_TYPES = {"jpg": "image/jpeg", "png": "image/png", "gif": "image/gif"}
MAX_PIXELS = 64_000_000
"""A picture may claim any size; beyond this it is refused before a byte of it is decoded."""

COLOURS = ("#4a6fa5", "#7d5ba6", "#3b8686", "#b5651d", "#a23b72", "#5b8c5a", "#c0504d", "#556b8d", "#8a6d3b")


class Crop(msgspec.Struct, frozen=True, kw_only=True):
    """The square that crop_x, crop_y and crop_w cut out, in pixels of the upload."""

    x: int
    y: int
    width: int


class Shelf(Protocol):
    """Where the bytes of photos are kept, by the digest of their content."""

    def put(self, digest: str, content: bytes) -> None:
        """Keep `content`."""
        ...

    def get(self, digest: str) -> bytes | None:
        """What was kept, or None."""
        ...

    def drop(self, digest: str) -> None:
        """Forget it."""
        ...


class MemoryShelf:
    """Keeps photos in memory."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def put(self, digest: str, content: bytes) -> None:
        """See Shelf."""
        self._contents[digest] = content

    def get(self, digest: str) -> bytes | None:
        """See Shelf."""
        return self._contents.get(digest)

    def drop(self, digest: str) -> None:
        """See Shelf."""
        self._contents.pop(digest, None)


class PhotoRoom:
    """Takes in photos and serves them."""

    def __init__(self, *, ids: Ids, rules: Rules, shelf: Shelf) -> None:
        self._ids = ids
        self._rules = rules
        self._shelf = shelf
        self._photos: dict[str, Photo] = {}
        self._uses: dict[str, int] = {}
        self._replaced: deque[Photo] = deque()

    def take_in(self, content: bytes, *, day: str, crop: Crop | None = None) -> Photo:
        """Accept an upload of `day` (an ISO date). Raises SlackError: bad_image, too_large, too_many_frames."""
        kind, width, height = self._examine(content)
        if crop is not None:
            content, width, height = _cropped(content, kind=kind, crop=crop)
        digest = hashlib.sha256(content).hexdigest()
        photo = Photo(
            day=day,
            number=self._ids.digits(13),
            file_hash=self._ids.hexadecimal(20),
            digest=digest,
            extension=EXTENSIONS[kind],
            width=width,
            height=height,
        )
        self._shelf.put(digest, content)
        self.register(photo)
        return photo

    def register(self, photo: Photo) -> None:
        """Serve `photo` from now on; its bytes are on the shelf."""
        self._photos[photo.stem] = photo
        self._uses[photo.digest] = self._uses.get(photo.digest, 0) + 1

    def replaced(self, photo: Photo) -> None:
        """Nobody wears `photo` any more; it is served a while longer."""
        self._replaced.append(photo)
        if len(self._replaced) > KEPT_PHOTOS:
            oldest = self._replaced.popleft()
            self._photos.pop(oldest.stem, None)
            self._uses[oldest.digest] -= 1
            if not self._uses[oldest.digest]:
                del self._uses[oldest.digest]
                self._shelf.drop(oldest.digest)

    def serve(self, path: str) -> tuple[bytes, str] | None:
        """The file under /avatars/<path> and its media type; None if there is none."""
        stem, _, tail = path.rpartition("_")
        size, _, extension = tail.partition(".")
        if stem.startswith("ava"):
            number = stem.removeprefix("ava_")
            known = number.isdecimal() and size.isdecimal() and int(size) in SIZES
            return (drawn(int(number) % DEFAULT_PICTURES, int(size)), "image/png") if known else None
        photo = self._photos.get(stem)
        content = self._shelf.get(photo.digest) if photo else None
        if photo is None or content is None:
            return None
        if size == "original" and extension == photo.extension:
            return content, MEDIA_TYPES[photo.extension]
        served = _served_extension(photo)
        if not size.isdecimal() or int(size) not in SIZES or extension != served:
            return None
        return _scaled(content, int(size), served), MEDIA_TYPES[served]

    def content(self, photo: Photo) -> bytes | None:
        """The bytes that were uploaded."""
        return self._shelf.get(photo.digest)

    def _examine(self, content: bytes) -> tuple[str, int, int]:
        kind, width, height, frames = _decoded(content)
        if kind not in EXTENSIONS:
            raise SlackError("bad_image")
        if max(width, height) > self._rules.max_photo:
            raise SlackError("too_large")
        if frames > self._rules.max_frames:
            raise SlackError("too_many_frames")
        if min(width, height) < self._rules.min_photo:
            raise SlackError("bad_image")
        return kind, width, height


def profile_images(member: Member, *, base_url: str) -> dict[str, Any]:
    """The photo fields of a profile. image_1024 and image_original are there only for a photo that was set."""
    root = f"{base_url}/avatars/"
    photo = member.photo
    if photo is None:
        stem = f"ava_{member.default_picture:04d}"
        sizes = {f"image_{size}": f"{root}{stem}_{size}.png" for size in SIZES[:-1]}
        return {"avatar_hash": member.default_hash, **sizes}
    served = _served_extension(photo)
    return {
        "avatar_hash": photo.avatar_hash,
        "image_original": f"{root}{photo.stem}_original.{photo.extension}",
        "is_custom_image": True,
        **{f"image_{size}": f"{root}{photo.stem}_{size}.{served}" for size in SIZES},
    }


@lru_cache(maxsize=2_048)
def drawn(number: int, size: int) -> bytes:
    """The picture that Slack draws for somebody without a photo, as PNG: a head and shoulders on a colour."""
    scale = 4
    side = size * scale
    image = Image.new("RGB", (side, side), COLOURS[number % len(COLOURS)])
    draw = ImageDraw.Draw(image)
    lean = (number % 5 - 2) * side // 40
    head = side * (20 + number % 4) // 100
    light = ("#e8eef7", "#f6ead8", "#e3f1e3")[number % 3]
    draw.ellipse((side // 5, side * 62 // 100, side * 4 // 5, side * 14 // 10), fill=light)
    centre = side // 2 + lean
    draw.ellipse((centre - head, side * 38 // 100 - head, centre + head, side * 38 // 100 + head), fill=light)
    return _encoded(image.resize((size, size), Image.Resampling.LANCZOS), "png")


def decodable(content: bytes) -> str | None:
    """Which of PNG, JPEG, GIF `content` truly is; None for anything else."""
    try:
        kind = _decoded(content)[0]
    except SlackError:
        return None
    return kind if kind in EXTENSIONS else None


_known: dict[bytes, tuple[str, int, int, int] | None] = {}
MAX_KNOWN = 20_000
"""Decoding a 512 px JPEG takes 4 ms, and the same pictures come again and again: their facts are kept by digest."""


def _decoded(content: bytes) -> tuple[str, int, int, int]:
    digest = hashlib.sha256(content).digest()
    if digest not in _known:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        _known[digest] = _facts(content)
    found = _known[digest]
    if found is None:
        raise SlackError("bad_image")
    return found


def _facts(content: bytes) -> tuple[str, int, int, int] | None:
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height <= MAX_PIXELS:
                image.load()
            return (image.format or "", image.width, image.height, getattr(image, "n_frames", 1))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _served_extension(photo: Photo) -> str:
    return "jpg" if photo.extension == "jpg" else "png"


def _cropped(content: bytes, *, kind: str, crop: Crop) -> tuple[bytes, int, int]:
    with Image.open(io.BytesIO(content)) as image:
        inside = crop.width > 0 and crop.x >= 0 and crop.y >= 0
        if not inside or crop.x + crop.width > image.width or crop.y + crop.width > image.height:
            raise SlackError("bad_image")
        square = image.convert("RGB").crop((crop.x, crop.y, crop.x + crop.width, crop.y + crop.width))
    return _encoded(square, EXTENSIONS[kind]), crop.width, crop.width


def _scaled(content: bytes, size: int, extension: str) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        picture = image.convert("RGB" if extension == "jpg" else "RGBA")
    side = max(picture.size)
    if picture.width != picture.height:
        square = Image.new(picture.mode, (side, side), "white")
        square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
        picture = square
    return _encoded(picture.resize((size, size), Image.Resampling.LANCZOS), extension)


def _encoded(image: Image.Image, extension: str) -> bytes:
    out = io.BytesIO()
    if extension == "jpg":
        image.convert("RGB").save(out, "JPEG", quality=85)
    else:
        image.save(out, extension.upper())
    return out.getvalue()

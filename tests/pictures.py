"""A catalogue of small, plainly different pictures that takes no time to draw."""

import colorsys
import hashlib
import io
from functools import cache
from pathlib import Path

import msgspec
from PIL import Image, ImageDraw

from rotavatar.catalogue import CURRENT, LIST_SUFFIX, MANIFEST, Credit, Manifest, Pack

CATALOGUE = "ctests"
CREDIT = Credit(title="Tests", creator="Tests", source="https://example.org", licence="CC0 1.0", licence_url="")


@cache
def picture(number: int, *, side: int = 512) -> bytes:
    """A JPEG of two colours and a shape that no other number has."""
    hue = (number * 0.618) % 1
    ground, figure = (
        tuple(int(255 * part) for part in colorsys.hsv_to_rgb(value, 0.8, light))
        for value, light in ((hue, 0.95), ((hue + 0.45) % 1, 0.5))
    )
    image = Image.new("RGB", (side, side), ground)
    place = (number * 97) % (side // 2)
    ImageDraw.Draw(image).rectangle((place, side // 4, place + side // 2, side - place // 2), fill=figure)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def draw_catalogue(folder: Path, *, packs: dict[str, int]) -> Path:
    """A complete catalogue with as many pictures in each pack as asked for; returns `folder`."""
    catalogue = folder / CATALOGUE
    catalogue.mkdir(parents=True)
    drawn = []
    for ordinal, (key, size) in enumerate(packs.items()):
        (catalogue / key).mkdir()
        lines = []
        for index in range(size):
            content = picture(1000 * ordinal + index)
            digest = hashlib.sha256(content).hexdigest()
            (catalogue / key / f"{digest}.jpg").write_bytes(content)
            lines.append(f"{digest} jpg {len(content)}\n")
        (catalogue / f"{key}{LIST_SUFFIX}").write_text("".join(lines))
        drawn.append(
            Pack(key=key, ordinal=ordinal, title=key.title(), size=size, lifelike=False, credit=CREDIT, recipe="r")
        )
    manifest = Manifest(id=CATALOGUE, drawn_by={}, packs=tuple(drawn))
    (catalogue / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    (folder / CURRENT).write_text(f"{CATALOGUE}\n")
    return folder

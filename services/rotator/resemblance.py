"""Whether Slack shows the picture that we sent. Slack scales and encodes anew, so bytes cannot be compared."""

import io
from typing import Final

from PIL import Image, UnidentifiedImageError

GRID: Final = (16, 16)
"""Both pictures are scaled to this: encoders differ in detail, pictures differ in the large."""

TOLERANCE: Final = 12.0
"""Mean difference of a channel, of 255. JPEG at quality 70 stays below 3, two pictures of a pack begin at about 25."""

MAX_PIXELS: Final = 16_000_000
"""Slack's largest photos have a million; what claims more is not decoded."""


def resembles(shown: bytes, meant: bytes) -> bool:
    """Whether `shown` is `meant`, scaled and encoded by somebody else. False for what is no picture."""
    try:
        first, second = _grid(shown), _grid(meant)
    except (UnidentifiedImageError, OSError, ValueError):
        return False
    difference = sum(abs(a - b) for a, b in zip(first, second, strict=True)) / len(first)
    return difference <= TOLERANCE


def _grid(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "GIF")) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError("larger than any photo of Slack")
        image.draft("RGB", GRID)
        return image.convert("RGB").resize(GRID, Image.Resampling.BOX).tobytes()

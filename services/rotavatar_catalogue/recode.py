"""Decodes one untrusted image and writes it anew: `python -m rotavatar_catalogue.recode < image > picture.jpg`.

What comes out holds pixels only: no EXIF, no place where it was taken, no second frame, nothing that follows the image.
"""

import io
import resource
import sys

from PIL import Image, ImageOps

from rotavatar.catalogue import SIDE
from rotavatar_catalogue.encoding import FLATTEST, encoded, flatness, opaque

MEMORY = 768 * 1024 * 1024
"""Bytes of address space: the libraries take 300 MB of it, 25 million pixels in RGB with copies the rest."""

CPU_SECONDS = 10

MOST_PIXELS = 25_000_000
LEAST_SIDE = 256
"""Pixels; below it an enlarged picture is a blur."""

FORMATS = ("PNG", "JPEG", "WEBP")


def recode(content: bytes) -> bytes:
    """The image as an opaque JPEG of SIDE pixels, cut to its centre. Raises ValueError or OSError for anything else."""
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        if min(image.size) < LEAST_SIDE or image.width * image.height > MOST_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels")
        upright = opaque(ImageOps.exif_transpose(image))
    picture = ImageOps.fit(upright, (SIDE, SIDE), Image.Resampling.LANCZOS)
    if flatness(picture) > FLATTEST:
        raise ValueError("a single colour")
    return encoded(picture, ext="jpg")


def main() -> int:
    """Limit this process, then recode stdin to stdout; 1 when it is no usable image."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    try:
        picture = recode(sys.stdin.buffer.read())
    except (ValueError, OSError, SyntaxError, MemoryError, Image.DecompressionBombError):
        return 1
    sys.stdout.buffer.write(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())

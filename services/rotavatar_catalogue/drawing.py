"""Draws one picture: a seed becomes an SVG (DiceBear), the SVG pixels (resvg), the pixels a file (Pillow).

resvg holds the interpreter's lock for 30 to 130 ms a picture and opens local files that an SVG names: it belongs in a
process of its own, and only SVGs from DiceBear's pinned styles ever reach it.
"""

import io
import json
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from itertools import count

import msgspec
import resvg_py
from dicebear import Avatar, Style
from PIL import Image

from rotavatar.catalogue import SIDE, Credit
from rotavatar.errors import RotavatarError
from rotavatar_catalogue.encoding import FLATTEST, encoded, flatness, opaque
from rotavatar_catalogue.packs import BY_KEY, Recipe

APART = 2
"""Traits in which any two pictures of a pack differ: with one, a wink is all that sets two critters apart."""

TRIALS_PER_PICTURE = 40
"""Seeds tried for each picture before a pack is called too poor. The pack with the fewest traits needs 4."""


class DrawingError(RotavatarError):
    """A pack cannot be drawn as its recipe says. The message names the pack and what to change."""


class Candidate(msgspec.Struct, frozen=True):
    """A picture before it is pixels."""

    seed: str
    svg: str
    traits: frozenset[tuple[str, str]]


class _PinnedStyle(Style):
    """A style of the pinned package, taken as it is.

    Checking one against DiceBear's schema takes up to a second, five for all packs: half of what a newcomer would
    wait for the first pictures. A test checks each style instead.
    """

    def __init__(self, definition: dict[str, object]) -> None:
        self._data = definition
        self._meta = self._canvas = self._components = self._colors = None


@lru_cache(maxsize=32)
def style_of(name: str) -> Style:
    """The DiceBear style `name`, read once in each process."""
    return _PinnedStyle(definition_of(name))


def definition_of(name: str) -> dict[str, object]:
    """The style as its file says, unchecked, in milliseconds."""
    definition: dict[str, object] = json.loads(files("dicebear_styles").joinpath(f"{name}.json").read_text("utf-8"))
    return definition


def credit_of(name: str) -> Credit:
    """Who drew the style `name`, from its own file."""
    meta = msgspec.convert(definition_of(name)["meta"], dict[str, dict[str, str]])
    return Credit(
        title=meta["source"]["name"],
        creator=meta["creator"]["name"],
        source=meta["source"]["url"],
        licence=meta["license"]["name"],
        licence_url=meta["license"]["url"],
    )


def candidate(recipe: Recipe, seed: str) -> Candidate:
    """What `seed` gives in the pack of `recipe`."""
    drawn = Avatar(style_of(recipe.style), {**recipe.options, "seed": seed, "size": SIDE}).to_json()
    return Candidate(seed=seed, svg=drawn["svg"], traits=_traits(recipe, drawn["options"]))


def _traits(recipe: Recipe, options: dict[str, object]) -> frozenset[tuple[str, str]]:
    """What the eye tells pictures apart by: parts, colours, and turns by an eighth of a circle or more."""
    seen = {name: value for name, value in options.items() if not name.startswith(recipe.unseen or ("\0",))}
    kept = {(name, str(value)) for name, value in seen.items() if name.endswith(("Variant", "Color")) and value}
    turns = {
        (name, str(round(value / 45)))
        for name, value in seen.items()
        if name.endswith("Rotate") and isinstance(value, int | float)
    }
    return frozenset(kept | turns)


class Plan:
    """The pictures of a pack in order of index: always the same ones for the same recipe and seed.

    Index n depends on those before it alone, so a longer catalogue begins with the shorter one.
    """

    def __init__(self, recipe: Recipe, *, seed: str) -> None:
        self._recipe = recipe
        self._chosen: list[Candidate] = []
        self._seeds: Iterator[str] = (f"{seed}/{recipe.key}/{number}" for number in count())

    def __getitem__(self, index: int) -> Candidate:
        """Raises DrawingError when the recipe cannot give so many different pictures."""
        while len(self._chosen) <= index:
            self._chosen.append(self._next())
        return self._chosen[index]

    def _next(self) -> Candidate:
        for _ in range(TRIALS_PER_PICTURE):
            found = candidate(self._recipe, next(self._seeds))
            if all(_distance(found.traits, other.traits) >= APART for other in self._chosen):
                return found
        raise DrawingError(
            f"pack {self._recipe.key} has no more than {len(self._chosen)} pictures that differ: "
            "ask for fewer, or allow more variants in its recipe"
        )


def _distance(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> int:
    return len({name for name, _ in one ^ other})


@lru_cache(maxsize=64)
def plan_of(pack: str, seed: str) -> Plan:
    """The plan of `pack`, made once in each process."""
    return Plan(BY_KEY[pack], seed=seed)


def draw(recipe: Recipe, svg: str) -> bytes:
    """The bytes of the picture `svg`, opaque, SIDE pixels square. Raises DrawingError when next to nothing is on it."""
    drawn = resvg_py.svg_to_bytes(svg_string=svg, width=SIDE, height=SIDE, skip_system_fonts=True)
    with Image.open(io.BytesIO(drawn)) as image:
        picture = opaque(image)
    if flatness(picture) > FLATTEST:
        raise DrawingError(f"pack {recipe.key} draws a picture of a single colour: check its recipe")
    return encoded(picture, ext=recipe.ext)

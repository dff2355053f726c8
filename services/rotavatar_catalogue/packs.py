"""The packs: which DiceBear style each is drawn from, and what of it we leave out.

Left out is what a person would not like to find on their own face at work: sad, angry and queasy mouths, hand signs
that are rude in some countries, masks, and beards thrown on any head. All styles here are CC0 1.0 (`meta.license` of
each style file; a test reads it). Adding a pack: docs/pictures.md.
"""

from types import MappingProxyType
from typing import Any

import msgspec

PALE = ("#dbe7f4", "#e3efe4", "#f6e6d8", "#f1e1ea", "#e6e2f3", "#f5eccf", "#d9eeec", "#ece7df")
"""Backgrounds for ink drawings, light enough for black lines and quiet beside Slack's text."""

DEEP = (
    *("#0369a1", "#1d4ed8", "#4338ca", "#6d28d9", "#a21caf", "#be185d", "#be123c", "#c2410c", "#b45309"),
    *("#047857", "#0f766e", "#1e293b", "#155e75", "#3f6212", "#7c2d12", "#581c87", "#134e4a", "#312e81"),
)
"""Backgrounds under white lines: DiceBear's twelve and six more, without which loops repeat themselves."""

FRIENDLY_EYES = ("round", "dots", "bigPupils", "sideeye", "happy", "closedLine", "wink", "wide", "close")


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How a pack is drawn. Changing any of it changes pictures, so it then needs another `key`."""

    key: str
    title: str
    style: str
    options: MappingProxyType[str, Any]
    """What DiceBear is told besides the seed (https://www.dicebear.com/how-to-use/core-options/)."""
    unseen: tuple[str, ...] = ()
    """Traits whose names begin so may change without the picture changing much, or at all."""
    lifelike: bool = False
    """Looks like a person: off until a workspace's policy allows it."""
    ext: str = "png"
    """`png` or `jpg`, whichever was smaller when measured (docs/pictures.md has the table)."""


def _recipe(key: str, title: str, *, style: str = "", still: bool = True, **how: Any) -> Recipe:
    options = how.pop("options", {})
    if still:
        options = {"animationVariant": ["none"], **options}
    return Recipe(key=key, title=title, style=style or key, options=MappingProxyType(options), **how)


PACKS: tuple[Recipe, ...] = (
    _recipe(
        "critters",
        "Critters",
        options={
            "mouthVariant": [
                "smile",
                "tinySmile",
                "grin",
                "laugh",
                "ooh",
                "smirk",
                "catMouth",
                "open",
                "tongue",
                "blep",
            ],
            "eyesVariant": [*FRIENDLY_EYES, "uneven", "mono", "trio", "threeRow"],
        },
    ),
    _recipe(
        "sprouts",
        "Sprouts",
        options={
            "mouthVariant": ["smile", "tinySmile", "grin", "ooh", "catMouth", "tongue", "open", "tooth"],
            "eyesVariant": list(FRIENDLY_EYES),
        },
    ),
    _recipe(
        "clay",
        "Clay creatures",
        options={
            "mouthVariant": [
                *("smile", "o", "open", "toothy", "tongue", "grin", "smirk", "laugh", "cat", "smileBig", "uu"),
                *("openSmall", "smileTongue"),
            ],
        },
    ),
    _recipe(
        "moods",
        "Good moods",
        options={
            "mouthVariant": [
                "smile",
                "wide",
                "bigSmile",
                "smileOpen",
                "grin",
                "cat",
                "smirk",
                "open",
                "tongue",
                "laugh",
            ],
            "eyesVariant": [
                *("pupils", "bigPupils", "sparkle", "small", "uneven", "tallPupils", "lookSide", "lookDown", "lookUp"),
                *("happy", "closed", "wink", "calm"),
            ],
        },
    ),
    _recipe("robots", "Robots", style="voxel-bot", options={"mouthVariant": ["grill", "speaker", "line", "smile"]}),
    _recipe("planets", "Planets", unseen=("star",), ext="jpg"),
    _recipe("landscapes", "Landscapes", style="landscape"),
    _recipe(
        "patchwork",
        "Patchwork",
        still=False,
        unseen=("block01Rotate", "block02Rotate"),
        options={
            "backgroundColor": ["#f3ead7", "#ece4da", "#f6efe3", "#e8ecdf"],
            "fabricAColor": ["#c65b47", "#b0413e", "#d9776b", "#c97ba5", "#8d5a97", "#d98e4f"],
        },
    ),
    _recipe(
        "shapes",
        "Shapes",
        options={
            "backgroundColor": ["#0a5b83", "#1c799f", "#69d2e7", "#f1f4dc", "#f88c49", "#f4c95d", "#7a4e8c", "#2f7d6b"],
        },
    ),
    _recipe("loops", "Loops", options={"backgroundColor": list(DEEP), "patternVariant": ["default", "alt"]}),
    _recipe("weave", "Woven", still=False),
    _recipe("stones", "Balanced stones", style="stack", still=False),
    _recipe(
        "notionists",
        "Notebook people",
        still=False,
        lifelike=True,
        options={
            "backgroundColor": list(PALE),
            "beardProbability": 0,
            "gestureVariant": ["hand", "handPhone", "waveLongArm", "waveLongArms"],
        },
    ),
    _recipe(
        "peeps",
        "Open Peeps",
        style="open-peeps",
        still=False,
        lifelike=True,
        options={
            "backgroundColor": list(PALE),
            "facialHairProbability": 0,
            "maskProbability": 0,
            "headVariant": [
                *("afro", "bangs", "bangs2", "bantuKnots", "bun", "bun2", "buns", "cornrows", "cornrows2", "dreads1"),
                *("dreads2", "flatTop", "flatTopLong", "grayBun", "grayMedium", "grayShort", "hatBeanie", "hatHip"),
                *("hijab", "long", "longAfro", "longBangs", "longCurly", "medium1", "medium2", "medium3"),
                *("mediumBangs", "mediumBangs2", "mediumBangs3", "mediumStraight", "mohawk", "noHair1", "noHair2"),
                *("noHair3", "pomp", "shaved1", "shaved2", "shaved3", "short1", "short2", "short3", "short4"),
                *("short5", "turban", "twists", "twists2"),
            ],
            "accessoriesVariant": ["glasses", "glasses2", "glasses3", "glasses4", "glasses5"],
            "expressionVariant": [
                *("awe", "calm", "cheeky", "cute", "driven", "explaining", "eyesClosed", "lovingGrin1", "lovingGrin2"),
                *("smile", "smileBig", "smileLOL", "smileTeethGap"),
            ],
        },
    ),
    _recipe(
        "lorelei",
        "Ink portraits",
        still=False,
        lifelike=True,
        options={
            "backgroundColor": list(PALE),
            "beardProbability": 0,
            "mouthVariant": [f"happy{number:02}" for number in range(1, 19)],
        },
    ),
)
"""In the order in which members choose. A new pack goes to the end: the place of a pack is part of its numbers."""

BY_KEY = MappingProxyType({recipe.key: recipe for recipe in PACKS})

"""What each pack looks like, as far as a machine can tell."""

import io
import itertools
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest
import resvg_py
from dicebear import Avatar, Style
from PIL import Image

from rotavatar.catalogue import Reference
from rotavatar_catalogue.drawing import (
    APART,
    DrawingError,
    Plan,
    candidate,
    credit_of,
    definition_of,
    draw,
    style_of,
)
from rotavatar_catalogue.encoding import FLATTEST, flatness
from rotavatar_catalogue.making import COUNT, SEED
from rotavatar_catalogue.packs import BY_KEY, PACKS, Recipe

CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"
SAD = ("sad", "frown", "angry", "rage", "fear", "zigzag", "slant", "pout", "tired", "suspicious", "contempt")

recipes = pytest.mark.parametrize("recipe", PACKS, ids=[recipe.key for recipe in PACKS])


@recipes
def test_every_style_is_free_of_conditions(recipe: Recipe) -> None:
    credit = credit_of(recipe.style)
    assert credit.licence == "CC0 1.0"
    assert credit.licence_url.rstrip("/") == CC0.rstrip("/")


@recipes
def test_each_style_is_credited_in_the_notice(recipe: Recipe) -> None:
    credit = credit_of(recipe.style)
    lines = (Path(__file__).parents[3] / "NOTICE").read_text("utf-8").splitlines()
    assert any(recipe.title in line and credit.title in line and credit.creator in line for line in lines)


def test_the_first_pack_looks_like_nobody() -> None:
    assert not PACKS[0].lifelike
    assert {recipe.key for recipe in PACKS if recipe.lifelike} == {"notionists", "peeps", "lorelei"}


def test_there_are_enough_packs_without_people() -> None:
    assert sum(not recipe.lifelike for recipe in PACKS) >= 8


@recipes
def test_a_pack_has_a_key_that_fits_a_reference(recipe: Recipe) -> None:
    reference = Reference(catalogue="caaaaa", pack=recipe.key, index=0)
    assert Reference.parse(str(reference)) == reference


@recipes
def test_options_name_variants_that_the_style_has(recipe: Recipe) -> None:
    """DiceBear ignores what it does not know, so a typing error would bring the sad mouths back."""
    components = msgspec.convert(definition_of(recipe.style)["components"], dict[str, dict[str, object]])
    for option, value in recipe.options.items():
        if option.endswith("Variant"):
            assert set(value) <= set(components[option.removesuffix("Variant")]["variants"])  # type: ignore[call-overload]
        if option.endswith("Probability"):
            assert option.removesuffix("Probability") in components


@recipes
def test_a_picture_is_opaque_square_and_not_flat(recipe: Recipe) -> None:
    content = draw(recipe, candidate(recipe, "test").svg)
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == {"png": "PNG", "jpg": "JPEG"}[recipe.ext]
        assert image.size == (512, 512)
        assert not image.has_transparency_data
        assert 0.01 < flatness(image) < FLATTEST
        assert len(image.convert("RGB").getcolors(512 * 512) or []) > 3


@recipes
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(recipe: Recipe) -> None:
    once, again, other = (draw(recipe, candidate(recipe, seed).svg) for seed in ("a", "a", "b"))
    assert once == again
    assert once != other


@recipes
def test_pictures_of_a_pack_differ_in_two_traits_and_smile(recipe: Recipe) -> None:
    plan = Plan(recipe, seed=SEED)
    chosen = [plan[index] for index in range(40)]
    for one, other in itertools.combinations(chosen, 2):
        assert len({name for name, _ in one.traits ^ other.traits}) >= APART
    assert not {value for each in chosen for name, value in each.traits if name != "backgroundColor"} & set(SAD)


def test_a_longer_plan_begins_with_the_shorter_one() -> None:
    recipe = BY_KEY["stones"]
    short, long = Plan(recipe, seed=SEED), Plan(recipe, seed=SEED)
    _ = long[20]
    assert [short[index] for index in range(10)] == [long[index] for index in range(10)]


def test_a_recipe_with_too_few_looks_is_refused() -> None:
    poor = msgspec.structs.replace(
        BY_KEY["stones"],
        options={
            "backgroundColor": ["#ffffff"],
            "pilesVariant": ["three"],
            "stoneVariant": ["pill"],
            "capVariant": ["ball"],
            "stoneLightColor": ["#e8dbd8"],
            "stoneMidColor": ["#c7877c"],
        },
    )
    with pytest.raises(DrawingError, match="stones has no more than 1 pictures"):
        _ = Plan(poor, seed=SEED)[1]


def test_a_flat_picture_is_refused() -> None:
    flat = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9" fill="#123"/></svg>'
    with pytest.raises(DrawingError, match="single colour"):
        draw(BY_KEY["critters"], flat)


def test_what_is_transparent_becomes_white() -> None:
    half = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="4" height="8" fill="#f00"/></svg>'
    with Image.open(io.BytesIO(draw(BY_KEY["critters"], half))) as image:
        assert image.convert("RGB").getpixel((500, 100)) == (255, 255, 255)
        assert image.convert("RGB").getpixel((10, 100)) == (255, 0, 0)


@recipes
def test_a_style_is_sound_and_drawn_as_if_it_had_been_checked(recipe: Recipe) -> None:
    checked = Style(definition_of(recipe.style))
    drawn = Avatar(checked, {**recipe.options, "seed": "test", "size": 512}).to_string()
    assert candidate(recipe, "test").svg == drawn
    assert style_of(recipe.style) is style_of(recipe.style)


@pytest.mark.slow
@recipes
def test_a_whole_pack_differs_even_when_it_is_small(recipe: Recipe) -> None:
    """Traits can be invisible (a symmetrical block turned by half a circle), pixels cannot."""
    plan = Plan(recipe, seed=SEED)
    small = {
        resvg_py.svg_to_bytes(svg_string=plan[index].svg, width=96, height=96, skip_system_fonts=True)
        for index in range(COUNT)
    }
    assert len(small) == COUNT >= 500


def test_the_drawing_libraries_are_the_pinned_ones() -> None:
    assert (version("dicebear-core"), version("dicebear-styles"), version("resvg-py")) == ("10.7.0", "10.6.0", "0.5.0")

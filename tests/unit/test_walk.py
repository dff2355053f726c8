"""The order in which a member walks a pack."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotavatar.walk import Walk

keys = st.binary(max_size=40)
sizes = st.integers(min_value=1, max_value=300)


@given(key=keys, size=sizes, cycle=st.integers(min_value=0, max_value=10**6))
def test_each_cycle_shows_every_picture_exactly_once(key: bytes, size: int, cycle: int) -> None:
    walk = Walk(key=key, size=size)
    shown = [walk.index_at(cycle * size + place) for place in range(size)]
    assert sorted(shown) == list(range(size))


@given(key=keys, size=st.integers(min_value=3, max_value=40), cycle=st.integers(min_value=1, max_value=100))
def test_no_picture_comes_twice_in_a_row(key: bytes, size: int, cycle: int) -> None:
    walk = Walk(key=key, size=size)
    assert walk.index_at(cycle * size - 1) != walk.index_at(cycle * size)


def test_the_next_cycle_has_another_order() -> None:
    walk = Walk(key=b"T1/U1", size=512)
    first, second = ([walk.index_at(start + place) for place in range(512)] for start in (0, 512))
    assert first != second


def test_two_members_neither_share_an_order_nor_follow_each_other() -> None:
    one, other = ([Walk(key=key, size=512).index_at(place) for place in range(512)] for key in (b"U1", b"U2"))
    distances = Counter((a - b) % 512 for a, b in zip(one, other, strict=True))
    assert distances.most_common(1)[0][1] < 20  # 1 on average; with affine orders of one stride it would be 512


def test_first_pictures_are_spread_evenly_over_the_pack() -> None:
    firsts = Counter(Walk(key=f"U{number}".encode(), size=16).index_at(0) for number in range(4_800))
    chi_square = sum((firsts[index] - 300) ** 2 / 300 for index in range(16))
    assert chi_square < 44.3  # 15 degrees of freedom: exceeded once in 10,000 fair draws, and these are fixed


def test_the_order_never_changes() -> None:
    """Positions are stored: another order after an upgrade would show pictures twice."""
    assert [Walk(key=b"T1/U1", size=512).index_at(place) for place in (0, 1, 511, 512, 100_000)] == [
        78,
        153,
        138,
        10,
        471,
    ]


@given(key=keys, size=sizes, position=st.integers(min_value=0, max_value=2_000), data=st.data())
def test_onward_finds_the_one_free_picture_wherever_it_is(
    key: bytes, size: int, position: int, data: st.DataObject
) -> None:
    only = data.draw(st.integers(min_value=0, max_value=size - 1))
    walk = Walk(key=key, size=size)
    step = walk.onward(position, free=lambda index: index == only)
    assert step is not None
    assert step.index == only
    assert position < step.after <= position + 2 * size
    assert walk.index_at(step.after - 1) == only


def test_onward_takes_the_very_next_picture_when_all_are_free() -> None:
    walk = Walk(key=b"k", size=7)
    step = walk.onward(3, free=lambda _: True)
    assert step is not None
    assert (step.index, step.after) == (walk.index_at(3), 4)


def test_onward_gives_up_when_nothing_is_free() -> None:
    assert Walk(key=b"k", size=7).onward(3, free=lambda _: False) is None


def test_an_empty_pack_cannot_be_walked() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Walk(key=b"k", size=0)

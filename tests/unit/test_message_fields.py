"""What a job may hold: nothing that a token could be in, and no damage that a reader would stumble over."""

from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotavatar.errors import MalformedMessage
from rotavatar.keys import User, Workspace
from rotavatar.messages import FrequencyChosen, Job, decode, encode

KINDS: tuple[type[Any], ...] = get_args(Job)

CLOSED = {Workspace, User, tuple[User, ...], int, int | None, bool}
"""Types that hold an id, a number, or yes and no."""

FREE_TEXT = {"trace", "pack", "reply", "avatar_hash", "shown", "teams", "enterprise"}
"""Fields that hold other text. Before you add one, make sure that no token can get into it."""

WELL = FrequencyChosen(workspace=Workspace("T1"), user=User("Ü1"), at=1, trace="tr", seconds=3600)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_field_is_there_for_a_token(kind: type[Any]) -> None:
    hints = get_type_hints(kind)
    for name in kind.__struct_fields__:
        assert hints[name] in CLOSED or name in FREE_TEXT, f"{kind.__name__}.{name}"
        assert hints[name] in CLOSED or hints[name] in (str, str | None, tuple[str, ...]), f"{kind.__name__}.{name}"
    assert kind.__struct_config__.frozen


@pytest.mark.parametrize("version", [b"3", b"0", b"22", b"-1", b"2.0", b"", b"two", b"\xff", b"02", b"1\n"])
def test_another_version_is_refused_by_name(version: bytes) -> None:
    with pytest.raises(MalformedMessage, match="version"):
        decode(version + encode(WELL)[1:])


@settings(max_examples=300)
@given(st.booleans(), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_damaged_message_is_refused_or_is_a_message(old: bool, damage: list[tuple[int, int]]) -> None:
    fields = msgspec.to_builtins(WELL)
    if old:
        del fields["trace"]
    raw = bytearray((b"1 " if old else b"2 ") + msgspec.json.encode(fields))
    for place, byte in damage:
        raw[place % len(raw)] = byte
    try:
        read = decode(bytes(raw))
    except MalformedMessage:
        return
    assert isinstance(read, KINDS)

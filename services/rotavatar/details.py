"""What only people and workers read of a member, packed into one field of their hash.

A field of its own costs three to five bytes beside its value, and a number of milliseconds ten: with each attribute in
its own field a settled member took 715 bytes of Redis, packed 587 (`make bench`). So only what the scripts read has a
field of its own. A process that does not know an element at the end of the array loses it when it writes the record:
append only what may be lost while versions change, anything else as a field of its own.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

TIMES: Final = ("frequency_at", "pack_at", "pause_at", "wish_at", "rotated_at", "joined_at")
"""In the order of the bits that say which are there."""

PICTURES: Final = ("picture", "previous", "next")

SLACK_PHOTOS: Final = "https://avatars.slack-edge.com/"
"""Where Slack keeps photos, as `image_512` in its own example answers says
(https://docs.slack.dev/reference/methods/users.profile.get)."""

_TIME_BYTES: Final = 6
_SHORT: Final = "~"


class Details(msgspec.Struct, frozen=True, array_like=True):
    """The packed form: what each stands for is said at its attribute in records.py."""

    times: bytes = b""
    pictures: str = ""
    image_url: str = ""
    position: int = 0
    frequency: int = 0
    pack: str = ""
    paused: bool = False
    paused_until: int = 0
    our_hash: str = ""
    own: tuple[str, ...] | None = None
    outside_hash: str = ""
    problem: str = ""
    zone: str = ""


_AS_THEY_ARE: Final = tuple(
    name for name in Details.__struct_fields__ if name not in {"times", "pictures", "image_url", "own"}
)

DETAILS: Final = (*TIMES, *PICTURES, "image_url", "own", *_AS_THEY_ARE)
"""The attributes of a member that are packed."""


def pack(values: Mapping[str, Any]) -> bytes:
    """The field that holds `values`, one for each of DETAILS; `own` as a tuple."""
    packed = Details(
        times=_pack_times([values[name] for name in TIMES]),
        pictures=_pack_pictures(values[name] for name in PICTURES),
        image_url=_SHORT + values["image_url"].removeprefix(SLACK_PHOTOS)
        if values["image_url"].startswith(SLACK_PHOTOS)
        else values["image_url"],
        own=values["own"],
        **{name: values[name] for name in _AS_THEY_ARE},
    )
    return _encoder.encode(packed)


def unpack(raw: bytes) -> dict[str, Any]:
    """What `pack` was given. Raises msgspec.DecodeError for what it never wrote."""
    packed = _decoder.decode(raw)
    url = packed.image_url
    return {
        **dict(zip(TIMES, _unpack_times(packed.times), strict=True)),
        **dict(zip(PICTURES, _unpack_pictures(packed.pictures), strict=True)),
        "image_url": SLACK_PHOTOS + url.removeprefix(_SHORT) if url.startswith(_SHORT) else url,
        "own": packed.own,
        **{name: getattr(packed, name) for name in _AS_THEY_ARE},
    }


def _pack_times(times: list[int]) -> bytes:
    """A byte that says which of them are not 0, then six bytes of milliseconds for each of those."""
    there = sum(1 << place for place, time in enumerate(times) if time)
    return bytes([there]) + b"".join(time.to_bytes(_TIME_BYTES, "big") for time in times if time)


def _unpack_times(raw: bytes) -> list[int]:
    there, at, times = raw[0] if raw else 0, 1, []
    for place in range(len(TIMES)):
        if there >> place & 1:
            times.append(int.from_bytes(raw[at : at + _TIME_BYTES], "big"))
            at += _TIME_BYTES
        else:
            times.append(0)
    return times


def _pack_pictures(references: Iterable[str]) -> str:
    """Separated by spaces; one that begins with a slash is of the same catalogue and pack as the one before it."""
    words, before = [], None
    for reference in references:
        head, slash, tail = reference.rpartition("/")
        words.append(slash + tail if slash and head == before else reference)
        before = head if slash else before
    return " ".join(words)


def _unpack_pictures(packed: str) -> list[str]:
    references, before = [], ""
    for word in packed.split(" ") if packed else [""] * len(PICTURES):
        reference = before + word if word.startswith("/") else word
        before = reference.rpartition("/")[0] or before
        references.append(reference)
    return references


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Details)

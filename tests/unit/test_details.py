"""A member's record lies in Redis in few bytes and comes back as it was."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rotavatar import details
from rotavatar.records import MEMBER_FIELDS, Member, OwnPhoto, changes, unpack

TIME = st.just(0) | st.integers(1, 2**47)
REFERENCE = st.sampled_from(("", "own")) | st.from_regex(r"(c[a-z2-7]{5}/)?[a-z]{2,10}/[0-9]{1,4}", fullmatch=True)
URL = st.sampled_from(("", details.SLACK_PHOTOS + "2026-11-22/1_a_512.jpg", "http://127.0.0.1:1/a.jpg"))
OWN = st.none() | st.builds(OwnPhoto, hash=st.text(max_size=12), name=st.text(max_size=22))

MEMBERS = st.builds(
    Member,
    credential=st.binary(max_size=300),
    wish_at=TIME,
    frequency_at=TIME,
    pause_at=TIME,
    rotated_at=TIME,
    left_at=TIME,
    paused=st.booleans(),
    paused_until=TIME,
    picture=REFERENCE,
    previous=REFERENCE,
    next=REFERENCE,
    position=st.integers(0, 2**40),
    image_url=URL,
    own=OWN,
    zone=st.text(max_size=30),
)


@given(before=MEMBERS, after=MEMBERS)
def test_what_is_written_over_a_record_reads_as_the_new_one(before: Member, after: Member) -> None:
    stored: dict[bytes, bytes] = {}
    for old, new in ((Member(), before), (before, after)):
        put, drop = changes(MEMBER_FIELDS, old, new)
        stored |= {name.encode(): value if isinstance(value, bytes) else value.encode() for name, value in put.items()}
        for name in drop:
            stored.pop(name.encode(), None)
    assert unpack(Member, MEMBER_FIELDS, stored) == after


def test_a_settled_member_is_small() -> None:
    """The sum that keeps the whole hash in the 384 bytes of an allocation: `make bench ROW=memory` measures it."""
    now = 1_795_000_000_000
    member = Member(
        frequency=14_400,
        frequency_at=now,
        pack="critters",
        pack_at=now,
        wish_at=now,
        picture="c4kq2z/critters/123",
        previous="c4kq2z/critters/124",
        next="c4kq2z/critters/511",
        position=300,
        rotated_at=now,
        our_hash="a1b2c3d4e5f6",
        image_url="https://avatars.slack-edge.com/2026-11-22/7654321098765_a1b2c3d4e5f6a7b8c9d0_512.jpg",
        own=OwnPhoto(hash="g1b2c3d4e5f6", name="a1b2c3d4e5f6a7b8c9d0e1"),
        zone="America/Los_Angeles",
        joined_at=now,
    )
    assert len(changes(MEMBER_FIELDS, Member(), member)[0]["d"]) <= 216


def test_a_reader_passes_over_what_a_later_version_appends() -> None:
    put, _ = changes(MEMBER_FIELDS, Member(), Member(pack="planets"))
    raw = put["d"]
    assert isinstance(raw, bytes)
    later = [*msgspec.msgpack.decode(raw), "something new"]
    assert unpack(Member, MEMBER_FIELDS, {b"d": msgspec.msgpack.encode(later)}) == Member(pack="planets")

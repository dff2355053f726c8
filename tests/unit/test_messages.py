"""Jobs on the wire: both versions, and what is no job."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotavatar import messages
from rotavatar.errors import MalformedMessage
from rotavatar.messages import Job, Message, decode, encode

KINDS = tuple(kind for kind in Job.__args__)
TAGS = [kind.__struct_config__.tag for kind in KINDS]
jobs = st.one_of(*(st.from_type(kind) for kind in KINDS)).filter(
    lambda job: len(encode(job)) < 100_000 and all(abs(n) < 2**63 for n in _numbers(job))
)


def _numbers(job: Message) -> list[int]:
    return [value for value in msgspec.structs.asdict(job).values() if isinstance(value, int)]


@given(jobs)
def test_what_is_written_is_read(job: Message) -> None:
    assert decode(encode(job)) == job


@given(jobs)
def test_version_1_is_read_and_has_no_trace(job: Message) -> None:
    fields = msgspec.to_builtins(job)
    del fields["trace"]
    old = b"1 " + msgspec.json.encode(fields)
    assert decode(old) == msgspec.structs.replace(job, trace="")


@given(jobs)
def test_a_field_that_a_newer_writer_adds_is_ignored(job: Message) -> None:
    fields = {**msgspec.to_builtins(job), "invented": [1, {"deep": None}]}
    assert decode(b"2 " + msgspec.json.encode(fields)) == job


@given(st.binary() | st.builds(lambda version, body: version + b" " + body, st.sampled_from([b"1", b"2"]), st.binary()))
def test_what_is_no_job_is_refused_in_one_way(raw: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(raw)


@pytest.mark.parametrize("version", [b"1 ", b"2 "])
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"kind":"shuffle","workspace":"T1","user":"U1","at":1,"trace":"","x":' + b"[" * 100_000,
        b'{"kind":"shuffle","workspace":"T1","user":"U1","at":1e400,"trace":""}',
        b'{"kind":"shuffle","workspace":"T1","user":"U1","at":"1","trace":""}',
        b'{"kind":"shuffle","workspace":null,"user":"U1","at":1,"trace":""}',
        b'{"kind":"invented","workspace":"T1","user":"U1","at":1,"trace":""}',
        b'{"kind":"shuffle","workspace":"\xff","user":"U1","at":1,"trace":""}',
        b"",
    ],
)
def test_hostile_bodies_are_refused(version: bytes, body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(version + body)


def test_every_kind_has_a_name_of_its_own() -> None:
    assert len(set(TAGS)) == len(KINDS)
    assert messages.VERSION == 2

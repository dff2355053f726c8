"""Slack's signature: the documented example, and everything near it that must not pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_api.signing import MAX_AGE, sign, signed_at, verify

SECRET = b"8f742231b10e8888abcd99yyyzzz85a5"
STAMP = b"1531420618"
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2F"
    b"hooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = b"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
NOW = float(STAMP)


def holds(
    *,
    secrets: tuple[bytes, ...] = (SECRET,),
    timestamp: bytes | None = STAMP,
    signature: bytes | None = SIGNATURE,
    body: bytes = BODY,
    now: float = NOW,
) -> bool:
    return verify(secrets, timestamp=timestamp, signature=signature, body=body, now=now)


def test_the_example_of_slacks_documentation_holds() -> None:
    assert sign(SECRET, STAMP, BODY) == SIGNATURE
    assert holds()


@pytest.mark.parametrize("age", [-MAX_AGE, 0, MAX_AGE])
def test_five_minutes_either_way_are_fresh(age: int) -> None:
    assert holds(now=NOW + age)
    assert not holds(now=NOW + age + (1 if age >= 0 else -1) * (MAX_AGE - abs(age) + 0.5))


def test_any_of_several_secrets_may_have_signed() -> None:
    assert holds(secrets=(b"newer", SECRET))
    assert holds(secrets=(SECRET, b"older"))
    assert not holds(secrets=(b"newer", b"older"))
    assert not holds(secrets=())


@pytest.mark.parametrize("missing", ["timestamp", "signature"])
def test_a_missing_header_never_holds(missing: str) -> None:
    assert not holds(**{missing: None})  # type: ignore[arg-type]


@given(st.binary(max_size=80))
def test_no_other_signature_holds(signature: bytes) -> None:
    assert holds(signature=signature) == (signature == SIGNATURE)


@given(st.binary(max_size=30), st.floats(min_value=0, max_value=4e9))
def test_no_timestamp_raises(timestamp: bytes, now: float) -> None:
    second = signed_at(timestamp, now=now)
    assert second is None or abs(second - now) <= MAX_AGE
    assert not holds(timestamp=timestamp, now=now) or timestamp == STAMP


@given(st.integers(min_value=0, max_value=8 * len(BODY) - 1))
def test_no_bit_of_the_body_may_change(bit: int) -> None:
    body = bytearray(BODY)
    body[bit // 8] ^= 1 << bit % 8
    assert not holds(body=bytes(body))

"""Form bodies, compared with the standard library's slow decoder."""

from urllib.parse import parse_qsl, quote_plus, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingress_api.answers import Malformed
from ingress_api.forms import decode_form, text, unquote

fields = st.dictionaries(st.text(max_size=12), st.text(max_size=60), min_size=1, max_size=8)


@given(fields)
def test_what_is_encoded_comes_back(given_fields: dict[str, str]) -> None:
    decoded = decode_form(urlencode(given_fields).encode())
    assert {name: text(value) for name, value in decoded.items()} == given_fields


@given(st.binary(max_size=200))
def test_bytes_come_back(raw: bytes) -> None:
    assert unquote(quote_plus(raw).encode()) == raw


@given(st.text(alphabet="ab%=+&0fF2zZ\n\r\t ;é", max_size=40))
@example("%\n41")
@example("%%41")
@example("a=b=c%3D")
@example("%0")
def test_what_is_accepted_is_what_everybody_else_reads(body: str) -> None:
    try:
        decoded = decode_form(body.encode())
        mine = {name: text(value) for name, value in decoded.items()}
    except Malformed:
        return
    theirs = dict(parse_qsl(body, keep_blank_values=True, errors="strict"))
    assert mine.items() - {("", "")} == theirs.items() - {("", "")}


@pytest.mark.parametrize("value", [b"%", b"%4", b"%zz", b"100%", b"%\r\n41", b"%=41", b"a%%", b"%C3%", b"+%g0"])
def test_what_is_not_percent_encoded_is_refused(value: bytes) -> None:
    with pytest.raises(Malformed):
        unquote(value)


def test_a_field_that_is_there_twice_is_refused() -> None:
    with pytest.raises(Malformed):
        decode_form(b"payload=1&pay%6coad=2")

"""What the API server says, and what it means for who asked."""

import pytest

from rotavatar.errors import RotavatarError, Unavailable
from slacktenant_operator.cluster import Expired, Metadata, Overtaken, Refused, SecretContent, _error, _watched

STATUS = b'{"kind":"Status","code":%d,"message":"because of it"}'


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (409, Overtaken),
        (410, Expired),
        (429, Unavailable),
        (401, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
        (403, Refused),
        (422, Refused),
    ],
)
def test_what_an_answer_means(code: int, kind: type[RotavatarError]) -> None:
    error = _error("PATCH", "/apis/x?limit=1", code, STATUS % code)
    assert type(error) is kind
    assert f"PATCH /apis/x: {code}" in str(error)


def test_who_does_not_serve_a_kind_says_nothing_about_its_objects() -> None:
    assert type(_error("GET", "/x", 404, b"404 page not found\n")) is Unavailable
    found = b'{"kind":"Status","reason":"NotFound","code":404}'
    assert not isinstance(_error("GET", "/x", 404, found), Unavailable)


def test_a_refusal_repeats_what_the_server_said() -> None:
    assert "because of it" in str(_error("GET", "/x", 403, STATUS % 403))
    assert str(_error("GET", "/x", 403, b"<html>")) == "GET /x: 403 "


def test_lines_of_a_watch() -> None:
    added = b'{"type":"ADDED","object":{"metadata":{"name":"s","namespace":"n","uid":"u","resourceVersion":"7"}}}'
    assert _watched(added) == ("ADDED", Metadata(name="s", namespace="n", uid="u", resource_version="7"))
    bookmark = b'{"type":"BOOKMARK","object":{"kind":"PartialObjectMetadata","metadata":{"resourceVersion":"9"}}}'
    assert _watched(bookmark) == ("BOOKMARK", Metadata(resource_version="9"))
    with pytest.raises(Expired, match="410"):
        _watched(b'{"type":"ERROR","object":{"kind":"Status","metadata":{},"code":410}}')


def test_a_secret_shows_no_value() -> None:
    body = {"metadata": {"name": "s", "namespace": "n", "uid": "u", "resourceVersion": "7"}, "data": {"t": "eA=="}}
    content = SecretContent(body)
    assert (content.identity, content.labelled, content.owner, content.data) == ("u/7", False, None, {"t": b"x"})
    assert repr(content) == "SecretContent(n/s)"

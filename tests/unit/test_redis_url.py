"""The forms in which people write where Redis is."""

import pytest

from rotavatar.redis_url import parse_redis_url


@pytest.mark.parametrize(
    ("text", "hosts", "plain", "primary"),
    [
        ("redis://h", (("h", 6379),), "redis://h:6379/", ""),
        ("redis://:p@h:7000/2", (("h", 7000),), "redis://:p@h:7000/2", ""),
        ("rediss://u:p%40w@h:1/0?ssl_cert_reqs=none", (("h", 1),), "rediss://u:p%40w@h:1/0?ssl_cert_reqs=none", ""),
        ("redis://[::1]:7000/0", (("::1", 7000),), "redis://[::1]:7000/0", ""),
        ("redis://a,b:7001/0", (("a", 6379), ("b", 7001)), "redis://a:6379/0", ""),
        ("redis+sentinel://a,b:1/photos", (("a", 26379), ("b", 1)), "redis://a:26379/", "photos"),
        ("rediss+sentinel://u:p@a/photos/3", (("a", 26379),), "rediss://u:p@a:26379/3", "photos"),
        ("unix://:p@/run/redis.sock", (), "unix://:p@/run/redis.sock", ""),
    ],
)
def test_every_form_is_read(text: str, hosts: tuple[tuple[str, int], ...], plain: str, primary: str) -> None:
    found = parse_redis_url(text)
    assert (found.hosts, found.plain, found.primary) == (hosts, plain, primary)
    assert found.tls == text.startswith("rediss")
    assert "p@" not in found.place and "p%40w" not in found.place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h:6379",
        "http://h/0",
        "redis://",
        "redis://h:0",
        "redis://h:99999",
        "redis://h:x",
        "redis://a,,b",
        "redis://h/zero",
        "redis://h/0/1",
        "redis+sentinel://h:26379",
        "redis+sentinel://h:26379/photos/x",
        "redis+cluster://h",
        "unix://",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller words it
        parse_redis_url(text)

"""Slack's request signature, and the ways in which an attacker or a broken proxy gets it wrong.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

import hashlib
import hmac
from typing import Literal, get_args

Hostility = Literal[
    "no_signature",
    "no_timestamp",
    "bad_signature",
    "wrong_secret",
    "stale",
    "future",
    "non_numeric_timestamp",
    "huge_timestamp",
    "non_ascii_signature",
    "altered_body",
    "truncated_body",
    "duplicated_signature",
]
HOSTILITIES: tuple[Hostility, ...] = get_args(Hostility)

TOLERANCE = 300
"""Seconds that a timestamp may be off before a request must be refused."""

SIGNATURE_NAMES = ("X-Slack-Signature", "X-Slack-Request-Timestamp")

Headers = list[tuple[str, str]]


def sign(*, secret: str, timestamp: str, body: bytes) -> str:
    """The value of X-Slack-Signature for `body` sent at `timestamp`."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def signed_headers(*, secret: str, wall: float, body: bytes, mixed_case: bool = False) -> Headers:
    """The two headers of a genuine request; `mixed_case` spells them as some proxies do."""
    timestamp = str(int(wall))
    signature = sign(secret=secret, timestamp=timestamp, body=body)
    names = ("x-SLACK-signature", "X-slack-REQUEST-timestamp") if mixed_case else SIGNATURE_NAMES
    return [(names[0], signature), (names[1], timestamp)]


def hostile(kind: Hostility, *, secret: str, wall: float, body: bytes) -> tuple[Headers, bytes]:
    """Headers and body of a request that must be refused."""
    signature_name, timestamp_name = SIGNATURE_NAMES
    skew = {"stale": -TOLERANCE - 60, "future": TOLERANCE + 60}.get(kind, 0)
    timestamp = str(int(wall) + skew)
    timestamp = {"non_numeric_timestamp": "yesterday", "huge_timestamp": "9" * 5000}.get(kind, timestamp)
    signature = sign(secret=secret + "x" if kind == "wrong_secret" else secret, timestamp=timestamp, body=body)
    signature = {"bad_signature": "v0=" + "0" * 64, "non_ascii_signature": "v0=ß☃"}.get(kind, signature)
    headers = [(signature_name, signature), (timestamp_name, timestamp)]
    if kind == "no_signature":
        del headers[0]
    if kind == "no_timestamp":
        del headers[1]
    if kind == "duplicated_signature":
        headers.append((signature_name, "v0=" + "f" * 64))
    if kind == "altered_body":
        return headers, body + b" "
    if kind == "truncated_body":
        return headers, body[: len(body) // 2]
    return headers, body

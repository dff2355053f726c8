"""Whether a request comes from Slack (https://docs.slack.dev/authentication/verifying-requests-from-slack)."""

import hmac
import re
from collections.abc import Iterable

MAX_AGE = 300
"""Seconds: "verify that the timestamp does not differ from local time by more than five minutes"."""

_TIMESTAMP = re.compile(rb"[0-9]{1,12}")


def sign(secret: bytes, timestamp: bytes, body: bytes) -> bytes:
    """The signature that Slack sends with `body`."""
    return b"v0=" + hmac.digest(secret, b"v0:" + timestamp + b":" + body, "sha256").hex().encode()


def signed_at(timestamp: bytes | None, *, now: float) -> int | None:
    """The second that `timestamp` names, or None where it is none or more than MAX_AGE away from `now`."""
    if timestamp is None or not _TIMESTAMP.fullmatch(timestamp):
        return None
    second = int(timestamp)
    return second if abs(now - second) <= MAX_AGE else None


def verify(
    secrets: Iterable[bytes], *, timestamp: bytes | None, signature: bytes | None, body: bytes, now: float
) -> bool:
    """Whether one of `secrets` signed the raw `body`, at most MAX_AGE seconds from `now` (the real time).

    Takes header values as they arrived, any bytes at all. Each secret is compared in constant time.
    """
    if timestamp is None or signature is None or signed_at(timestamp, now=now) is None:
        return False
    return any(hmac.compare_digest(sign(secret, timestamp, body), signature) for secret in secrets)

"""Headers and bodies as they arrive, kept within limits while they do."""

from collections.abc import Iterable
from typing import Final

import msgspec
from starlette.types import Receive

from ingress_api.answers import Refused

MAX_BODY: Final = 1_000_000
"""Bytes. Slack's largest payload carries a whole Home tab of at most 250 kB, percent-encoded threefold at worst."""

CLOSE: Final = ((b"connection", b"close"),)
"""Sent where the rest of a body is not worth reading."""


class Gone(Exception):
    """The sender went away before its request was complete."""


class SlackHeaders(msgspec.Struct, frozen=True):
    """The headers of a signed request that matter, as bytes from anybody."""

    timestamp: bytes | None
    signature: bytes | None
    retry_reason: bytes | None


_TIMESTAMP: Final = b"x-slack-request-timestamp"
_SIGNATURE: Final = b"x-slack-signature"
_RETRY_REASON: Final = b"x-slack-retry-reason"
_ONCE: Final = frozenset({_TIMESTAMP, _SIGNATURE, _RETRY_REASON, b"content-length"})


def read_headers(headers: Iterable[tuple[bytes, bytes]]) -> SlackHeaders:
    """Pick the headers that matter. Raises Refused where one is there twice or announces too long a body."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _ONCE:
            if name in found:
                raise Refused(400, "duplicate_header", "A header is there twice.")
            found[name] = value
    length = found.get(b"content-length", b"0")
    if not length.isdigit():
        raise Refused(400, "length", "Content-Length is not a number.")
    if len(length) > len(str(MAX_BODY)) or int(length) > MAX_BODY:
        raise _too_large()
    return SlackHeaders(
        timestamp=found.get(_TIMESTAMP), signature=found.get(_SIGNATURE), retry_reason=found.get(_RETRY_REASON)
    )


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises Refused beyond MAX_BODY, Gone where the sender left; the server ends the wait."""
    message = await receive()
    first: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body", False) and len(first) <= MAX_BODY:
        return first
    parts: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            raise _too_large()
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
    raise Gone


def _too_large() -> Refused:
    return Refused(413, "too_large", "The body is too large.", more=CLOSE)

"""What ingress answers: made once where it can be, sent as two ASGI messages."""

import msgspec
from starlette.types import Send

Headers = tuple[tuple[bytes, bytes], ...]

TEXT = b"text/plain; charset=utf-8"
JSON = b"application/json"
NO_SNIFF = (b"x-content-type-options", b"nosniff")


class Answer(msgspec.Struct, frozen=True):
    """A whole HTTP response, its headers encoded."""

    status: int
    headers: Headers
    body: bytes = b""

    async def send(self, send: Send, *, head: bool = False) -> None:
        """Send it; without the body when `head`."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"" if head else self.body})


def answer(status: int, body: bytes = b"", *, content_type: bytes = TEXT, more: Headers = ()) -> Answer:
    """An answer with its length and type; `more` headers come after."""
    fixed = ((b"content-length", b"%d" % len(body)), NO_SNIFF, *more)
    return Answer(status, ((b"content-type", content_type), *fixed) if body else fixed, body)


OK = answer(200)
"""What Slack takes as: received."""


class Refused(Exception):
    """A request that ingress does not take: the status, one word for the metrics, and one line for who sent it."""

    def __init__(self, status: int, reason: str, line: str, *, more: Headers = ()) -> None:
        """`reason` is one of a few fixed words; neither it nor `line` repeats anything of the request."""
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.answer = answer(status, f"{line}\n".encode(), more=more)


class Malformed(Refused):
    """Signed by Slack, and yet not what Slack's documentation says."""

    def __init__(self, reason: str, line: str) -> None:
        """See Refused."""
        super().__init__(400, reason, line)

"""HTTP from the outside, within limits while a request arrives.

uvicorn's parser takes heads of any length, for any time; a proxy in front usually does not pass them on, and this
process does not depend on one.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD: Final = 32_768
"""Bytes. Slack's heads have less than 1 kB; browsers with many cookies reach 8 kB."""

MAX_HEADERS: Final = 100

REQUEST_SECONDS: Final = 5.0
"""How long a request may take to arrive whole, from its first byte or the opening of its connection. Slack gives up
after 3 s (https://docs.slack.dev/apis/events-api/)."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection, closed when a head is too long or has too many headers, or a request arrives too slowly."""

    _head_bytes = 0
    _in_head = True
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for the first request."""
        super().connection_made(transport)
        self._late = self.loop.call_later(REQUEST_SECONDS, self._is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse on, unless the head has become too long."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD and not self.transport.is_closing():
            self._refuse(b"431 Request Header Fields Too Large", b"The headers are too large.\n")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        if self._late is None:
            self._late = self.loop.call_later(REQUEST_SECONDS, self._is_late)

    def on_headers_complete(self) -> None:
        """A head is complete. An error here makes the parser refuse the request and close."""
        self._in_head = False
        if len(self.headers) > MAX_HEADERS:
            raise ValueError("too many headers")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._wait_no_longer()
        super().on_message_complete()

    def _wait_no_longer(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _is_late(self) -> None:
        self._late = None
        if self.transport.is_closing():
            return
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.close()
        else:
            self._refuse(b"408 Request Timeout", b"The request took too long to arrive.\n")

    def _refuse(self, status: bytes, line: bytes) -> None:
        self._wait_no_longer()
        self._in_head = False
        head = (
            b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head % (status, len(line)) + line)
        self.transport.close()

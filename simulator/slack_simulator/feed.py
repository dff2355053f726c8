"""What happens, as it happens: the page's live stream."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec

KEEPALIVE = 15.0
"""Seconds of silence after which a comment is sent, so that a vanished browser is noticed."""

BACKLOG = 1_000
"""Messages a slow browser may be behind before it loses the oldest."""


class Feed:
    """Fans messages out to every open page; costs nothing while none is open."""

    def __init__(self) -> None:
        self._readers: set[asyncio.Queue[bytes | None]] = set()

    @property
    def watched(self) -> bool:
        """Whether anybody is looking."""
        return bool(self._readers)

    def send(self, event: str, message: Any) -> None:
        """Send `message` as the Server-Sent Event `event`."""
        if not self._readers:
            return
        frame = b"event: %s\ndata: %s\n\n" % (event.encode(), msgspec.json.encode(message))
        for reader in self._readers:
            if reader.qsize() >= BACKLOG:
                reader.get_nowait()
            reader.put_nowait(frame)

    def close(self) -> None:
        """End every open stream."""
        for reader in self._readers:
            reader.put_nowait(None)

    async def frames(self) -> AsyncIterator[bytes]:
        """The stream of one page, until it goes or the feed closes."""
        reader: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._readers.add(reader)
        try:
            yield b": open\n\n"
            while True:
                try:
                    frame = await asyncio.wait_for(reader.get(), KEEPALIVE)
                except TimeoutError:
                    frame = b": still here\n\n"
                if frame is None:
                    return
                yield frame
        finally:
            self._readers.discard(reader)

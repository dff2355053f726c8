"""Gates between a process and what it talks to: they pass everything on, until one kills at an exact place."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Self

import msgspec


class When(StrEnum):
    """On which side of the effect somebody dies."""

    BEFORE = "before it is sent"
    AFTER = "before its answer is read"


class Point(msgspec.Struct, frozen=True):
    """The `nth` time that `what` is sent from now on."""

    what: bytes
    nth: int
    when: When


class Gate:
    """A TCP relay to `upstream`, which may be set after the start; `async with` opens and closes it."""

    def __init__(self, upstream: int = 0) -> None:
        self.upstream = upstream
        self.struck = False
        self._point: Point | None = None
        self._strike: Callable[[], None] = lambda: None
        self._seen = 0
        self._relays: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for relay in [*self._relays]:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    def arm(self, point: Point, strike: Callable[[], None]) -> None:
        """From now on count, and call `strike` once at `point`."""
        self._point, self._strike, self._seen, self.struck = point, strike, 0, False

    def disarm(self) -> None:
        """Only pass on."""
        self._point = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        try:
            await self._relay(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._relays.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        above, upward = await asyncio.open_connection("127.0.0.1", self.upstream)
        reached = asyncio.Event()
        try:
            ways = {
                asyncio.ensure_future(self._forth(reader, upward, reached)),
                asyncio.ensure_future(self._back(above, writer, reached)),
            }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            upward.close()

    async def _forth(self, reader: asyncio.StreamReader, upward: asyncio.StreamWriter, reached: asyncio.Event) -> None:
        while sent := await reader.read(1 << 20):
            if self._reaches(sent):
                assert self._point is not None
                if self._point.when is When.BEFORE:
                    self._kill()
                    return
                reached.set()
            upward.write(sent)
            await upward.drain()

    async def _back(self, above: asyncio.StreamReader, writer: asyncio.StreamWriter, reached: asyncio.Event) -> None:
        while answered := await above.read(1 << 20):
            if reached.is_set():
                self._kill()
                return
            writer.write(answered)
            with suppress(ConnectionError):
                await writer.drain()

    def _reaches(self, sent: bytes) -> bool:
        if self._point is None or self.struck:
            return False
        before, self._seen = self._seen, self._seen + sent.count(self._point.what)
        return before < self._point.nth <= self._seen

    def _kill(self) -> None:
        self.struck = True
        self._strike()

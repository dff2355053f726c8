"""How many jobs a process may have begun: whoever reads more has first to wait for a free hand."""

import asyncio


class Hands:
    """A number of hands. Unlike a semaphore it says how many are free, so that a reader asks for no more than that."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._released = asyncio.Event()

    async def free(self, *, at_least: int) -> int:
        """Wait until `at_least` hands are free; returns how many are."""
        while self._free < at_least:
            self._released.clear()
            await self._released.wait()
        return self._free

    def take(self, number: int) -> None:
        """`number` hands begin to work."""
        self._free -= number

    def release(self, number: int = 1) -> None:
        """`number` hands are done."""
        self._free += number
        self._released.set()

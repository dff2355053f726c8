"""Keeps the world in a file, so that a second start continues. Tokens are in it: it is for local use only."""

import asyncio
import contextlib
import os
import tempfile
import time
from pathlib import Path

import msgspec

from slack_simulator.state import World

PAUSE = 0.05
"""Seconds between two writes at least; the last change is written when the simulator stops."""


class StateFile:
    """A JSON snapshot beside a folder of photos, written atomically."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> World | None:
        """The world as it was last written; None at the first start. Raises ValueError for a file nobody can read."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return msgspec.json.decode(content, type=World)
        except msgspec.DecodeError as error:
            raise ValueError(f"{self.path} is no state of the simulator: delete it, or name another file") from error

    def save(self, world: World) -> None:
        """Write the world."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _replace(self.path, msgspec.json.encode(world))

    async def keep(self, world: World, unsaved: asyncio.Event) -> None:
        """Write the world whenever `unsaved` is set, until cancelled.

        A change is written at once, so that killing the process hardly ever takes back what an app was told; the next
        write waits ten times as long as this one took.
        """
        try:
            while True:
                await unsaved.wait()
                started = time.perf_counter()
                self._save(world, unsaved)
                await asyncio.sleep(max(PAUSE, 10 * (time.perf_counter() - started)))
        finally:
            if unsaved.is_set():
                self._save(world, unsaved)

    def _save(self, world: World, unsaved: asyncio.Event) -> None:
        unsaved.clear()
        self.save(world)


class FolderShelf:
    """Keeps the bytes of photos in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, digest: str, content: bytes) -> None:
        """See Shelf."""
        path = self._folder / digest
        if not path.exists():
            _replace(path, content)

    def get(self, digest: str) -> bytes | None:
        """See Shelf."""
        with contextlib.suppress(FileNotFoundError):
            return (self._folder / digest).read_bytes()
        return None

    def sweep(self, worn: set[str]) -> None:
        """Forget what nobody wears: photos that were replaced before the last stop, and half-written files."""
        for path in self._folder.iterdir():
            if path.name not in worn:
                path.unlink()

    def drop(self, digest: str) -> None:
        """See Shelf."""
        (self._folder / digest).unlink(missing_ok=True)


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).replace(path)

"""Keeps one process running: starts it, shows what it says, and starts it again when it dies."""

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from rotavatar_cli.dev.programs import Program
from rotavatar_cli.dev.screen import Screen

FIRST_PAUSE = 0.3
LONGEST_PAUSE = 10.0
"""Seconds before a process that died is started again: doubled each time, so that one that cannot start is no noise."""

STEADY_SECONDS = 20.0
"""A process that ran this long was well: its next death starts with the short pause again."""

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when its parent dies."""

MAX_LINE = 1 << 20
LAST_LINES = 15

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Keeper:
    """One process and its restarts."""

    def __init__(self, program: Program, screen: Screen, *, changed: Callable[[], None] = lambda: None) -> None:
        """`changed` is called whenever the process was started or has ended."""
        self.program = program
        self.starts = 0
        self.failures = 0
        """Deaths since it last ran for STEADY_SECONDS."""
        self._screen = screen
        self._changed = changed
        self._stopping = asyncio.Event()
        self._renewing = False
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def start(self) -> None:
        """Start the process and keep it running from now on."""
        self._task = asyncio.create_task(self._keep(), name=self.program.name)

    async def stop(self, *, patience: float) -> None:
        """End the process: SIGTERM, and SIGKILL to it and its children after `patience` seconds."""
        self._stopping.set()
        self._signal(signal.SIGTERM)
        if self._task is not None:
            done, _ = await asyncio.wait({self._task}, timeout=patience)
            if not done:
                self._screen.say(f"{self.program.name} does not stop, killed", level="warning", after_s=patience)
                self.kill()
                await self._task

    def renew(self) -> None:
        """End the process and start it again, as what it runs on was replaced."""
        self._renewing = True
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process and all its children at once."""
        self._stopping.set()
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            begun = time.monotonic()
            code = await run_once(self.program, self._line, started=self._started)
            self._changed()
            if self._stopping.is_set():
                return
            if self._renewing:
                self._renewing = False
                continue
            self.failures = 1 if time.monotonic() - begun >= STEADY_SECONDS else self.failures + 1
            pause = min(FIRST_PAUSE * 2 ** (self.failures - 1), LONGEST_PAUSE)
            self._screen.say(
                f"{self.program.name} {how_it_ended(code)}, is started again", level="error", in_s=round(pause, 1)
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    def _started(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.last_lines.clear()
        self.starts += 1
        self._changed()
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)

    def _line(self, line: str) -> None:
        self.last_lines.append(line)
        self._screen.line(self.program.name, line)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


async def run_once(
    program: Program, show: Callable[[str], None], *, started: Callable[[asyncio.subprocess.Process], None]
) -> int:
    """Run `program` to its end, show each line that it writes, and return its exit code (negative: a signal)."""
    process = await asyncio.create_subprocess_exec(
        *program.argv,
        env=dict(program.environ) or None,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=MAX_LINE,
        start_new_session=True,  # Ctrl-C reaches us alone: the order in which all stop is ours to decide
        preexec_fn=lambda: _prepare(program.niceness),
    )
    started(process)
    assert process.stdout is not None
    reading = asyncio.create_task(_read(process.stdout, show))
    code = await process.wait()
    with suppress(ProcessLookupError):  # children of a killed process hold its output open, and must not outlive it
        os.killpg(process.pid, signal.SIGKILL)
    await reading
    return code


def how_it_ended(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


async def _read(stream: asyncio.StreamReader, show: Callable[[str], None]) -> None:
    while True:
        try:
            line = await stream.readline()
        except ValueError:  # longer than MAX_LINE: dropped
            continue
        if not line:
            return
        text = line.decode(errors="replace").rstrip()
        if text:
            show(text)


def _prepare(niceness: int) -> None:
    """In the child, before its program: die with the parent, and give way if asked to."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if niceness:
        os.nice(niceness)

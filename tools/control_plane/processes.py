"""Processes that end with whoever started them, and whose words are kept.

All processes of a control plane are one process group. Its leader waits on a pipe that only their owner holds: when
the owner ends, however it ends, the pipe closes and the leader kills the group. (PR_SET_PDEATHSIG would do it on Linux
only, and fires already when the *thread* ends that started the process.)
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from control_plane.errors import StartFailed

GUARD: Final = "read -r line; kill -KILL 0"
STOP_SECONDS: Final = 15.0
POLL_SECONDS: Final = 0.05
LAST_LINES: Final = 25


class Group:
    """The process group of one control plane."""

    def __init__(self) -> None:
        """Nothing runs before `start`."""
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self, command: list[str], log: Path) -> "subprocess.Popen[bytes]":
        """Start a process of the group; what it says is appended to `log`."""
        with log.open("ab") as file:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, process_group=self._leader()
            )

    def end(self) -> None:
        """Kill whatever still runs of the group."""
        if self._guard is None:
            return
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait()
        self._guard = None

    def _leader(self) -> int:
        if self._guard is None:
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", GUARD],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
        return self._guard.pid


class Process:
    """One program with its log; it may be started again after it ended."""

    def __init__(self, name: str, command: list[str], log: Path, group: Group) -> None:
        """Nothing runs before `start`."""
        self.name = name
        self.command = command
        self.log = log
        self._group = group
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs; a paused process does."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Start it and wait until `ready`. Raises StartFailed, with the end of its log, if that does not come."""
        if self.pid is not None:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._process = self._group.start(self.command, self.log)
        deadline = time.monotonic() + seconds
        while not ready():
            if (code := self._process.poll()) is not None:
                raise StartFailed(f"{self.name} ended with exit code {code} before it was ready.\n{self._said()}")
            if time.monotonic() > deadline:
                self.kill()
                raise StartFailed(f"{self.name} was not ready after {seconds:g} s.\n{self._said()}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Ask it to end (SIGTERM), kill it if it has not after 15 s, and wait for it."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(how)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if (pid := self.pid) is not None:
            os.kill(pid, number)

    def _said(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join([f"The end of {self.log}:", *(f"  {line}" for line in lines)])


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""The control plane of `make cluster`: it runs on after the command that started it, until it is stopped."""

import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from control_plane.credentials import write_private
from control_plane.errors import ControlPlaneError, StartFailed
from control_plane.locating import find
from control_plane.plane import ControlPlane, Options, running

STOP_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.1

OPTIONS: Final = Options(controllers=True, scheduler=True, durable=True)


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What is written down about a control plane while it runs."""

    pid: int
    url: str
    version: str
    kubeconfig: str
    processes: dict[str, int]
    """Process ids by program."""


def start(folder: Path, say: Callable[[str], None]) -> None:
    """Start it and say how to use it; without effect but for that when it runs. Raises StartFailed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if found := settled(folder, say):
        say("It runs already.")
    else:
        say("Starting etcd, kube-apiserver, kube-controller-manager and kube-scheduler (about 15 s) …")
        found = _start(folder)
    for line in _told(found, folder):
        say(line)


def stop(folder: Path, say: Callable[[str], None]) -> None:
    """End it; its data stays. Raises ControlPlaneError when it does not end."""
    pid = _holder(folder)
    if pid is None:
        say("It does not run.")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _holder(folder) == pid:
        if time.monotonic() > deadline:
            raise ControlPlaneError(f"Process {pid} does not end: see {folder / 'serve.log'}, and kill it.")
        time.sleep(POLL_SECONDS)
    say(f"Stopped; its data stays in {folder}, and the next start goes on with it.")


def state(folder: Path) -> Running | None:
    """What runs in `folder`, once it is ready."""
    if _holder(folder) is None:
        return None
    try:
        return msgspec.json.decode((folder / "running.json").read_bytes(), type=Running)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def settled(folder: Path, say: Callable[[str], None]) -> Running | None:
    """What runs there, once what is just starting has started, and what is just ending has ended."""
    found, told = state(folder), False
    while found is None and (pid := _holder(folder)) is not None:
        if not told:
            say(f"Process {pid} starts or ends there just now: waiting for it …")
        told = True
        time.sleep(POLL_SECONDS)
        found = state(folder)
    return found


def exports(found: Running) -> list[str]:
    """The lines that make a shell's kubectl speak to it. Raises ToolMissing."""
    return [
        f"  export KUBECONFIG={shlex.quote(found.kubeconfig)}",
        f'  export PATH="{find("kubectl").parent}:$PATH"   # its kubectl',
    ]


def serve(folder: Path) -> None:
    """Run it until SIGTERM or SIGINT. Raises StartFailed, also when one of its processes ends by itself later."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: asked.append(number))
    with _alone(folder), running(folder, OPTIONS) as plane:
        write_private(folder / "running.json", msgspec.json.encode(_running(plane)))
        try:
            _watch(plane, asked)
        finally:
            (folder / "running.json").unlink(missing_ok=True)


def _watch(plane: ControlPlane, asked: list[int]) -> None:
    while not asked:
        if ended := [process for process in plane.processes if process.pid is None]:
            raise StartFailed(f"{ended[0].name} ended by itself: see {ended[0].log}.")
        time.sleep(POLL_SECONDS)


def _start(folder: Path) -> Running:
    log = folder / "serve.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "control_plane", "serve", "--folder", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        while not (found := state(folder)) and process.poll() is None:
            time.sleep(POLL_SECONDS)
    except BaseException:
        process.terminate()
        raise
    if found is None:
        raise StartFailed(f"It did not start:\n{log.read_text(errors='replace').strip()}")
    return found


def _running(plane: ControlPlane) -> Running:
    version = str(plane.api_server.version()["gitVersion"])
    return Running(
        pid=os.getpid(),
        url=plane.url,
        version=version,
        kubeconfig=str(plane.kubeconfig),
        processes={process.name: process.pid for process in plane.processes if process.pid},
    )


def _told(found: Running, folder: Path) -> list[str]:
    return [
        f"Kubernetes {found.version} on {found.url}; its data and logs are in {folder}",
        *exports(found),
        "`make cluster-stop` ends it.",
    ]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder: by a lock that the system frees when this process ends, however it ends."""
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartFailed(f"Another control plane runs in {folder}: `make cluster-stop` ends it.") from None
        (folder / "running.json").unlink(missing_ok=True)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _holder(folder: Path) -> int | None:
    """The process that holds the folder."""
    if not (folder / "lock").exists():
        return None
    with (folder / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(lock.read() or 0) or None
    return None

"""Processes, cores, servers and clocks of a measurement."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.servers import Server, free_port, valkey_binary

ROOT: Final = Path(__file__).parent.parent
PRODUCT_PYTHON: Final = ROOT / ".venv/bin/python"
"""Where `make install` puts the product; the environment of the yardsticks does not have it installed."""

ARQ_PYTHON: Final = ROOT / ".cache/bench-arq/bin/python"
READY: Final = "ready"
START_SECONDS: Final = 60.0
_PATH: Final = ":".join(map(str, [ROOT, *(ROOT / name for name in ("services", "simulator", "operator", "tools"))]))

_CORES: Final = sorted(os.sched_getaffinity(0))
SUBJECT: Final = {_CORES[0]}
"""The core of what is measured."""

OTHERS: Final = set(_CORES[1:]) or SUBJECT
"""The cores of everything else: Redis, the load, the stub of Slack."""


class Program:
    """A process of ours that prints a line with `ready` and what one needs to know, and at its end a line of JSON."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cores: set[int],
        environ: dict[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        env = {**os.environ, "PYTHONPATH": _PATH, **(environ or {})}
        self.log = log
        self._log = log.open("ab") if log else None
        self.began = time.time()
        """When it was started, seconds since the epoch."""
        self.process = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE if log is None else self._log,
            stderr=self._log,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),  # noqa: PLW1509 - it starts no thread
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self) -> str:
        """The next line that it prints. Raises RuntimeError where it ended instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait()}")
        return line.strip()

    def ready(self) -> str:
        """Wait for its line `ready …`; what follows the word."""
        while not (line := self.line()).startswith(READY):
            pass
        return line.removeprefix(READY).strip()

    def report(self) -> Any:
        """The JSON that it prints at its end."""
        while not (line := self.line()).startswith("{"):
            pass
        return json.loads(line)

    def cpu(self) -> float:
        """Seconds of CPU that it has used, all threads together."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def memory(self) -> tuple[float, float]:
        """Megabytes of resident memory: now, and at most so far."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Vm")}
        return kilobytes["VmRSS"] / 1024, kilobytes["VmHWM"] / 1024

    def kill(self) -> None:
        """End it at once: what it says about ending is of no interest."""
        self.process.kill()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        if self._log is not None:
            self._log.close()


@contextmanager
def program(
    name: str, *args: object, cores: set[int], python: Path | None = None, environ: dict[str, str] | None = None
) -> Iterator[Program]:
    """`benchmarks/programs/<name>.py` as a process."""
    command = [str(python or sys.executable), str(ROOT / f"benchmarks/programs/{name}.py"), *map(str, args)]
    running = Program(command, cores=cores, environ=environ)
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def service(
    module: str, environ: dict[str, str], *, cores: set[int], port: int = 0, wait: bool = True
) -> Iterator[Program]:
    """One of Rotavatar's processes, ready to do its work; its log is shown where it does not become so.

    Its metrics are on `port`, where that is given. Without `wait` it has just been started.
    """
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="rv-bench-") as folder:
        log = Path(folder) / "log"
        settings = {**environ, "ROTAVATAR_METRICS_PORT": str(port), "ROTAVATAR_HOST": "127.0.0.1"}
        running = Program([str(PRODUCT_PYTHON), "-m", module], cores=cores, environ=settings, log=log)
        try:
            if wait:
                until(lambda: _answers(f"http://127.0.0.1:{port}/readyz"), alive=running)
            yield running
        finally:
            running.stop()


def until(
    holds: Callable[[], bool],
    *,
    seconds: float = START_SECONDS,
    every: float = 0.02,
    alive: Program | None = None,
) -> None:
    """Wait until `holds()`, looking so often. Raises RuntimeError after `seconds`, or when `alive` has ended."""
    deadline = time.monotonic() + seconds
    while not holds():
        code = None if alive is None else alive.process.poll()
        if time.monotonic() > deadline or code is not None:
            said = alive.log.read_text(errors="replace")[-3000:] if alive is not None and alive.log else ""
            what = f"waited in vain for {seconds:g} s" if code is None else f"ended with {code}"
            raise RuntimeError(f"{what}\n{said}")
        time.sleep(every)


def cpu_of(server: Server) -> float:
    """Seconds of CPU that the thread has used in which a server does its commands
    (https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat)."""
    return int(Path(f"/proc/{server.pid}/schedstat").read_text().split()[0]) / 1e9


@contextmanager
def redis(**options: str) -> Iterator[Server]:
    """A Valkey server without persistence: it stands on the other core and is the same for everybody measured."""
    named = {name.replace("_", "-"): value for name, value in options.items()}
    with tempfile.TemporaryDirectory(prefix="rv-bench-") as folder:
        server = Server(valkey_binary(), Path(folder), options={"appendonly": "no", **named}).start()
        os.sched_setaffinity(server.pid, OTHERS)
        try:
            yield server
        finally:
            server.kill()


def interleaved(variants: dict[str, Callable[[], Any]], *, rounds: int) -> dict[str, list[Any]]:
    """Each variant once a round, so that what else the machine does hits all of them."""
    results: dict[str, list[Any]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, measure in variants.items():
            results[name].append(measure())
    return results


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def percentile(values: Iterable[float], share: float) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False

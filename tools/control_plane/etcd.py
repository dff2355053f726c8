"""The etcd of a control plane: its process, its history and its data."""

import base64
import http.client
import json
import shutil
from pathlib import Path
from typing import Any, Final

from control_plane import commands
from control_plane.locating import find
from control_plane.processes import Group, Process, free_port

START_SECONDS: Final = 60.0
"""It takes 0.3 s; a machine whose two cores are busy with other tests has taken ten times as long."""

ALL_KEYS: Final = base64.b64encode(b"\0").decode()
"""As first key and as end of the range: every key."""


class Etcd:
    """One etcd process below `folder`."""

    def __init__(self, folder: Path, group: Group, *, durable: bool) -> None:
        """`durable`: whether a write waits for the disk."""
        self.port = free_port()
        self.data_folder = folder / "etcd"
        command = commands.etcd(find("etcd"), self.data_folder, port=self.port, peer_port=free_port(), durable=durable)
        self.process = Process("etcd", command, folder / "logs" / "etcd.log", group)

    def start(self) -> None:
        """Start it and wait until it answers. Raises StartFailed."""
        self.data_folder.mkdir(mode=0o700, exist_ok=True)
        self.process.start(self._answers, seconds=START_SECONDS)

    def revision(self) -> int:
        """The number of the last write."""
        told = self._call("/v3/kv/range", {"key": ALL_KEYS, "range_end": ALL_KEYS, "count_only": True})
        return int(told["header"]["revision"])

    def compact(self) -> int:
        """Forget all history before the present revision, and return that."""
        revision = self.revision()
        self._call("/v3/kv/compaction", {"revision": revision, "physical": True})
        return revision

    def copy_data_to(self, target: Path) -> None:
        """Copy the data of the stopped process; `target` must not exist."""
        shutil.copytree(self.data_folder, target)

    def take_data_from(self, source: Path) -> None:
        """Replace the data of the stopped process by a copy of `source`."""
        shutil.rmtree(self.data_folder, ignore_errors=True)
        shutil.copytree(source, self.data_folder)

    def _answers(self) -> bool:
        try:
            return str(self._call("/health").get("health")) == "true"
        except OSError:
            return False

    def _call(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(commands.HOST, self.port, timeout=30)
        try:
            connection.request("GET" if body is None else "POST", path, body=None if body is None else json.dumps(body))
            answer = connection.getresponse()
            content = answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"etcd broke off: {error!r}") from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise ConnectionError(f"etcd answered {answer.status} to {path}: {content.decode(errors='replace')}")
        told: dict[str, Any] = json.loads(content)
        return told

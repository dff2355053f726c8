"""`make cluster`: one control plane of a checkout, which outlives the command that started it and keeps its data."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from control_plane import background
from control_plane.errors import ControlPlaneError
from tests.cluster.living import alive
from tests.dev import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def command(word: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "control_plane", word, "--folder", str(folder)],
        capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip


def kubectl(folder: Path, *words: str) -> str:
    """Run the kubectl of the PATH with the lines that were printed for a person's shell."""
    lines = re.findall(r"^  (export .*)$", command("start", folder).stdout, re.MULTILINE)
    shell = "\n".join([*lines, f"exec kubectl {' '.join(words)}"])
    environ = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    return subprocess.run(
        ["sh", "-c", shell], env=environ, capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "cluster"
    with suppress(ControlPlaneError):
        background.stop(tmp_path / "cluster", lambda _: None)


def test_it_runs_until_it_is_stopped_and_goes_on_with_its_data(folder: Path) -> None:
    first = command("start", folder)
    assert first.returncode == 0, first.stderr
    assert f"export KUBECONFIG={folder}/kubeconfig" in first.stdout
    kubectl(folder, "create", "namespace", "kept")
    again = command("start", folder)
    assert "It runs already." in again.stdout
    assert first.stdout.splitlines()[-3:] == again.stdout.splitlines()[-3:]
    running = background.state(folder)
    assert running is not None
    refused = command("serve", folder)
    assert refused.returncode == 1
    assert "`make cluster-stop`" in refused.stderr
    assert "Stopped" in command("stop", folder).stdout
    assert background.state(folder) is None
    eventually(lambda: not any(map(alive, [running.pid, *running.processes.values()])), "all of it has ended")
    assert "does not run" in command("stop", folder).stdout
    assert "kept" in kubectl(folder, "get", "namespaces")


def test_it_starts_again_after_it_was_killed_and_after_one_of_its_processes_was(folder: Path) -> None:
    command("start", folder)
    before = background.state(folder)
    assert before is not None
    os.kill(before.pid, signal.SIGKILL)
    eventually(lambda: background.state(folder) is None, "the folder is free")
    assert command("start", folder).returncode == 0
    between = background.state(folder)
    assert between is not None
    os.kill(between.processes["etcd"], signal.SIGKILL)
    eventually(lambda: background.state(folder) is None, "all of it ends")
    assert "etcd ended by itself" in eventually((folder / "serve.log").read_text, "it says why")
    last = command("start", folder)
    assert last.returncode == 0, last.stderr
    assert "default" in kubectl(folder, "get", "namespaces")


def test_what_does_not_start_is_told(folder: Path) -> None:
    (folder / "etcd").mkdir(parents=True)
    (folder / "etcd" / "member").write_text("no data")
    refused = command("start", folder)
    assert refused.returncode == 1
    assert "etcd ended with exit code" in refused.stderr
    assert background.state(folder) is None

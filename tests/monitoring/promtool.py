"""Prometheus' own judge, as the project builds it."""

import subprocess
from pathlib import Path

from control_plane.locating import find


def promtool(*arguments: str | Path, given: str = "") -> str:
    """What `promtool` prints. Raises AssertionError with that where it finds a fault, or a matter of style."""
    done = subprocess.run(
        [str(find("promtool")), *map(str, arguments)],
        input=given, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, f"promtool {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr

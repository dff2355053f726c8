"""Whether a process lives that is no child of the test."""

import os
from pathlib import Path


def alive(pid: int) -> bool:
    """A process that has ended and that nobody has waited for yet does not live."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc").exists()

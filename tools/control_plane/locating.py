"""Where the programs are: in the folder that KUBEBUILDER_ASSETS names, or in the person's cache."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from control_plane.errors import ToolMissing
from control_plane.pins import Family, family_of

ASSETS: Final = "KUBEBUILDER_ASSETS"
"""The convention of controller-runtime's envtest: a folder that holds kube-apiserver and etcd already."""

IN_ASSETS: Final = ("kube-apiserver", "etcd")


def cache(environ: Mapping[str, str] = os.environ) -> Path:
    """The person's cache, outside any checkout, so that the next clone builds nothing."""
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home()) / ".cache"
    return Path(base) / "rotavatar" / "tools"


def home(family: Family, environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of the programs of `family`: another one for each set of pins."""
    return cache(environ) / f"{family.name}-{family.version}-{family.digest}"


def assets(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The folder of KUBEBUILDER_ASSETS, if it is set. Raises ToolMissing when it does not hold what it should."""
    if not environ.get(ASSETS):
        return None
    folder = Path(environ[ASSETS])
    if absent := [name for name in IN_ASSETS if not _runs(folder / name)]:
        raise ToolMissing(f"{ASSETS} is {folder}, where {' and '.join(absent)} is missing: correct it, or unset it.")
    return folder


def place(program: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Where `program` is, or will be once it is built."""
    given = assets(environ)
    if given is not None and _runs(given / program):
        return given / program
    return home(family_of(program), environ) / program


def find(program: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Where `program` is. Raises ToolMissing when it was not built yet."""
    path = place(program, environ)
    if not _runs(path):
        raise ToolMissing(f"{program} is not built yet (it would be {path}): run `make control-plane`.")
    return path


def missing(programs: Iterable[str], environ: Mapping[str, str] = os.environ) -> list[str]:
    """Those of `programs` that have to be built first."""
    return [program for program in programs if not _runs(place(program, environ))]


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)

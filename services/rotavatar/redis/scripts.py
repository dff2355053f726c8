"""The Lua scripts: each in its own file beside this one, loaded once per process.

A line `-- include: name` stands for the file `_name.lua`, so that what two scripts must do alike is written once.
"""

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

INCLUDE = "-- include: "


class Script(NamedTuple):
    """A script's text and the SHA-1 by which Redis knows it."""

    text: bytes
    sha: str


@cache
def script(name: str) -> Script:
    """The script `lua/<name>.lua`. Raises FileNotFoundError where there is none."""
    text = _read(name)
    if not text.startswith("#!lua\n"):
        # https://redis.io/docs/latest/develop/programmability/eval-intro/#eval-flags
        raise ValueError(f"{name}.lua must begin with #!lua: without it a cluster does not notice a foreign slot")
    text = _expanded(text)
    return Script(text=text.encode(), sha=hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _expanded(text: str) -> str:
    return "\n".join(
        _expanded(_read(f"_{line.removeprefix(INCLUDE).strip()}")) if line.startswith(INCLUDE) else line
        for line in text.splitlines()
    )


def _read(name: str) -> str:
    return files("rotavatar.redis").joinpath("lua", f"{name}.lua").read_text()

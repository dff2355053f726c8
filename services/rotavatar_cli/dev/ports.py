"""Which ports `rotavatar dev` listens on, and who has one that it wants."""

import socket
from contextlib import suppress
from pathlib import Path

import msgspec

from rotavatar_cli.errors import CommandError

HOST = "127.0.0.1"
FIRST = 8300
_LISTEN = "0A"
"""State of a listening socket in /proc/net/tcp (include/net/tcp_states.h of Linux)."""


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """The ports, in the order in which they follow the first one."""

    page: int
    ingress: int
    ingress_metrics: int
    rotator_metrics: int
    publisher_metrics: int
    valkey: int
    operator_metrics: int


WHAT = {
    "page": "the page with the simulated Slack",
    "ingress": "ingress_api",
    "ingress_metrics": "the metrics of ingress_api",
    "rotator_metrics": "the metrics of rotator",
    "publisher_metrics": "the metrics of publisher",
    "valkey": "the embedded Valkey",
    "operator_metrics": "the metrics of the operator",
}


def choose(first: int) -> Ports:
    """The ports from `first` on, or free ones for 0. Raises CommandError that names each one that is taken."""
    names = Ports.__struct_fields__
    if first == 0:
        return Ports(**dict(zip(names, _free(len(names)), strict=True)))
    ports = Ports(**{name: first + place for place, name in enumerate(names)})
    taken = [(name, getattr(ports, name)) for name in names if not _is_free(getattr(ports, name))]
    if taken:
        raise CommandError(_sentence(taken, first))
    return ports


def holder(port: int) -> str | None:
    """The process that listens on `port`, in words; None where the system does not tell."""
    inodes = _listeners(port)
    for folder in Path("/proc").glob("[0-9]*") if inodes else ():
        with suppress(OSError):  # ended meanwhile, or somebody else's
            if any(_leads_to(link) in inodes for link in (folder / "fd").iterdir()):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                return f"process {folder.name} ({command[:60]})"
    return None


def _leads_to(link: Path) -> str:
    with suppress(OSError):
        return str(link.readlink())
    return ""


def _sentence(taken: list[tuple[str, int]], first: int) -> str:
    each = []
    for name, port in taken:
        who = holder(port)
        each.append(f"{port} for {WHAT[name]}" + (f" is taken by {who}" if who else " is taken"))
    return f"Port {', '.join(each)}: stop that, or take other ports, `rotavatar dev --port {first + 100}` for example."


def _listeners(port: int) -> set[str]:
    """The sockets that listen on `port`, as /proc/<pid>/fd shows them."""
    found = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if table.exists():
            rows = (line.split() for line in table.read_text().splitlines()[1:])
            found |= {f"socket:[{row[9]}]" for row in rows if row[3] == _LISTEN and row[1].endswith(f":{port:04X}")}
    return found


def _is_free(port: int) -> bool:
    try:
        with socket.create_server((HOST, port)):
            return True
    except OSError:
        return False


def _free(count: int) -> list[int]:
    """Free ports, held all at once so that no two are the same."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports

"""Keeps a test run on this machine."""

import ipaddress
from typing import Any


class NetworkForbiddenError(AssertionError):
    """A test reached for another machine."""


def stay_on_this_machine(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: refuse connections and name look-ups that leave the machine."""
    match event:
        case "socket.connect" | "socket.sendto":
            address = arguments[1]
            host = address[0] if isinstance(address, tuple) else None
        case "socket.getaddrinfo" | "socket.gethostbyname":
            host = arguments[0]
        case _:
            return
    if not _is_local(host):
        raise NetworkForbiddenError(f"tests talk to 127.0.0.1 only, not to {host!r}")


def _is_local(host: object) -> bool:
    """Whether `host` is this machine: no host (a Unix socket), a loopback address, or its name."""
    if host is None:
        return True
    name = host.decode() if isinstance(host, bytes) else str(host)
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return name in {"", "localhost"}
    return address.is_loopback or address.is_unspecified

"""Keeps a test run on this machine."""

import functools
import ipaddress
import socket
from collections.abc import Callable
from typing import Any, Final

Call = Callable[..., Any]


class NetworkForbiddenError(AssertionError):
    """A test reached for another machine."""


def stay_on_this_machine() -> None:
    """Refuse from now on, in this process, connections and name look-ups that leave the machine.

    This is no audit hook, as Python would run that whenever a thread begins to be traced, too, and may change threads
    in the middle of it. Another thread that then begins under coverage dies on Python 3.11 before its first line
    ("Cannot install a trace function while another trace function is being installed", `_PyEval_SetTrace` in
    https://github.com/python/cpython/blob/3.11/Python/ceval.c), and who waits for what it should do waits for ever.
    """
    for owner, calls in ((socket.socket, SENDING), (socket, LOOK_UPS)):
        for name, destination in calls.items():
            setattr(owner, name, _guarded(getattr(owner, name), destination))


def _guarded(call: Call, destination: Call) -> Call:
    @functools.wraps(call)
    def guarded(*arguments: Any, **named: Any) -> Any:
        host = destination(*arguments, **named)
        if not _is_local(host):
            raise NetworkForbiddenError(f"tests talk to 127.0.0.1 only, not to {host!r}")
        return call(*arguments, **named)

    return guarded


def _host_of(address: object) -> object:
    """The host in a socket's address; None where that is a path or nothing."""
    return address[0] if isinstance(address, tuple) else None


def _connected_to(_socket: socket.socket, address: object) -> object:
    return _host_of(address)


def _sent_to(_socket: socket.socket, _content: object, *rest: object) -> object:
    """Flags may stand before the address (https://docs.python.org/3/library/socket.html#socket.socket.sendto)."""
    return _host_of(rest[-1])


def _message_to(_socket: socket.socket, _buffers: object, *rest: object) -> object:
    """The address comes after ancillary data and flags; a connected socket needs none."""
    return _host_of(rest[2]) if len(rest) > 2 else None


def _looked_up(host: object, *_rest: object, **_named: object) -> object:
    return host


SENDING: Final[dict[str, Call]] = {
    "connect": _connected_to,
    "connect_ex": _connected_to,
    "sendto": _sent_to,
    "sendmsg": _message_to,
}
LOOK_UPS: Final[dict[str, Call]] = dict.fromkeys(("getaddrinfo", "gethostbyname", "gethostbyname_ex"), _looked_up)


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

"""Looks at PUBLIC_URL as Slack and browsers do: by name, over TLS, without a login."""

import http.client
import ipaddress
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

import msgspec

SECONDS: Final = 10.0
OK, REDIRECTS, UNAUTHORIZED = 200, range(300, 400), 401


class Seen(msgspec.Struct, frozen=True):
    """What GET / and an unsigned POST /slack/events were answered; `problem` where nothing answered."""

    addresses: tuple[str, ...] = ()
    page: int = 0
    location: str = ""
    events: int = 0
    problem: str = ""

    @property
    def private(self) -> bool:
        """Whether the name leads only to addresses that nobody outside can reach."""
        return bool(self.addresses) and not any(ipaddress.ip_address(each).is_global for each in self.addresses)


def look(url: str) -> Seen:
    """Ask `url`, the origin of ingress; takes at most half a minute. Never raises."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        addresses = _addresses(host, port)
    except OSError:
        return Seen(problem=f"{host} has no address that this machine can find")
    try:
        page, location = _ask(url, "GET", "/")
        events, _ = _ask(url, "POST", "/slack/events")
    except ssl.SSLCertVerificationError as error:
        return Seen(addresses=addresses, problem=f"its certificate is not valid: {error.verify_message}")
    except (OSError, http.client.HTTPException) as error:
        return Seen(addresses=addresses, problem=f"nothing answers there ({type(error).__name__})")
    return Seen(addresses=addresses, page=page, location=location, events=events)


def _addresses(host: str, port: int) -> tuple[str, ...]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(sorted({str(address[0]).split("%")[0] for *_, address in found}))


def _ask(url: str, method: str, path: str) -> tuple[int, str]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=SECONDS)
    try:
        connection.request(method, path, body=b"{}" if method == "POST" else None)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location", "")
    finally:
        connection.close()

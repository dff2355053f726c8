"""A picture source on the web, fetched so that it cannot be turned against the network it is fetched from.

Server-side request forgery needs the fetcher to connect where the operator did not mean: so https on port 443 only,
the name is resolved once, every answer must be a public address, the connection goes to that very address (with the
name in SNI, certificate and Host), redirects are refused, no proxy is taken from the environment, and size and time
are bounded. The answer is never shown to anybody: `sources.fetch_pack` decodes and writes it anew.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

import httptools
import msgspec

from rotavatar_catalogue.sources import SourceError

Address = IPv4Address | IPv6Address
Resolve = Callable[[str], Awaitable[list[Address]]]

HEADER_BYTES = 16 * 1024
CHUNK = 64 * 1024

TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""NAT64 (RFC 6052, RFC 8215): such an address leads to any IPv4 address, private ones included."""


def is_public(address: Address) -> bool:
    """Whether `address` lies on the open internet, also when it wraps an IPv4 address."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour or address.teredo or any(address in network for network in TRANSLATED):
            return False
    return address.is_global and not address.is_multicast


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a fetch may reach and take. Only tests have a reason to change `port` and `allowed`."""

    seconds: float = 15.0
    size: int = 5_000_000
    port: int = 443
    allowed: Callable[[Address], bool] = is_public


async def resolve(name: str) -> list[Address]:
    """The addresses of `name`, asked once. Raises OSError."""
    answers = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return [ip_address(answer[4][0]) for answer in answers]


class HttpSource:
    """A PictureSource: `template` is an https address in which `{index}` stands for the number of the picture."""

    def __init__(
        self,
        template: str,
        *,
        limits: Limits | None = None,
        resolver: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Raises SourceError when the address is none that may be fetched."""
        self._template = template
        self._limits = limits or Limits()
        self._resolve = resolver
        self._tls = tls or ssl.create_default_context()
        _checked(self._url(0))

    async def picture(self, index: int) -> bytes:
        """See PictureSource."""
        url = _checked(self._url(index))
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._get(url)
        except TimeoutError as error:
            raise SourceError(f"{url.hostname} took more than {self._limits.seconds:g} s") from error
        except OSError as error:
            raise SourceError(f"{url.hostname} cannot be reached: {type(error).__name__}") from error

    def _url(self, index: int) -> str:
        return self._template.replace("{index}", str(index))

    async def _get(self, url: SplitResult) -> bytes:
        name = url.hostname or ""
        addresses = await self._resolve(name)
        if not addresses or not all(map(self._limits.allowed, addresses)):
            raise SourceError(f"{name} does not lead to the open internet")
        reader, writer = await asyncio.open_connection(
            str(addresses[0]), self._limits.port, ssl=self._tls, server_hostname=name
        )
        try:
            writer.write(_request(url))
            return await _answer(reader, name=name, most=self._limits.size)
        finally:
            writer.transport.abort()


def _checked(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        sound = url.scheme == "https" and url.port in (None, 443) and bool(url.hostname)
    except ValueError:
        sound = False
    if not sound or url.username is not None or not text.isascii() or not text.isprintable() or " " in text:
        raise SourceError("a picture source is an https address on port 443, without a user name, in plain ASCII")
    return url


def _request(url: SplitResult) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {url.hostname}",
        "User-Agent: Rotavatar",
        "Accept: image/png, image/jpeg, image/webp",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


async def _answer(reader: asyncio.StreamReader, *, name: str, most: int) -> bytes:
    body = _Body(name=name, most=most)
    parser = httptools.HttpResponseParser(body)
    body.status = parser.get_status_code
    taken = 0
    while not body.complete:
        chunk = await reader.read(CHUNK)
        taken += len(chunk)
        if not chunk:
            raise SourceError(f"{name} closed the connection before its answer was complete")
        if taken > HEADER_BYTES + 2 * most:
            raise SourceError(f"{name} sends more than {most} bytes")
        try:
            parser.feed_data(chunk)
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, SourceError):
                raise error.__context__ from None
            raise
        except httptools.HttpParserError as error:
            raise SourceError(f"{name} does not speak HTTP") from error
    return bytes(body.content)


class _Body:
    """Takes an answer apart as httptools reads it; raises as soon as it cannot become a picture."""

    status: Callable[[], int]

    def __init__(self, *, name: str, most: int) -> None:
        self.content = bytearray()
        self.complete = False
        self._name = name
        self._most = most
        self._header_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > HEADER_BYTES:
            raise SourceError(f"{self._name} sends more than {HEADER_BYTES} bytes of headers")

    def on_headers_complete(self) -> None:
        if self.status() != 200:  # noqa: PLR2004
            raise SourceError(f"{self._name} answered {self.status()}; redirects are not followed")

    def on_body(self, body: bytes) -> None:
        self.content += body
        if len(self.content) > self._most:
            raise SourceError(f"{self._name} sends more than {self._most} bytes")

    def on_message_complete(self) -> None:
        self.complete = True

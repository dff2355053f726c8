"""The one place where bytes leave for Slack: httpx's interface on aiohttp's connections.

httpx's own transport scans its whole pool for each request and costs 3 ms of CPU a call at 32 concurrent; on aiohttp it
is a tenth of that. The transport is called directly: httpx.AsyncClient would add cookies (which must not travel between
members), redirects and proxies from the environment, and each of them would have to be switched off again.
"""

import asyncio
from collections.abc import Mapping

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from rotavatar.errors import SlackError
from rotavatar.slack.classification import error_for

USER_AGENT = "rotavatar/0.1"
KEEPALIVE_SECONDS = 15.0
"""How long an idle connection is kept: long enough to spare handshakes under load, shorter than servers commonly wait,
since a request sent on a connection that is just being closed fails with an unknown effect."""


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds until a connection must stand, and until the whole answer must be there."""

    connect: float = 3.0
    whole: float = 10.0


class Reply(msgspec.Struct, frozen=True):
    """A whole answer, of any status."""

    status: int
    headers: httpx.Headers
    body: bytes

    def __repr__(self) -> str:
        return f"Reply({self.status}, {len(self.body)} bytes)"


def aiohttp_transport(*, connections: int) -> httpx.AsyncBaseTransport:
    """A pool of at most `connections` connections, without cookies and without proxies from the environment."""
    # SSL_CERT_FILE and SSL_CERT_DIR hold, so that an operator's own certificate authority can be trusted.
    tls = httpx.create_ssl_context()

    def open_session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=tls, limit=connections, keepalive_timeout=KEEPALIVE_SECONDS)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    return AiohttpTransport(verify=tls, trust_env=False, client=open_session)


class Wire:
    """Sends requests and reads bounded answers. Every failure of the transport becomes a SlackError."""

    def __init__(self, *, transport: httpx.AsyncBaseTransport, timeouts: Timeouts) -> None:
        """Take over `transport`: it is closed with the wire."""
        self._transport = transport
        self._whole = timeouts.whole
        self._extensions = {"timeout": {"connect": timeouts.connect}}

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def send(
        self,
        *,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: bytes | None,
        limit: int,
        verb: str = "POST",
    ) -> Reply:
        """Send one request and read its answer of at most `limit` bytes.

        Raise SlackBusy when there is no whole answer, naming it `method`; `uncertain` unless no connection was had.
        """
        request = httpx.Request(
            verb,
            url,
            headers={"Accept-Encoding": "identity", "User-Agent": USER_AGENT, **headers},
            content=content,
            extensions=self._extensions,
        )
        request.headers.encoding = "ascii"  # what httpx else finds out by decoding every header: 20 µs
        try:
            async with asyncio.timeout(self._whole):
                response = await self._transport.handle_async_request(request)
                try:
                    body = await _read(response, limit)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise error_for(method=method, code="timeout", detail=f"{self._whole:g} s") from None
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            # `from None`: what libraries say may quote an address, and a response_url is a secret.
            raise _failure(method, error) from None
        if body is None:
            raise error_for(method=method, code="answer_too_large", detail=f"over {limit} bytes")
        return Reply(status=response.status_code, headers=response.headers, body=body)


async def _read(response: httpx.Response, limit: int) -> bytes | None:
    """Read the body; None as soon as it is longer than `limit`, so that memory stays bounded."""
    size = 0
    chunks = []
    # Not aiter_bytes, which looks for encodings that we did not accept: 30 µs more.
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for chunk in response.stream:
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _failure(method: str, error: Exception) -> SlackError:
    """Tell failures before the request was sent from those after.

    httpx_aiohttp calls every broken connection a ConnectTimeout; only aiohttp's own error beneath it knows.
    """
    cause = error.__cause__ or error
    if isinstance(cause, aiohttp.ConnectionTimeoutError):
        code = "connect_timeout"
    elif isinstance(cause, aiohttp.ClientConnectorError | httpx.ConnectError):
        code = "unreachable"
    elif isinstance(cause, TimeoutError | httpx.TimeoutException):
        code = "timeout"
    else:
        code = "cut_connection"
    return error_for(method=method, code=code, detail=type(cause).__name__)

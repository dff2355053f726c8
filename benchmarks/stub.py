"""A Slack that always says yes, at once or when told: raw HTTP on a socket, so that what is measured is the caller."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from benchmarks.population import AVATAR_HASH
from rotavatar.scopes import BOT

_PHOTO: Final = "https://avatars.slack-edge.com/2026-11-22/7654321098765_a1b2c3d4e5f6a7b8c9d0_"
_PROFILE: Final = json.dumps(
    {
        "ok": True,
        "profile": {
            "avatar_hash": AVATAR_HASH,
            "is_custom_image": True,
            "real_name": "Amara Okafor",
            "display_name": "amara",
            "status_text": "",
            "fields": {},
            **{f"image_{side}": f"{_PHOTO}{side}.jpg" for side in (24, 32, 48, 72, 192, 512, 1024)},
            "image_original": f"{_PHOTO}original.jpg",
        },
    }
).encode()
_VIEW: Final = b'{"ok":true,"view":{"id":"V0123456789","team_id":"T0","hash":"1795000000.a1b2c3d4",'

_SCOPES: Final = ",".join(BOT).encode()

Heard = Callable[[str, bytes], None]
"""Called with the method and the body of each call."""


class Stub(asyncio.Protocol):
    """One connection."""

    def __init__(self, counts: Counter[str], tokens: dict[str, str], heard: Heard, delays: Mapping[str, float]) -> None:
        self._counts = counts
        self._tokens = tokens
        self._heard = heard
        self._delays = delays
        self._read = bytearray()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._read[:end])
            _, found, rest = head.lower().partition(b"content-length:")
            whole = end + 4 + (int(rest.split(b"\r\n", 1)[0]) if found else 0)
            if len(self._read) < whole:
                return
            body = bytes(self._read[end + 4 : whole])
            del self._read[:whole]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        method = head.split(b" ", 2)[1].rpartition(b"/")[2].decode()
        if method == "counts":
            self._write(json.dumps(self._counts).encode())
        elif method == "tokens":
            self._write(json.dumps(self._tokens).encode())
        else:
            self._counts[method] += 1
            token = self._tokens[method] = head.partition(b"Bearer ")[2].partition(b"\r\n")[0].decode()
            self._heard(method, body)
            asyncio.get_running_loop().call_later(
                self._delays.get(method, 0.0), self._write, _said(method, token, body), _SCOPES
            )

    def _write(self, answer: bytes, scopes: bytes = b"") -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-oauth-scopes: %b\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % (scopes, len(answer)) + answer)


def _said(method: str, token: str, body: bytes) -> bytes:
    if method == "views.publish":
        return _VIEW + body.partition(b'"view":{')[2]
    if method == "auth.test":
        team = token.split("-")[1]
        return json.dumps({"ok": True, "team_id": team, "team": f"Team {team}", "user_id": "U0BOT"}).encode()
    return _PROFILE


async def serve(heard: Heard = lambda _method, _body: None, *, delays: Mapping[str, float] = {}) -> asyncio.Server:
    """Serve on a free port of 127.0.0.1; `delays` are the seconds that a method takes."""
    counts: Counter[str] = Counter()
    tokens: dict[str, str] = {}
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Stub(counts, tokens, heard, delays), "127.0.0.1", 0)


def url_of(server: asyncio.Server) -> str:
    """Where it is, as a setting."""
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

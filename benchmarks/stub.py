"""A Slack that always says yes, at once: raw HTTP on a socket, so that what is measured is the caller."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Callable
from typing import Final

from benchmarks.population import AVATAR_HASH

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

Heard = Callable[[str, bytes], None]
"""Called with the method and the body of each call."""


class Stub(asyncio.Protocol):
    """One connection."""

    def __init__(self, counts: Counter[str], heard: Heard) -> None:
        self._counts = counts
        self._heard = heard
        self._read = bytearray()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._read[:end]).lower()
            _, found, rest = head.partition(b"content-length:")
            whole = end + 4 + (int(rest.split(b"\r\n", 1)[0]) if found else 0)
            if len(self._read) < whole:
                return
            body = bytes(self._read[end + 4 : whole])
            path = bytes(self._read[:end]).split(b" ", 2)[1]
            del self._read[:whole]
            self._answer(path.rpartition(b"/")[2].decode(), body)

    def _answer(self, method: str, body: bytes) -> None:
        if method == "counts":
            answer = json.dumps(self._counts).encode()
        else:
            self._counts[method] += 1
            self._heard(method, body)
            answer = _VIEW + body.partition(b'"view":{')[2] if method == "views.publish" else _PROFILE
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % len(answer) + answer)


async def serve(heard: Heard = lambda _method, _body: None) -> asyncio.Server:
    """Serve on a free port of 127.0.0.1."""
    counts: Counter[str] = Counter()
    return await asyncio.get_running_loop().create_server(lambda: Stub(counts, heard), "127.0.0.1", 0)


def url_of(server: asyncio.Server) -> str:
    """Where it is, as a setting."""
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

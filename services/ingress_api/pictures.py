"""Serves the pictures of the catalogues: immutable files that Slack and browsers may keep for ever.

Older catalogues are served on, as Home tabs and landing pages that somebody still sees refer to them. What does not
have the form of a picture's address does not reach the disk.
"""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.types import Receive, Scope, Send

from ingress_api.answers import Answer, answer
from ingress_api.metrics import requests
from rotavatar.catalogue import MIME, is_address

PREFIX: Final = "/pictures/"
FOREVER: Final = b"public, max-age=31536000, immutable"
"""The name of a picture is the digest of its bytes, so it never changes."""

NOT_FOUND: Final = answer(404, b"There is no such picture.\n", more=((b"cache-control", b"no-store"),))
NOT_GET: Final = answer(405, b"Pictures are only looked at.\n", more=((b"allow", b"GET, HEAD"),))


class Pictures:
    """An ASGI application for everything below /pictures/."""

    def __init__(self, folder: Path) -> None:
        """Serve the catalogues in `folder`."""
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        del receive
        chosen, reason = await self._choose(scope)
        requests("pictures", "refused" if chosen.status >= HTTPStatus.BAD_REQUEST else "served", reason).inc()
        await chosen.send(send, head=scope["method"] == "HEAD")

    async def _choose(self, scope: Scope) -> tuple[Answer, str]:
        if scope["method"] not in ("GET", "HEAD"):
            return NOT_GET, "method"
        address = str(scope["path"]).removeprefix(PREFIX)
        if not is_address(address):
            return NOT_FOUND, "address"
        try:
            content = await asyncio.to_thread((self._folder / address).read_bytes)
        except OSError:
            return NOT_FOUND, "missing"
        name = address.rpartition("/")[2]
        etag = f'"{name.partition(".")[0]}"'.encode()
        fixed = ((b"etag", etag), (b"cache-control", FOREVER))
        if _knows(scope, etag):
            return answer(304, more=fixed), "unchanged"
        mime = MIME[name.partition(".")[2]].encode()
        return answer(200, content, content_type=mime, more=fixed), "picture"


def _knows(scope: Scope, etag: bytes) -> bool:
    """Whether the sender has this very picture (https://www.rfc-editor.org/rfc/rfc9110#name-if-none-match)."""
    given = b",".join(value for name, value in scope["headers"] if name == b"if-none-match")
    return any(tag.strip().removeprefix(b"W/") in (etag, b"*") for tag in given.split(b","))

"""The frame of every page for people, and the headers that keep it harmless.

Pages are text made by functions; every value from outside goes through `escape`. There is no script at all, and the
one style sheet is a file of ours, so the content security policy forbids everything else.
"""

import hashlib
from functools import cache
from html import escape
from importlib.resources import files
from typing import Final

import msgspec
from starlette.responses import HTMLResponse

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

SECURITY_HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-frame-options": "DENY",
}
"""https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html."""


class Link(msgspec.Struct, frozen=True):
    """Somewhere to go."""

    text: str
    url: str


class Onward(msgspec.Struct, frozen=True):
    """Where the browser goes by itself."""

    url: str
    seconds: int = 1


@cache
def static(name: str) -> bytes:
    """A file of the folder static."""
    return files("ingress_api").joinpath("static", name).read_bytes()


@cache
def static_path(name: str) -> str:
    """The address of a static file; it changes with its content, so it may be kept for ever."""
    stem, _, suffix = name.rpartition(".")
    return f"/static/{stem}-{hashlib.sha256(static(name)).hexdigest()[:16]}.{suffix}"


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def button(link: Link) -> str:
    """A link that looks like the thing to do."""
    return f'<a class="button" href="{escape(link.url)}">{escape(link.text)}</a>'


def quiet_link(link: Link) -> str:
    """A link beside it."""
    return f'<a class="quiet" href="{escape(link.url)}">{escape(link.text)}</a>'


def html_response(
    *,
    title: str,
    body: str,
    status: int = 200,
    onward: Onward | None = None,
    kept_seconds: int = 0,
    layout: str = "card",
) -> HTMLResponse:
    """A whole page. `body` is HTML; `kept_seconds` is how long caches may keep it, 0 forbids it."""
    refresh = f'<meta http-equiv="refresh" content="{onward.seconds};url={escape(onward.url)}">' if onward else ""
    content = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="icon" type="image/svg+xml" href="{static_path("icon.svg")}">
<link rel="stylesheet" href="{static_path("site.css")}">
{refresh}
</head>
<body class="{layout}">
{body}
</body>
</html>
"""
    kept = f"public, max-age={kept_seconds}" if kept_seconds else "no-store"
    return HTMLResponse(content, status_code=status, headers={**SECURITY_HEADERS, "cache-control": kept})

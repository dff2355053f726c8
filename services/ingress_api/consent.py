"""The `state` of OAuth: proves that the person who comes back from Slack is the one whom we sent there.

It is signed, holds for ten minutes (as long as Slack's code), belongs to one browser by a cookie and works once. The
signing key is derived from the client secret: every replica has it, and nobody else.
https://docs.slack.dev/authentication/installing-with-oauth
"""

import base64
import binascii
import hashlib
import hmac
import re
from typing import Final

import msgspec

SECONDS: Final = 600
"""How long a person may take to consent: Slack's code expires after ten minutes too."""

NONCE_BYTES: Final = 16
_BROWSER: Final = re.compile(r"[0-9a-f]{32}")


class Consent(msgspec.Struct, frozen=True, array_like=True):
    """Why a browser was sent to Slack."""

    app_id: str
    connecting: bool
    """Whether only user scopes were asked for."""
    team: str
    at: int
    """When it was sent, in seconds since the epoch."""
    nonce: str


class BadState(Exception):
    """A state that cannot be accepted; the reason is one of `missing`, `forged`, `expired`."""

    def __init__(self, reason: str) -> None:
        """See the class."""
        super().__init__(reason)
        self.reason = reason


def is_browser(cookie: str | None) -> bool:
    """Whether `cookie` is an id that we gave to a browser."""
    return cookie is not None and _BROWSER.fullmatch(cookie) is not None


def seal_state(consent: Consent, *, browser: str, client_secret: str) -> str:
    """The state to send along, safe in a URL."""
    payload = _encoder.encode(consent)
    return f"{_text(payload)}.{_text(_signature(payload, browser=browser, client_secret=client_secret))}"


def open_state(state: str | None, *, browser: str | None, client_secret: str, now: float) -> Consent:
    """What `seal_state` sealed for this browser not longer than SECONDS before `now`. Raises BadState."""
    if not state or browser is None or not is_browser(browser):
        raise BadState("missing")
    try:
        encoded, _, signature = state.partition(".")
        payload, given = _raw(encoded), _raw(signature)
    except (binascii.Error, ValueError):
        raise BadState("forged") from None
    if not hmac.compare_digest(_signature(payload, browser=browser, client_secret=client_secret), given):
        raise BadState("forged")
    consent = _decoder.decode(payload)
    if not 0 <= now - consent.at + 1 <= SECONDS:
        raise BadState("expired")
    return consent


def _signature(payload: bytes, *, browser: str, client_secret: str) -> bytes:
    key = hmac.digest(client_secret.encode(), b"rotavatar oauth state", hashlib.sha256)
    return hmac.digest(key, browser.encode() + b"\x00" + payload, hashlib.sha256)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Consent)

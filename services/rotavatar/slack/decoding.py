"""From an answer's bytes to a typed answer or the right exception. Pure."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
import msgspec

from rotavatar.errors import SlackError
from rotavatar.slack.answers import (
    Answer,
    IdentityAnswer,
    OAuthAnswer,
    Photo,
    ProfileAnswer,
    Refusal,
    RevokeAnswer,
    UserAnswer,
    ViewAnswer,
)
from rotavatar.slack.classification import error_for, parse_retry_after, refine_code
from rotavatar.slack.photos import photo_in
from rotavatar.slack.wire import Reply

A = TypeVar("A", bound=Answer | OAuthAnswer)

_OK = 200
_TOO_MANY = 429
_REFUSALS = 400
_REDIRECTS = 300

_CODE = re.compile(r"[a-z0-9_ ]{1,64}")
"""Codes reach logs, so only what looks like one does: no token has this shape, they all have a hyphen."""
_SCOPES = re.compile(r"[a-z_.:, ]{1,200}")


_DECODERS: dict[type[msgspec.Struct], msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind)
    for kind in (Answer, IdentityAnswer, OAuthAnswer, ProfileAnswer, RevokeAnswer, UserAnswer, ViewAnswer)
}
_REFUSAL = msgspec.json.Decoder(Refusal)


def decode(reply: Reply, *, method: str, kind: type[A]) -> A:
    """Read an answer to `method` as `kind`. Raise the SlackError class for anything that is not `ok: true`."""
    if reply.status == _TOO_MANY:
        raise _error(reply, method=method, code="ratelimited")
    if _REDIRECTS <= reply.status < _REFUSALS:
        raise _error(reply, method=method, code="redirected")
    try:
        answer: A = _DECODERS[kind].decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _unreadable(reply, method) from None
    if not answer.ok:
        raise _refused(reply, method)
    if reply.status >= _REFUSALS:
        raise _error(reply, method=method, code=f"http_{reply.status}")
    return answer


def issued_at(headers: httpx.Headers, *, fallback: float) -> float:
    """When Slack gave the answer, in seconds since the epoch: its Date header, else `fallback`."""
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return fallback
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def check_response(reply: Reply, *, method: str) -> None:
    """Raise the SlackError class for a refused answer to a response_url; a success is any text with a 2xx."""
    if reply.status < _REDIRECTS and not reply.body.lstrip().startswith(b"{"):
        return
    decode(reply, method=method, kind=Answer)


def read_photo(reply: Reply, *, method: str) -> Photo:
    """Read a fetched photo. Raise SlackBusy when it is not there now, RequestRefused when it is none."""
    if reply.status == _OK:
        photo = photo_in(reply.body)
        if photo is None:
            raise _error(reply, method=method, code="photo_not_an_image")
        return photo
    if _REDIRECTS <= reply.status < _REFUSALS:
        raise _error(reply, method=method, code="redirected")
    # A photo that was replaced a moment ago answers 403 or 404; its profile, read again, names the new one.
    code = "ratelimited" if reply.status == _TOO_MANY else "photo_unavailable"
    raise _error(reply, method=method, code=code, detail=f"http {reply.status}")


def _error(reply: Reply, *, method: str, code: str, detail: str = "") -> SlackError:
    wait = parse_retry_after(reply.headers.get("retry-after"))
    return error_for(method=method, code=code, status=reply.status, retry_after=wait, detail=detail)


def _unreadable(reply: Reply, method: str) -> SlackError:
    """A refusal may have fields of other types than a success; what is no JSON comes from a proxy in between."""
    try:
        refusal = _REFUSAL.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        code = "unreadable_answer" if reply.status < _REFUSALS else f"http_{reply.status}"
        return _error(reply, method=method, code=code)
    if refusal.ok:
        return _error(reply, method=method, code="unreadable_answer")
    return _refused(reply, method)


def _refused(reply: Reply, method: str) -> SlackError:
    try:
        refusal = _REFUSAL.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _error(reply, method=method, code="unreadable_answer")
    code = refusal.error if _CODE.fullmatch(refusal.error) else "unreadable_code"
    needed = refusal.needed if isinstance(refusal.needed, str) and _SCOPES.fullmatch(refusal.needed) else ""
    return _error(
        reply,
        method=method,
        code=refine_code(code=code, messages=refusal.explanations()),
        detail=f"needs {needed}" if needed else "",
    )

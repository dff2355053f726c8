"""What all signed requests have in common: when they came, whose they are, and how their JSON is read."""

import hashlib
import re
import secrets
from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec

from ingress_api.answers import OK, Answer, Malformed
from rotavatar.keys import Workspace
from rotavatar.messages import Message

Id = Annotated[str, msgspec.Meta(pattern=r"\A[A-Z][A-Z0-9]{1,30}\Z")]
"""A team, enterprise or app: it becomes part of a Redis key, so nothing else gets through."""

UserId = Annotated[str, msgspec.Meta(pattern=r"\A[UW][A-Z0-9]{1,30}\Z")]
"""Users begin with U or W (https://docs.slack.dev/enterprise/developing-for-enterprise-orgs)."""

AHEAD = 300
"""Seconds that Slack's clock may be ahead of ours: a time far in the future would outlast every later choice."""

_SECONDS = re.compile(r"([0-9]{9,11})(?:\.([0-9]{1,6}))?")
_MICROSECONDS = re.compile(r"[0-9]{15,17}")

T = TypeVar("T")


class Delivery(msgspec.Struct, frozen=True):
    """A request whose signature holds."""

    body: bytes
    signed_at: int
    """Seconds since the epoch, from the signed header."""
    now: float
    """The schedule's time in seconds: what is counted from now on is counted on it."""
    wall: float
    """The real time in seconds."""


class Reading(msgspec.Struct, frozen=True):
    """What a request means: at most one job, and what Slack is told once the job is stored."""

    job: Message | None = None
    reason: str = "job"
    """One word for the metrics."""
    answer: Answer = OK


Reader = Callable[[Delivery], Reading]
"""Reads one kind of request. Raises Malformed."""


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes | msgspec.Raw) -> T:
    """Read JSON of one shape. Raises Malformed, whatever the body holds."""
    try:
        return decoder.decode(body)
    except UnicodeDecodeError:
        raise Malformed("encoding", "The body is not UTF-8.") from None
    except msgspec.ValidationError:
        raise Malformed("fields", "A field is missing or has another type than Slack documents.") from None
    except (msgspec.DecodeError, RecursionError):
        raise Malformed("json", "The body is not JSON.") from None


def milliseconds(stamp: str, *, wall: float) -> int:
    """A time of Slack's, `1515449522.000016` or `1515449522000016`, in milliseconds. Raises Malformed."""
    found = _SECONDS.fullmatch(stamp)
    if found:
        at = int(found[1]) * 1000 + (int(found[2].ljust(3, "0")[:3]) if found[2] else 0)
    elif _MICROSECONDS.fullmatch(stamp):
        at = int(stamp) // 1000
    else:
        raise Malformed("time", "A time is not one of Slack's.")
    if at > (wall + AHEAD) * 1000:
        raise Malformed("time", "A time is in the future.")
    return at


def workspace_key(*, team: str | None, enterprise: str | None, org: bool) -> Workspace:
    """The workspace of a request: the organisation where the app is installed on all of it. Raises Malformed."""
    key = enterprise if org else team or enterprise
    if not key:
        raise Malformed("workspace", "No workspace is named.")
    return Workspace(key)


def new_trace() -> str:
    """An id that joins a request to its job, its rotation and its publish."""
    return secrets.token_hex(8)


def trace_of(event_id: str) -> str:
    """The trace of an event: the same for each delivery of it."""
    return hashlib.blake2b(event_id.encode(), digest_size=8).hexdigest()

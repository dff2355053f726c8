"""Counting and timing calls to Slack."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rotavatar.errors import (
    ConsentMissing,
    CredentialDead,
    Forbidden,
    PictureRefused,
    RequestRefused,
    SlackBusy,
    SlackError,
    TokenExpired,
)
from rotavatar.metrics import SLACK_CALL_SECONDS, SLACK_CALLS

OUTCOMES: dict[type[SlackError], str] = {
    SlackBusy: "busy",
    TokenExpired: "token_expired",
    CredentialDead: "credential_dead",
    ConsentMissing: "consent_missing",
    PictureRefused: "picture_refused",
    Forbidden: "forbidden",
    RequestRefused: "request_refused",
}


def outcome_of(error: SlackError) -> str:
    """Name an error's class for the metric; rate limits have a name of their own."""
    return "ratelimited" if error.code == "ratelimited" else OUTCOMES[type(error)]


@contextmanager
def observed(method: str) -> Iterator[None]:
    """Count and time one call, whatever comes of it. A cancelled call is `cancelled`: Slack may have had it."""
    start = time.perf_counter()
    outcome = "cancelled"
    try:
        yield
        outcome = "ok"
    except SlackError as error:
        outcome = outcome_of(error)
        raise
    finally:
        SLACK_CALL_SECONDS.labels(method).observe(time.perf_counter() - start)
        SLACK_CALLS.labels(method, outcome).inc()

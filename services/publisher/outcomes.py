"""What follows from Slack's answer to a publish. Pure."""

from enum import IntEnum
from typing import Final

import msgspec

from rotavatar.errors import CredentialDead, PictureRefused, RequestRefused, SlackBusy, SlackError, TokenExpired

BROKEN_SECONDS: Final = 5.0
"""How long a workspace whose Slack is broken is left alone when Slack names no time."""

EXPIRED_SECONDS: Final = 60.0
"""A token that expired before its time is renewed by its own schedule; until then there is nothing to hurry for."""


class Form(IntEnum):
    """How much of the tab is sent: less each time that Slack refuses it."""

    FULL = 0
    PLAIN = 1
    """Without pictures."""
    NOTICE = 2
    """A few words instead."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one publish. `hold` is how many seconds the workspace waits; `limit` says whether Slack named it."""

    outcome: str
    again: bool = False
    view_hash: str = ""
    hold: float = 0.0
    limit: bool = False
    form: Form | None = None
    """In which form the tab is sent next, where it must be another one."""
    dead: bool = False
    """The bot's credential is to be dropped."""


def result_of(error: SlackError, *, form: Form, pictures: bool) -> Result:
    """What becomes of the tab after `error`; it was sent in `form`, with or without pictures."""
    match error:
        case SlackBusy() | TokenExpired():
            return _again(error)
        case CredentialDead():
            return Result(outcome="dead", dead=True)
        case RequestRefused(code="not_enabled"):
            return Result(outcome="not_enabled")
        case PictureRefused() | RequestRefused():
            return _less(form, pictures=pictures)
        case _:
            return Result(outcome="forbidden")


def _again(error: SlackBusy | TokenExpired) -> Result:
    if error.code == "hash_conflict":
        return Result(outcome="conflict", again=True, view_hash="-")
    if error.code == "timeout":  # its ten seconds were wait enough
        return Result(outcome="again", again=True)
    if error.retry_after is not None:
        return Result(outcome="again", again=True, hold=error.retry_after, limit=True)
    hold = EXPIRED_SECONDS if isinstance(error, TokenExpired) else BROKEN_SECONDS
    return Result(outcome="again", again=True, hold=hold)


def _less(form: Form, *, pictures: bool) -> Result:
    """Try with less; what Slack does not take even as a notice is given up."""
    if form is Form.NOTICE:
        return Result(outcome="refused", form=Form.FULL)
    smaller = Form.PLAIN if form is Form.FULL and pictures else Form.NOTICE
    return Result(outcome="again", again=True, form=smaller)

"""The slash command (https://docs.slack.dev/interactivity/implementing-slash-commands)."""

import re
from collections.abc import Callable
from typing import Final

import msgspec

from ingress_api.answers import JSON, Answer, Malformed, answer
from ingress_api.forms import decode_form, text
from ingress_api.reading import Delivery, Id, Reader, Reading, UserId, workspace_key
from rotavatar.keys import User
from rotavatar.messages import Paused, Resumed, ShuffleAsked, StatusAsked, trace_for
from rotavatar.policy import DAY, HOUR

LONGEST_PAUSE: Final = 365 * DAY
UNITS: Final = {"h": HOUR, "d": DAY, "w": 7 * DAY}
_LENGTH = re.compile(r"([1-9][0-9]{0,3}) ?([hdw])", re.ASCII)

HELP: Final = """\
*What you can tell Rotavatar*
`{command} status`: how things stand, and when your photo changes next
`{command} shuffle`: another photo as soon as Slack allows
`{command} pause`: no changes until you resume; `pause 12h`, `pause 3d` or `pause 2w` for a while
`{command} resume`: go on
`{command} help`: this list
The rest is in Rotavatar's Home tab."""


class Asked(msgspec.Struct, frozen=True):
    """The fields of a slash command that matter here."""

    user_id: UserId
    command: str = "/avatar"
    text: str = ""
    team_id: Id | None = None
    enterprise_id: Id | None = None
    is_enterprise_install: str = "false"
    response_url: str = ""


def is_ssl_check(body: bytes) -> bool:
    """Whether this is Slack's check of a certificate, which may come unsigned, and not a command that says so."""
    try:
        fields = decode_form(body)
    except Malformed:
        return False
    return fields.get("ssl_check") == b"1" and "command" not in fields


def commands_reader(owns_response_url: Callable[[str], bool]) -> Reader:
    """Read slash commands; `owns_response_url` says whether answers may be sent to an address."""

    def read(delivery: Delivery) -> Reading:
        fields = decode_form(delivery.body)
        if fields.get("ssl_check") == b"1" and "command" not in fields:
            return Reading(reason="ssl_check")
        asked = _asked(fields)
        if not owns_response_url(asked.response_url):
            raise Malformed("response_url", "The response_url does not lead to Slack.")
        return _obey(asked, delivery)

    return read


def _asked(fields: dict[str, bytes]) -> Asked:
    known = {name: text(fields[name]) for name in Asked.__struct_fields__ if fields.get(name)}
    try:
        return msgspec.convert(known, Asked)
    except msgspec.ValidationError:
        raise Malformed("fields", "A field is missing or is not what Slack documents.") from None


def _obey(asked: Asked, delivery: Delivery) -> Reading:
    workspace = workspace_key(
        team=asked.team_id, enterprise=asked.enterprise_id, org=asked.is_enterprise_install == "true"
    )
    # There is no finer time in a command than the second in which Slack signed it.
    at, user = delivery.signed_at * 1000, User(asked.user_id)
    trace = trace_for(workspace, user, at)
    verb, _, rest = " ".join(asked.text.lower().split()).partition(" ")
    until = pause_end(rest, now=delivery.now)
    match verb, rest:
        case (("" | "help"), ""):
            return Reading(reason="help", answer=say(HELP.format(command=_shown(asked.command))))
        case "status", "":
            return Reading(StatusAsked(workspace=workspace, user=user, at=at, trace=trace, reply=asked.response_url))
        case "shuffle", "":
            return Reading(ShuffleAsked(workspace=workspace, user=user, at=at, trace=trace, reply=asked.response_url))
        case "resume", "":
            return Reading(Resumed(workspace=workspace, user=user, at=at, trace=trace, reply=asked.response_url))
        case "pause", _ if until is not None or not rest:
            return Reading(
                Paused(workspace=workspace, user=user, at=at, trace=trace, until=until, reply=asked.response_url)
            )
        case _:
            return Reading(reason="unknown_words", answer=say(_not_understood(asked.command)))


def pause_end(length: str, *, now: float) -> int | None:
    """The second in which a pause of `12h`, `3d` or `2w` from `now` ends; None where `length` is no such thing."""
    found = _LENGTH.fullmatch(length)
    if found is None:
        return None
    seconds = int(found[1]) * UNITS[found[2]]
    return int(now) + seconds if seconds <= LONGEST_PAUSE else None


def say(words: str) -> Answer:
    """An answer that only the person who typed the command sees."""
    body = msgspec.json.encode({"response_type": "ephemeral", "text": words})
    return answer(200, body, content_type=JSON)


def _not_understood(command: str) -> str:
    return f"I did not understand that. `{_shown(command)} help` lists what I know."


def _shown(command: str) -> str:
    return command if re.fullmatch(r"/[\w.-]{1,31}", command) else "/avatar"

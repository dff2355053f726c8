"""What the slash command answers, in words. Pure."""

import msgspec

from rotavatar.messages import Paused, Resumed, ShuffleAsked, StatusAsked
from rotavatar.policy import DAY, HOUR
from rotavatar.records import Idle, Member, Suspension

Asked = Paused | Resumed | ShuffleAsked | StatusAsked
"""Jobs that may want an answer."""

BLOCKED = {
    Idle.OUTSIDE: "Your photo was changed outside Rotavatar, so I left it alone. Open the Home tab to decide.",
    Idle.RECONNECT: "Slack no longer lets me change your photo. Open the Home tab to reconnect.",
    Idle.CONSENT: "I need one more permission from you. Open the Home tab to grant it.",
    Idle.FORBIDDEN: "Slack does not let me change your photo at present. Open the Home tab to see why.",
    Idle.LEFT: "You have left Rotavatar. Open the Home tab to come back.",
}

SUSPENDED = {
    Suspension.OPERATOR: "The people who run Rotavatar have paused it for this workspace. Your choices are kept.",
    Suspension.APPROVAL: "Your workspace's installation waits for approval. Photos change as soon as it is given.",
}

STRANGER = "You have not connected Rotavatar yet. Open its Home tab to start."


def payload(text: str) -> bytes:
    """A message that only the asker sees (https://docs.slack.dev/interactivity/implementing-slash-commands)."""
    return msgspec.json.encode({"response_type": "ephemeral", "text": text})


def answer(member: Member | None, asked: Asked, *, due_ms: float | None, suspended: Suspension) -> str:
    """What to say after `asked` was done; `due_ms` is when the next change is planned."""
    if suspended in SUSPENDED and (member is None or member.idle is not Idle.LEFT):
        return SUSPENDED[suspended]
    if member is None:
        return STRANGER
    if member.idle in BLOCKED:
        return BLOCKED[member.idle]
    match asked:
        case ShuffleAsked():
            return "Shuffling: your photo changes as soon as Slack's pace allows."
        case Paused():
            return f"Paused{_until(member)}. Your photo stays as it is."
        case Resumed() | StatusAsked():
            return _status(member, due_ms)


def _status(member: Member, due_ms: float | None) -> str:
    if member.paused and not member.paused_until:
        return "Rotavatar is paused. `/avatar resume` goes on."
    if due_ms is None:
        return "Rotavatar is off: choose how often your photo changes in the Home tab."
    return f"Your photo changes {_every(member.frequency)}; the next change is {_moment(due_ms / 1000)}."


def _every(seconds: int) -> str:
    if seconds == 0:
        return "when you ask for it"
    unit, name = (DAY, "day") if seconds % DAY == 0 else (HOUR, "hour")
    count = seconds // unit
    return f"every {name}" if count == 1 else f"every {count} {name}s"


def _until(member: Member) -> str:
    return f" until {_moment(member.paused_until)}" if member.paused_until else ""


def _moment(seconds: float) -> str:
    """In the reader's own zone (https://docs.slack.dev/messaging/formatting-message-text#date-formatting)."""
    return f"<!date^{int(seconds)}^{{date_short_pretty}} at {{time}}|soon>"

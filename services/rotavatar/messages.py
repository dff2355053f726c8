"""The jobs on the streams: one frozen struct per kind, small, versioned, without any token.

`at` is Slack's own time of what happened, in milliseconds: `action_ts` of a click, `event_time` of an event, the signed
timestamp of a slash command. Order is decided by it, never by arrival, so that a delivery repeated by anybody changes
nothing. `trace` joins the request that Slack sent to its job, its rotation and its publish.

Ingress and workers are upgraded separately: a reader understands its own version and the one before.
"""

import hashlib

import msgspec

from rotavatar.errors import MalformedMessage
from rotavatar.keys import User, Workspace

VERSION = 2
"""The version this code writes. Version 1 had no `trace`."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """What every job says: whose it is, when it happened at Slack, and how to follow it through the logs."""

    workspace: Workspace
    at: int
    trace: str


class MemberMessage(Message, frozen=True, kw_only=True):
    """A job about one member."""

    user: User


class Joined(MemberMessage, frozen=True, tag="joined"):
    """The member authorised the app; their credential was stored in the same transaction as this job."""


class FrequencyChosen(MemberMessage, frozen=True, tag="frequency"):
    """Change the photo every `seconds`; 0 is off."""

    seconds: int


class PackChosen(MemberMessage, frozen=True, tag="pack"):
    """Draw from this pack from now on."""

    pack: str


class Paused(MemberMessage, frozen=True, tag="pause"):
    """Change nothing until `until` (epoch seconds), or until told otherwise."""

    until: int | None = None
    reply: str | None = None


class Resumed(MemberMessage, frozen=True, tag="resume"):
    """Go on: after a pause, after a photo changed outside, or after the organisation allowed changes again."""

    reply: str | None = None


class ShuffleAsked(MemberMessage, frozen=True, tag="shuffle"):
    """Change the photo as soon as the pacing allows. `reply` is a response URL."""

    reply: str | None = None


class UndoAsked(MemberMessage, frozen=True, tag="undo"):
    """Put back the photo before the last change."""


class RestoreAsked(MemberMessage, frozen=True, tag="restore"):
    """Put back the member's own photo and stop rotating."""


class KeepAsked(MemberMessage, frozen=True, tag="keep"):
    """The photo that was set outside stays and counts as the member's own."""


class LeaveAsked(MemberMessage, frozen=True, tag="leave"):
    """Put back the own photo, revoke the token, forget at once or after the retention."""

    forget: bool = False


class StatusAsked(MemberMessage, frozen=True, tag="status"):
    """Say to the response URL how things stand."""

    reply: str


class ProfileChanged(MemberMessage, frozen=True, tag="profile_changed"):
    """Slack says that the profile changed; `avatar_hash` is the photo it shows now."""

    avatar_hash: str


class TokensRevoked(Message, frozen=True, tag="tokens_revoked"):
    """User tokens of `users` died; with `bot` the workspace's bot token did."""

    users: tuple[User, ...] = ()
    bot: bool = False


class Uninstalled(Message, frozen=True, tag="uninstalled"):
    """The app is gone from the workspace."""


class TeamAccessChanged(Message, frozen=True, tag="team_access"):
    """An org-wide install gained or lost workspaces of the organisation."""

    teams: tuple[str, ...]
    granted: bool


class MigrationChanged(Message, frozen=True, tag="migration"):
    """Slack is moving the workspace into the organisation `enterprise`, or has finished doing so."""

    enterprise: str
    finished: bool


ScheduleMessage = (
    Joined
    | FrequencyChosen
    | PackChosen
    | Paused
    | Resumed
    | ShuffleAsked
    | UndoAsked
    | RestoreAsked
    | KeepAsked
    | LeaveAsked
    | StatusAsked
    | ProfileChanged
    | TokensRevoked
    | Uninstalled
    | TeamAccessChanged
    | MigrationChanged
)
"""What travels on `jobs:schedule`."""


class PublishAsked(MemberMessage, frozen=True, tag="publish"):
    """The member's Home tab wants a fresh look.

    `looking` says that they opened it or clicked in it. `shown` is the digest of the view that they see, where Slack
    sent it: the publisher leaves a tab alone that already shows the present state. `later` is for what may wait until
    nobody else of the workspace wants a publish.
    """

    looking: bool = False
    shown: str = ""
    later: bool = False


PublishMessage = PublishAsked
"""What travels on `jobs:publish`."""


Job = ScheduleMessage | PublishMessage
"""Every kind there is."""


def trace_for(workspace: Workspace, user: User, at: int) -> str:
    """The trace of what a person did at the time `at`: whoever knows these three knows it, so nobody has to store it.

    The record of the member holds when they wished or chose last, so the rotation and the publish that follow have it.
    """
    return hashlib.blake2b(f"{workspace} {user} {at}".encode(), digest_size=8).hexdigest()


def kind_of(job: Message) -> str:
    """The word by which a job is known in its stream, in the metrics and on the page of messages."""
    return str(type(job).__struct_config__.tag)


_DECODER: msgspec.json.Decoder[Job] = msgspec.json.Decoder(Job)
_ENCODER = msgspec.json.Encoder()


def encode(message: Message) -> bytes:
    """The message as it is stored in a stream entry: its version, a space, JSON."""
    return b"%d %b" % (VERSION, _ENCODER.encode(message))


def decode(raw: bytes) -> Job:
    """Read a stream entry of this version or the one before. Raises MalformedMessage for anything else."""
    version, _, body = raw.partition(b" ")
    if version not in (b"1", b"2"):
        raise MalformedMessage(f"message version {version[:8]!r} is unknown here: this reader knows 1 and {VERSION}")
    try:
        return _DECODER.decode(_upgrade(body) if version == b"1" else body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage(f"not a message of version {version.decode()}: {error}") from error


def _upgrade(body: bytes) -> bytes:
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return _ENCODER.encode({"trace": "", **fields})

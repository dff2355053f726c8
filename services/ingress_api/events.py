"""Events: what happened in Slack, as jobs (https://docs.slack.dev/apis/events-api/)."""

from typing import Annotated, Final, get_args

import msgspec
import structlog

from ingress_api.answers import JSON, Malformed, answer
from ingress_api.reading import Delivery, Id, Reading, UserId, decode, milliseconds, new_trace, trace_of, workspace_key
from rotavatar.keys import User, Workspace
from rotavatar.messages import (
    Message,
    MigrationChanged,
    ProfileChanged,
    PublishAsked,
    TeamAccessChanged,
    TokensRevoked,
    Uninstalled,
)

log = structlog.get_logger()

SANE_SECONDS: Final = 60
"""How far `event_ts` may be from `event_time`, which is the second in which Slack sent the event."""

MAX_USERS: Final = 1000
"""Users of one revocation: a stream entry stays small."""


class Authorization(msgspec.Struct, frozen=True):
    """The installation for which the event is sent."""

    enterprise_id: Id | None = None
    team_id: Id | None = None
    is_enterprise_install: bool = False


class Envelope(msgspec.Struct, frozen=True):
    """The outside of every event."""

    type: str
    challenge: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    team_id: Id | None = None
    enterprise_id: Id | None = None
    event_id: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    event_time: Annotated[int, msgspec.Meta(ge=0, lt=10**11)] | None = None
    authorizations: list[Authorization] | None = None
    event: msgspec.Raw = msgspec.Raw()


class Head(msgspec.Struct, frozen=True):
    """The kind of an event."""

    type: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Event(msgspec.Struct, frozen=True, tag_field="type"):
    """What every event says about itself."""

    event_ts: str | int | float | None = None


class ShownView(msgspec.Struct, frozen=True):
    """The Home tab that the person sees; `private_metadata` is the publisher's digest of it."""

    private_metadata: Annotated[str, msgspec.Meta(max_length=3000)] | None = None


class HomeOpened(Event, frozen=True, kw_only=True, tag="app_home_opened"):
    """https://docs.slack.dev/reference/events/app_home_opened."""

    user: UserId
    tab: str
    view: ShownView | None = None


class RevokedTokens(msgspec.Struct, frozen=True):
    """Ids of users, not tokens."""

    oauth: Annotated[list[UserId], msgspec.Meta(max_length=MAX_USERS)] | None = None
    bot: list[str] | None = None


class Revoked(Event, frozen=True, kw_only=True, tag="tokens_revoked"):
    """https://docs.slack.dev/reference/events/tokens_revoked."""

    tokens: RevokedTokens


class Profile(msgspec.Struct, frozen=True):
    """The part of a profile that tells one photo from another."""

    avatar_hash: Annotated[str, msgspec.Meta(pattern=r"\A[0-9A-Za-z_-]{1,64}\Z")]


class Person(msgspec.Struct, frozen=True):
    """The user whose profile changed."""

    id: UserId
    profile: Profile


class ProfileEvent(Event, frozen=True, kw_only=True, tag="user_profile_changed"):
    """https://docs.slack.dev/reference/events/user_profile_changed."""

    user: Person


class Uninstall(Event, frozen=True, tag="app_uninstalled"):
    """https://docs.slack.dev/reference/events/app_uninstalled."""


class AccessGranted(Event, frozen=True, kw_only=True, tag="team_access_granted"):
    """https://docs.slack.dev/reference/events/team_access_granted."""

    team_ids: Annotated[list[Id], msgspec.Meta(max_length=MAX_USERS)]


class AccessRevoked(Event, frozen=True, kw_only=True, tag="team_access_revoked"):
    """https://docs.slack.dev/reference/events/team_access_revoked."""

    team_ids: Annotated[list[Id], msgspec.Meta(max_length=MAX_USERS)]


class MigrationStarted(Event, frozen=True, kw_only=True, tag="grid_migration_started"):
    """https://docs.slack.dev/reference/events/grid_migration_started."""

    enterprise_id: Id


class MigrationFinished(Event, frozen=True, kw_only=True, tag="grid_migration_finished"):
    """https://docs.slack.dev/reference/events/grid_migration_finished."""

    enterprise_id: Id


Ours = (
    HomeOpened
    | Revoked
    | Uninstall
    | ProfileEvent
    | AccessGranted
    | AccessRevoked
    | MigrationStarted
    | MigrationFinished
)
"""The events that mean work, told apart by their `type`."""

_envelope = msgspec.json.Decoder(Envelope)
_head = msgspec.json.Decoder(Head)
_ours = msgspec.json.Decoder(Ours)


def read_event(delivery: Delivery) -> Reading:
    """What an event means. Raises Malformed."""
    envelope = decode(_envelope, delivery.body)
    match envelope.type:
        case "event_callback":
            return _callback(envelope, wall=delivery.wall)
        case "url_verification":
            return _challenged(envelope)
        case "app_rate_limited":
            # https://docs.slack.dev/reference/events/app_rate_limited/: over 30,000 events an hour in one workspace.
            log.warning("slack withholds events", workspace=envelope.team_id)
            return Reading(reason="rate_limited")
        case _:
            raise Malformed("type", "This type of request is unknown.")


def _challenged(envelope: Envelope) -> Reading:
    if not envelope.challenge:
        raise Malformed("fields", "The challenge is missing.")
    body = msgspec.json.encode({"challenge": envelope.challenge})
    return Reading(reason="url_verification", answer=answer(200, body, content_type=JSON))


def _callback(envelope: Envelope, *, wall: float) -> Reading:
    if not bytes(envelope.event):
        raise Malformed("fields", "The event is missing.")
    try:
        event = decode(_ours, envelope.event)
    except Malformed:
        if decode(_head, envelope.event).type in EVENTS:
            raise
        return Reading(reason="not_ours")
    job = _job(
        event,
        workspace=_workspace(envelope, event),
        at=_time(envelope, event, wall=wall),
        trace=trace_of(envelope.event_id) if envelope.event_id else new_trace(),
    )
    return Reading(job) if job else Reading(reason="nothing_to_do")


def _workspace(envelope: Envelope, event: Ours) -> Workspace:
    """Whose event it is.

    `authorizations` names the installation; org-level events may lack it and `team_id` as well. Access to teams only
    ever changes for an organisation, although its authorization says otherwise
    (https://github.com/slackapi/bolt-js/issues/1778).
    """
    given = envelope.authorizations[0] if envelope.authorizations else Authorization()
    enterprise = given.enterprise_id or envelope.enterprise_id
    org = given.is_enterprise_install or isinstance(event, AccessGranted | AccessRevoked)
    return workspace_key(team=given.team_id or envelope.team_id, enterprise=enterprise, org=org)


def _time(envelope: Envelope, event: Ours, *, wall: float) -> int:
    """When it happened, in milliseconds: `event_ts` where it is near `event_time`, which counts whole seconds only."""
    rough = None if envelope.event_time is None else milliseconds(str(envelope.event_time), wall=wall)
    if event.event_ts is None:
        if rough is None:
            raise Malformed("time", "The event has no time.")
        return rough
    fine = milliseconds(str(event.event_ts), wall=wall)
    return fine if rough is None or abs(fine - rough) <= SANE_SECONDS * 1000 else rough


def _job(event: Ours, *, workspace: Workspace, at: int, trace: str) -> Message | None:
    """The job of an event; None where there is nothing to do."""
    job: Message | None = None
    match event:
        case HomeOpened(tab="home"):
            shown = (event.view.private_metadata or "") if event.view else ""
            job = PublishAsked(
                workspace=workspace, user=User(event.user), at=at, trace=trace, looking=True, shown=shown
            )
        case Revoked() if event.tokens.oauth or event.tokens.bot:
            users = tuple(User(user) for user in event.tokens.oauth or ())
            job = TokensRevoked(workspace=workspace, at=at, trace=trace, users=users, bot=bool(event.tokens.bot))
        case Uninstall():
            job = Uninstalled(workspace=workspace, at=at, trace=trace)
        case ProfileEvent():
            person, avatar_hash = User(event.user.id), event.user.profile.avatar_hash
            job = ProfileChanged(workspace=workspace, user=person, at=at, trace=trace, avatar_hash=avatar_hash)
        case AccessGranted() | AccessRevoked():
            granted = isinstance(event, AccessGranted)
            job = TeamAccessChanged(
                workspace=workspace, at=at, trace=trace, teams=tuple(event.team_ids), granted=granted
            )
        case MigrationStarted() | MigrationFinished():
            finished = isinstance(event, MigrationFinished)
            job = MigrationChanged(
                workspace=workspace, at=at, trace=trace, enterprise=event.enterprise_id, finished=finished
            )
    return job


EVENTS: Final = frozenset(kind.__struct_config__.tag for kind in get_args(Ours))
"""The names of the events that mean work; `rotavatar.manifest` subscribes to exactly these."""

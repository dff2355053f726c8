"""Events: what happened in Slack, as jobs (https://docs.slack.dev/apis/events-api/)."""

from collections.abc import Callable, Mapping
from typing import Annotated, Final

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
    """What every event says about itself."""

    type: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    event_ts: str | int | float | None = None


class ShownView(msgspec.Struct, frozen=True):
    """The Home tab that the person sees; `private_metadata` is the publisher's digest of it."""

    private_metadata: Annotated[str, msgspec.Meta(max_length=3000)] | None = None


class HomeOpened(msgspec.Struct, frozen=True):
    """https://docs.slack.dev/reference/events/app_home_opened."""

    user: UserId
    tab: str
    view: ShownView | None = None


class RevokedTokens(msgspec.Struct, frozen=True):
    """Ids of users, not tokens."""

    oauth: Annotated[list[UserId], msgspec.Meta(max_length=MAX_USERS)] | None = None
    bot: list[str] | None = None


class Revoked(msgspec.Struct, frozen=True):
    """https://docs.slack.dev/reference/events/tokens_revoked."""

    tokens: RevokedTokens


class Profile(msgspec.Struct, frozen=True):
    """The part of a profile that tells one photo from another."""

    avatar_hash: Annotated[str, msgspec.Meta(pattern=r"\A[0-9A-Za-z_-]{1,64}\Z")]


class Person(msgspec.Struct, frozen=True):
    """The user whose profile changed."""

    id: UserId
    profile: Profile


class ProfileEvent(msgspec.Struct, frozen=True):
    """https://docs.slack.dev/reference/events/user_profile_changed."""

    user: Person


class TeamAccess(msgspec.Struct, frozen=True):
    """https://docs.slack.dev/reference/events/team_access_granted, and the same for revoked."""

    team_ids: Annotated[list[Id], msgspec.Meta(max_length=MAX_USERS)]


class Migration(msgspec.Struct, frozen=True):
    """https://docs.slack.dev/reference/events/grid_migration_finished, and the same for started."""

    enterprise_id: Id


class Happened(msgspec.Struct, frozen=True):
    """An event with what its envelope says."""

    type: str
    body: msgspec.Raw
    workspace: Workspace
    at: int
    trace: str


_envelope = msgspec.json.Decoder(Envelope)
_head = msgspec.json.Decoder(Head)
_home = msgspec.json.Decoder(HomeOpened)
_revoked = msgspec.json.Decoder(Revoked)
_profile = msgspec.json.Decoder(ProfileEvent)
_access = msgspec.json.Decoder(TeamAccess)
_migration = msgspec.json.Decoder(Migration)


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
    head = decode(_head, envelope.event)
    read = READERS.get(head.type)
    if read is None:
        return Reading(reason="not_ours")
    event = Happened(
        type=head.type,
        body=envelope.event,
        workspace=_workspace(envelope, head.type),
        at=_time(envelope, head, wall=wall),
        trace=trace_of(envelope.event_id) if envelope.event_id else new_trace(),
    )
    job = read(event)
    return Reading(job) if job else Reading(reason="nothing_to_do")


def _workspace(envelope: Envelope, kind: str) -> Workspace:
    """Whose event it is.

    `authorizations` names the installation; org-level events may lack it and `team_id` as well. Access to teams only
    ever changes for an organisation, although its authorization says otherwise
    (https://github.com/slackapi/bolt-js/issues/1778).
    """
    given = envelope.authorizations[0] if envelope.authorizations else Authorization()
    enterprise = given.enterprise_id or envelope.enterprise_id
    org = given.is_enterprise_install or kind.startswith("team_access_")
    return workspace_key(team=given.team_id or envelope.team_id, enterprise=enterprise, org=org)


def _time(envelope: Envelope, head: Head, *, wall: float) -> int:
    """When it happened, in milliseconds: `event_ts` where it is near `event_time`, which counts whole seconds only."""
    rough = None if envelope.event_time is None else milliseconds(str(envelope.event_time), wall=wall)
    if head.event_ts is None:
        if rough is None:
            raise Malformed("time", "The event has no time.")
        return rough
    fine = milliseconds(str(head.event_ts), wall=wall)
    return fine if rough is None or abs(fine - rough) <= SANE_SECONDS * 1000 else rough


def _home_opened(event: Happened) -> Message | None:
    opened = decode(_home, event.body)
    if opened.tab != "home":
        return None
    return PublishAsked(
        workspace=event.workspace,
        user=User(opened.user),
        at=event.at,
        trace=event.trace,
        looking=True,
        shown=(opened.view.private_metadata or "") if opened.view else "",
    )


def _tokens_revoked(event: Happened) -> Message | None:
    tokens = decode(_revoked, event.body).tokens
    users = tuple(User(user) for user in tokens.oauth or ())
    if not users and not tokens.bot:
        return None
    return TokensRevoked(workspace=event.workspace, at=event.at, trace=event.trace, users=users, bot=bool(tokens.bot))


def _uninstalled(event: Happened) -> Message:
    return Uninstalled(workspace=event.workspace, at=event.at, trace=event.trace)


def _profile_changed(event: Happened) -> Message:
    person = decode(_profile, event.body).user
    return ProfileChanged(
        workspace=event.workspace,
        user=User(person.id),
        at=event.at,
        trace=event.trace,
        avatar_hash=person.profile.avatar_hash,
    )


def _team_access(event: Happened) -> Message:
    teams = decode(_access, event.body).team_ids
    return TeamAccessChanged(
        workspace=event.workspace,
        at=event.at,
        trace=event.trace,
        teams=tuple(teams),
        granted=event.type == "team_access_granted",
    )


def _grid_migration(event: Happened) -> Message:
    return MigrationChanged(
        workspace=event.workspace,
        at=event.at,
        trace=event.trace,
        enterprise=decode(_migration, event.body).enterprise_id,
        finished=event.type == "grid_migration_finished",
    )


READERS: Final[Mapping[str, Callable[[Happened], Message | None]]] = {
    "app_home_opened": _home_opened,
    "tokens_revoked": _tokens_revoked,
    "app_uninstalled": _uninstalled,
    "user_profile_changed": _profile_changed,
    "team_access_granted": _team_access,
    "team_access_revoked": _team_access,
    "grid_migration_started": _grid_migration,
    "grid_migration_finished": _grid_migration,
}
"""The events that mean work; `rotavatar.manifest` subscribes to exactly these."""

"""Clicks in the Home tab, as jobs (https://docs.slack.dev/reference/interaction-payloads/block_actions-payload)."""

from collections.abc import Callable, Container
from typing import Annotated, Final

import msgspec

from ingress_api.answers import JSON, Malformed, answer
from ingress_api.forms import decode_form
from ingress_api.reading import (
    Delivery,
    Id,
    Reader,
    Reading,
    UserId,
    decode,
    milliseconds,
    workspace_key,
)
from rotavatar.actions import LINKS, PAUSES, Action
from rotavatar.keys import User
from rotavatar.messages import (
    FrequencyChosen,
    KeepAsked,
    LeaveAsked,
    MemberMessage,
    PackChosen,
    Paused,
    PublishAsked,
    RestoreAsked,
    Resumed,
    ShuffleAsked,
    UndoAsked,
    trace_for,
)
from rotavatar.policy import FREQUENCIES

NOT_OURS: Final = frozenset(
    {
        "block_suggestion",
        "dialog_cancellation",
        "dialog_submission",
        "interactive_message",
        "message_action",
        "shortcut",
        "view_closed",
        "view_submission",
    }
)
"""Payloads that Slack documents and that nothing of ours causes."""

BUTTON: Final = "button"
SELECT: Final = "static_select"
FREQUENCY_VALUES: Final = {str(seconds): seconds for seconds in FREQUENCIES}
PAUSE_VALUES: Final = {str(seconds): seconds for seconds in PAUSES}


class Named(msgspec.Struct, frozen=True):
    """A team or an enterprise."""

    id: Id


class Clicker(msgspec.Struct, frozen=True):
    """Who clicked."""

    id: UserId
    team_id: Id | None = None


class Option(msgspec.Struct, frozen=True):
    """What was chosen."""

    value: Annotated[str, msgspec.Meta(max_length=150)]


class Control(msgspec.Struct, frozen=True):
    """One control that was used."""

    action_id: Annotated[str, msgspec.Meta(max_length=255)]
    action_ts: str
    type: str
    selected_option: Option | None = None


class Kind(msgspec.Struct, frozen=True):
    """The kind of a payload."""

    type: str


class HomeView(msgspec.Struct, frozen=True):
    """Where it was clicked."""

    app_installed_team_id: Id | None = None


class Click(msgspec.Struct, frozen=True, tag_field="type", tag="block_actions"):
    """A block_actions payload. `team` is null where the app is installed on the whole organisation."""

    user: Clicker
    actions: list[Control]
    team: Named | None = None
    enterprise: Named | None = None
    is_enterprise_install: bool | None = None
    view: HomeView | None = None


_kind = msgspec.json.Decoder(Kind)
_click = msgspec.json.Decoder(Click)


class Whose(msgspec.Struct, frozen=True):
    """What the job of a click says besides the click itself."""

    fields: dict[str, object]
    now: float

    def job(self, kind: Callable[..., MemberMessage], **more: object) -> MemberMessage:
        """A job of this member."""
        return kind(**self.fields, **more)


def interactions_reader(packs: Callable[[], Container[str]]) -> Reader:
    """Read interaction payloads; `packs` says which packs there are at the moment."""

    def read(delivery: Delivery) -> Reading:
        payload = decode_form(delivery.body).get("payload")
        if payload is None:
            raise Malformed("form", "The field payload is missing.")
        try:
            click = decode(_click, payload)
        except Malformed:
            return _not_a_click(payload)
        return _read_click(click, delivery, packs())

    return read


def read_suggestion(delivery: Delivery) -> Reading:
    """Answer a menu that asks for its options: no menu of ours does. Raises Malformed."""
    payload = decode_form(delivery.body).get("payload")
    if payload is None or decode(_kind, payload).type != "block_suggestion":
        raise Malformed("type", "This is no block_suggestion.")
    return Reading(reason="not_ours", answer=answer(200, b'{"options":[]}', content_type=JSON))


def _not_a_click(payload: bytes) -> Reading:
    """Another kind of payload, or a damaged click."""
    kind = decode(_kind, payload).type
    if kind in NOT_OURS:
        return Reading(reason="not_ours")
    if kind == "block_actions":
        raise Malformed("fields", "A field is missing or has another type than Slack documents.")
    raise Malformed("type", "This type of interaction is unknown.")


def _read_click(click: Click, delivery: Delivery, packs: Container[str]) -> Reading:
    if len(click.actions) != 1:
        raise Malformed("action", "Exactly one action is expected.")
    control = click.actions[0]
    try:
        action = Action(control.action_id)
    except ValueError:
        raise Malformed("action", "This action is unknown.") from None
    if action in LINKS:
        return Reading(reason="link")
    workspace = workspace_key(
        team=_team(click),
        enterprise=click.enterprise.id if click.enterprise else None,
        org=bool(click.is_enterprise_install),
    )
    user, at = User(click.user.id), milliseconds(control.action_ts, wall=delivery.wall)
    fields: dict[str, object] = {
        "workspace": workspace,
        "user": user,
        "at": at,
        "trace": trace_for(workspace, user, at),
    }
    whose = Whose(fields, delivery.now)
    if action in (Action.FREQUENCY, Action.PACK, Action.PAUSE_UNTIL):
        return Reading(_chosen(action, control, whose, packs))
    return Reading(_pressed(action, control, whose))


def _team(click: Click) -> str | None:
    if click.team:
        return click.team.id
    return (click.view.app_installed_team_id if click.view else None) or click.user.team_id


def _chosen(action: Action, control: Control, whose: Whose, packs: Container[str]) -> MemberMessage:
    """The job of a menu."""
    if control.type != SELECT or control.selected_option is None:
        raise Malformed("option", "Exactly one option is expected.")
    value = control.selected_option.value
    if action is Action.FREQUENCY and value in FREQUENCY_VALUES:
        return whose.job(FrequencyChosen, seconds=FREQUENCY_VALUES[value])
    if action is Action.PACK and value in packs:
        return whose.job(PackChosen, pack=value)
    if action is Action.PAUSE_UNTIL and value in PAUSE_VALUES:
        return whose.job(Paused, until=int(whose.now) + PAUSE_VALUES[value])
    raise Malformed("option", "This option is unknown.")


def _pressed(action: Action, control: Control, whose: Whose) -> MemberMessage:
    """The job of a button."""
    if control.type != BUTTON:
        raise Malformed("action", "This action is a button's.")
    match action:
        case Action.LEAVE | Action.FORGET:
            return whose.job(LeaveAsked, forget=action is Action.FORGET)
        case Action.REFRESH:
            return whose.job(PublishAsked, looking=True)
        case _:
            return whose.job(BUTTONS[action])


BUTTONS: Final[dict[Action, Callable[..., MemberMessage]]] = {
    Action.PAUSE: Paused,
    Action.RESUME: Resumed,
    Action.SHUFFLE: ShuffleAsked,
    Action.UNDO: UndoAsked,
    Action.RESTORE: RestoreAsked,
    Action.KEEP: KeepAsked,
}
"""Buttons that say all by being pressed."""

"""What is stored of a member and of a workspace, and how it lies in Redis hashes.

Field names in Redis are two letters, a field at its default is absent, and what no script reads of a member is packed
into one field (details.py): a hundred thousand members are kept for less than 600 bytes each. The table of fields in
`docs/data-model.md` is checked against this module.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

import msgspec
import msgspec.structs

from rotavatar import details
from rotavatar.keys import User, Workspace
from rotavatar.pacing import Limits
from rotavatar.policy import Policy


class Idle(StrEnum):
    """Why a member waits for no due time."""

    NO = ""
    OFF = "off"
    PAUSED = "paused"
    OUTSIDE = "outside"
    RECONNECT = "reconnect"
    CONSENT = "consent"
    FORBIDDEN = "forbidden"
    LEFT = "left"


class Wish(StrEnum):
    """What the member's next photo write is for. A planned rotation is the absence of a wish."""

    NONE = ""
    SHUFFLE = "shuffle"
    UNDO = "undo"
    RESTORE = "restore"
    LEAVE = "leave"
    FORGET = "forget"
    CHECK = "check"
    """Look whether the photo is still ours; Slack said that the profile changed."""


LEAVING: Final = frozenset({Wish.LEAVE, Wish.FORGET})
"""Wishes that are fulfilled in a suspended workspace too: privacy waits for no operator."""


class Status(StrEnum):
    """How a workspace stands with Slack."""

    ACTIVE = ""
    MIGRATING = "migrating"
    UNINSTALLED = "uninstalled"


class Suspension(StrEnum):
    """Why the operator lets no photo change in a workspace. Slack's events and reinstalling leave it alone."""

    NO = ""
    OPERATOR = "operator"
    """Somebody suspended it."""
    APPROVAL = "approval"
    """Its installation waits to be approved."""


OWN_PICTURE: Final = "own"
"""The picture reference of the member's own photo."""


BROKEN: Final = "broken"
"""The problem of a member whom each worker died of: the key of a sentence in the Home tab."""


class OwnPhoto(msgspec.Struct, frozen=True, array_like=True):
    """The member's own photo, as it was before we first replaced it.

    `name` is its object in the photo store; empty for one of Slack's default photos, which `users.deletePhoto`
    brings back.
    """

    hash: str
    name: str = ""


class Intent(msgspec.Struct, frozen=True, array_like=True):
    """A photo write that was begun. While it is open, an unknown hash may be ours.

    `picture` is what we meant to show (a reference or `own`), `previous_hash` what Slack showed before, `at` when (ms).
    """

    picture: str
    previous_hash: str
    at: int


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One member's record. Times are milliseconds since the epoch unless they say otherwise; 0 means never.

    `*_at` beside a choice is Slack's time of the click that set it: only a later one changes it.
    """

    version: int = 0
    """Counts the changes: a result computed from an older one is refused."""
    epoch: int = 0
    """Counts the consents of this member."""
    fence: int = 0
    """The version at the last claim, by which its worker knows that the claim is still its own."""
    attempt: int = 0
    """Claims since the last success; the wait before a retry grows with it."""
    lost: int = 0
    """Leases in a row whose worker died; after five the member is given up for some hours, or until they click."""
    credential: bytes = b""
    """The sealed user token; absent after leaving, a revocation or the death of the token."""
    credential_at: int = 0
    """The `Date` of Slack's OAuth answer: a revocation that is older means another credential."""
    refresh_at: int = 0
    """When a refresh of the token was begun and not yet recorded."""
    idle: Idle = Idle.NO
    """Why the member waits for no due time; absent while due or in flight."""
    frequency: int = 0
    """Seconds between changes; 0 is off."""
    frequency_at: int = 0
    """When it was chosen."""
    pack: str = ""
    """The pack to draw from; empty: the workspace's default."""
    pack_at: int = 0
    """When it was chosen."""
    paused: bool = False
    """Whether the member paused."""
    paused_until: int = 0
    """Epoch seconds; 0 while paused means until told otherwise."""
    pause_at: int = 0
    """When they last paused, resumed, or answered for a photo changed outside."""
    wish: Wish = Wish.NONE
    """What the next photo write is for; absent: the schedule."""
    wish_at: int = 0
    """When it was asked for."""
    picture: str = ""
    """What we last set: a reference, `own`, or empty before the first change."""
    previous: str = ""
    """What *Undo* brings back."""
    next: str = ""
    """The picture that the Home tab previews and that the next rotation uses."""
    position: int = 0
    """How far the member has walked through the pack."""
    rotated_at: int = 0
    """When we last set a photo."""
    our_hash: str = ""
    """Slack's avatar hash of the photo that we last set."""
    image_url: str = ""
    """Slack's `image_512` of its last answer."""
    own: OwnPhoto | None = None
    """The member's own photo; absent until it is first replaced."""
    outside_hash: str = ""
    """The photo that was set outside and that we asked about."""
    intent: Intent | None = None
    """A photo write that was begun and is not known to have ended."""
    problem: str = ""
    """Key of the sentence that the Home tab shows about the last failure."""
    zone: str = ""
    """The member's IANA zone, as Slack told it when they joined."""
    joined_at: int = 0
    """When they first joined."""
    left_at: int = 0
    """When they left or lost their token: the retention counts from here."""


class WorkspaceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One workspace's record."""

    version: int = 0
    """Counts the changes: a result computed from an older one is refused."""
    epoch: int = 0
    """Counts the installations: what was decided under another one is dropped."""
    status: Status = Status.ACTIVE
    """How it stands; absent: active. Nothing rotates while it is anything else."""
    status_at: int = 0
    """When that began, or when Slack said so."""
    suspended: Suspension = Suspension.NO
    """Whether and why the operator suspended it: until they resume it only those who leave are served."""
    app: str = ""
    """Id of the Slack app that is installed."""
    name: str = ""
    """What the workspace is called."""
    enterprise: str = ""
    """The organisation that the team belongs to, if any."""
    org: bool = False
    """Whether this is an org-wide install; then the workspace key is the enterprise id."""
    credential: bytes = b""
    """The sealed bot token; absent after an uninstallation, a revocation or its death."""
    credential_at: int = 0
    """The `Date` of Slack's OAuth answer."""
    refresh_at: int = 0
    """When a refresh of the token was begun and not yet recorded."""
    bot_user: str = ""
    """The app's own user id."""
    policy: Policy = Policy()
    """What the operator allows: `rotavatar.policy.Policy` as JSON."""
    limits: str = ""
    """`policy.limits` as the scripts read it; empty means the defaults."""
    tenant: str = ""
    """The SlackTenant that governs it, as `namespace/name/uid`; empty where none does."""
    source: str = ""
    """The Secret that the bot token was read from, as `uid/resourceVersion`; empty where it came by OAuth."""

    @property
    def declared(self) -> bool:
        """Whether a Secret declares the bot token: then it is not ours to revoke."""
        return bool(self.source)


def under_policy(record: WorkspaceRecord, policy: Policy) -> WorkspaceRecord:
    """`record` under `policy`, its limits too as the scripts read them."""
    limits = "" if policy.limits == Limits() else policy.limits.packed()
    return msgspec.structs.replace(record, policy=policy, limits=limits)


MEMBER_FIELDS: Final[Mapping[str, str]] = {
    "version": "v",
    "epoch": "e",
    "fence": "f",
    "attempt": "a",
    "lost": "lo",
    "credential": "c",
    "credential_at": "ca",
    "refresh_at": "ra",
    "idle": "i",
    "wish": "w",
    "intent": "x",
    "left_at": "l",
    **dict.fromkeys(details.DETAILS, "d"),
}
"""Attribute to the name of its field in Redis. The scripts use these names too; those of `d` are packed into it."""

WORKSPACE_FIELDS: Final[Mapping[str, str]] = {
    "version": "v",
    "epoch": "e",
    "status": "s",
    "status_at": "sa",
    "suspended": "su",
    "app": "a",
    "name": "n",
    "enterprise": "en",
    "org": "og",
    "credential": "c",
    "credential_at": "ca",
    "refresh_at": "ra",
    "bot_user": "b",
    "policy": "p",
    "limits": "lim",
    "tenant": "t",
    "source": "so",
}
"""Attribute to the name of its field in Redis."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a decision about a member is made from, read at one instant."""

    workspace: Workspace
    user: User
    record: WorkspaceRecord
    member: Member | None
    due: float | None
    """Due time in ms, if the member is due."""
    lease: float | None
    """End of the lease in ms, if a photo write is under way."""
    held_until: float = 0.0
    """Until when (ms) Slack has asked us to change no photo of the workspace, or to look at none; 0: it never has."""


R = TypeVar("R", Member, WorkspaceRecord)


def unpack(kind: type[R], fields: Mapping[str, str], raw: Mapping[bytes, bytes]) -> R:
    """Read a record from the fields of its hash. Unknown fields are left alone."""
    values: dict[str, object] = {}
    for attribute, name in fields.items():
        value = raw.get(name.encode())
        if value is not None and attribute not in _PACKED:
            values[attribute] = value if attribute == "credential" else _read(attribute, value)
    if kind is Member and b"d" in raw:
        values.update(details.unpack(raw[b"d"]))
    return msgspec.convert(values, kind, strict=False)


def changes(fields: Mapping[str, str], before: R, after: R) -> tuple[dict[str, str | bytes], list[str]]:
    """What to write so that a hash that holds `before` holds `after`: fields to set, fields to delete."""
    default = type(after)()
    put: dict[str, str | bytes] = {}
    drop: list[str] = []
    for attribute, name in fields.items():
        value = getattr(after, attribute)
        if value == getattr(before, attribute) or name in put:
            continue
        if attribute in _PACKED:
            put[name] = _packed(after)
        elif value == getattr(default, attribute):
            drop.append(name)
        else:
            put[name] = _write(value)
    return put, drop


_PACKED: Final = frozenset(details.DETAILS)
_JSON: Final = frozenset({"intent", "policy"})


def _packed(member: Member | WorkspaceRecord) -> bytes:
    values = {name: getattr(member, name) for name in details.DETAILS}
    own: OwnPhoto | None = values["own"]
    return details.pack({**values, "own": own and msgspec.structs.astuple(own)})


def _read(attribute: str, value: bytes) -> object:
    return msgspec.json.decode(value) if attribute in _JSON else value.decode()


def _write(value: object) -> str | bytes:
    match value:
        case bytes() | str():
            return value
        case bool():
            return "1" if value else "0"
        case int():
            return str(value)
        case _:
            return msgspec.json.encode(value)

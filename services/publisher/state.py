"""What a member's Home tab has to show: one frozen value made from stored state. Pure."""

from enum import StrEnum
from typing import Final

import msgspec

from rotavatar.catalogue import Catalogue, Credit, Library, Pack, Reference
from rotavatar.policy import FREQUENCIES, Policy
from rotavatar.records import LEAVING, OWN_PICTURE, Idle, Member, Snapshot, Status, Suspension, Wish

SATURATED_SECONDS: Final = 300
"""A change this much later than planned is said to the member; less is the usual jitter of a queue."""


MINUTE_MS: Final = 60_000


class Mood(StrEnum):
    """What the tab is about."""

    VISITOR = "visitor"
    NEW = "new"
    OFF = "off"
    FIRST = "first"
    SETTLED = "settled"
    SATURATED = "saturated"
    HELD = "held"
    TROUBLE = "trouble"
    WISHING = "wishing"
    CHANGING = "changing"
    PAUSED = "paused"
    PAUSED_UNTIL = "paused_until"
    NOT_ALLOWED = "not_allowed"
    OUTSIDE = "outside"
    RECONNECT = "reconnect"
    CONSENT = "consent"
    FORBIDDEN = "forbidden"
    SUSPENDED = "suspended"
    APPROVAL = "approval"
    MIGRATING = "migrating"
    FULL = "full"
    LEAVING = "leaving"
    LEFT = "left"


SUSPENDED: Final = {Suspension.OPERATOR: Mood.SUSPENDED, Suspension.APPROVAL: Mood.APPROVAL}
"""What the tab is about in a suspended workspace: nobody is asked to connect, no control would do a thing."""


class Queue(msgspec.Struct, frozen=True):
    """How the workspace's rotations queue: how many are overdue, and how many are due before this member's."""

    overdue: int = 0
    ahead: int = 0


class PackChoice(msgspec.Struct, frozen=True):
    """A pack that the member may choose."""

    key: str
    title: str


class HomeState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one Home tab shows. Times are epoch seconds; 0 means never."""

    mood: Mood
    connect_url: str
    about_url: str
    version: int = 0
    """The member's version: controls are drawn anew when it changes."""
    frequency: int = 0
    frequencies: tuple[int, ...] = FREQUENCIES
    pack: PackChoice
    packs: tuple[PackChoice, ...]
    credit: Credit
    now_url: str = ""
    """The photo that Slack shows, where we set one."""
    next_url: str = ""
    """The picture that comes next; for a visitor an example."""
    last_change: int = 0
    next_change: int = 0
    """The honest time: planned, or when the workspace's queue lets it happen; 0 also where that is within a minute."""
    waiting: int = 0
    """How many changes of the workspace are late."""
    paused_until: int = 0
    wish: Wish = Wish.NONE
    problem: str = ""
    wears_own: bool = True
    """Whether the member's own photo is the one that shows, as far as we know."""
    can_undo: bool = False


class Place(msgspec.Struct, frozen=True):
    """Where the tab's links and pictures lead: `public_url` is ingress, `app` the app that settings name."""

    public_url: str
    app: str

    def connect_url(self, seen: Snapshot) -> str:
        """Where the member consents. A further app of the same installation has routes of its own."""
        own = f"/apps/{seen.record.app}" if seen.record.app not in ("", self.app) else ""
        return f"{self.public_url}/slack{own}/install?team={seen.workspace}"


def home_state(
    seen: Snapshot, queue: Queue, *, now_ms: int, library: Library, place: Place, full: bool = False
) -> HomeState | None:
    """What the tab shows at `now_ms`; None where the app is gone and no tab can be shown.

    `full` says that the workspace has as many members as it may: whoever is none cannot become one.
    """
    if seen.record.status is Status.UNINSTALLED:
        return None
    catalogue, policy = library.current, seen.record.policy
    member = seen.member or Member()
    pack = _pack_of(member, policy, catalogue)
    honest = _honest_ms(seen, queue, now_ms)
    return HomeState(
        mood=Mood.FULL if full and connects(seen) else _mood(seen, honest, now_ms),
        connect_url=place.connect_url(seen),
        about_url=place.public_url,
        version=member.version,
        frequency=member.frequency,
        frequencies=tuple(f for f in FREQUENCIES if policy.allows_frequency(f)),
        pack=_choice(pack),
        packs=tuple(_choice(offered) for offered in _offered(policy, catalogue)),
        credit=pack.credit,
        now_url=member.image_url,
        next_url=_picture_url(member.next, library, place) or _example_url(member, pack, catalogue, place),
        last_change=member.rotated_at // 1000,
        next_change=0 if honest is None or honest < now_ms + MINUTE_MS else int(honest // 1000),
        waiting=queue.overdue,
        paused_until=member.paused_until,
        wish=member.wish,
        problem=member.problem,
        wears_own=member.picture in ("", OWN_PICTURE),
        can_undo=bool(member.previous),
    )


def connects(seen: Snapshot) -> bool:
    """Whether who looks at the tab would take a place by connecting: they have none, or gave up theirs."""
    return not seen.record.suspended and (seen.member is None or seen.member.idle is Idle.LEFT)


def _honest_ms(seen: Snapshot, queue: Queue, now_ms: int) -> float | None:
    """When the change will really happen.

    Nothing happens before Slack's Retry-After has ended, and each change before it in the queue takes one interval of
    the pacer.
    """
    if seen.due is None:
        return None
    limits = seen.record.policy.limits
    interval = max(limits.photo.interval_ms, limits.profile.interval_ms)
    first = max(now_ms + interval, seen.held_until)
    waits = queue.overdue or seen.due < seen.held_until
    reached = first + queue.ahead * interval if waits else 0
    if reached <= seen.due:
        return seen.due
    # Whole minutes: a tab that is opened twice in one shows the same, so the second time nothing is published.
    return -(-reached // MINUTE_MS) * MINUTE_MS


def _mood(seen: Snapshot, honest_ms: float | None, now_ms: int) -> Mood:
    if seen.record.status is Status.MIGRATING:
        return Mood.MIGRATING
    member, suspended = seen.member, SUSPENDED.get(seen.record.suspended)
    if member is None:
        return suspended or Mood.VISITOR
    if member.idle is Idle.LEFT:
        return Mood.LEFT
    if member.wish in LEAVING:
        return Mood.LEAVING
    if suspended:
        return suspended
    return _blocked(member) or _under_way(seen, member) or _at_rest(seen, member, honest_ms, now_ms)


def _blocked(member: Member) -> Mood | None:
    """What only the member, or their organisation, can mend."""
    if member.idle is Idle.RECONNECT or not member.credential:
        return Mood.RECONNECT
    return {Idle.CONSENT: Mood.CONSENT, Idle.FORBIDDEN: Mood.FORBIDDEN, Idle.OUTSIDE: Mood.OUTSIDE}.get(member.idle)


def _under_way(seen: Snapshot, member: Member) -> Mood | None:
    if member.wish in (Wish.SHUFFLE, Wish.UNDO, Wish.RESTORE):
        return Mood.WISHING
    return Mood.CHANGING if seen.lease is not None and member.wish is not Wish.CHECK else None


def _at_rest(seen: Snapshot, member: Member, honest_ms: float | None, now_ms: int) -> Mood:
    if member.paused:
        return Mood.PAUSED_UNTIL if member.paused_until else Mood.PAUSED
    if member.frequency == 0:
        return Mood.OFF if member.rotated_at else Mood.NEW
    if not seen.record.policy.allows_frequency(member.frequency):
        return Mood.NOT_ALLOWED
    if member.problem:
        return Mood.TROUBLE
    if seen.due is not None and honest_ms is not None and honest_ms - seen.due > SATURATED_SECONDS * 1000:
        return Mood.HELD if seen.held_until > now_ms else Mood.SATURATED
    return Mood.SETTLED if member.rotated_at else Mood.FIRST


def _choice(pack: Pack) -> PackChoice:
    return PackChoice(key=pack.key, title=pack.title)


def _offered(policy: Policy, catalogue: Catalogue) -> list[Pack]:
    """The packs that the workspace allows; those that look like real persons only where it says so."""
    return [
        pack
        for pack in catalogue.manifest.packs
        if policy.allows_pack(pack.key) and (policy.lifelike or not pack.lifelike)
    ]


def _pack_of(member: Member, policy: Policy, catalogue: Catalogue) -> Pack:
    for key in (member.pack, policy.default_pack):
        if key in catalogue.packs:
            return catalogue.packs[key]
    return catalogue.default_pack


def _picture_url(reference: str, library: Library, place: Place) -> str:
    """The public address of a picture of the catalogue; empty for the own photo and for one that is gone."""
    if not reference or reference == OWN_PICTURE:
        return ""
    try:
        picture = library.picture(Reference.parse(reference))
    except ValueError:
        return ""
    return f"{place.public_url}/pictures/{picture.address}" if picture else ""


def _example_url(member: Member, pack: Pack, catalogue: Catalogue, place: Place) -> str:
    """For who has not connected: the first picture of the default pack."""
    if member.credential:
        return ""
    picture = catalogue.picture(pack.key, 0)
    return f"{place.public_url}/pictures/{picture.address}" if picture else ""

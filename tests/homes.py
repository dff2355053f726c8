"""Every state that a Home tab can be in, by name: what is stored, and how long the queue is."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from publisher.state import HomeState, Place, Queue, home_state
from rotavatar.catalogue import CURRENT, LIST_SUFFIX, MANIFEST, Credit, Library, Manifest, Pack
from rotavatar.keys import User, Workspace
from rotavatar.policy import DAY, HOUR, Policy
from rotavatar.records import (
    BROKEN,
    OWN_PICTURE,
    Idle,
    Member,
    OwnPhoto,
    Snapshot,
    Status,
    Suspension,
    Wish,
    WorkspaceRecord,
)

NOW: Final = 1_790_000_000
"""A Monday in September 2026."""

PLACE: Final = Place(public_url="https://rotavatar.example.com", app="A0ROTAVATAR")
TITLES: Final = {
    "critters": "Critters",
    "sprouts": "Sprouts",
    "planets": "Planets",
    "landscapes": "Landscapes",
    "peeps": "Open Peeps",
}
SETTLED: Final = Member(
    version=12,
    epoch=1,
    credential=b"sealed",
    frequency=4 * HOUR,
    pack="planets",
    picture="chomes/planets/3",
    previous="chomes/planets/2",
    next="chomes/planets/4",
    rotated_at=(NOW - 2 * HOUR) * 1000,
    our_hash="0123456789ab",
    image_url="https://avatars.slack-edge.com/2026-09-21/1_0123456789ab_512.jpg",
    own=OwnPhoto(hash="ba9876543210", name="photo"),
)
JOINED: Final = Member(version=1, epoch=1, credential=b"sealed", joined_at=NOW * 1000)
DUE: Final = (NOW + 2 * HOUR) * 1000.0
ONLY_DAYS: Final = Policy(frequencies=(DAY, 7 * DAY))


def _with(member: Member = SETTLED, **changes: Any) -> Member:
    return msgspec.structs.replace(member, **changes)


def _seen(
    member: Member | None = SETTLED,
    *,
    due: float | None = None,
    lease: float | None = None,
    held_until: float = 0.0,
    **record: Any,
) -> Snapshot:
    return Snapshot(
        workspace=Workspace("T0HOME"),
        user=User("U0HOME"),
        record=WorkspaceRecord(**{"app": "A0ROTAVATAR", "credential": b"bot", **record}),
        member=member,
        due=due,
        lease=lease,
        held_until=held_until,
    )


STATES: Final[Mapping[str, tuple[Snapshot, Queue]]] = {
    "visitor": (_seen(None), Queue()),
    "visitor_of_a_further_app": (_seen(None, app="A0FURTHER"), Queue()),
    "new": (_seen(_with(JOINED)), Queue()),
    "first": (_seen(_with(JOINED, frequency=DAY, next="chomes/critters/0"), due=DUE), Queue()),
    "settled": (_seen(due=DUE), Queue()),
    "settled_with_lifelike_packs": (
        _seen(_with(pack="peeps", next="chomes/peeps/1"), due=DUE, policy=Policy(lifelike=True)),
        Queue(),
    ),
    "settled_with_few_choices": (
        _seen(_with(frequency=DAY), due=DUE, policy=Policy(frequencies=(DAY,), packs=("planets",))),
        Queue(),
    ),
    "saturated": (_seen(due=(NOW - 600) * 1000.0), Queue(overdue=412, ahead=408)),
    "held": (_seen(due=(NOW + 60) * 1000.0, held_until=(NOW + 1800) * 1000.0), Queue(overdue=0, ahead=7)),
    "held_shuffling": (
        _seen(_with(wish=Wish.SHUFFLE), due=NOW * 1000.0, held_until=(NOW + 1800) * 1000.0),
        Queue(overdue=1),
    ),
    "changing": (_seen(lease=(NOW + 30) * 1000.0), Queue()),
    "shuffling": (_seen(_with(wish=Wish.SHUFFLE), due=NOW * 1000.0), Queue(overdue=40, ahead=39)),
    "shuffling_at_once": (_seen(_with(wish=Wish.SHUFFLE), lease=(NOW + 30) * 1000.0), Queue()),
    "shuffling_again": (
        _seen(_with(wish=Wish.SHUFFLE, problem="slack_busy"), due=(NOW + 300) * 1000.0),
        Queue(),
    ),
    "undoing": (_seen(_with(wish=Wish.UNDO), due=NOW * 1000.0), Queue()),
    "restoring": (_seen(_with(wish=Wish.RESTORE, paused=True), due=NOW * 1000.0), Queue()),
    "restored": (
        _seen(_with(idle=Idle.PAUSED, paused=True, picture=OWN_PICTURE, previous="")),
        Queue(),
    ),
    "paused": (_seen(_with(idle=Idle.PAUSED, paused=True)), Queue()),
    "paused_until": (_seen(_with(paused=True, paused_until=NOW + 7 * DAY), due=(NOW + 7 * DAY) * 1000.0), Queue()),
    "off": (_seen(_with(frequency=0, idle=Idle.OFF)), Queue()),
    "rhythm_not_allowed": (_seen(_with(idle=Idle.OFF), policy=ONLY_DAYS), Queue()),
    "trouble": (_seen(_with(problem="picture"), due=(NOW + 300) * 1000.0), Queue()),
    "trouble_of_ours": (_seen(_with(problem="our_fault"), due=(NOW + HOUR) * 1000.0), Queue()),
    "trouble_that_rests": (_seen(_with(problem=BROKEN, lost=5), due=(NOW + 6 * HOUR) * 1000.0), Queue()),
    "outside": (_seen(_with(idle=Idle.OUTSIDE, outside_hash="abcdef012345")), Queue()),
    "reconnect": (_seen(_with(idle=Idle.RECONNECT, credential=b"")), Queue()),
    "consent": (_seen(_with(idle=Idle.CONSENT)), Queue()),
    "forbidden": (_seen(_with(idle=Idle.FORBIDDEN)), Queue()),
    "forbidden_without_two_factor": (_seen(_with(idle=Idle.FORBIDDEN, problem="two_factor")), Queue()),
    "forbidden_to_the_workspace": (_seen(_with(idle=Idle.FORBIDDEN, problem="team_access")), Queue()),
    "forbidden_to_the_network": (_seen(_with(idle=Idle.FORBIDDEN, problem="network")), Queue()),
    "suspended": (_seen(suspended=Suspension.OPERATOR, due=DUE), Queue()),
    "suspended_visitor": (_seen(None, suspended=Suspension.OPERATOR), Queue()),
    "full": (_seen(None, policy=Policy(max_members=1)), Queue()),
    "full_for_who_left": (_seen(_with(idle=Idle.LEFT, credential=b"", left_at=NOW * 1000)), Queue()),
    "approval": (_seen(_with(JOINED), suspended=Suspension.APPROVAL), Queue()),
    "migrating": (_seen(status=Status.MIGRATING, due=DUE), Queue()),
    "leaving": (_seen(_with(wish=Wish.LEAVE), due=NOW * 1000.0), Queue()),
    "leaving_as_they_came": (_seen(_with(JOINED, wish=Wish.LEAVE), due=(NOW + HOUR) * 1000.0), Queue()),
    "forgetting": (_seen(_with(wish=Wish.FORGET), due=NOW * 1000.0), Queue()),
    "left": (_seen(_with(idle=Idle.LEFT, credential=b"", left_at=NOW * 1000)), Queue()),
}


def library(folder: Path) -> Library:
    """A catalogue whose addresses are the same everywhere: five pictures a pack, and no files."""
    catalogue = folder / "chomes"
    catalogue.mkdir(parents=True)
    packs = []
    for ordinal, (key, title) in enumerate(TITLES.items()):
        digests = [hashlib.sha256(f"{key} {index}".encode()).hexdigest() for index in range(5)]
        (catalogue / f"{key}{LIST_SUFFIX}").write_text("".join(f"{digest} png 1000\n" for digest in digests))
        credit = Credit(
            title=title,
            creator="Pablo Stanley" if key == "peeps" else "DiceBear",
            source="https://www.dicebear.com",
            licence="CC0 1.0",
            licence_url="https://creativecommons.org/publicdomain/zero/1.0/",
        )
        packs.append(
            Pack(key=key, ordinal=ordinal, title=title, size=5, lifelike=key == "peeps", credit=credit, recipe="r")
        )
    (catalogue / MANIFEST).write_bytes(msgspec.json.encode(Manifest(id="chomes", drawn_by={}, packs=tuple(packs))))
    (folder / CURRENT).write_text("chomes\n")
    return Library(folder)


def state_of(name: str, shelf: Library) -> HomeState:
    """What the tab of the state `name` has to show."""
    seen, queue = STATES[name]
    state = home_state(seen, queue, now_ms=NOW * 1000, library=shelf, place=PLACE, full=name.startswith("full"))
    assert state is not None
    return state

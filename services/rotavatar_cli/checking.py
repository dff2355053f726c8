"""Whether each member of a workspace is in exactly one place, and whether the bitmap of worn pictures says the truth.

Nothing is stopped for the check, so one look proves nothing: a member may move between two questions. What looks wrong
is looked at again, and only what stays wrong is a fault.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from rotavatar.catalogue import Library, Reference
from rotavatar.keys import User, Workspace
from rotavatar.records import OWN_PICTURE, Idle, Snapshot
from rotavatar.store import Place
from rotavatar_cli.session import PAGE, Stores

LOOKS: Final = 3
PAUSE_SECONDS: Final = 0.5
"""Longer than a script takes, and a commit after a stale one too."""

Numbers = Callable[[str], int | None]
"""The bit of a picture reference; None for what is no picture of the catalogue."""


class Fault(msgspec.Struct, frozen=True, order=True):
    """What is wrong; `user` is empty where it concerns the whole workspace."""

    workspace: str
    user: str
    what: str


def fault_in(seen: Snapshot) -> str | None:
    """What is wrong about the place of a member, or None."""
    if seen.member is None:
        return "is listed and has no record" if seen.due is None and seen.lease is None else "is queued without record"
    places = [name for name, at in (("due", seen.due), ("in flight", seen.lease)) if at is not None]
    if len(places) > 1:
        return "is due and in flight at once"
    if seen.due is not None and seen.member.idle is not Idle.NO:
        return f"is due and idle ({seen.member.idle}) at once"
    if not places and seen.member.idle is Idle.NO and not seen.member.joined_at:
        return "is nowhere: the job of their joining is not done yet; see that the rotator runs"
    if not places and seen.member.idle is Idle.NO:
        return "is nowhere: not due, not in flight, and idle without a reason"
    return None


def numbers_in(library: Library) -> Numbers:
    """The bits of the pictures of `library`."""

    def number(reference: str) -> int | None:
        if reference in ("", OWN_PICTURE):
            return None
        picture = library.picture(Reference.parse(reference))
        return picture.number if picture else None

    return number


async def faults_of(stores: Stores, workspace: Workspace, *, numbers: Numbers | None) -> tuple[int, list[Fault]]:
    """How many members `workspace` has, and every fault that stays for LOOKS looks."""
    count, suspects = await _look(stores, workspace, numbers)
    for _ in range(LOOKS - 1):
        if not suspects:
            break
        await asyncio.sleep(PAUSE_SECONDS)
        _, again = await _look(stores, workspace, numbers)
        suspects &= again
    return count, sorted(suspects)


async def _look(stores: Stores, workspace: Workspace, numbers: Numbers | None) -> tuple[int, set[Fault]]:
    faults: set[Fault] = set()
    listed: set[User] = set()
    wearing: set[int] = set()
    async for users in stores.pages_of(workspace):
        listed.update(users)
        for seen in await _snapshots(stores, workspace, users):
            what = fault_in(seen)
            if what is not None:
                faults.add(Fault(workspace, seen.user, what))
            if numbers is not None and seen.member is not None:
                mine = {numbers(seen.member.picture), numbers(seen.member.next)} - {None}
                wearing |= {number for number in mine if number is not None}
    for user in await _queued(stores, workspace) - listed:
        faults.add(Fault(workspace, user, "is queued and not a member"))
    if numbers is not None:
        faults |= _bitmap_faults(workspace, await stores.members.worn(workspace), wearing)
    return len(listed), faults


async def _snapshots(stores: Stores, workspace: Workspace, users: list[User]) -> list[Snapshot]:
    found = await asyncio.gather(*(stores.members.snapshot(workspace, user) for user in users))
    return [seen for seen in found if seen is not None]


async def _queued(stores: Stores, workspace: Workspace) -> set[User]:
    queued: set[User] = set()
    for place in (Place.DUE, Place.FLIGHT):
        cursor, first = 0, True
        while cursor or first:
            first = False
            cursor, users = await stores.members.queue_page(workspace, place, cursor, count=PAGE)
            queued.update(users)
    return queued


def _bitmap_faults(workspace: Workspace, bitmap: bytes, wearing: set[int]) -> set[Fault]:
    noted = {8 * place + bit for place, byte in enumerate(bitmap) if byte for bit in range(8) if byte & (0x80 >> bit)}
    return {
        Fault(workspace, "", f"picture {number} is noted as worn and nobody wears it") for number in noted - wearing
    } | {Fault(workspace, "", f"picture {number} is worn and not noted as such") for number in wearing - noted}

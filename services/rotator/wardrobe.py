"""Which picture comes next, and which bits of the workspace's bitmap say who wears what. Pure, but for the catalogue.

A picture is worn by at most one member of a workspace while its pack has free ones. What is promised as *next* counts
as worn, because its owner has seen it in the Home tab.
"""

from collections.abc import Awaitable, Callable, Iterable

import msgspec
import msgspec.structs

from rotavatar.catalogue import Library, Picture, Reference
from rotavatar.keys import User, Workspace
from rotavatar.policy import Policy
from rotavatar.records import OWN_PICTURE, Idle, Member, Snapshot
from rotavatar.store import Commit, Place
from rotavatar.walk import Walk


class Chosen(msgspec.Struct, frozen=True):
    """The next picture of a member: its reference, how far they walked, its bit, and whether a colleague wears it."""

    reference: str
    position: int
    bit: int
    shared: bool


class Wardrobe:
    """The pictures there are, and who may wear which."""

    def __init__(self, library: Library) -> None:
        """Choose from the catalogue in use of `library`."""
        self.library = library

    def packs(self, policy: Policy) -> frozenset[str]:
        """The packs that members may draw from under `policy`."""
        return frozenset(
            pack.key
            for pack in self.library.current.packs.values()
            if policy.allows_pack(pack.key) and (policy.lifelike or not pack.lifelike)
        )

    def pack_of(self, member: Member, policy: Policy) -> str:
        """The pack that the member draws from: their choice while policy allows it, the default, or any allowed one."""
        allowed = self.packs(policy)
        usual = self.library.current.default_pack.key
        for pack in (member.pack, policy.default_pack, usual, *sorted(allowed)):
            if pack in allowed:
                return pack
        return usual

    def choose(self, workspace: Workspace, user: User, member: Member, *, policy: Policy, worn: bytes) -> Chosen | None:
        """The next picture on the member's way that nobody wears, else the next at all; None while nothing is drawn."""
        pack = self.pack_of(member, policy)
        catalogue = self.library.current
        walk = Walk(key=f"{workspace}:{user}:{pack}".encode(), size=catalogue.packs[pack].size)
        mine = {member.picture, member.next}

        def drawn(index: int) -> Picture | None:
            picture = catalogue.picture(pack, index)
            return None if picture is None or str(picture.reference) in mine else picture

        def free(index: int) -> bool:
            picture = drawn(index)
            return picture is not None and not _is_set(worn, picture.number)

        step = walk.onward(member.position, free=free)
        shared = step is None
        step = step or walk.onward(member.position, free=lambda index: drawn(index) is not None)
        picture = None if step is None else catalogue.picture(pack, step.index)
        if step is None or picture is None:
            return None
        return Chosen(reference=str(picture.reference), position=step.after, bit=picture.number, shared=shared)

    def wants_next(self, member: Member, policy: Policy) -> bool:
        """Whether the promised picture is missing, or of another pack than the member draws from now."""
        if not member.next:
            return True
        return Reference.parse(member.next).pack != self.pack_of(member, policy)

    def forbids(self, reference: str, policy: Policy) -> bool:
        """Whether `policy` forbids a picture of ours; the own photo it cannot."""
        if not reference or reference == OWN_PICTURE:
            return False
        key = Reference.parse(reference).pack
        pack = self.library.current.packs.get(key)
        return not policy.allows_pack(key) or (pack is not None and pack.lifelike and not policy.lifelike)

    async def dressed(self, seen: Snapshot, commit: Commit, *, worn: Callable[[Workspace], Awaitable[bytes]]) -> Commit:
        """`commit` with the next picture chosen where it is missing, and the bits that this takes and releases."""
        before, after = seen.member or Member(), commit.member
        policy = seen.record.policy
        fresh = set(self.bits(after.picture, after.next)) - set(self.bits(before.picture, before.next))
        take, share = (next(iter(fresh)), True) if fresh else (None, False)
        if not fresh and after.idle is not Idle.LEFT and self.wants_next(after, policy):
            chosen = self.choose(seen.workspace, seen.user, after, policy=policy, worn=await worn(seen.workspace))
            if chosen is not None:
                after = msgspec.structs.replace(after, next=chosen.reference, position=chosen.position)
                take, share = chosen.bit, chosen.shared
        held = set() if commit.place is Place.GONE else set(self.bits(after.picture, after.next))
        release = tuple(bit for bit in self.bits(before.picture, before.next) if bit not in held)
        return msgspec.structs.replace(commit, member=after, take=take, share=share, release=release)

    def bits(self, *references: str) -> tuple[int, ...]:
        """The bits of some pictures; what is no picture of ours has none."""
        return tuple(self._bits(references))

    def load(self, reference: str) -> tuple[bytes, str] | None:
        """Bytes and MIME type of a picture; None when the catalogue no longer has it."""
        picture = self.library.picture(Reference.parse(reference))
        try:
            return None if picture is None else (self.library.read(picture), picture.mime)
        except OSError:
            return None

    def _bits(self, references: Iterable[str]) -> Iterable[int]:
        for reference in references:
            if reference and reference != OWN_PICTURE:
                picture = self.library.picture(Reference.parse(reference))
                if picture is not None:
                    yield picture.number


def _is_set(bitmap: bytes, bit: int) -> bool:
    byte, place = divmod(bit, 8)
    return byte < len(bitmap) and bool(bitmap[byte] & (0x80 >> place))

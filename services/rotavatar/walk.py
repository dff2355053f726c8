"""Each member's own order through a pack: every picture once, then every picture again in a new order.

Nothing about the order is stored. A member's key and a position give the index; the position is one integer in the
member's record. The order is a four-round Feistel permutation over a square that is just larger than the pack, walked
again while it leads outside (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002). An affine map would
be shorter, but it steps by the same stride all along, and two members with the same stride would follow each other.
"""

import math
from collections.abc import Callable
from hashlib import blake2b

import msgspec

ROUNDS = 4
"""Luby and Rackoff: four rounds with independent round functions are a strong pseudo-random permutation."""


class Step(msgspec.Struct, frozen=True):
    """Where a walk stands: `index` of the picture, and `after`, the position to go on from."""

    index: int
    after: int


class Walk(msgspec.Struct, frozen=True):
    """One member's way through a pack of `size` pictures, fixed by `key` (any bytes; the same key, the same way)."""

    key: bytes
    size: int

    def __post_init__(self) -> None:
        """Raise ValueError for an empty pack."""
        if self.size < 1:
            raise ValueError(f"a walk needs at least one picture, not {self.size}")

    def index_at(self, position: int) -> int:
        """Index (0 to size - 1) at `position` (0 and up). Within each `size` positions no index comes twice.

        A new cycle never begins with the picture that ended the one before (with three pictures or more).
        """
        cycle, place = divmod(position, self.size)
        if self.size < 3:  # noqa: PLR2004 - with two pictures there is nothing to exchange
            return self._permuted(cycle, place)
        if place < 2 and cycle and self._permuted(cycle, 0) == self._permuted(cycle - 1, self.size - 1):  # noqa: PLR2004
            place = 1 - place
        return self._permuted(cycle, place)

    def onward(self, position: int, *, free: Callable[[int], bool]) -> Step | None:
        """The first index from `position` on that `free` accepts; None when it accepts none of the pack.

        What is passed over comes again in the next cycle.
        """
        end = (position // self.size + 2) * self.size
        for candidate in range(position, end):
            index = self.index_at(candidate)
            if free(index):
                return Step(index=index, after=candidate + 1)
        return None

    def _permuted(self, cycle: int, place: int) -> int:
        side = math.isqrt(self.size - 1) + 1
        rounds = _round_table(self.key, cycle)
        while True:
            place = _feistel(place, side=side, rounds=rounds)
            if place < self.size:
                return place


def _round_table(key: bytes, cycle: int) -> list[bytes]:
    return [
        blake2b(key, digest_size=16, salt=cycle.to_bytes(16, "big"), person=bytes([number])).digest()
        for number in range(ROUNDS)
    ]


def _feistel(value: int, *, side: int, rounds: list[bytes]) -> int:
    left, right = divmod(value, side)
    for secret in rounds:
        mixed = int.from_bytes(blake2b(right.to_bytes(8, "big"), key=secret, digest_size=8).digest(), "big")
        left, right = right, (left + mixed) % side
    return left * side + right

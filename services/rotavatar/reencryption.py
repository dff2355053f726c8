"""Moving what is sealed to the key that seals now, while everything runs.

The walks over Redis and over the photo store are the stores' own; here is what happens to each blob on the way.
A process that has not yet read the new keys may seal with the old one behind the walk: count after re-encrypting, and
walk again while the old key is still counted.
"""

from collections import Counter
from collections.abc import AsyncIterable, Awaitable, Callable

import msgspec
import structlog

from rotavatar.errors import VaultError
from rotavatar.vault import Owner, Vault, key_id_of

log = structlog.get_logger()

UNREADABLE = "?"
"""Counted in place of a key id for what is no sealed blob."""


class Sealed(msgspec.Struct, frozen=True):
    """A blob as a store holds it; `place` is for the store to find it again."""

    owner: Owner
    blob: bytes
    place: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What a walk did: blobs moved, found under the sealing key, changed by somebody meanwhile, not opened."""

    moved: int = 0
    current: int = 0
    changed: int = 0
    failed: int = 0

    def and_one(self, what: str) -> "Outcome":
        """The outcome with one more of `what`, the name of a field."""
        return msgspec.structs.replace(self, **{what: getattr(self, what) + 1})


Replace = Callable[[Sealed, bytes], Awaitable[bool]]
"""Stores the new blob in place of the old one, and only of that: False when something else is there by now."""


async def count_keys(blobs: AsyncIterable[bytes]) -> Counter[str]:
    """How many blobs are sealed with each key id. Opens none; the beginning of a blob is enough."""
    counted: Counter[str] = Counter()
    async for blob in blobs:
        try:
            counted[key_id_of(blob)] += 1
        except VaultError:
            counted[UNREADABLE] += 1
    return counted


async def reencrypt(vault: Vault, sealed: AsyncIterable[Sealed], *, replace: Replace) -> Outcome:
    """Seal each blob anew that is not under the sealing key. Can be broken off and started again at any time.

    A blob that does not open is logged and left as it is; what `replace` raises ends the walk.
    """
    outcome = Outcome()
    async for item in sealed:
        outcome = outcome.and_one(await _move(vault, item, replace=replace))
    return outcome


async def _move(vault: Vault, item: Sealed, *, replace: Replace) -> str:
    try:
        blob = vault.reseal(item.blob, item.owner)
    except VaultError as error:
        owner = item.owner
        log.warning("not re-encrypted", kind=owner.kind, workspace=owner.workspace, user=owner.user, reason=str(error))
        return "failed"
    if blob is None:
        return "current"
    return "moved" if await replace(item, blob) else "changed"

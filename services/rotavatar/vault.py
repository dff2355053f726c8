"""Sealing what must not be read by who reads Redis or the photo store: AES-256-GCM, bound to its owner.

A blob is one header byte (format and length of the key id), the key id, a random nonce, the ciphertext and its tag: at
most 37 bytes more than what it holds, 33 with the ids that `generate_key` makes. The kind, workspace and member are
associated data, so that a blob copied to another member does not open.

Random nonces of 96 bits are safe for 2^32 messages a key (NIST SP 800-38D, 8.3), which a million members with tokens
that rotate every 12 hours would use up in a few years. So each workspace and kind seals with a key of its own, derived
as HKDF-Expand does (RFC 5869, 2.3): no workspace comes near that count.
"""

import hashlib
import hmac
import os
from collections.abc import Callable
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rotavatar.errors import VaultError, VaultKeyMissing
from rotavatar.keyring import Key, KeyRing

FORMAT = 1
NONCE_BYTES = 12
TAG_BYTES = 16

Kind = Literal["member", "bot", "app", "photo"]
"""What a blob holds: a member's token, a workspace's bot token, the secrets of a Slack app, a photo."""


class Owner(msgspec.Struct, frozen=True, array_like=True):
    """Whom a blob belongs to: `workspace` is the app id for secrets of a Slack app, `user` is for a member's own."""

    kind: Kind
    workspace: str
    user: str = ""


def key_id_of(blob: bytes) -> str:
    """The id of the key that `blob` is sealed with, without opening it. Raises VaultError for what is no blob."""
    return _split(blob)[0]


class Vault:
    """Seals and opens with the keys of a ring."""

    def __init__(self, keys: KeyRing, *, random: Callable[[int], bytes] = os.urandom) -> None:
        self.keys = keys
        self._random = random

    def seal(self, plain: bytes, owner: Owner) -> bytes:
        """A blob that opens for `owner` only."""
        key = self.keys.sealing
        header = _header(key.id)
        nonce = self._random(NONCE_BYTES)
        return header + nonce + _cipher(key, owner).encrypt(nonce, plain, _associated(header, owner))

    def open(self, blob: bytes, owner: Owner) -> bytes:
        """What was sealed for `owner`.

        Raises VaultKeyMissing when no key of that id is there, VaultError when the blob is damaged, belongs to
        somebody else or was sealed with another key of the same id.
        """
        key_id, nonce, sealed = _split(blob)
        key = self.keys.get(key_id)
        if key is None:
            raise VaultKeyMissing(f"sealed with key {key_id}, which is not among the vault keys")
        try:
            return _cipher(key, owner).decrypt(nonce, sealed, _associated(_header(key_id), owner))
        except InvalidTag:
            raise VaultError(f"sealed with key {key_id}, and damaged or not sealed for this {owner.kind}") from None

    def reseal(self, blob: bytes, owner: Owner) -> bytes | None:
        """The same content under the key that seals now; None when it is already. Raises as `open` does."""
        if key_id_of(blob) == self.keys.sealing.id:
            return None
        return self.seal(self.open(blob, owner), owner)


def _header(key_id: str) -> bytes:
    return bytes([FORMAT << 4 | len(key_id)]) + key_id.encode()


def _split(blob: bytes) -> tuple[str, bytes, bytes]:
    length = blob[0] & 0x0F if blob else 0
    start = 1 + length
    if not length or blob[0] >> 4 != FORMAT or len(blob) < start + NONCE_BYTES + TAG_BYTES:
        raise VaultError("no sealed blob, or one of a later version")
    try:
        key_id = blob[1:start].decode("ascii")
    except UnicodeDecodeError:
        raise VaultError("no sealed blob: its key id is no text") from None
    return key_id, blob[start : start + NONCE_BYTES], blob[start + NONCE_BYTES :]


def _cipher(key: Key, owner: Owner) -> AESGCM:
    return AESGCM(hmac.digest(key.secret, _encoder.encode((owner.kind, owner.workspace)) + b"\x01", hashlib.sha256))


def _associated(header: bytes, owner: Owner) -> bytes:
    return header + _encoder.encode(owner)


_encoder = msgspec.msgpack.Encoder()

"""Slack credentials as they are kept: small, sealed, and readable only by their owner's processes.

A member of a million costs memory a million times, so a credential is packed before it is sealed: tokens are made of
64 characters, so four of them fit into three bytes, and the scopes that we ask for are a number each. A user token of
76 characters takes 98 bytes sealed, a rotating pair of 166 and 147 characters 283.
"""

import base64
import re

import msgspec

from rotavatar.configuration import Secret
from rotavatar.errors import VaultError
from rotavatar.vault import Owner, Vault

SCOPES = ("users.profile:read", "users.profile:write", "commands", "users:read", "chat:write")
"""Those that Rotavatar asks for. Their places are stored: only ever append."""

PACKABLE = re.compile(r"[A-Za-z0-9.-]*[A-Za-z0-9.]")
_PACK = str.maketrans(".-", "+/")
_UNPACK = str.maketrans("+/", ".-")


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What Slack gave us to act for a member, or for the app in a workspace."""

    access_token: Secret
    refresh_token: Secret | None = None
    expires_at: int | None = None
    """Seconds since the epoch on the real clock; None: the token does not rotate."""
    scopes: tuple[str, ...] = ()


Token = bytes | tuple[str]
"""Four characters in three bytes, or, when it holds unusual ones, the token as it is (in an array: msgspec tells bytes
from an array, not from a str)."""


class Packed(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """A Credential as msgpack."""

    access_token: Token
    scopes: tuple[int | str, ...] = ()
    refresh_token: Token | None = None
    expires_at: int | None = None


def seal_credential(vault: Vault, credential: Credential, owner: Owner) -> bytes:
    """The blob to store for `owner`."""
    refresh = credential.refresh_token
    packed = Packed(
        access_token=_pack(credential.access_token.reveal()),
        scopes=tuple(SCOPES.index(scope) if scope in SCOPES else scope for scope in credential.scopes),
        refresh_token=None if refresh is None else _pack(refresh.reveal()),
        expires_at=credential.expires_at,
    )
    return vault.seal(_encoder.encode(packed), owner)


def open_credential(vault: Vault, blob: bytes, owner: Owner) -> Credential:
    """What was sealed for `owner`. Raises VaultError, and VaultKeyMissing as Vault.open does."""
    try:
        packed = _decoder.decode(vault.open(blob, owner))
        return Credential(
            access_token=Secret(_unpack(packed.access_token)),
            refresh_token=None if packed.refresh_token is None else Secret(_unpack(packed.refresh_token)),
            expires_at=packed.expires_at,
            scopes=tuple(SCOPES[scope] if isinstance(scope, int) else scope for scope in packed.scopes),
        )
    except (msgspec.DecodeError, IndexError):
        # What msgspec says may quote the content.
        raise VaultError("holds no credential that this version can read") from None


def _pack(token: str) -> Token:
    if not PACKABLE.fullmatch(token):
        return (token,)
    # No packed token ends with "-", so that is what fills the last group of four.
    return base64.b64decode((token + "-" * (-len(token) % 4)).translate(_PACK))


def _unpack(packed: Token) -> str:
    if isinstance(packed, tuple):
        return packed[0]
    return base64.b64encode(packed).decode().translate(_UNPACK).rstrip("-")


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Packed)

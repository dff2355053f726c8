"""The keys of the vault: the first one seals, all of them open.

So keys rotate without downtime, in three steps that every process sees before the next begins: add the new key at the
end (all can open with it), move it to the front (all seal with it) and re-encrypt, take the old one away once nothing
is sealed with it any more. The keys come from a mounted file that is read again while the process runs.
"""

import asyncio
import base64
import binascii
import os
import re
from collections.abc import Callable, Iterable

import msgspec
import structlog

from rotavatar.configuration import Given, Secret, mounted
from rotavatar.errors import ConfigurationError

log = structlog.get_logger()

KEY_BYTES = 32
"""AES-256."""

FRESH_SECONDS = 10.0
"""How often the mounted file is looked at; Kubernetes itself takes up to a minute or so to change it."""

VARIABLE = "ROTAVATAR_VAULT_KEYS"
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,8}")


class Key(msgspec.Struct, frozen=True):
    """One key and its id, which stands in every blob that was sealed with it."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Key(id={self.id!r})"


def parse_keys(text: str) -> tuple[Key, ...]:
    """Read `id:base64,id2:base64`, also one a line. Raises ValueError that never repeats any of the text."""
    keys = tuple(_parse_key(i, part.strip()) for i, part in enumerate(re.split(r"[,\n]", text), 1) if part.strip())
    if not keys:
        raise ValueError("must hold at least one key: `rotavatar keys new` makes one")
    if len({key.id for key in keys}) != len(keys):
        raise ValueError("must give each key an id of its own: two have the same")
    if len({key.secret for key in keys}) != len(keys):
        raise ValueError("must hold each key once: two ids stand for the same key")
    return keys


def _parse_key(position: int, text: str) -> Key:
    key_id, colon, encoded = text.partition(":")
    if not colon or not KEY_ID.fullmatch(key_id):
        raise ValueError(f"must be id:base64, the id of 1 to 8 letters or digits; key {position} is not")
    try:
        secret = base64.b64decode(encoded.translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"must be id:base64; key {position} is no valid base64") from None
    if len(secret) != KEY_BYTES:
        raise ValueError(f"must hold keys of {KEY_BYTES} bytes; key {position} has {len(secret)}")
    return Key(id=key_id, secret=secret)


def read_vault_keys(given: Given) -> Secret:
    """The reader of the setting: the keys as they were given, once it is certain that they are keys."""
    parse_keys(given.text)
    return Secret(given.text, file=given.file)


def generate_key(*, taken: Iterable[str] = (), random: Callable[[int], bytes] = os.urandom) -> str:
    """A new key as `id:base64`, its id none of `taken`. This is the only place where a key is made."""
    used = set(taken)
    while (key_id := base64.b32encode(random(5)).decode().lower()[:4]) in used:
        pass
    return f"{key_id}:{base64.b64encode(random(KEY_BYTES)).decode()}"


def with_new_key(keys: str, *, random: Callable[[int], bytes] = os.urandom) -> str:
    """Step one of a rotation: a new key at the end, which opens and does not seal yet. Raises ValueError."""
    present = parse_keys(keys)
    return _written([*present, *parse_keys(generate_key(taken=(key.id for key in present), random=random))])


def with_first_key(keys: str, *, key_id: str) -> str:
    """Step two: `key_id` seals from now on. Raises ValueError when there is no such key."""
    present = parse_keys(keys)
    return _written([_named(present, key_id), *(key for key in present if key.id != key_id)])


def without_key(keys: str, *, key_id: str, used: Iterable[str]) -> str:
    """Step three: take `key_id` away. Raises ValueError while it seals or something is sealed with it (`used`)."""
    present = parse_keys(keys)
    old = _named(present, key_id)
    if old is present[0]:
        raise ValueError(f"key {key_id} seals: put another one first")
    if key_id in used:
        raise ValueError(f"key {key_id} still opens something: re-encrypt first")
    return _written([key for key in present if key is not old])


def _named(keys: Iterable[Key], key_id: str) -> Key:
    for key in keys:
        if key.id == key_id:
            return key
    raise ValueError(f"there is no key {key_id}")


def _written(keys: Iterable[Key]) -> str:
    return ",".join(f"{key.id}:{base64.b64encode(key.secret).decode()}" for key in keys)


class KeyRing:
    """The keys that hold now."""

    def __init__(self, keys: Secret) -> None:
        """Raises ConfigurationError when they are no keys."""
        self._given = keys
        self._keys = _ring(keys)

    @property
    def sealing(self) -> Key:
        """The key that seals."""
        return next(iter(self._keys.values()))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, the sealing one first."""
        return tuple(self._keys)

    def get(self, key_id: str) -> Key | None:
        """The key of that id, looked for in the mounted file too when it is not known yet."""
        if key_id not in self._keys:
            self._refresh_or_warn()
        return self._keys.get(key_id)

    def refresh(self) -> bool:
        """Read the mounted file again; True when the keys changed.

        Raises ConfigurationError when it cannot be used; then the present keys go on to hold.
        """
        if self._given.file is None:
            return False
        try:
            given = Secret(mounted(self._given.file), file=self._given.file)
        except ValueError as error:
            raise ConfigurationError(f"{VARIABLE}_FILE {error}.") from None
        if given == self._given:
            return False
        self._keys = _ring(given)
        self._given = given
        return True

    async def keep_fresh(self, *, period: float = FRESH_SECONDS) -> None:
        """Refresh each `period` seconds until cancelled."""
        while True:
            await asyncio.sleep(period)
            self._refresh_or_warn()

    def _refresh_or_warn(self) -> None:
        try:
            if self.refresh():
                log.info("vault keys changed", key_ids=self.ids)
        except ConfigurationError as error:
            log.warning("vault keys not read again", problem=str(error))


def _ring(keys: Secret) -> dict[str, Key]:
    try:
        return {key.id: key for key in parse_keys(keys.reveal())}
    except ValueError as error:
        raise ConfigurationError(f"{VARIABLE} {error}.") from None

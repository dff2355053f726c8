"""Members' own photos, encrypted, in a folder or an object store. They are kept to be put back and are never served.

A photo lies at `<workspace>/<user>/<name>`, so that those of a member or of a workspace can be listed and deleted
together, and so that a sweep can ask for each whether its member still refers to it. The name is made from the content:
keeping the same photo twice is keeping it once. An object is whole or absent: obstore writes beside and renames.
"""

import asyncio
import base64
import errno
import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import msgspec
import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from rotavatar.errors import ConfigurationError, Unavailable, VaultError
from rotavatar.keys import User, Workspace
from rotavatar.reencryption import Sealed
from rotavatar.vault import Owner, Vault

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ObjectStore

MAX_PHOTO_BYTES: Final = 8 * 1024 * 1024
"""Slack shows photos of 1024 by 1024 pixels at most (https://docs.slack.dev/reference/methods/users.setPhoto): 4 MiB
without any compression, so what is larger is none."""

MAX_BLOB_BYTES = MAX_PHOTO_BYTES + 64
HEADER_BYTES = 64
"""Enough of a blob to know its key by."""

CHUNK = 200
"""Photos that one step of a deletion takes away: about a second at an object store that deletes ten at a time."""

DEADLINE_SECONDS = 10.0
"""For one call, retries included: as long as a call to Slack may take, a third of a rotation's lease."""

SLACK_ID = re.compile(r"[A-Z0-9]{1,32}")
NAME = re.compile(r"[A-Za-z0-9_-]{22}")


class PhotoRef(msgspec.Struct, frozen=True, order=True):
    """Where a photo is. Raises ValueError for anything that is no Slack id or no name of ours, so no path escapes."""

    workspace: Workspace
    user: User
    name: str

    def __post_init__(self) -> None:
        _checked(self.workspace, self.user)
        if not NAME.fullmatch(self.name):
            raise ValueError("no name of a photo")

    @property
    def path(self) -> str:
        """The object's key."""
        return f"{self.workspace}/{self.user}/{self.name}"

    @property
    def owner(self) -> Owner:
        """Whom it is sealed for."""
        return Owner(kind="photo", workspace=self.workspace, user=self.user)


class StoredPhoto(msgspec.Struct, frozen=True):
    """A photo in a listing: when it was written (seconds since the epoch, the store's clock) and its size sealed."""

    ref: PhotoRef
    modified: float
    size: int


def name_of(photo: bytes, *, workspace: Workspace, user: User) -> str:
    """The name of a photo: 22 characters that differ between members even for the same photo."""
    content = hashlib.blake2b(photo, digest_size=16, key=f"{workspace}/{user}".encode()).digest()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def open_photo_store(url: str, vault: Vault) -> "PhotoStore":
    """The store at the setting PHOTO_STORE_URL; a folder is made when it is missing. Raises ConfigurationError."""
    scheme, is_url, _ = url.partition("://")
    if is_url and scheme != "file":
        return PhotoStore(_remote(url), vault=vault)
    folder = Path(unquote(urlsplit(url).path) if is_url else url).expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"ROTAVATAR_PHOTO_STORE_URL names {folder}, which cannot be made ({error.strerror}): correct it."
        ) from None
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigurationError(f"ROTAVATAR_PHOTO_STORE_URL names {folder}: let this process read and write it.")
    return PhotoStore(LocalStore(folder), vault=vault, folder=folder)


def _remote(url: str) -> "ObjectStore":
    try:
        return from_url(
            url,
            client_options={
                "timeout": timedelta(seconds=DEADLINE_SECONDS / 2),
                "connect_timeout": timedelta(seconds=3),
                # These options replace AWS_ALLOW_HTTP and its kin. Only an endpoint that the operator gave is http
                # (MinIO inside a cluster), requests to it are signed, and what they carry is sealed.
                "allow_http": True,
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=DEADLINE_SECONDS)},
        )
    except (BaseError, ValueError) as error:
        raise ConfigurationError(f"ROTAVATAR_PHOTO_STORE_URL cannot be used: {error}") from None


class PhotoStore:
    """Keeps photos. Every method raises Unavailable when the store cannot be reached or refuses."""

    def __init__(self, store: "ObjectStore", *, vault: Vault, folder: Path | None = None) -> None:
        """`folder` is where a LocalStore keeps its files."""
        self._store = store
        self._vault = vault
        self._folder = folder

    async def put(self, photo: bytes, *, workspace: Workspace, user: User) -> PhotoRef:
        """Keep a photo; once this returns it survives a loss of power. The same photo again changes nothing.

        Raises ValueError for an empty photo or one above MAX_PHOTO_BYTES.
        """
        if not 0 < len(photo) <= MAX_PHOTO_BYTES:
            raise ValueError(f"a photo has 1 to {MAX_PHOTO_BYTES} bytes, not {len(photo)}")
        ref = PhotoRef(workspace=workspace, user=user, name=name_of(photo, workspace=workspace, user=user))
        await self._write(ref, self._vault.seal(photo, ref.owner))
        return ref

    async def get(self, ref: PhotoRef) -> bytes | None:
        """The photo, or None when it is not there. Raises VaultError when it does not open or is another one."""
        blob = await self._read(ref)
        if blob is None:
            # A missing bucket answers like a missing photo, and must not pass for one.
            await self.check()
            return None
        photo = self._vault.open(blob, ref.owner)
        if name_of(photo, workspace=ref.workspace, user=ref.user) != ref.name:
            raise VaultError("a photo is not the one that its name says")
        return photo

    async def delete(self, ref: PhotoRef) -> None:
        """Take one photo away; one that is not there is no error."""
        await self._delete([ref.path])

    async def delete_member(self, workspace: Workspace, user: User, *, chunk: int = CHUNK) -> bool:
        """Take away at most `chunk` photos of a member; True when nothing is left. Call again while it is False."""
        return await self._delete_below(_checked(workspace, user), chunk=chunk)

    async def delete_workspace(self, workspace: Workspace, *, chunk: int = CHUNK) -> bool:
        """Take away at most `chunk` photos of a workspace; True when nothing is left. Call again while it is False."""
        return await self._delete_below(_checked(workspace), chunk=chunk)

    async def photos(self, workspace: Workspace | None = None) -> AsyncIterator[StoredPhoto]:
        """Every photo, or those of one workspace. What lies in the store and is not ours is left out."""
        async for entry in self._list(None if workspace is None else _checked(workspace)):
            photo = _stored(entry)
            if photo is not None:
                yield photo

    async def page(self, after: str, *, count: int) -> tuple[list[StoredPhoto], str]:
        """The photos among the next `count` objects in the order of their paths, and the path to go on `after`.

        That path is empty where these were the last.
        """
        entries: list[obstore.ObjectMeta] = []
        async for entry in self._list(None, after=after):
            entries.append(entry)
            if self._folder is None and len(entries) == count:
                break  # Object stores list in this order (a folder does not): what comes first is what comes next.
        entries = sorted(entries, key=lambda entry: str(entry["path"]))[:count]
        photos = [photo for photo in map(_stored, entries) if photo is not None]
        return photos, str(entries[-1]["path"]) if len(entries) == count else ""

    async def modified(self, ref: PhotoRef) -> float | None:
        """When a photo was written last (seconds since the epoch, the store's clock); None where it is not there."""
        with _unavailable():
            async with asyncio.timeout(DEADLINE_SECONDS):
                try:
                    return (await obstore.head_async(self._store, ref.path))["last_modified"].timestamp()
                except FileNotFoundError:
                    return None

    async def headers(self) -> AsyncIterator[bytes]:
        """The beginning of every sealed photo, for `reencryption.count_keys`."""
        async for photo in self.photos():
            header = await self._read(photo.ref, end=min(HEADER_BYTES, photo.size) or None)
            if header is not None:
                yield header

    async def sealed(self) -> AsyncIterator[Sealed]:
        """Every photo as it is sealed, for `reencryption.reencrypt`."""
        async for photo in self.photos():
            blob = await self._read(photo.ref)
            if blob is not None:
                yield Sealed(owner=photo.ref.owner, blob=blob, place=photo.ref.name)

    async def replace(self, old: Sealed, blob: bytes) -> bool:
        """Store a photo under another key. False when it is gone; one that goes just then is left for the sweep."""
        ref = PhotoRef(Workspace(old.owner.workspace), User(old.owner.user), old.place)
        if await self._read(ref) != old.blob:
            return False
        await self._write(ref, blob)
        return True

    async def check(self) -> None:
        """Ask the store for a listing, to learn whether it is there and lets us in."""
        async for _ in self._list(None):
            return

    async def _write(self, ref: PhotoRef, blob: bytes) -> None:
        with _unavailable():
            async with asyncio.timeout(DEADLINE_SECONDS):
                await obstore.put_async(self._store, ref.path, blob, use_multipart=False)
                if self._folder is not None:
                    await asyncio.to_thread(_sync, self._folder / ref.path, root=self._folder)

    async def _read(self, ref: PhotoRef, *, end: int | None = None) -> bytes | None:
        with _unavailable():
            async with asyncio.timeout(DEADLINE_SECONDS):
                try:
                    options: GetOptions = {} if end is None else {"range": (0, end)}
                    found = await obstore.get_async(self._store, ref.path, options=options)
                except FileNotFoundError:
                    return None
                if found.meta["size"] > MAX_BLOB_BYTES:
                    raise VaultError(f"a photo of {found.meta['size']} bytes is none of ours")
                return bytes(await found.bytes_async())

    async def _list(self, prefix: str | None, *, after: str = "") -> AsyncIterator["obstore.ObjectMeta"]:
        with _unavailable():
            stream = obstore.list(self._store, prefix, offset=after or None, chunk_size=CHUNK)
            while True:
                try:
                    async with asyncio.timeout(DEADLINE_SECONDS):
                        entries = await anext(stream)
                except StopAsyncIteration:
                    return
                for entry in entries:
                    yield entry

    async def _delete_below(self, prefix: str, *, chunk: int) -> bool:
        paths: list[str] = []
        async for entry in self._list(prefix):
            if len(paths) == chunk:
                await self._delete(paths)
                return False
            paths.append(entry["path"])
        await self._delete(paths)
        if self._folder is not None:
            with _unavailable():
                await asyncio.to_thread(_remove_unfinished, self._folder / prefix)
        return True

    async def _delete(self, paths: list[str]) -> None:
        with _unavailable():
            async with asyncio.timeout(DEADLINE_SECONDS):
                try:
                    if paths:
                        await obstore.delete_async(self._store, paths)
                except FileNotFoundError:
                    # Somebody else deletes too; a bulk delete stops there, so go on one by one.
                    for path in paths:
                        await self._delete_one(path)

    async def _delete_one(self, path: str) -> None:
        try:
            await obstore.delete_async(self._store, path)
        except FileNotFoundError:
            return


def _checked(workspace: Workspace, user: User | None = None) -> str:
    ids = [workspace] if user is None else [workspace, user]
    if not all(SLACK_ID.fullmatch(each) for each in ids):
        raise ValueError("no Slack id")
    return "/".join(ids)


def _stored(entry: "obstore.ObjectMeta") -> StoredPhoto | None:
    """The photo that an entry of a listing is; None for what is not ours."""
    parts = str(entry["path"]).split("/")
    try:
        ref = PhotoRef(Workspace(parts[0]), User(parts[1]), "/".join(parts[2:]))
    except (ValueError, IndexError):
        return None
    return StoredPhoto(ref=ref, modified=entry["last_modified"].timestamp(), size=entry["size"])


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise Unavailable(f"photo store: {type(error).__name__}") from error


def _remove_unfinished(folder: Path) -> None:
    """Take away what a killed process left: obstore writes to `<name>#<number>`, which no listing shows."""
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files:
            if "#" in name:
                (Path(parent) / name).unlink(missing_ok=True)
        for name in folders:
            _remove_empty(Path(parent) / name)
    _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    # Somebody who rejoined meanwhile may have put a photo there, which stays.
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.ENOENT):
            raise


def _sync(path: Path, *, root: Path) -> None:
    for each in (path, *path.parents):
        if not each.is_relative_to(root):
            return
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

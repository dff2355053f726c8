"""`rotavatar keys`: the keys that seal tokens and photos, replaced while everything runs.

1. `keys add` puts a new key at the end; wait until every process has read it (ten seconds after the file changed).
2. `keys first ID` lets it seal; wait again, then `keys re-encrypt` moves everything to it.
3. `keys retire OLD` takes the old one away; refused while it still opens something.
"""

import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rotavatar.configuration import Secret
from rotavatar.keyring import KeyRing, generate_key, parse_keys, with_first_key, with_new_key, without_key
from rotavatar.reencryption import Outcome, count_keys, reencrypt
from rotavatar.settings import PhotoSettings, VaultSettings
from rotavatar.vault import Vault
from rotavatar_cli import output
from rotavatar_cli.dev.folder import write_private
from rotavatar_cli.errors import FAULT, CommandError
from rotavatar_cli.output import AsJson
from rotavatar_cli.sealing import SealedRecords
from rotavatar_cli.session import Environment, environment_of, opened, run

if TYPE_CHECKING:
    from rotavatar.photo_store import PhotoStore

HELP = """The keys that seal tokens and photos, replaced while everything runs.

`keys add` puts a new key at the end; wait until every process has read it. `keys first ID` lets it seal; wait again,
and `keys re-encrypt` moves everything to it. `keys retire OLD` takes the old one away.
"""

app = typer.Typer(no_args_is_help=True, help=HELP)

KINDS = ("members", "workspaces", "apps", "photos")
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="Id of a key, as `rotavatar keys status` shows it.")]
ToFile = Annotated[
    Path | None,
    typer.Option(
        "--file", metavar="FILE", help="Change this file; by default the one that ROTAVATAR_VAULT_KEYS_FILE names."
    ),
]


@app.command()
def new() -> None:
    """Print a new key, as the value of ROTAVATAR_VAULT_KEYS for a first installation."""
    sys.stdout.write(f"{generate_key()}\n")


@app.command()
def status(context: typer.Context, *, json: AsJson = False) -> None:
    """Count what is sealed with each key. Exit code 1 says that something is sealed with a key that is not there."""
    environment = environment_of(context)
    ring = KeyRing(environment.load(VaultSettings).keys)
    counted = run(_count(environment))
    used = sorted({key_id for counts in counted.values() for key_id in counts} - set(ring.ids))
    if json:
        output.as_json({"seals": ring.sealing.id, "keys": ring.ids, "missing": used, "counts": counted})
    else:
        rows = [
            (key_id, _role(key_id, ring), *(counted[kind][key_id] for kind in KINDS)) for key_id in (*ring.ids, *used)
        ]
        output.table(("key", "", *KINDS), rows, empty="There are no keys.")
    if used:
        raise typer.Exit(FAULT)


@app.command()
def add(context: typer.Context, *, file: ToFile = None) -> None:
    """Step 1: add a new key, which opens and does not seal yet."""
    _change(context, file, with_new_key)


@app.command()
def first(context: typer.Context, key: KeyId, *, file: ToFile = None) -> None:
    """Step 2: let KEY seal from now on; then run `rotavatar keys re-encrypt`."""
    _change(context, file, lambda keys: with_first_key(keys, key_id=key))


@app.command("re-encrypt")
def re_encrypt(context: typer.Context, *, json: AsJson = False) -> None:
    """Move tokens and photos to the key that seals now, while all goes on. Broken off, it may be repeated."""
    environment = environment_of(context)

    async def work() -> dict[str, Outcome]:
        vault = Vault(KeyRing(environment.load(VaultSettings).keys))
        async with opened(environment) as stores:
            records = SealedRecords(stores)
            photos = _photos(environment, vault)
            return {
                "members": await reencrypt(vault, records.members(), replace=records.replace_member),
                "workspaces": await reencrypt(vault, records.workspaces(), replace=records.replace_workspace),
                "apps": await reencrypt(vault, records.apps(), replace=records.replace_app),
                "photos": await reencrypt(vault, photos.sealed(), replace=photos.replace),
            }

    outcomes = run(work())
    if json:
        output.as_json(outcomes)
    else:
        fields = Outcome.__struct_fields__
        rows = [(kind, *(getattr(outcome, field) for field in fields)) for kind, outcome in outcomes.items()]
        output.table(("", *fields), rows, empty="")
    if any(outcome.failed for outcome in outcomes.values()):
        output.note("Some do not open: `rotavatar keys status` names the keys that are missing.")
        raise typer.Exit(FAULT)


@app.command()
def retire(context: typer.Context, key: KeyId, *, file: ToFile = None) -> None:
    """Step 3: take KEY away, once nothing is sealed with it any more."""
    counted = run(_count(environment_of(context)))
    used = {key_id for counts in counted.values() for key_id in counts}
    _change(context, file, lambda keys: without_key(keys, key_id=key, used=used))


async def _count(environment: Environment) -> dict[str, Counter[str]]:
    async with opened(environment) as stores:
        records = SealedRecords(stores)
        photos = _photos(environment, Vault(KeyRing(environment.load(VaultSettings).keys)))
        return {
            "members": await count_keys(_blobs(records, "members")),
            "workspaces": await count_keys(_blobs(records, "workspaces")),
            "apps": await count_keys(_blobs(records, "apps")),
            "photos": await count_keys(photos.headers()),
        }


async def _blobs(records: SealedRecords, kind: str) -> AsyncIterator[bytes]:
    walks = {"members": records.members, "workspaces": records.workspaces, "apps": records.apps}
    async for item in walks[kind]():
        yield item.blob


def _photos(environment: Environment, vault: Vault) -> "PhotoStore":
    from rotavatar.photo_store import open_photo_store  # noqa: PLC0415 - a quarter of a second for few commands

    return open_photo_store(environment.load(PhotoSettings).store_url, vault)


def _role(key_id: str, ring: KeyRing) -> str:
    if key_id == ring.sealing.id:
        return "seals"
    return "opens" if key_id in ring.ids else "MISSING"


def _change(context: typer.Context, file: Path | None, change: Callable[[str], str]) -> None:
    """Apply `change` to the keys: in their file where there is one, else on standard output."""
    given: Secret = environment_of(context).load(VaultSettings).keys
    target = file or given.file
    try:
        before = target.read_text().strip() if target is not None else given.reveal()
        after = change(before)
    except (OSError, ValueError) as error:
        raise CommandError(f"The keys were not changed: {error}.") from None
    ids = ", ".join(key.id for key in parse_keys(after))
    if target is None:
        sys.stdout.write(f"{after}\n")
        output.note(f"The keys are now {ids}: put the line above in place of ROTAVATAR_VAULT_KEYS, where all read it.")
        return
    _write(target, after)
    output.say(f"{target} holds the keys {ids}; every process reads it within ten seconds.")


def _write(target: Path, keys: str) -> None:
    try:
        write_private(target, f"{keys}\n".encode())
    except OSError as error:
        raise CommandError(
            f"{target} cannot be written ({error.strerror}): name a file that can with --file, and mount that."
        ) from None

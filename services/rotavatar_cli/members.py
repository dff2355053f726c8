"""`rotavatar members`: who uses Rotavatar, how each stands, and whether everybody is where they belong."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import typer

from rotavatar.catalogue import Library
from rotavatar.errors import ConfigurationError, VaultError
from rotavatar.keys import User, Workspace
from rotavatar.records import Idle, Member, Snapshot
from rotavatar.settings import CatalogueSettings
from rotavatar.vault import key_id_of
from rotavatar_cli import output
from rotavatar_cli.checking import Fault, faults_of, numbers_in
from rotavatar_cli.errors import FAULT, MISUSED, CommandError
from rotavatar_cli.output import AsJson, MemberId, WorkspaceId
from rotavatar_cli.session import Environment, Stores, environment_of, opened, run

app = typer.Typer(no_args_is_help=True, help="Who uses Rotavatar, and how each stands.")

REASONS = ", ".join(reason for reason in Idle if reason)
InWorkspace = Annotated[str | None, typer.Option("--workspace", metavar="ID", help="Only this workspace.")]


@app.command("list")
def list_(
    context: typer.Context,
    *,
    workspace: InWorkspace = None,
    idle: Annotated[str | None, typer.Option(metavar="REASON", help=f"Only those who are {REASONS}.")] = None,
    limit: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="No more than this many.")] = 100,
    json: AsJson = False,
) -> None:
    """List members."""
    if idle is not None and idle not in set(Idle):
        raise CommandError(f"--idle {idle}: the reasons are {REASONS}.", code=MISUSED)

    async def work() -> list[Snapshot]:
        found: list[Snapshot] = []
        async with opened(environment_of(context)) as stores:
            async for seen in _everybody(stores, workspace):
                if idle is None or (seen.member and seen.member.idle == idle):
                    found.append(seen)
                if len(found) == limit:
                    break
        return found

    found = run(work())
    if json:
        output.as_json([_told(seen) for seen in found])
        return
    columns = ("workspace", "member", "stands", "every", "pack", "last change", "problem")
    rows = [
        (
            seen.workspace,
            seen.user,
            stands(seen),
            output.period(_member(seen).frequency),
            _member(seen).pack or "-",
            output.moment(_member(seen).rotated_at),
            _member(seen).problem or "-",
        )
        for seen in found
    ]
    output.table(columns, rows, empty="Nobody uses Rotavatar yet.")


@app.command()
def show(context: typer.Context, workspace: WorkspaceId, member: MemberId, *, json: AsJson = False) -> None:
    """Show all that is known of a member; of their token only whether there is one."""

    async def work() -> Snapshot | None:
        async with opened(environment_of(context)) as stores:
            return await stores.members.snapshot(Workspace(workspace), User(member))

    seen = run(work())
    if seen is None or seen.member is None:
        raise CommandError(f"There is no member {member} in {workspace}: `rotavatar members list` shows who is there.")
    if json:
        output.as_json(_told(seen))
    else:
        output.facts(_told(seen).items())


@app.command()
def check(
    context: typer.Context,
    *,
    workspace: InWorkspace = None,
    pictures: Annotated[bool, typer.Option(help="Check who wears which picture, too.")] = True,
    json: AsJson = False,
) -> None:
    """Check that every member is due, in flight, or idle with a reason, and that pictures worn are noted as such.

    What looks wrong is looked at three times, as everything goes on meanwhile. Exit code 1 says that a fault stayed.
    """

    async def work() -> tuple[int, list[Fault]]:
        environment = environment_of(context)
        async with opened(environment) as stores:
            library = _library(environment) if pictures else None
            return await _checked(stores, workspace, library)

    count, faults = run(work())
    if json:
        output.as_json({"members": count, "faults": faults})
    else:
        columns = ("workspace", "member", "fault")
        output.table(
            columns,
            [(fault.workspace, fault.user or "-", fault.what) for fault in faults],
            empty=f"{count} members are each in exactly one place.",
        )
    if faults:
        raise typer.Exit(FAULT)


async def _checked(stores: Stores, only: str | None, library: Library | None) -> tuple[int, list[Fault]]:
    count, faults = 0, []
    async for workspace in _workspaces(stores, only):
        number, found = await faults_of(stores, workspace, numbers=numbers_in(library) if library else None)
        count += number
        faults += found
    return count, faults


def _library(environment: Environment) -> Library | None:
    try:
        return Library(environment.load(CatalogueSettings).folder)
    except ConfigurationError as error:
        output.note(f"Pictures are not checked: {error}")
        return None


async def _everybody(stores: Stores, only: str | None) -> AsyncIterator[Snapshot]:
    async for workspace in _workspaces(stores, only):
        async for users in stores.pages_of(workspace):
            for seen in await asyncio.gather(*(stores.members.snapshot(workspace, user) for user in users)):
                if seen is not None and seen.member is not None:
                    yield seen


async def _workspaces(stores: Stores, only: str | None) -> AsyncIterator[Workspace]:
    if only is None:
        async for workspace in stores.every_workspace():
            yield workspace
        return
    if await stores.workspaces.read(Workspace(only)) is None:
        raise CommandError(f"There is no workspace {only}: `rotavatar workspaces list` shows those that are.")
    yield Workspace(only)


def stands(seen: Snapshot) -> str:
    """Where a member is, in words."""
    if seen.lease is not None:
        return f"in flight until {output.moment(seen.lease)}"
    if seen.due is not None:
        wish = _member(seen).wish
        return f"due {output.moment(seen.due)}" + (f" ({wish})" if wish else "")
    return f"idle: {_member(seen).idle or 'no reason'}"


def _member(seen: Snapshot) -> Member:
    assert seen.member is not None
    return seen.member


def _told(seen: Snapshot) -> dict[str, Any]:
    """Everything but the credential, and the hashes and addresses of photos, which are of no use to a reader."""
    member = msgspec.to_builtins(_member(seen))
    hidden = ("credential", "image_url", "own", "intent")
    times = {name for name in member if name.endswith("_at")}
    told = {
        name: output.moment(value) if name in times else value for name, value in member.items() if name not in hidden
    }
    return {
        "workspace": seen.workspace,
        "member": seen.user,
        "stands": stands(seen),
        "token": token(_member(seen).credential),
        "own_photo": _own_photo(_member(seen)),
        "writing": _member(seen).intent is not None,
        **told,
    }


def token(credential: bytes) -> str:
    """What may be said of a credential."""
    if not credential:
        return "none"
    try:
        return f"sealed with key {key_id_of(credential)}"
    except VaultError:
        return "unreadable"


def _own_photo(member: Member) -> str:
    if member.own is None:
        return "not replaced yet"
    return "kept" if member.own.name else "one of Slack's defaults"

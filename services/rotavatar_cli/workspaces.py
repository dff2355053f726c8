"""`rotavatar workspaces`: where the app is installed."""

from typing import Any

import msgspec
import typer

from rotavatar.keys import Workspace, partition_of
from rotavatar.records import WorkspaceRecord
from rotavatar.store.members import Tally
from rotavatar_cli import output
from rotavatar_cli.errors import CommandError
from rotavatar_cli.members import token
from rotavatar_cli.output import AsJson, WorkspaceId
from rotavatar_cli.session import environment_of, opened, run

app = typer.Typer(no_args_is_help=True, help="Where the app is installed, and how each workspace stands.")

Known = tuple[Workspace, WorkspaceRecord, Tally]


@app.command("list")
def list_(context: typer.Context, *, json: AsJson = False) -> None:
    """List workspaces with the number of their members, and of those due, in flight and waiting for a publish."""

    async def work() -> list[Known]:
        async with opened(environment_of(context)) as stores:
            names = [name async for name in stores.every_workspace()]
            found = [(name, await stores.workspaces.read(name), await stores.members.tally(name)) for name in names]
            return [(name, record, tally) for name, record, tally in found if record is not None]

    found = run(work())
    if json:
        output.as_json([_told(*known) for known in found])
        return
    rows = [
        (name, record.name, standing(record), tally.members, tally.due, tally.flight, tally.wanted)
        for name, record, tally in found
    ]
    columns = ("workspace", "name", "status", "members", "due", "in flight", "to publish")
    output.table(columns, rows, empty="The app is not installed anywhere yet.")


@app.command()
def show(context: typer.Context, workspace: WorkspaceId, *, json: AsJson = False) -> None:
    """Show all that is known of a workspace; of its token only whether there is one."""

    async def work() -> tuple[WorkspaceRecord | None, Tally]:
        async with opened(environment_of(context)) as stores:
            name = Workspace(workspace)
            return await stores.workspaces.read(name), await stores.members.tally(name)

    record, tally = run(work())
    if record is None:
        raise CommandError(f"There is no workspace {workspace}: `rotavatar workspaces list` shows those that are.")
    told = _told(Workspace(workspace), record, tally)
    if json:
        output.as_json(told)
    else:
        output.facts(told.items())


def standing(record: WorkspaceRecord) -> str:
    """How a workspace stands, in words: with Slack, else with the operator."""
    return record.status or (f"suspended ({record.suspended})" if record.suspended else "active")


def _told(name: Workspace, record: WorkspaceRecord, tally: Tally) -> dict[str, Any]:
    fields = {key: value for key, value in msgspec.to_builtins(record).items() if key != "credential"}
    for key in ("status_at", "credential_at", "refresh_at"):
        fields[key] = output.moment(fields[key])
    return {
        "workspace": name,
        **fields,
        "status": standing(record),
        "token": token(record.credential),
        "partition": partition_of(name),
        **msgspec.structs.asdict(tally),
    }

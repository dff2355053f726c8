"""`rotavatar workspaces`: where the app is installed."""

from typing import Any, Final

import msgspec
import msgspec.structs
import typer

from rotavatar.keys import Workspace, partition_of
from rotavatar.records import Suspension, WorkspaceRecord
from rotavatar.store.members import Outcome, Tally
from rotavatar.store.usage import UsageStore, month_began_ms
from rotavatar.store.workspaces import Chore, ChoreKind
from rotavatar_cli import output
from rotavatar_cli.errors import CommandError
from rotavatar_cli.members import token
from rotavatar_cli.output import AsJson, WorkspaceId
from rotavatar_cli.session import Stores, environment_of, opened, run

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
        raise CommandError(_unknown(workspace))
    told = _told(Workspace(workspace), record, tally)
    if json:
        output.as_json(told)
    else:
        output.facts(told.items())


SLACK_PHOTOS_A_MINUTE: Final = 20
"""users.setPhoto is of tier 2 (https://docs.slack.dev/apis/web-api/rate-limits)."""


@app.command()
def usage(context: typer.Context, *, json: AsJson = False) -> None:
    """Tell what each workspace used: members, and photos changed and Home tabs published this month and last.

    The share is that of the photo changes that Slack would have allowed since the month (UTC) began.
    """

    async def work() -> list[dict[str, Any]]:
        async with opened(environment_of(context)) as stores:
            minutes = max(1.0, (stores.now_ms - month_began_ms(stores.now_ms)) / 60_000)
            return [await _used(stores, name, minutes) async for name in stores.every_workspace()]

    found = run(work())
    if json:
        output.as_json(found)
        return
    columns = ("workspace", "name", "members", "photos", "tabs", "photos last month", "tabs last month", "share")
    rows = [
        [
            *list(row.values())[:2],
            row["members"],
            row["rotations"],
            row["publishes"],
            row["rotations_last_month"],
            row["publishes_last_month"],
            f"{row['share_of_slack']:.2%}",
        ]
        for row in found
    ]
    output.table(columns, rows, empty="The app is not installed anywhere yet.")


async def _used(stores: Stores, name: Workspace, minutes: float) -> dict[str, Any]:
    record = await stores.workspaces.read(name)
    used = await UsageStore(stores.redis).read(name, now_ms=stores.now_ms)
    return {
        "workspace": name,
        "name": record.name if record else "",
        "tenant": record.tenant if record else "",
        "members": await stores.members.places(name),
        **msgspec.structs.asdict(used),
        "share_of_slack": round(used.rotations / (SLACK_PHOTOS_A_MINUTE * minutes), 6),
    }


@app.command()
def suspend(context: typer.Context, workspace: WorkspaceId) -> None:
    """Let nothing change in a workspace; choices are kept, and whoever wants to leave is let go."""
    _set(context, Workspace(workspace), Suspension.OPERATOR)


@app.command()
def resume(context: typer.Context, workspace: WorkspaceId) -> None:
    """Go on in a workspace that was suspended."""
    _set(context, Workspace(workspace), Suspension.NO)


@app.command()
def approve(context: typer.Context, workspace: WorkspaceId) -> None:
    """Approve a workspace that waits since its installation."""
    _set(context, Workspace(workspace), Suspension.NO, only=Suspension.APPROVAL)


def _set(context: typer.Context, workspace: Workspace, after: Suspension, *, only: Suspension | None = None) -> None:
    """Change the suspension of a workspace that no SlackTenant governs; from `only` that one, where it is given."""

    async def work() -> None:
        async with opened(environment_of(context)) as stores:
            while True:
                record = await stores.workspaces.read(workspace)
                if record is None:
                    raise CommandError(_unknown(workspace))
                if record.tenant:
                    raise CommandError(_governed(workspace, record))
                if record.suspended is after or (only is not None and record.suspended is not only):
                    output.say(f"{workspace} is {standing(record)}: nothing to do.")
                    return
                changed = msgspec.structs.replace(record, suspended=after)
                chore = (Chore(ChoreKind.POLICY, workspace), stores.now_ms)
                if await stores.workspaces.commit(workspace, record, changed, chore=chore) is Outcome.OK:
                    output.say(f"{workspace} is {standing(changed)}.")
                    return

    run(work())


def _unknown(workspace: str) -> str:
    return f"There is no workspace {workspace}: `rotavatar workspaces list` shows those that are."


def _governed(workspace: str, record: WorkspaceRecord) -> str:
    namespace, name, *_ = record.tenant.split("/")
    patch = """'{"spec":{"suspend":true}}'"""
    return (
        f"{workspace} is governed by the SlackTenant {name} in the namespace {namespace}, which would undo this: do "
        f"it there, by `kubectl -n {namespace} patch slacktenant {name} --type merge -p {patch}` (or false)."
    )


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

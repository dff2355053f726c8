"""`rotavatar dead-letters`: jobs that nobody could do."""

import re
from typing import Annotated, Any

import typer

from rotavatar.errors import MalformedMessage
from rotavatar.keys import PARTITIONS
from rotavatar.messages import decode
from rotavatar.store.jobs import DeadLetter
from rotavatar.telemetry import redact
from rotavatar_cli import output
from rotavatar_cli.errors import MISUSED, CommandError
from rotavatar_cli.output import AsJson
from rotavatar_cli.session import Stores, environment_of, opened, run

app = typer.Typer(no_args_is_help=True, help="Jobs that nobody could do, each kept with the reason.")

REPLY = re.compile(r'("reply":")[^"]*')
"""Where a response URL stands in a job; a simulated one does not look like Slack's."""

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="As `list` shows them, 03/1795381926000-0.")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]


@app.command("list")
def list_(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="No more than this many.")] = 100,
    json: AsJson = False,
) -> None:
    """List dead letters, the oldest of each partition first."""

    async def work() -> list[DeadLetter]:
        async with opened(environment_of(context)) as stores:
            return await _found(stores, most=limit)

    letters = run(work())
    if json:
        output.as_json([_told(letter) for letter in letters])
        return
    rows = [
        (_id(letter), output.moment(letter.at), letter.attempts, *_about(letter), redact(letter.reason))
        for letter in letters
    ]
    output.table(
        ("id", "buried", "attempts", "kind", "workspace", "member", "reason"), rows, empty="There are no dead letters."
    )


@app.command()
def show(context: typer.Context, ids: Ids = None, *, json: AsJson = False) -> None:
    """Show dead letters with what they say."""
    letters = run(_chosen(context, ids or [], everything=False))
    if json:
        output.as_json([_told(letter) for letter in letters])
        return
    for letter in letters:
        output.facts((name, value) for name, value in _told(letter).items())
        output.say("")


@app.command()
def requeue(context: typer.Context, ids: Ids = None, *, everything: All = False) -> None:
    """Put dead letters back on their streams, as new jobs. Doing one twice changes nothing."""

    async def work() -> int:
        async with opened(environment_of(context)) as stores:
            letters = await _named(stores, ids or [], everything=everything)
            for letter in letters:
                await stores.jobs.requeue(letter)
            return len(letters)

    output.say(f"{run(work())} put back on their streams.")


@app.command()
def drop(context: typer.Context, ids: Ids = None, *, everything: All = False) -> None:
    """Delete dead letters for good: what they asked for will not be done."""

    async def work() -> int:
        async with opened(environment_of(context)) as stores:
            letters = await _named(stores, ids or [], everything=everything)
            for letter in letters:
                await stores.jobs.drop(letter)
            return len(letters)

    output.say(f"{run(work())} dropped.")


async def _chosen(context: typer.Context, ids: list[str], *, everything: bool) -> list[DeadLetter]:
    async with opened(environment_of(context)) as stores:
        return await _named(stores, ids, everything=everything)


async def _named(stores: Stores, ids: list[str], *, everything: bool) -> list[DeadLetter]:
    """The letters of these ids. Raises CommandError for one that is not there, before anything is done."""
    if bool(ids) == everything:
        raise CommandError("Name dead letters by their ids, or all of them with --all.", code=MISUSED)
    if everything:
        return await _found(stores, most=None)
    letters = []
    for id_ in ids:
        partition, _, entry = id_.partition("/")
        known = partition.isdigit() and int(partition) < PARTITIONS
        found = await stores.jobs.dead_letters(int(partition), after=entry, count=1) if known and entry else []
        if not found or found[0].id != entry:
            raise CommandError(f"There is no dead letter {id_}: `rotavatar dead-letters list` shows those that are.")
        letters += found
    return letters


async def _found(stores: Stores, *, most: int | None) -> list[DeadLetter]:
    letters: list[DeadLetter] = []
    for partition in range(PARTITIONS):
        after = "-"
        while most is None or len(letters) < most:
            page = await stores.jobs.dead_letters(partition, after=after, count=100)
            letters += page
            if len(page) < 100:  # noqa: PLR2004 - the size of a page
                break
            after = f"({page[-1].id}"
    return letters[:most]


def _id(letter: DeadLetter) -> str:
    return f"{letter.partition:02d}/{letter.id}"


def _about(letter: DeadLetter) -> tuple[str, str, str]:
    try:
        job = decode(letter.body)
    except MalformedMessage:
        return "?", "?", "?"
    return type(job).__name__, job.workspace, str(getattr(job, "user", "-"))


def _told(letter: DeadLetter) -> dict[str, Any]:
    """What may be shown: a response URL is worth a password for half an hour, so it is taken out."""
    kind, workspace, user = _about(letter)
    return {
        "id": _id(letter),
        "buried": output.moment(letter.at),
        "reason": redact(letter.reason),
        "attempts": letter.attempts,
        "kind": kind,
        "workspace": workspace,
        "member": user,
        "stream": letter.stream,
        "job": letter.job_id,
        "body": REPLY.sub(r"\1[redacted]", redact(letter.body.decode(errors="replace"))),
    }

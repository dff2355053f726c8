"""Writes what follows from the code: docs/messages.md, docs/metrics.md, and the tables of fields in docs/data-model.md.

`make docs` runs it; tests/unit/test_docs.py fails when what is written differs from what the code says.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client.metrics import MetricWrapperBase

from rotavatar import details, keys, messages, records

HERE: Final = Path(__file__).parent

PROCESSES: Final = ("ingress_api", "rotator", "publisher", "slacktenant_operator")

MESSAGES_BEFORE: Final = """\
# Messages

Made from `services/rotavatar/messages.py` by `make docs`.

Whatever one process asks of another travels as a job on a Redis stream. An entry has one field, `j`: the version, a
space, and JSON with the kind of the job, such as

    {example}

A job is small, holds no token, and says what happened, never what the result shall be: a click on *every hour* is
`frequency`, and when the next change is due is decided by whoever reads it. Fields at their default are left out,
unknown fields are passed over. Every job has these fields:

| field | type | meaning |
|---|---|---|
| `workspace` | text | team id, or the enterprise id of an org-wide install |
| `at` | milliseconds | Slack's own time of what happened; order is decided by it, never by arrival |
| `trace` | text | joins the request that Slack sent to its job, its rotation and its publish in the logs |
| `user` | text | the member, in jobs about one member |

`at` is the `action_ts` of a click, the `event_ts` of an event, the signed timestamp of a slash command, or the `Date`
of an OAuth answer; a publish that a rotation asks for has the time of the rotation, and the `trace` of the wish that it
fulfilled, if there was one. [Logs](logs.md) says how a trace is followed.

## Versions

This code writes version {version} and reads versions {before} and {version}. Whatever else arrives goes to the dead
letters at once, with the reason, and `rotavatar dead-letters requeue` puts it back. So readers are upgraded before
those who write to them: **publisher, then rotator, then ingress_api**; and the other way round when a release is taken
back.
"""

METRICS_BEFORE: Final = """\
# Metrics

Made from the code by `make docs`. Every process serves them at `/metrics` on its metrics port, beside `/healthz` (its
loops turn) and `/readyz` (it can do its work), and with them Python's own `process_` and `python_` metrics. Labels
take few values, never a workspace, a member or the text of an error: those are in the logs.
"""


def attribute_docs(kind: type) -> dict[str, str]:
    """The docstring below each attribute of a class, in one line."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for statement, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            match after:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[statement.target.id] = " ".join(text.split())
    return found


def type_name(hint: object) -> str:
    """A type in the words of these pages."""
    if isinstance(hint, types.UnionType):
        rest = [each for each in typing.get_args(hint) if each is not type(None)]
        return " or ".join(map(type_name, rest))
    if typing.get_origin(hint) is tuple:
        return f"list of {type_name(typing.get_args(hint)[0])}"
    hint = getattr(hint, "__supertype__", hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "one of " + ", ".join(f"`{each.value}`" for each in hint if each.value)
    words = {str: "text", int: "number", bool: "yes or no", bytes: "sealed bytes"}
    return words[hint] if hint in words else f"`{getattr(hint, '__name__', hint)}`"


def fields_table(kind: type[msgspec.Struct], names: Mapping[str, str]) -> str:
    """Every attribute of a record with its field in Redis. Raises KeyError for one that says nothing of itself."""
    told, hints = attribute_docs(kind), typing.get_type_hints(kind)
    rows = ["| attribute | in Redis | type | meaning |", "|---|---|---|---|"]
    for attribute in kind.__struct_fields__:
        place = f"`{names[attribute]}`" + (", packed" if kind is records.Member and attribute in _PACKED else "")
        rows.append(f"| `{attribute}` | {place} | {type_name(hints[attribute])} | {told[attribute]} |")
    return "\n".join(rows)


_PACKED: Final = frozenset(details.DETAILS)


def messages_page() -> str:
    """The page docs/messages.md."""
    sample = messages.FrequencyChosen(
        workspace=keys.Workspace("T0ACME"),
        user=keys.User("U0ANNA"),
        at=1_763_800_000_123,
        trace="4f",
        seconds=3600,
    )
    before = MESSAGES_BEFORE.format(
        example=messages.encode(sample).decode(), version=messages.VERSION, before=messages.VERSION - 1
    )
    streams = (("jobs:schedule", messages.ScheduleMessage), ("jobs:publish", messages.PublishMessage))
    return "\n".join([before, *(_stream(name, kinds) for name, kinds in streams)])


def _stream(name: str, kinds: object) -> str:
    members = typing.get_args(kinds) or (kinds,)
    reader = "rotator" if name == "jobs:schedule" else "publisher"
    return "\n".join([f"## On `{name}`, read by {reader}\n", *(line for kind in members for line in _message(kind))])


def _message(kind: type[msgspec.Struct]) -> Iterator[str]:
    yield f"### `{kind.__struct_config__.tag}`\n"
    yield f"`{kind.__name__}`. {' '.join((kind.__doc__ or '').split())}\n"
    common = messages.MemberMessage if issubclass(kind, messages.MemberMessage) else messages.Message
    if common is messages.Message:
        yield "About the whole workspace.\n"
    own = [field for field in msgspec.structs.fields(kind) if field.name not in common.__struct_fields__]
    if own:
        yield "| field | type | default |\n|---|---|---|"
    for field in own:
        default = "must be there" if field.required else _shown(field.default)
        yield f"| `{field.name}` | {type_name(field.type)} | {default} |"
    if own:
        yield ""


def _shown(value: object) -> str:
    return {None: "none", "": "empty", False: "no", (): "none"}.get(value, f"`{value}`")  # type: ignore[call-overload,no-any-return]


def metrics_page() -> str:
    """The page docs/metrics.md."""
    shared = ("Of one rotator or publisher at a time, for all", "rotavatar.shared")
    sections = [("Of every process", "rotavatar"), shared, *((f"Of {name}", name) for name in PROCESSES)]
    return "\n".join([METRICS_BEFORE, *(_metrics(title, package) for title, package in sections)])


def _metrics(title: str, package: str) -> str:
    rows = [f"## {title}\n", "| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for metric in sorted(_declared(package), key=lambda each: each._name):  # noqa: SLF001 - there is no other way
        labels = ", ".join(f"`{label}`" for label in metric._labelnames) or "none"  # noqa: SLF001
        name = metric._name + ("_total" if metric._type == "counter" else "")  # noqa: SLF001
        rows.append(f"| `{name}` | {metric._type} | {labels} | {metric._documentation} |")  # noqa: SLF001
    return "\n".join(rows) + "\n"


def _declared(package: str) -> set[MetricWrapperBase]:
    """The metrics that the modules of a package declare; whoever only imports one does not declare it."""
    root = importlib.import_module(package)
    names = [package, *(found.name for found in pkgutil.walk_packages(root.__path__, f"{package}."))]
    modules = [importlib.import_module(name) for name in names if not name.endswith("__main__")]
    everywhere = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, MetricWrapperBase) and not value._labelvalues  # noqa: SLF001
    }
    if package == "rotavatar.shared":
        return everywhere
    return everywhere - (_declared("rotavatar.shared") if package == "rotavatar" else _everybodys())


def _everybodys() -> set[MetricWrapperBase]:
    return _declared("rotavatar") | _declared("rotavatar.shared")


def with_tables(page: str) -> str:
    """The page docs/data-model.md with its generated tables as they are now."""
    tables = {
        "Member": fields_table(records.Member, records.MEMBER_FIELDS),
        "WorkspaceRecord": fields_table(records.WorkspaceRecord, records.WORKSPACE_FIELDS),
    }
    for name, table in tables.items():
        begin, end = f"<!-- fields of {name}, made by docs/make_tables.py -->", f"<!-- end of {name} -->"
        page, count = re.subn(
            f"{re.escape(begin)}.*?{re.escape(end)}",
            lambda _, new=f"{begin}\n{table}\n{end}": new,  # type: ignore[misc]
            page,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"docs/data-model.md must hold the place of the fields of {name} once")
    return page


def pages() -> dict[Path, str]:
    """Every page that there should be, by its file."""
    model = HERE / "data-model.md"
    return {
        HERE / "messages.md": messages_page(),
        HERE / "metrics.md": metrics_page(),
        model: with_tables(model.read_text()),
    }


if __name__ == "__main__":
    for path, page in pages().items():
        path.write_text(page)
        sys.stdout.write(f"{path.relative_to(HERE.parent)}\n")

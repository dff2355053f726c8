"""Make values.schema.json and README.md of the chart from values.yaml, and copy what it needs of k8s/.

Above each value stands what it is for (`# --`) and, where the default does not say it, what it may be (`# @schema`, in
JSON Schema). A value without a description is an error, so that nothing is left unsaid.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

CHART: Final = Path(__file__).parent / "rotavatar"
VALUES: Final = CHART / "values.yaml"

COPIES: Final = {
    "files/crds/slacktenants.rotavatar.dev.yaml": "k8s/crd/slacktenants.rotavatar.dev.yaml",
    "files/rbac/cluster.yaml": "k8s/rbac/cluster/roles.yaml",
    "files/rbac/namespaced.yaml": "k8s/rbac/namespaced/roles.yaml",
    "files/rbac/installations.yaml": "k8s/rbac/installations/roles.yaml",
    "files/rbac/people.yaml": "k8s/base/people.yaml",
}
"""Files of the chart, and where each has its source: a chart can read nothing outside its folder."""

PROCESSES: Final = ("ingressApi", "rotator", "publisher", "operator")
"""Sections that take every name of `defaults` besides their own."""

LINE: Final = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z][A-Za-z0-9]*):")

DEFINITIONS: Final = {
    "object": {"type": "object", "description": "Passed on to Kubernetes as it is.", "additionalProperties": True},
    "list": {"type": "array", "description": "Passed on to Kubernetes as it is."},
    "texts": {"type": "object", "description": "Texts by name.", "additionalProperties": {"type": "string"}},
    "digest": {"type": "string", "description": "A digest, or nothing.", "pattern": "^(sha256:[0-9a-f]{64})?$"},
}

Schema = dict[str, Any]


class Note(msgspec.Struct, frozen=True):
    """What stands above a key."""

    description: str = ""
    heading: str = ""
    schema: Schema = {}


def notes(text: str) -> dict[str, Note]:
    """The comments of values.yaml by the dotted path of their key."""
    found: dict[str, Note] = {}
    path: list[tuple[int, str]] = []
    pending: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            pending.append(line.strip().removeprefix("#").strip())
        elif match := LINE.match(line):
            indent = len(match["indent"])
            path = [*(part for part in path if part[0] < indent), (indent, match["key"])]
            found[".".join(key for _, key in path)] = _note(pending)
            pending = []
        else:
            pending = []
    return found


def _note(lines: list[str]) -> Note:
    said = [line for line in lines if not line.startswith(("-- ", "@schema "))]
    described = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    schemas = [json.loads(line.removeprefix("@schema ")) for line in lines if line.startswith("@schema ")]
    return Note(description=" ".join(described), heading=" ".join(said), schema=schemas[0] if schemas else {})


def schema(values: dict[str, Any], comments: dict[str, Note]) -> Schema:
    """The JSON Schema of values.yaml. Raises ValueError for a value that nothing describes."""
    top = _section(values, comments, prefix="")
    for process in PROCESSES:
        properties = top["properties"][process]["properties"]
        for name, inherited in top["properties"]["defaults"]["properties"].items():
            properties.setdefault(name, _overriding(name, inherited))
    top["properties"]["global"] = {
        "type": "object",
        "description": "Helm hands it to every subchart; not used here.",
        "additionalProperties": True,
        "default": {},
    }
    return {"$schema": "http://json-schema.org/draft-07/schema#", **top, "definitions": DEFINITIONS}


def _overriding(name: str, inherited: Schema) -> Schema:
    """A value of a process that replaces the one of `defaults`."""
    return {**inherited, "description": f"Replaces `defaults.{name}`. {inherited['description']}"}


def _section(values: dict[str, Any], comments: dict[str, Note], *, prefix: str) -> Schema:
    properties = {key: _value(value, comments, path=f"{prefix}{key}") for key, value in values.items()}
    note = comments.get(prefix.rstrip("."), Note())
    told = note.heading or f"The values below `{prefix.rstrip('.')}`." if prefix else "The values of the chart."
    return {
        "type": "object",
        "description": told,
        "additionalProperties": False,
        "properties": properties,
        "default": values if prefix else {},
    }


def _value(value: Any, comments: dict[str, Note], *, path: str) -> Schema:
    note = comments[path]
    if not note.description:
        if isinstance(value, dict) and value:
            return _section(value, comments, prefix=f"{path}.")
        raise ValueError(f"values.yaml: {path} has no description")
    return {**_type(value, path), **note.schema, "description": note.description, "default": value} | _reference(note)


def _reference(note: Note) -> Schema:
    """Before draft 2019-09 nothing beside `$ref` counts, so it goes into `allOf`."""
    return {"$ref": None, "type": None, "allOf": [note.schema]} if "$ref" in note.schema else {}


def _type(value: Any, path: str) -> Schema:
    kinds = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
    kind = kinds.get(type(value))
    if kind is None:
        raise ValueError(f"values.yaml: {path} has a default of no type: give it a `@schema`")
    return {"type": kind}


def cleaned(node: Any) -> Any:
    """Without what `_reference` took away."""
    if isinstance(node, dict):
        return {key: cleaned(item) for key, item in node.items() if item is not None}
    return [cleaned(item) for item in node] if isinstance(node, list) else node


def table(values: dict[str, Any], comments: dict[str, Note]) -> Iterator[str]:
    """The rows of README.md, a heading before each section."""
    plain = {key: value for key, value in values.items() if comments[key].description}
    yield from _rows(plain, comments, prefix="", title="Everything")
    for key, value in values.items():
        if key not in plain:
            yield from _rows(value, comments, prefix=f"{key}.", title=f"`{key}`")


def _rows(values: dict[str, Any], comments: dict[str, Note], *, prefix: str, title: str) -> Iterator[str]:
    yield f"\n### {title}\n"
    if heading := comments.get(prefix.rstrip("."), Note()).heading:
        yield f"{heading}\n"
    yield "| value | default | what it is |"
    yield "|---|---|---|"
    yield from _leaves(values, comments, prefix=prefix)


def _leaves(values: dict[str, Any], comments: dict[str, Note], *, prefix: str) -> Iterator[str]:
    for key, value in values.items():
        note = comments[f"{prefix}{key}"]
        if note.description:
            shown = json.dumps(value, ensure_ascii=False).replace("|", "\\|")
            choices = note.schema.get("enum")
            told = f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
            yield f"| `{prefix}{key}` | `{shown}` | {note.description}{told} |"
        else:
            yield from _leaves(value, comments, prefix=f"{prefix}{key}.")


def readme(values: dict[str, Any], comments: dict[str, Note], introduction: str) -> str:
    """README.md: the introduction, which is written by hand, and the table."""
    marker = "## Values\n"
    head, found, _ = introduction.partition(marker)
    if not found:
        raise ValueError("README.md of the chart has no heading `## Values`")
    made = "\nMade from `values.yaml` by `make docs`; `values.schema.json` refuses whatever is not here.\n"
    return head + marker + made + "\n".join(table(values, comments)) + "\n"


def made() -> dict[str, str]:
    """Every file of the chart that is made, by its path in the chart."""
    text = VALUES.read_text()
    values, comments = msgspec.yaml.decode(text), notes(text)
    described = json.dumps(cleaned(schema(values, comments)), indent=2, ensure_ascii=False) + "\n"
    page = readme(values, comments, (CHART / "README.md").read_text())
    copies = {to: (CHART.parents[1] / source).read_text() for to, source in COPIES.items()}
    return {"values.schema.json": described, "README.md": page, **copies}


def main() -> None:
    """Write them."""
    for name, text in made().items():
        path = CHART / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()

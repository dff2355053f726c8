"""Writes the reference of fields and reasons into docs/slacktenant.md, from the code of the operator.

`make docs` runs it; tests/unit/test_docs.py fails when what is written differs from what the code says.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from slacktenant_operator import crd, model, rules
from slacktenant_operator.reasons import SENTENCES, Reason

PAGE: Final = Path(__file__).parent / "slacktenant.md"

Schema = Mapping[str, Any]


def fields(kind: type[model.Part], path: str) -> str:
    """A table for each object of a part of the model, the part itself first."""
    return "\n".join(_object(crd.schema_of(kind), path)).strip()


def _object(schema: Schema, path: str) -> Iterator[str]:
    yield from (f"### `{path}`", "", schema["description"], "")
    yield from ("| field | value | default | meaning |", "|---|---|---|---|")
    below = schema["properties"]
    for name, field in below.items():
        yield f"| `{name}` | {_value(field, f'{path}.{name}')} | {_default(name, field, schema)} | {_meaning(field)} |"
    yield ""
    for name, field in below.items():
        inner = field.get("items", field)
        if "properties" in inner:
            yield from _object(inner, f"{path}.{name}" + ("[]" if "items" in field else ""))


def _value(field: Schema, path: str) -> str:
    """What may stand there, in words; an object leads to its own table."""
    if field["type"] == "array":
        return f"{_count(field)}: {_value(field['items'], f'{path}[]')}"
    if field["type"] == "object":
        return f"[object](#{re.sub(r'[^a-z0-9]', '', path.lower())})"
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    if field["type"] == "integer":
        return f"{field['minimum']} to {field['maximum']:,}" if "maximum" in field else f"{field['minimum']} or more"
    if field["type"] == "boolean":
        return "`true`, `false`"
    return _text(field)


def _count(field: Schema) -> str:
    once = ", each once" if field.get("x-kubernetes-list-type") == "set" else ""
    return f"{field.get('minItems', 0)} to {field['maxItems']}{once}"


def _text(field: Schema) -> str:
    form = next((rule["message"] for rule in _rules(field) if _is_form(rule)), "")
    if form:
        return form.removeprefix("must be ")
    return "a time (RFC 3339)" if field.get("format") == "date-time" else "text"


def _default(name: str, field: Schema, whole: Schema) -> str:
    if name in whole.get("required", ()):
        return "must be given"
    default = field.get("default", "")
    return f"`{str(default).lower() if default is False else default}`" if "default" in field else ""


def _meaning(field: Schema) -> str:
    """Its description, and the sentences of rules that neither its form nor its description says already."""
    said = [rule for rule in _rules(field) if "oldSelf" not in rule["rule"] and not _is_form(rule)]
    return " ".join([field["description"], *(f"{rule['message'][0].upper()}{rule['message'][1:]}." for rule in said)])


def _is_form(rule: Mapping[str, str]) -> bool:
    return rule["rule"].startswith("self.matches(")


def _rules(field: Schema) -> list[dict[str, str]]:
    found: list[dict[str, str]] = field.get(rules.VALIDATIONS, [])
    return found


def reasons() -> str:
    """A table of every reason; what a message names is in italics."""
    return "\n".join(["| reason | message |", "|---|---|", *(f"| `{each}` | {_message(each)} |" for each in Reason)])


def _message(reason: Reason) -> str:
    plain = SENTENCES[reason].replace("*", "").replace("|", r"\|")
    return re.sub(r"{(\w+)}", r"*\1*", plain)


def page(text: str) -> str:
    """The page with its generated parts as they are now. Raises ValueError where the place of one is missing."""
    parts = {
        "fields of spec": fields(model.TenantSpec, "spec"),
        "fields of status": fields(model.TenantStatus, "status"),
        "reasons": reasons(),
    }
    for name, part in parts.items():
        begin, end = f"<!-- {name}, made by docs/make_slacktenant.py -->", f"<!-- end of {name} -->"
        text, count = re.subn(
            f"{re.escape(begin)}.*?{re.escape(end)}",
            lambda _, new=f"{begin}\n\n{part}\n\n{end}": new,  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"{PAGE.name} must hold the place of the {name} once")
    return text


def pages() -> dict[Path, str]:
    """The page that there should be, by its file."""
    return {PAGE: page(PAGE.read_text())}


if __name__ == "__main__":
    for path, content in pages().items():
        path.write_text(content)
        sys.stdout.write(f"{path.relative_to(PAGE.parents[1])}\n")

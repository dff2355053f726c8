"""The definition of SlackTenant for Kubernetes, made from model.py (`python -m slacktenant_operator.crd`).

The schema is structural (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/
custom-resource-definitions/#specifying-a-structural-schema): every reference is written out, nothing is nullable.
"""

import sys
from collections.abc import Mapping
from typing import Any, Final, get_args

import msgspec

from slacktenant_operator import model, rules

HEADING: Final = "# Made from operator/slacktenant_operator/model.py by `make docs`.\n"

Schema = dict[str, Any]

COLUMNS: Final = (
    ("Workspace", "string", ".spec.workspace", "Id of the Slack workspace.", 0),
    ("Name", "string", ".status.workspace.name", "What the workspace is called.", 0),
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', "Whether it works.", 0),
    ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', "Why, in one word.", 0),
    ("Suspended", "boolean", ".spec.suspend", "Whether it rests.", 0),
    ("Age", "date", ".metadata.creationTimestamp", "When it was created.", 0),
    ("Message", "string", '.status.conditions[?(@.type=="Ready")].message', "Why, as a sentence.", 1),
    ("App", "string", ".spec.app.appID", "The tenant's own Slack app.", 1),
)
"""Name, type, path, meaning, and 1 for what only `-o wide` shows."""

SELECTABLE: Final = (".spec.workspace", ".spec.suspend")
"""What `kubectl get sltn --field-selector` takes."""


def definition() -> Schema:
    """The CustomResourceDefinition."""
    names = {
        "kind": model.KIND,
        "listKind": f"{model.KIND}List",
        "plural": model.PLURAL,
        "singular": "slacktenant",
        "shortNames": ["sltn"],
        "categories": ["rotavatar"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{model.PLURAL}.{model.GROUP}", "labels": {"app.kubernetes.io/part-of": "rotavatar"}},
        "spec": {"group": model.GROUP, "names": names, "scope": "Namespaced", "versions": [_version()]},
    }


def _version() -> Schema:
    return {
        "name": model.VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "selectableFields": [{"jsonPath": path} for path in SELECTABLE],
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path, "description": meaning, "priority": priority}
            for name, kind, path, meaning, priority in COLUMNS
        ],
        "schema": {"openAPIV3Schema": _object()},
    }


def _object() -> Schema:
    about = (
        "The tenant of one Slack workspace: its credentials, what its members may choose, and whether it works. "
        "All references are to Secrets in its own namespace."
    )
    spec = schema_of(model.TenantSpec)
    spec[rules.VALIDATIONS] = [rules.APP_STAYS.as_schema()]
    return {
        "description": about,
        "type": "object",
        "required": ["spec"],
        "properties": {"spec": spec, "status": schema_of(model.TenantStatus)},
    }


def schema_of(kind: type[model.Part]) -> Schema:
    """The structural schema of a part of the model."""
    whole = msgspec.json.schema(kind)
    return _structural(whole, whole.get("$defs", {}))


def _structural(schema: Mapping[str, Any], named: Mapping[str, Schema]) -> Schema:
    """A schema with its references and alternatives written out, and without what Kubernetes does not take."""
    flat = _inlined(schema, named)
    flat.pop("title", None)
    if "description" in flat:  # of what a docstring says, the first paragraph is for people
        flat["description"] = " ".join(flat["description"].partition("\n\n")[0].split())
    if "enum" in flat:
        flat |= {"type": "string", "enum": _in_order(flat["enum"])}
    if not flat.get("default") and flat.get("default") is not False:
        flat.pop("default", None)  # it says no more than that the field may be absent
    if "properties" in flat:
        flat["properties"] = {name: _structural(each, named) for name, each in flat["properties"].items()}
        flat.pop("default", None)
        if not flat["required"]:
            del flat["required"]
    if "items" in flat:
        flat["items"] = _structural(flat["items"], named)
    return {word: flat[word] for word in sorted(flat, key=_place)}


def _place(word: str) -> int:
    """Where a reader looks for a word of a schema: what it is first, its parts last."""
    first, last = ("description", "type", "default"), ("items", "required", "properties")
    return first.index(word) if word in first else len(first) + (last.index(word) + 1 if word in last else 0)


def _in_order(alternatives: list[str]) -> list[str]:
    """As the model has them: msgspec sorts them, and nobody looks for Friday before Monday."""
    known = (get_args(each) for each in (model.Frequency, model.Weekday))
    return next((list(each) for each in known if set(each) == set(alternatives)), alternatives)


def _inlined(schema: Mapping[str, Any], named: Mapping[str, Schema]) -> Schema:
    own = {word: value for word, value in schema.items() if word not in {"$ref", "$defs", "anyOf"}}
    if "$ref" in schema:
        return _merged(_inlined(named[schema["$ref"].rpartition("/")[2]], named), own)
    if "anyOf" in schema:
        (wanted,) = (each for each in schema["anyOf"] if each.get("type") != "null")
        return _merged(_inlined(wanted, named), own)
    return own


def _merged(below: Schema, above: Schema) -> Schema:
    both = [*below.get(rules.VALIDATIONS, ()), *above.get(rules.VALIDATIONS, ())]
    return {**below, **above, **({rules.VALIDATIONS: both} if both else {})}


if __name__ == "__main__":
    sys.stdout.write(HEADING + msgspec.yaml.encode(definition()).decode())

"""values.yaml, its schema and its page are one: every value is described, used, typed, and nothing else is taken."""

import importlib.util
import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from tests.chart.rendering import CHART, SETS, refusal

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
TEMPLATES = {path.name: path.read_text() for path in (CHART / "templates").iterdir()}
COMPONENTS = ("ingressApi", "rotator", "publisher", "operator")

_spec = importlib.util.spec_from_file_location("make_reference", CHART.parent / "make_reference.py")
assert _spec is not None and _spec.loader is not None
make_reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_reference)


@pytest.mark.parametrize(("name", "text"), make_reference.made().items())
def test_what_is_made_is_what_was_committed(name: str, text: str) -> None:
    assert (CHART / name).read_text() == text, "run `make docs`"


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def nodes(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every value that the schema declares, by path."""
    for key, each in node.get("properties", {}).items():
        yield f"{path}{key}", each
        yield from nodes(each, f"{path}{key}.")


@pytest.mark.parametrize(("path", "node"), list(nodes(SCHEMA)), ids=lambda each: each if isinstance(each, str) else "")
def test_every_value_is_described_typed_and_has_its_default(path: str, node: dict[str, Any]) -> None:
    assert len(node["description"]) > 10, path
    assert "type" in node or "allOf" in node
    validator = jsonschema.Draft7Validator({**node, "definitions": SCHEMA["definitions"]})
    assert not list(validator.iter_errors(node["default"])), "the default is one that it refuses"
    if "properties" in node:
        assert node["additionalProperties"] is False


def test_defaults_of_the_schema_are_those_of_the_values() -> None:
    for path, node in nodes(SCHEMA):
        found: Any = VALUES
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        if found is not None:
            assert node["default"] == found, path


@pytest.mark.parametrize("name", SETS)
def test_every_set_of_values_is_taken(name: str) -> None:
    given = yaml.safe_load((CHART / f"ci/{name}-values.yaml").read_text())
    jsonschema.validate(given, SCHEMA)


def leaves(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of values.yaml; a map that is passed on to Kubernetes is one leaf."""
    described = {name for name, node in nodes(SCHEMA) if "properties" in node}
    for key, value in values.items():
        if ".".join((*path, key)) in described:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


ALL_TEMPLATES = "\n".join(TEMPLATES.values())


def _mentioned(path: tuple[str, ...]) -> bool:
    """Whether a template reads the value by its last names, through whatever variable holds what is before them."""
    endings = [rf"\.{re.escape('.'.join(path[start:]))}\b" for start in range(len(path))]
    listed = rf'"{path[-1]}"'  # in a list of names that are read in a loop
    return any(re.search(ending, ALL_TEMPLATES) for ending in endings) or listed in ALL_TEMPLATES


@pytest.mark.parametrize("path", list(leaves(VALUES)), ids=".".join)
def test_every_value_is_used(path: tuple[str, ...]) -> None:
    assert _mentioned(path)


def test_every_value_that_is_used_exists() -> None:
    used = set(re.findall(r"\.Values((?:\.[A-Za-z]+)+)", ALL_TEMPLATES))
    known = {"", *(f".{path}" for path, _ in nodes(SCHEMA))}
    assert used - known == set()


@pytest.mark.parametrize("section", COMPONENTS)
def test_a_process_may_replace_every_default(section: str) -> None:
    node = SCHEMA["properties"][section]["properties"]
    assert VALUES["defaults"].keys() <= node.keys()


def test_a_value_that_does_not_exist_is_refused_wherever_it_stands() -> None:
    for path, node in [("", SCHEMA), *nodes(SCHEMA)]:
        if node.get("additionalProperties") is False:
            validator = jsonschema.Draft7Validator({**node, "definitions": SCHEMA["definitions"]})
            assert list(validator.iter_errors({"nonsense": 1})), path


def test_helm_refuses_what_the_schema_refuses() -> None:
    said = refusal("trial", values={"rotator": {"replcias": 3}})
    assert "replcias" in said and "rotator" in said
    assert "publicUrl" in refusal("trial", values={"publicUrl": "rotavatar.example.com"})
    assert "topology" in refusal("production", values={"redis": {"external": {"topology": "standalone"}}})


def test_the_chart_can_be_part_of_another() -> None:
    """Helm hands `global` to every subchart."""
    jsonschema.validate({"global": {"anything": 1}}, SCHEMA)


def test_a_value_without_a_description_is_noticed() -> None:
    with pytest.raises(ValueError, match="a has no description"):
        make_reference.schema({"a": 1}, make_reference.notes("a: 1\n"))

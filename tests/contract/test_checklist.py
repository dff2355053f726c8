"""docs/simulator.md says where each promise is proven; the tests that it names exist."""

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE.parent.parent / "docs" / "simulator.md").read_text()
ROW = re.compile(r"^\| (\d+) \|.*$", re.MULTILINE)
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def test_each_line_of_the_checklist_names_tests_that_exist():
    lines: dict[int, list[tuple[str, str]]] = {}
    for row in ROW.finditer(PAGE):
        lines.setdefault(int(row[1]), []).extend(NAMED.findall(row[0]))
    assert sorted(lines) == [*range(1, 11)]
    for named in lines.values():
        assert named
        for file, test in named:
            assert f"def {test}(" in (HERE / file).read_text(), f"{file}::{test}"

"""The documentation says what the code says: what follows from the code is as it was generated, and names exist."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer.main
from docs import draw_sequences, make_slacktenant, make_tables

from rotavatar import keys
from rotavatar.settings import every_setting
from rotavatar_cli.main import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
RUNBOOK = sorted(DOCS.glob("runbooks/*.md"))
FOR_PEOPLE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES, *RUNBOOK]


def name(path: Path) -> str:
    return path.name


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


MADE = {**make_tables.pages(), **make_slacktenant.pages()}


@pytest.mark.parametrize(("path", "page"), MADE.items(), ids=lambda each: getattr(each, "name", ""))
def test_pages_made_from_the_code_are_as_the_code_says(path: Path, page: str) -> None:
    assert path.read_text() == page, "run `make docs`"


@pytest.mark.parametrize(
    ("path", "picture"), draw_sequences.pictures().items(), ids=lambda each: getattr(each, "name", "")
)
def test_sequences_are_drawn_as_they_are_described(path: Path, picture: str) -> None:
    assert path.read_text() == picture, "run `make docs`"


@pytest.mark.parametrize(
    "text", ["title: x\nactors: a Anna\nanna stands up", "title: x\nactors: a A | b B\na -> c: hello"]
)
def test_a_line_that_means_nothing_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text.splitlines()[-1])):
        draw_sequences.draw(text)


def test_every_key_is_in_the_data_model() -> None:
    page = (DOCS / "data-model.md").read_text()
    shown = {"workspace": "<workspace>", "user": "<user>", "enterprise": "<enterprise>", "subject": "<user>"}
    missing = []
    for function in vars(keys).values():
        if not inspect.isfunction(function) or function in (keys.partition_of, keys.tag, keys._of):
            continue
        given = {each: shown.get(each, f"<{each}>") for each in inspect.signature(function).parameters}
        if "partition" in given:
            key = function(7)
        else:
            assert set(get_type_hints(function)) - {"return"} == set(given)
            key = function(**given)
        documented = re.sub(r"\{p\d\d\}", "{pNN}", key) if function is not keys.consent else key
        if f"`{documented}`" not in page:
            missing.append(documented)
    assert not missing
    assert f"`{keys.LAYOUT}`" in page
    assert f"`{keys.APPS}`" in page
    assert f"`{keys.APP_SOURCES}`" in page


@pytest.mark.parametrize("page", FOR_PEOPLE, ids=name)
def test_settings_that_are_named_exist(page: Path) -> None:
    known = {setting.variable for setting, _ in every_setting().values()}
    for found in set(re.findall(r"ROTAVATAR_[A-Z0-9_]*[A-Z0-9]", page.read_text())):
        assert found.removesuffix("_FILE") in known


@pytest.mark.parametrize("page", FOR_PEOPLE, ids=name)
def test_metrics_that_are_named_exist(page: Path) -> None:
    known = set(re.findall(r"`(rotavatar_\w+)`", make_tables.metrics_page()))
    packages = {"rotavatar_cli", "rotavatar_catalogue"}
    for found in set(re.findall(r"\brotavatar_[a-z_]+\b", page.read_text())) - packages:
        assert found in known or re.sub("_(bucket|count|sum)$", "", found) in known


@pytest.mark.parametrize("page", FOR_PEOPLE, ids=name)
def test_commands_that_are_shown_exist(page: Path) -> None:
    for shown in fenced(page, "sh"):
        for line in re.findall(r"(?:^|[ /;])rotavatar ((?:--dev )?[a-z].*)$", shown, re.MULTILINE):
            words = line.removeprefix("--dev ").split("#")[0].split()
            command: Any = typer.main.get_command(app)
            while hasattr(command, "commands"):
                assert words[0] in command.commands, line
                command = command.commands[words.pop(0)]
            if command.name == "catalogue":
                continue  # its options are argparse's
            known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
            assert {word for word in words if word.startswith("--")} <= known, line


def test_log_events_that_operators_are_told_of_exist() -> None:
    logged = set()
    for source in [*(ROOT / "services").rglob("*.py"), *(ROOT / "operator").rglob("*.py")]:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                logged.add(node.value)
    told = re.findall(r"`([a-z]+(?: [a-z]+)+)`", (DOCS / "failure-modes.md").read_text())
    events = {each for each in told if not each.startswith(("rotavatar ", "appendfsync "))}
    assert events
    assert not events - logged


def logged_fields() -> set[str]:
    """The names that calls of `log.<level>` give, in everything that runs."""
    levels = {"debug", "info", "warning", "error", "exception"}
    calls = [
        node
        for folder in ("services", "operator")
        for source in (ROOT / folder).rglob("*.py")
        if not {"rotavatar_cli", "rotavatar_catalogue"} & set(source.parts)
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in levels
    ]
    return {keyword.arg for call in calls for keyword in call.keywords if keyword.arg}


def test_fields_of_the_logs_are_described() -> None:
    page = (DOCS / "logs.md").read_text()
    rows = re.findall(r"^\| (`[^|]+) \|", page.partition("## One request")[0], re.MULTILINE)
    described = {field for row in rows for field in re.findall(r"`(\w+)`", row)}
    assert logged_fields() <= described


@pytest.mark.parametrize("page", FOR_PEOPLE, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', text)
    inside = [target.partition("#")[0] for target in targets if "://" not in target and not target.startswith("#")]
    assert not [target for target in inside if not (page.parent / target).exists()]


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r"^([a-z-]+)$", "\n".join(fenced(DOCS / "index.md", r"\{toctree\}")), re.MULTILINE)
    assert sorted(listed) == [page.stem for page in PAGES if page.stem != "index"]


@pytest.mark.slow
def test_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-d", str(tmp_path / "cache"),
         "--builder", "html", str(DOCS), str(tmp_path / "site")],
        capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    pages = [page.read_text() for page in (tmp_path / "site").glob("*.html")]
    assert len(pages) > len(PAGES)
    loaded = [
        address for page in pages for address in re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="([^"]+)"', page)
    ]
    assert not [address for address in loaded if "://" in address]

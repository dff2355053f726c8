"""The scripts behind make, where something is missing: one sentence that says what to do."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without an environment."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    return tmp_path


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def run(checkout: Path, *command: str, **changed: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **changed}
    return subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_too_old_python_is_named(checkout: Path) -> None:
    old = program(checkout / "old/python", 'test "$1" = --version && echo Python 3.10.9')
    ended = run(checkout, "scripts/environment", PYTHON=str(old))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Rotavatar needs Python 3.11 or newer, and {old} is Python 3.10.9: ")
    assert not (checkout / ".venv").exists()


def test_missing_python_is_named(checkout: Path) -> None:
    ended = run(checkout, "scripts/environment", PYTHON="python-of-nobody")
    assert ended.returncode == 1
    assert "python-of-nobody is not there" in ended.stderr


def test_package_that_may_not_be_installed_is_one_sentence(checkout: Path) -> None:
    tools = checkout / "tools"
    program(tools / "id", "echo 1000")
    program(tools / "sudo", "exit 1")
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    ended = run(
        checkout, "scripts/system-package", "redis-server", "the tests need a Redis 7 server", "redis", PATH=path
    )
    assert ended.returncode == 1
    assert ended.stderr == (
        "the tests need a Redis 7 server: please install it "
        "(Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis)\n"
    )


def test_failed_installation_shows_why(checkout: Path) -> None:
    tools = checkout / "tools"
    program(tools / "id", "echo 0")
    program(tools / "apt-get", "echo no space left >&2; exit 100")
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    ended = run(checkout, "scripts/system-package", "chromium", "the browser tests need Chromium", PATH=path)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "no space left",
        "the browser tests need Chromium, and apt-get could not install chromium: please install it",
    ]

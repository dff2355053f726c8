"""The Dockerfile: each image holds its process, whose own dependencies are enough to start it."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec
import pytest
import yaml

from rotavatar import VERSION
from tests.chart.rendering import component, render

ROOT: Final = Path(__file__).parents[2]
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text()
IMAGES: Final = {
    "ingress-api": "ingress_api",
    "rotator": "rotator",
    "publisher": "publisher",
    "operator": "slacktenant_operator",
    "toolbox": "rotavatar_cli",
}
"""The Python package that each image runs, by target."""


class Stage(msgspec.Struct, frozen=True):
    """A stage of the Dockerfile: its base, and its instructions with continued lines joined."""

    base: str
    lines: list[str]

    def all(self, instruction: str) -> list[str]:
        """What stands behind an instruction, each time."""
        return [line.split(" ", 1)[1] for line in self.lines if line.startswith(f"{instruction} ")]


def stages() -> dict[str, Stage]:
    found: dict[str, Stage] = {}
    for line in re.sub(r"\\\n\s*", "", DOCKERFILE).splitlines():
        if start := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
            found[start[2]] = Stage(start[1], [])
        elif line and not line.startswith("#") and found:
            next(reversed(found.values())).lines.append(line)
    return found


STAGES: Final = stages()


def test_hadolint_has_nothing_to_complain_of() -> None:
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_image_of_the_chart_has_its_target() -> None:
    used = {component(each) for each in render("trial").of("Deployment")}
    assert used == IMAGES.keys() <= STAGES.keys()


def test_what_images_are_made_from_is_pinned_by_digest() -> None:
    assert re.search(r"^ARG PYTHON=\S+:\S+@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    assert {stage.base for stage in STAGES.values()} == {"${PYTHON}", "python", "runtime"}
    installed = [line for stage in STAGES.values() for line in stage.all("RUN") if " install " in line]
    assert len(installed) == len(IMAGES) + 1
    assert all("--require-hashes" in line for line in installed)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_its_process_as_nobody(image: str) -> None:
    assert STAGES[image].base == "runtime"
    assert STAGES["runtime"].all("USER") == ["65532:65532"]
    assert not STAGES[image].all("USER")
    (entry,) = STAGES[image].all("ENTRYPOINT")
    words = msgspec.json.decode(entry, type=list[str])
    assert words == (["rotavatar"] if image == "toolbox" else ["python", "-m", IMAGES[image]])


def test_images_say_what_they_are() -> None:
    (labels,) = STAGES["runtime"].all("LABEL")
    for name in ("title", "description", "licenses", "source", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in labels


def test_the_version_of_images_is_that_of_the_project() -> None:
    (version,) = set(re.findall(r"^ARG VERSION=(\S+)$", DOCKERFILE, re.MULTILINE))
    assert version == VERSION
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text()
    assert f"appVersion: {version}\n" in (ROOT / "charts/rotavatar/Chart.yaml").read_text()


def test_pictures_come_with_the_images_that_show_them() -> None:
    with_pictures = {image for image in IMAGES if any("--from=pictures" in line for line in STAGES[image].all("COPY"))}
    assert with_pictures == {"ingress-api", "rotator", "publisher", "toolbox"}
    assert "/usr/share/rotavatar/catalogue" in render("trial").variables("rotator").values()


def test_a_release_builds_every_image_with_pinned_tools_and_few_rights() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    assert workflow["permissions"] == {}
    assert set(workflow["jobs"]["images"]["strategy"]["matrix"]["image"]) == IMAGES.keys()
    for job in workflow["jobs"].values():
        assert job["permissions"]["contents"] == "read"
        for step in job["steps"]:
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step.get("uses", "a/b@" + "0" * 40)), step
            # What others choose reaches a script as a variable only, so that it cannot be part of it.
            assert "${{" not in step.get("run", ""), step


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_else_than_its_code_is_in_an_image(image: str) -> None:
    code = {source.split("/")[-1] for source, _ in copied(image)}
    assert {"rotavatar", IMAGES[image]} <= code
    assert code <= {"rotavatar", IMAGES[image], *(["rotavatar_catalogue"] if image == "toolbox" else [])}


def copied(image: str) -> list[tuple[str, str]]:
    """The folders of code in an image: where they come from, and their place in the image."""
    pairs = [line.split() for line in STAGES[f"{image}-packages"].all("COPY")]
    return [(source, place) for source, place in pairs if place.startswith("app/")]


@pytest.fixture(params=IMAGES)
def unpacked(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, Path]:
    """An image as files: its name, the Python of an environment with its pins alone, and its folder of code."""
    image: str = request.param
    requirements = next(line.split()[0] for line in STAGES[f"{image}-packages"].all("COPY") if "/tmp/req" in line)
    for source, place in copied(image):
        shutil.copytree(ROOT / source, tmp_path / place, ignore=shutil.ignore_patterns("__pycache__"))
    return image, environment(image, ROOT / requirements), tmp_path / "app"


def environment(image: str, requirements: Path) -> Path:
    """The Python of an environment with these pins alone, made once for each content of the file."""
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    folder = ROOT / ".cache/images" / f"{image}-{sys.version_info.minor}-{digest}"
    python, ready = folder / "bin/python", folder / "ready"
    if not ready.exists():
        uv = Path(sys.executable).with_name("uv")
        steps: tuple[list[str | Path], ...] = (
            ["venv", "--quiet", "--clear", "--python", sys.executable, folder],
            ["pip", "sync", "--quiet", "--require-hashes", "--python", python, requirements],
        )
        for words in steps:
            done = subprocess.run([uv, *words], capture_output=True, text=True, check=False, timeout=280)
            assert done.returncode == 0, done.stderr
        ready.touch()
    return python


def test_a_process_starts_with_its_own_requirements(unpacked: tuple[str, Path, Path]) -> None:
    """All of it is imported, and then it says which settings are missing: the exit code for that is 2."""
    image, python, code = unpacked
    environ = {"PYTHONPATH": str(code), "PATH": "/usr/bin:/bin"}
    modules = [
        ".".join(path.relative_to(code).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((code / IMAGES[image]).rglob("*.py"))
        if path.name != "__main__.py" and "dev" not in path.relative_to(code).parts
    ]
    assert len(modules) > 5
    importing = f"import importlib\nfor name in {modules!r}: importlib.import_module(name)"
    done = subprocess.run(
        [python, "-c", importing], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    words = ["doctor", "--no-outside"] if image == "toolbox" else []
    done = subprocess.run(
        [python, "-m", IMAGES[image], *words], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert "ROTAVATAR_REDIS_URL is missing" in " ".join((done.stdout + done.stderr).split())
    assert done.returncode == (1 if image == "toolbox" else 2)

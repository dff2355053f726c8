"""How each program is started: its arguments, and nothing else. Everything listens on 127.0.0.1."""

from pathlib import Path
from typing import Any, Final

HOST: Final = "127.0.0.1"
ISSUER: Final = "https://kubernetes.default.svc"
SERVICE_ADDRESSES: Final = "10.0.0.0/24"

ADVERTISED: Final = "192.0.2.1"
"""The address in the endpoints of the service `kubernetes`, which may not be a loopback one. It is of the block for
documentation (RFC 5737): nothing here asks for it, and a machine without any other network starts all the same."""

AUDIT_POLICY: Final = (
    '{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], '
    '"rules": [{"level": "Metadata"}]}'
)
"""Who did what, and never a body."""

AUDIT_MEGABYTES: Final = "10000"
"""Before the audit log is rotated: never, as its reader follows one file."""


def etcd(program: Path, data: Path, *, port: int, peer_port: int, durable: bool) -> list[str]:
    """One member that is its whole cluster; `durable` makes it wait for the disk at each write."""
    clients, peers = f"http://{HOST}:{port}", f"http://{HOST}:{peer_port}"
    return [
        str(program),
        f"--data-dir={data}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--logger=zap",
        "--log-level=warn",
        *([] if durable else ["--unsafe-no-fsync"]),
    ]


def api_server(
    program: Path, *, etcd_port: int, port: int, certificates: Path, token_file: Path, signing_key: Path
) -> list[str]:
    """RBAC, static tokens and tokens of service accounts; it makes its own certificate in `certificates`."""
    return [
        str(program),
        f"--etcd-servers=http://{HOST}:{etcd_port}",
        f"--bind-address={HOST}",
        f"--secure-port={port}",
        f"--advertise-address={ADVERTISED}",
        f"--cert-dir={certificates}",
        f"--service-cluster-ip-range={SERVICE_ADDRESSES}",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={signing_key}",
        f"--service-account-signing-key-file={signing_key}",
        f"--token-auth-file={token_file}",
        "--authorization-mode=RBAC",
    ]


def auditing(policy: Path, log: Path) -> list[str]:
    """Further arguments of an API server that writes down who did what."""
    return [
        f"--audit-policy-file={policy}",
        f"--audit-log-path={log}",
        f"--audit-log-maxsize={AUDIT_MEGABYTES}",
    ]


def controllers(program: Path, *, kubeconfig: Path, signing_key: Path, ca: Path) -> list[str]:
    """All controllers but the one that cuts networks for nodes, each as a service account of its own."""
    return [
        str(program),
        f"--kubeconfig={kubeconfig}",
        "--controllers=*,-node-ipam-controller",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={signing_key}",
        f"--root-ca-file={ca}",
        "--leader-elect=false",
        "--secure-port=0",
    ]


def scheduler(program: Path, *, configuration: Path) -> list[str]:
    """Binds pods to nodes; the file holds what `scheduling` makes."""
    return [str(program), f"--config={configuration}", "--secure-port=0"]


def scheduling(kubeconfig: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """The configuration of a scheduler that looks after the pods which ask for one of `names`."""
    return {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "leaderElection": {"leaderElect": False},
        "profiles": [{"schedulerName": name} for name in names],
    }


def kwok(program: Path, *, kubeconfig: Path, stages: tuple[str, ...], annotation: str) -> list[str]:
    """Looks after the nodes with `annotation`; without `stages`, which lie beside it, it does nothing and ends."""
    return [
        str(program),
        f"--kubeconfig={kubeconfig}",
        *(f"--config={program.parent / stage}" for stage in stages),
        "--manage-all-nodes=false",
        f"--manage-nodes-with-annotation-selector={annotation}",
        "--node-lease-duration-seconds=40",
    ]

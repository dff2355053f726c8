"""A control plane with thousands of SlackTenants, each with its Secret, that goes back to the same state again."""

import asyncio
import base64
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.audit_trail import AuditTrail
from benchmarks.kubernetes_client import TENANTS, Body, KubernetesClient, at_once
from benchmarks.population import workspace_name
from control_plane import audit
from control_plane.plane import ControlPlane, Options, running
from rotavatar.keys import Workspace
from tests.cluster.accounts import make_account
from tests.cluster.operating import grant
from tests.cluster.tenants import install_definition

NAMESPACE: Final = "tenants"
COLLECTION: Final = f"{TENANTS}/namespaces/{NAMESPACE}/slacktenants"
SECRETS: Final = f"/api/v1/namespaces/{NAMESPACE}/secrets"
OPERATOR: Final = "rotavatar-operator"
YARDSTICK: Final = "yardstick"
SEEDERS: Final = 32
SETTLE_SECONDS: Final = 2.0

_TENANTS_OF_YARDSTICK: Final = {
    "apiGroups": ["rotavatar.dev"],
    "resources": ["slacktenants", "slacktenants/status"],
    "verbs": ["get", "list", "watch", "patch"],
}


class Tenants:
    """`count` tenants on a control plane of their own, seeded once."""

    def __init__(self, plane: ControlPlane, folder: Path, count: int) -> None:
        self.plane, self.folder, self.count = plane, folder, count
        self.operator_kubeconfig = folder / "operator.kubeconfig"
        self.numbers = range(count)

    def seed(self) -> None:
        """Make accounts, tenants and Secrets, and keep that state."""
        self.plane.api.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        install_definition(self.plane)
        grant(self.plane, NAMESPACE, self.folder, "cluster")
        make_account(self.plane, NAMESPACE, YARDSTICK, self.folder, rules=[], cluster_rules=[_TENANTS_OF_YARDSTICK])
        asyncio.run(self._seed())
        self.plane.snapshot(self.folder / "seeded")

    def restore(self) -> None:
        """Go back to tenants that nobody has seen yet."""
        self.plane.restore(self.folder / "seeded")

    def kubeconfig(self, account: str) -> Path:
        """A file for KUBECONFIG with which a program is that account."""
        return self.plane.account_kubeconfig(NAMESPACE, account, self.folder / f"{account}.kubeconfig")

    def client(self, account: str = "") -> KubernetesClient:
        """A connection as that account, or as the administrator, whom no fairness limit holds up."""
        token = self.plane.token(NAMESPACE, account) if account else _token_of(self.plane.kubeconfig)
        return KubernetesClient(self.plane.url, self.plane.ca, token)

    def trail(self, account: str) -> AuditTrail:
        """What that account does from now on."""
        return AuditTrail(self.plane.audit_log, audit.username(NAMESPACE, account))

    def watchers_terminated(self) -> int:
        """How many watches this API server has ended because they were too slow, since its start."""
        page = str(self.plane.api.get("/metrics")["text"])
        found = re.findall(r"^apiserver_terminated_watchers_total\{[^}]*\} (\S+)", page, re.MULTILINE)
        return int(sum(map(float, found)))

    def ready(self) -> int:
        """How many tenants say of their present generation that they are ready."""
        return sum(map(_is_ready, asyncio.run(self._listed())))

    async def _listed(self) -> list[Body]:
        async with self.client() as client:
            return await client.items(COLLECTION)

    async def _seed(self) -> None:
        async with self.client() as client:

            async def make(number: int) -> None:
                await client.request("POST", SECRETS, secret(number))
                await client.request("POST", COLLECTION, tenant(number))

            await at_once(SEEDERS, make, self.numbers)


def name_of(number: int) -> str:
    """The name of a tenant, and of its Secret."""
    return f"tenant-{number:05d}"


def bot_token(workspace: Workspace, generation: int) -> str:
    """A token from which the stub of Slack reads whose it is; as long as Slack's are."""
    return f"xoxb-{workspace}-{generation:06d}-".ljust(57, "n")


def secret(number: int, *, generation: int = 0) -> Body:
    """The Secret of a tenant."""
    encoded = base64.b64encode(bot_token(workspace_name(number), generation).encode()).decode()
    labels = {"rotavatar.dev/credential": "true"}
    return {"metadata": {"name": name_of(number), "labels": labels}, "data": {"token": encoded}}


def tenant(number: int) -> Body:
    """A tenant as people declare it."""
    policy: dict[str, Any] = {
        "frequencies": {"allowed": ["4h", "1d", "1w"], "default": "1d"},
        "quietHours": {"from": "20:00", "to": "07:00"},
        "zone": "Europe/Berlin",
    }
    name = name_of(number)
    reference = {"name": name, "key": "token"}
    return {
        "apiVersion": "rotavatar.dev/v1alpha1",
        "kind": "SlackTenant",
        "metadata": {"name": name},
        "spec": {
            "workspace": workspace_name(number),
            "botToken": reference,
            "policy": policy,
            "resyncPeriod": "24h",
        },
    }


@contextmanager
def seeded(count: int) -> Iterator[Tenants]:
    """`count` tenants, each with its Secret, seen by nobody."""
    with tempfile.TemporaryDirectory(prefix="rv-bench-") as name:
        folder = Path(name)
        with running(folder, Options(audit=True)) as plane:
            tenants = Tenants(plane, folder, count)
            tenants.seed()
            yield tenants


def _is_ready(body: Body) -> bool:
    status = body.get("status", {})
    if status.get("observedGeneration") != body["metadata"]["generation"]:
        return False
    return any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", []))


def _token_of(kubeconfig: Path) -> str:
    return str(json.loads(kubeconfig.read_text())["users"][0]["user"]["token"])

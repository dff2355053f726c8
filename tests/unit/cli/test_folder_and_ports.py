import os
import socket
from pathlib import Path

import pytest

from rotavatar.keyring import parse_keys
from rotavatar_cli.dev import ports, programs
from rotavatar_cli.dev.folder import Folder, write_environment, write_private
from rotavatar_cli.errors import CommandError
from rotavatar_cli.session import Environment


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.make()
    return made


def test_secrets_are_made_once_and_readable_by_their_owner_only(folder: Folder) -> None:
    first = folder.secrets()
    assert folder.secrets() == first
    assert first.client_secret != first.signing_secret
    assert first.client_secret not in repr(first)
    assert len(parse_keys(folder.vault_keys.read_text())) == 1
    for file in folder.path.iterdir():
        if file.name in ("secrets.json", "vault-keys"):
            assert file.stat().st_mode & 0o777 == 0o600
    assert folder.path.stat().st_mode & 0o077 == 0


def test_git_ignores_the_folder_wherever_it_lies(folder: Folder) -> None:
    assert (folder.path / ".gitignore").read_text() == "*\n"


def test_damaged_secrets_are_named(folder: Folder) -> None:
    (folder.path / "secrets.json").write_text("{")
    with pytest.raises(CommandError, match="is damaged: start again with `rotavatar dev --reset`"):
        folder.secrets()


def test_a_reset_keeps_the_avatars_and_nothing_else(folder: Folder) -> None:
    before = folder.secrets()
    for file in (folder.valkey / "aof", folder.slack, folder.photos / "own", folder.catalogue / "current"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("x")
    folder.reset()
    assert [file for file in folder.path.rglob("*") if file.is_file() and file.name != ".gitignore"] == [
        folder.catalogue / "current"
    ]
    folder.make()
    assert folder.secrets() != before


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, b"new")
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_only_one_may_run_in_a_folder(folder: Folder) -> None:
    refusal = pytest.raises(CommandError, match=f"already runs in .* as process {os.getpid()}")
    with folder.alone(), refusal, folder.alone():
        pass
    with folder.alone():
        pass


def test_free_ports_differ() -> None:
    chosen = ports.choose(0)
    assert len({getattr(chosen, name) for name in chosen.__struct_fields__}) == len(chosen.__struct_fields__)


def test_ports_follow_the_first_one() -> None:
    first = next(base for base in range(18300, 30000, 7) if all(ports._is_free(base + n) for n in range(7)))
    assert ports.choose(first) == ports.Ports(
        page=first,
        ingress=first + 1,
        ingress_metrics=first + 2,
        rotator_metrics=first + 3,
        publisher_metrics=first + 4,
        valkey=first + 5,
        operator_metrics=first + 6,
    )


def test_a_taken_port_is_named_with_its_holder_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert str(ports.holder(port)).startswith(f"process {os.getpid()} (")
        with pytest.raises(CommandError) as said:
            ports.choose(port - 1)
    assert f"{port} for ingress_api is taken by process {os.getpid()}" in str(said.value)
    assert f"--port {port + 99}" in str(said.value)


def test_nobody_holds_a_free_port() -> None:
    port = ports.choose(0).page
    assert ports.holder(port) is None


def test_the_settings_of_a_folder_with_an_odd_name_are_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "Amara's photos = $HOME"
    base.mkdir()
    folder = Folder(base)
    folder.make()
    shared = programs.settings(folder=folder, ports=ports.choose(0), secrets=folder.secrets(), log_level="info")
    write_environment(folder, shared)
    monkeypatch.chdir(base)
    assert Environment.given(dev=True).variables == shared

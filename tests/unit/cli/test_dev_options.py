"""What `rotavatar dev` refuses before it does anything, and what its options tell the processes."""

from pathlib import Path

import pytest

from rotavatar_cli.dev import ports, programs
from rotavatar_cli.dev.folder import Folder
from rotavatar_cli.main import run


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--install-policy", "declared"], 2, "--install-policy declared needs --kubernetes"),
        (["--without", "operator"], 2, "there is only slack, ingress_api, rotator, publisher"),
        (["--kubernetes", "--without", "kubernetes"], 2, "slack, ingress_api, rotator, publisher, operator"),
    ],
)
def test_what_makes_no_sense_is_refused(
    options: list[str], code: int, said: str, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dev", *options]) == code
    assert said in capsys.readouterr().err
    assert list(base.iterdir()) == []


def test_an_installation_without_the_tools_says_which_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tools = programs.NEEDED_WITH_KUBERNETES
    monkeypatch.setattr(programs, "find_spec", lambda name: None if name in tools else object())
    assert run(["dev", "--kubernetes"]) == 1
    assert "This needs control_plane, slacktenant_operator" in capsys.readouterr().err
    assert programs.missing() == []


@pytest.mark.parametrize("kubernetes", [False, True])
def test_the_processes_are_told_of_the_policy_and_of_the_namespace(base: Path, kubernetes: bool) -> None:
    folder = Folder(base)
    folder.make()
    shared = programs.settings(
        folder=folder,
        ports=ports.choose(0),
        secrets=folder.secrets(),
        log_level="info",
        install_policy="approve",
        kubernetes=kubernetes,
    )
    assert shared["ROTAVATAR_INSTALL_POLICY"] == "approve"
    assert ("ROTAVATAR_INSTALL_NAMESPACE" in shared) is kubernetes


def test_a_reset_leaves_word_of_tenants_only_where_there_is_a_cluster(base: Path) -> None:
    folder = Folder(base)
    folder.make()
    folder.reset()
    assert not folder.stale_tenants.exists()
    for made in (folder.cluster, folder.kubernetes):
        made.mkdir()
        (made / "file").touch()
    folder.reset()
    assert folder.stale_tenants.exists()
    assert (folder.cluster / "file").exists()
    assert not folder.kubernetes.exists()

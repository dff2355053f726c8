"""The program of `helm test`, run against a real ingress: it passes where all works and says what does not."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ingress as at
from tests.chart.rendering import CHART, render
from tests.servers import Server

PROBE = CHART / "files/probe.py"


@pytest.fixture
def served(valkey: Server, tmp_path: Path) -> Iterator[at.Ingress]:
    folder = tmp_path / "catalogue"
    at.draw(folder)
    process = at.start_ingress(at.environment(redis_url=valkey.url, catalogue=folder))
    with process:
        yield process


def probe(*words: str, tries: int = 20) -> subprocess.CompletedProcess[str]:
    """As the Job runs it, but with fewer tries where it shall fail."""
    code = f"import runpy, sys; sys.argv = {['probe.py', *words]}; m = runpy.run_path({str(PROBE)!r}); "
    code += f"m['main'].__globals__.update(TRIES={tries}, WAIT_SECONDS=0.5); sys.exit(m['main'](*sys.argv[1:]))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=200)


def test_a_working_installation_passes(served: at.Ingress, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{at.SECRET},{at.OLD_SECRET}\n")
    done = probe(served.url, served.metrics_url, str(secret))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Slack's requests are verified")


def test_another_signing_secret_is_named(served: at.Ingress, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not-that-of-the-app")
    done = probe(served.url, served.metrics_url, str(secret), tries=1)
    assert done.returncode == 1
    assert "is this the app's signing secret?" in done.stderr


def test_no_answer_is_said(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    done = probe("http://127.0.0.1:9", "http://127.0.0.1:9", str(secret), tries=1)
    assert done.returncode == 1
    assert "no answer" in done.stderr


def test_the_job_runs_this_program_with_these_addresses() -> None:
    rendered = render("production")
    spec = rendered.one("Job")["spec"]["template"]["spec"]["containers"][0]
    assert spec["command"] == ["python", "/probe/probe.py"]
    assert spec["args"] == [
        "http://rotavatar-ingress-api:80",
        "http://rotavatar-ingress-api-metrics:9090",
        "/run/secrets/rotavatar/slack-signing-secret",
    ]
    assert rendered.one("ConfigMap", "-test")["data"]["probe.py"] == PROBE.read_text()
    assert rendered.one("Job")["metadata"]["annotations"]["helm.sh/hook"] == "test"

"""What Helm prints after an installation names the next commands, and how to leave."""

import re

import pytest
import typer.main

from rotavatar_cli.main import app
from tests.chart.rendering import NAMESPACE, SETS, notes, render


@pytest.mark.parametrize("name", SETS)
def test_commands_that_are_told_exist(name: str) -> None:
    said = notes(name)
    names = {each["metadata"]["name"] for each in render(name).of("Deployment")}
    assert set(re.findall(r"deployment[ /](\S+?-\S+)", said)) - {"--selector"} <= names
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    told = re.findall(r"-- rotavatar ([a-z-]+)", said)
    assert set(told) == {"doctor", "manifest", "teardown"}
    assert set(told) <= commands.keys()
    assert f"helm test rotavatar --namespace {NAMESPACE}" in said


@pytest.mark.parametrize("name", SETS)
def test_leaving_begins_with_giving_photos_back(name: str) -> None:
    said = notes(name)
    assert 0 < said.index("rotavatar teardown --yes") < said.index("and only then: helm uninstall")


def test_what_is_open_or_for_trials_is_said() -> None:
    trial, production = notes("trial"), notes("production")
    for sentence in (
        "Nothing leads from outside",
        "name your ingress controller",
        "is for trials",
        "are on one volume",
    ):
        assert sentence in trial
        assert sentence not in production

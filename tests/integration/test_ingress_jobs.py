"""What Slack sends becomes one job each, through a real process and a real Redis."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rotavatar import keys
from rotavatar.keys import Workspace
from rotavatar.messages import (
    FrequencyChosen,
    Job,
    LeaveAsked,
    MemberMessage,
    PackChosen,
    Paused,
    PublishAsked,
    ShuffleAsked,
    StatusAsked,
    TokensRevoked,
    decode,
)
from tests import ingress as at
from tests.ingress import Ingress, signed
from tests.patience import SECONDS
from tests.servers import Server

PARTITION = keys.partition_of(Workspace(at.TEAM))


@pytest.fixture(scope="module")
def running(_valkey_session: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingress]:
    folder = tmp_path_factory.mktemp("catalogue")
    at.draw(folder)
    process = at.start_ingress(at.environment(redis_url=_valkey_session.url, catalogue=folder))
    with process:
        yield process
        assert process.stop() == 0
    assert not [line for line in process.output if "Traceback" in line]


@pytest.fixture
def send(running: Ingress, valkey: Server) -> Any:
    with httpx.Client(base_url=running.url, timeout=SECONDS) as client:

        def post(path: str, body: bytes, **headers: str) -> httpx.Response:
            return client.post(path, content=body, headers={**signed(body), **headers})

        yield post


def jobs(valkey: Server) -> list[Job]:
    streams = (keys.schedule_jobs(PARTITION), keys.publish_jobs(PARTITION))
    return [decode(entry[1][b"j"]) for name in streams for entry in valkey.command("XRANGE", name, "-", "+")]


def test_an_opened_home_tab_asks_for_a_publish(send: Any, valkey: Server) -> None:
    opened = at.home_opened(view={"id": "V1", "private_metadata": "digest-1", "blocks": [{"type": "divider"}]})
    assert send("/slack/events", json.dumps(opened).encode()).status_code == 200
    (job,) = jobs(valkey)
    assert isinstance(job, PublishAsked)
    assert (job.workspace, job.user, job.looking, job.shown) == (at.TEAM, at.USER, True, "digest-1")


def test_a_repeated_event_says_the_same_again(send: Any, valkey: Server) -> None:
    body = json.dumps(at.event("tokens_revoked", tokens={"oauth": [at.USER]})).encode()
    again = {"x-slack-retry-num": "1", "x-slack-retry-reason": "http_timeout"}
    assert send("/slack/events", body).status_code == send("/slack/events", body, **again).status_code == 200
    first, second = jobs(valkey)
    assert isinstance(first, TokensRevoked)
    assert first == second


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (at.click("frequency", value="3600"), (FrequencyChosen, {"seconds": 3600})),
        (at.click("pack", value="shapes"), (PackChosen, {"pack": "shapes"})),
        (at.click("pause"), (Paused, {"until": None})),
        (at.click("shuffle"), (ShuffleAsked, {})),
        (at.click("forget"), (LeaveAsked, {"forget": True})),
        (at.click("refresh"), (PublishAsked, {"looking": True, "shown": ""})),
    ],
)
def test_a_click_becomes_its_job(
    send: Any, valkey: Server, payload: dict[str, Any], expected: tuple[type[Any], dict[str, Any]]
) -> None:
    assert send("/slack/interactions", at.form(payload)).status_code == 200
    (job,) = jobs(valkey)
    kind, fields = expected
    assert isinstance(job, MemberMessage)
    assert type(job) is kind
    assert {name: getattr(job, name) for name in fields} == fields
    assert (job.workspace, job.user) == (at.TEAM, at.USER)
    assert abs(job.at - float(payload["actions"][0]["action_ts"]) * 1000) < 2


def test_a_command_becomes_its_job(send: Any, valkey: Server) -> None:
    answer = send("/slack/commands", at.command("status"))
    assert (answer.status_code, answer.content) == (200, b"")
    (job,) = jobs(valkey)
    assert isinstance(job, StatusAsked)
    assert job.reply == "https://hooks.slack.com/commands/T/1/x"

"""Line 3: url_verification with its three accepted answers, and ssl_check."""

from collections.abc import Callable

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tests.contract.receiver import Receiver
from tests.contract.test_signing import official

ANSWERS: dict[str, Callable[[str], Response]] = {
    "plain": PlainTextResponse,
    "form": lambda c: Response(f"challenge={c}", media_type="application/x-www-form-urlencoded"),
    "json": lambda c: JSONResponse({"challenge": c}),
}


@pytest.mark.parametrize("form", ANSWERS)
async def test_each_documented_answer_is_accepted(sim, app: Receiver, form):
    async def answering(received):
        return ANSWERS[form](received.json["challenge"])

    app.answering = answering
    assert await sim.slack.delivery.verify_url(sim.slack.app, app.url)
    (received,) = app.received
    assert set(received.json) == {"token", "challenge", "type"}
    assert received.json["type"] == "url_verification"
    assert official(received)


@pytest.mark.parametrize("answer", [Response(status_code=200), PlainTextResponse("no"), JSONResponse(["challenge"])])
async def test_anything_else_is_refused(sim, app: Receiver, answer):
    async def answering(_received):
        return answer

    app.answering = answering
    assert not await sim.slack.delivery.verify_url(sim.slack.app, app.url)


async def test_the_right_answer_with_an_error_status_is_refused(sim, app: Receiver):
    async def answering(received):
        return PlainTextResponse(received.json["challenge"], 500)

    app.answering = answering
    assert not await sim.slack.delivery.verify_url(sim.slack.app, app.url)


async def test_ssl_check_is_an_unsigned_form(sim, app: Receiver):
    answer = await sim.slack.delivery.ssl_check(sim.slack.app)
    (received,) = app.received
    assert answer.ok
    assert received.form["ssl_check"] == "1"
    assert received.header("x-slack-signature") is None

"""Line 1: requests are signed with v0, and every way to get it wrong can be sent."""

import time

import pytest
from slack_sdk.signature import SignatureVerifier

from slack_simulator.signing import HOSTILITIES, sign, signed_headers
from tests.contract.conftest import SECRET, Target
from tests.contract.receiver import Receiver


def official(received) -> bool:
    headers = {key: value for key, value in received.headers if key.startswith("x-slack")}
    return SignatureVerifier(SECRET).is_valid_request(received.body, headers)


def test_the_documented_vector():
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    expected = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert sign(secret=SECRET, timestamp="1531420618", body=body) == expected


async def test_every_kind_of_request_passes_the_official_verifier(sim, app: Receiver, member: Target):
    view = {
        "type": "home",
        "blocks": [
            {
                "type": "actions",
                "block_id": "b",
                "elements": [{"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}],
            }
        ],
    }
    assert (await member.publish(view))["ok"]
    team = next(iter(sim.slack.world.workspaces))
    sim.open_home(team, member.user)
    await app.wait_for(1)
    await sim.act(team, member.user, block_id="b", action_id="go")
    await sim.command(team, member.user, "status")
    assert [official(received) for received in app.received] == [True, True, True]
    assert all(int(r.header("x-slack-request-timestamp")) == pytest.approx(time.time(), abs=5) for r in app.received)


@pytest.mark.parametrize("kind", HOSTILITIES)
async def test_hostile_requests_fail_the_official_verifier(sim, app: Receiver, kind):
    await sim.slack.delivery.post_hostile(
        sim.slack.app, kind, url=app.url, body=b'{"type":"event_callback"}', media_type="application/json"
    )
    (received,) = app.received
    signatures = [value for key, value in received.headers if key == "x-slack-signature"]
    if kind == "duplicated_signature":
        assert len(signatures) == 2
        return
    try:
        genuine = official(received)
    except (TypeError, ValueError):
        genuine = False
    assert not genuine


async def test_header_names_in_mixed_case_are_still_genuine(sim, app: Receiver):
    body = b"{}"
    headers = signed_headers(secret=SECRET, wall=time.time(), body=body, mixed_case=True)
    assert [name for name, _ in headers] == ["x-SLACK-signature", "X-slack-REQUEST-timestamp"]
    await sim.slack.delivery.post_raw(app.url, body=body, headers=headers)
    assert official(app.received[0])


async def test_duplicated_deliveries_carry_one_event_id(sim, app: Receiver, member: Target):
    sim.slack.trouble.everywhere.deliver_twice = True
    event_id = sim.open_home(next(iter(sim.slack.world.workspaces)), member.user)
    first, second = await app.wait_for(2)
    assert first.json["event_id"] == second.json["event_id"] == event_id
    assert first.body == second.body


async def test_pairs_can_come_out_of_order(sim, app: Receiver, member: Target):
    sim.slack.trouble.everywhere.out_of_order = True
    team = next(iter(sim.slack.world.workspaces))
    first, second = sim.open_home(team, member.user), sim.open_home(team, member.user)
    received = await app.wait_for(2)
    assert [r.json["event_id"] for r in received] == [second, first]


async def test_a_single_event_is_only_late_when_nothing_overtakes_it(sim, app: Receiver, member: Target):
    sim.slack.trouble.everywhere.out_of_order = True
    event_id = sim.open_home(next(iter(sim.slack.world.workspaces)), member.user)
    (received,) = await app.wait_for(1)
    assert received.json["event_id"] == event_id

"""Line 2: the retry schedule, its headers, the failure rate that disables events, and the hourly cap."""

import asyncio
import random
import time
from contextlib import asynccontextmanager

from starlette.responses import Response

from slack_simulator.app import Simulator
from slack_simulator.config import DeliveryRules, Rules
from slack_simulator.delivery import JSON
from tests.contract.conftest import APP, connect
from tests.contract.receiver import Receiver, ok


@asynccontextmanager
async def slack(receiver: Receiver, *, timing=None, **rules):
    simulator = Simulator(APP, rules=Rules(delivery=DeliveryRules(**rules)), timing=timing, rng=random.Random(3))
    async with simulator:
        connect(simulator, receiver)
        yield simulator


def installed(simulator: Simulator) -> tuple[str, str]:
    team = simulator.add_team().id
    user = simulator.add_member(team).id
    simulator.install(team, user)
    return team, user


def retries(receiver: Receiver) -> list[tuple[str | None, str | None]]:
    return [(r.header("x-slack-retry-num"), r.header("x-slack-retry-reason")) for r in receiver.received]


async def test_three_retries_at_once_after_a_minute_and_after_five(receiver, timing):
    receiver.always(500)
    async with slack(receiver, timing=timing) as simulator:
        event_id = simulator.open_home(*installed(simulator))
        await receiver.wait_for(2)
        await simulator.slack.delivery.settled()
        assert timing.sleeping == [60.0]
        timing.advance(59.9)
        await asyncio.sleep(0.02)
        assert len(receiver.received) == 2
        timing.advance(0.2)
        await receiver.wait_for(3)
        await simulator.slack.delivery.settled()
        assert timing.sleeping == [300.0]
        timing.advance(300)
        await receiver.wait_for(4)
        await simulator.slack.delivery.settled()
        assert timing.sleeping == []
    assert retries(receiver) == [(None, None), ("1", "http_error"), ("2", "http_error"), ("3", "http_error")]
    assert {r.json["event_id"] for r in receiver.received} == {event_id}


async def test_an_answer_later_than_three_seconds_is_a_timeout(receiver):
    async def late(_received):
        await asyncio.sleep(0.5)
        return Response(status_code=200)

    receiver.answering = late
    async with slack(receiver, timeout=0.15, retry_after=(0.0,)) as simulator:
        simulator.open_home(*installed(simulator))
        await receiver.wait_for(2)
    assert retries(receiver)[1] == ("1", "http_timeout")
    assert DeliveryRules().timeout == 3.0


async def test_a_refused_connection_is_retried(receiver):
    async with slack(receiver, retry_after=(0.05,)) as simulator:
        simulator.configure(events_url="http://127.0.0.1:1/slack/events")
        simulator.open_home(*installed(simulator))
        await simulator.slack.delivery.settled()
        await asyncio.sleep(0.2)
        events = [e for e in simulator.slack.journal.after(0) if e.kind in {"event", "retry"}]
    assert [e.error for e in events] == ["connection_failed", "connection_failed"]


async def test_two_redirects_are_followed_and_three_are_not(receiver):
    hops = 2

    async def redirecting(received):
        at = int(received.path.rpartition("/")[2]) if received.path[-1].isdecimal() else 0
        if at == hops:
            return await ok(received)
        return Response(status_code=302, headers={"Location": f"{receiver.url}/hop/{at + 1}"})

    receiver.answering = redirecting
    async with slack(receiver, retry_after=()) as simulator:
        team, user = installed(simulator)
        simulator.open_home(team, user)
        await simulator.slack.delivery.settled()
        assert [e.error for e in simulator.slack.journal.after(0) if e.kind == "event"] == [""]
        hops = 3
        simulator.open_home(team, user)
        await simulator.slack.delivery.settled()
        assert [e.error for e in simulator.slack.journal.after(0) if e.kind == "event"] == ["", "too_many_redirects"]
    assert all(r.body for r in receiver.received)


async def test_no_retry_header_on_an_error_is_honoured(receiver):
    receiver.always(503, x_slack_no_retry="1")
    async with slack(receiver, retry_after=(0.0, 0.0, 0.0)) as simulator:
        simulator.open_home(*installed(simulator))
        await simulator.slack.delivery.settled()
    assert len(receiver.received) == 1


async def test_delayed_events_are_tried_hourly_after_the_retries(receiver, timing):
    receiver.always(500)
    async with slack(receiver, timing=timing, retry_after=(), delayed_events=True) as simulator:
        simulator.open_home(*installed(simulator))
        for hour in range(1, 25):
            await receiver.wait_for(hour)
            await simulator.slack.delivery.settled()
            assert timing.sleeping == [3600.0]
            timing.advance(3600)
        await receiver.wait_for(25)
        await simulator.slack.delivery.settled()
        assert timing.sleeping == []


async def test_more_than_95_percent_failures_disable_events_until_they_are_enabled_by_hand(receiver):
    receiver.always(500)
    async with slack(receiver, retry_after=(), disable_floor=40) as simulator:
        team, user = installed(simulator)
        for _ in range(39):
            simulator.open_home(team, user)
        await simulator.slack.delivery.settled()
        assert not simulator.slack.delivery.disabled(APP.app_id), "fewer than the floor are exempt"
        simulator.open_home(team, user)
        await simulator.slack.delivery.settled()
        assert simulator.slack.delivery.disabled(APP.app_id)
        assert simulator.open_home(team, user) == ""
        simulator.slack.delivery.enable(APP.app_id)
        assert simulator.open_home(team, user)
    assert DeliveryRules().disable_floor == 1_000


async def test_exactly_95_percent_failures_do_not_disable(receiver):
    count = 0

    async def mostly_failing(_received):
        nonlocal count
        count += 1
        return Response(status_code=200 if count % 20 == 1 else 500)

    receiver.answering = mostly_failing
    async with slack(receiver, retry_after=(), disable_floor=40, parallel=1) as simulator:
        team, user = installed(simulator)
        for _ in range(100):
            simulator.open_home(team, user)
        await simulator.slack.delivery.settled()
        assert not simulator.slack.delivery.disabled(APP.app_id)


async def test_the_hourly_cap_says_so_once_a_minute(receiver, timing):
    async with slack(receiver, timing=timing, cap=5) as simulator:
        team, user = installed(simulator)
        sent = [simulator.open_home(team, user) for _ in range(8)]
        await simulator.slack.delivery.settled()
        limited = [r.json for r in receiver.received if r.json["type"] == "app_rate_limited"]
        minute = int(timing.wall()) // 60 * 60
        assert [bool(event_id) for event_id in sent] == [True] * 5 + [False] * 3
        assert limited == [
            {
                "token": APP.verification_token,
                "type": "app_rate_limited",
                "team_id": team,
                "minute_rate_limited": minute,
                "api_app_id": APP.app_id,
            }
        ]
        timing.advance(60)
        assert not simulator.open_home(team, user)
        await simulator.slack.delivery.settled()
        assert len([r for r in receiver.received if r.json["type"] == "app_rate_limited"]) == 2
        timing.advance(3600)
        assert simulator.open_home(team, user)
    assert DeliveryRules().cap == 30_000


async def test_the_cap_of_one_workspace_is_not_that_of_another(receiver):
    async with slack(receiver, cap=1) as simulator:
        first, second = installed(simulator), installed(simulator)
        assert simulator.open_home(*first)
        assert not simulator.open_home(*first)
        assert simulator.open_home(*second)


async def test_the_envelope_is_the_documented_one(receiver):
    async with slack(receiver) as simulator:
        team, user = installed(simulator)
        simulator.open_home(team, user)
        (received,) = await receiver.wait_for(1)
    envelope = received.json
    assert envelope["type"] == "event_callback"
    assert (envelope["team_id"], envelope["api_app_id"]) == (team, APP.app_id)
    assert envelope["event_id"].startswith("Ev")
    assert abs(envelope["event_time"] - time.time()) < 5
    assert [a["team_id"] for a in envelope["authorizations"]] == [team]
    assert envelope["event"]["type"] == "app_home_opened"
    assert envelope["event"]["tab"] == "home"
    assert received.header("content-type") == JSON
    assert received.header("user-agent") == "Slackbot 1.0 (+https://api.slack.com/robots)"


async def test_events_that_the_app_did_not_subscribe_to_are_not_sent(receiver):
    async with slack(receiver) as simulator:
        simulator.configure(events=("tokens_revoked",))
        assert simulator.open_home(*installed(simulator)) == ""

"""What requests mean: the jobs of events, clicks and commands, as pure functions."""

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_api.answers import Malformed
from ingress_api.commands import commands_reader, is_ssl_check, pause_end
from ingress_api.events import read_event
from ingress_api.interactions import NOT_OURS, interactions_reader, read_suggestion
from ingress_api.reading import Delivery, Reading, milliseconds
from rotavatar.actions import LINKS, PAUSES, Action
from rotavatar.messages import (
    FrequencyChosen,
    KeepAsked,
    LeaveAsked,
    Message,
    MigrationChanged,
    Paused,
    ProfileChanged,
    PublishAsked,
    RestoreAsked,
    Resumed,
    ShuffleAsked,
    StatusAsked,
    TeamAccessChanged,
    TokensRevoked,
    UndoAsked,
    Uninstalled,
    decode,
    encode,
)
from rotavatar.policy import FREQUENCIES
from rotavatar.slack import SlackAddresses
from tests import ingress as at

read_interaction = interactions_reader(lambda: {"critters", "shapes"})
read_command = commands_reader(SlackAddresses("https://slack.com").owns_response_url)


def delivered(body: bytes, *, signed_at: int | None = None, ahead: float = 0) -> Delivery:
    wall = time.time()
    return Delivery(body=body, signed_at=int(wall) if signed_at is None else signed_at, now=wall + ahead, wall=wall)


def of_event(payload: dict[str, Any]) -> Reading:
    return read_event(delivered(json.dumps(payload).encode()))


def of_click(payload: dict[str, Any], *, ahead: float = 0) -> Reading:
    return read_interaction(delivered(at.form(payload), ahead=ahead))


def fields(job: Message | None, *names: str) -> tuple[object, ...]:
    assert job is not None
    assert decode(encode(job)) == job
    return tuple(getattr(job, name) for name in names)


def test_a_home_tab_says_what_it_shows() -> None:
    job = of_event(at.home_opened(view={"private_metadata": "digest", "hash": "1.a"})).job
    assert isinstance(job, PublishAsked)
    assert fields(job, "workspace", "user", "looking", "shown") == (at.TEAM, at.USER, True, "digest")


@pytest.mark.parametrize("view", [None, {}, {"private_metadata": None}, {"private_metadata": ""}])
def test_a_home_tab_without_a_view_of_ours_shows_nothing(view: Any) -> None:
    assert fields(of_event(at.home_opened(view=view)).job, "shown") == ("",)


def test_other_tabs_and_empty_revocations_mean_no_work() -> None:
    assert of_event(at.event(user=at.USER, tab="messages")).reason == "nothing_to_do"
    assert of_event(at.event("tokens_revoked", tokens={})).reason == "nothing_to_do"


@pytest.mark.parametrize(
    ("tokens", "users", "bot"),
    [
        ({"oauth": ["U1", "W2"]}, ("U1", "W2"), False),
        ({"bot": ["U9"]}, (), True),
        ({"oauth": ["U1"], "bot": ["U9"]}, ("U1",), True),
        ({"oauth": None, "bot": ["U9"]}, (), True),
    ],
)
def test_revoked_tokens_name_their_users(tokens: Any, users: tuple[str, ...], *, bot: bool) -> None:
    job = of_event(at.event("tokens_revoked", tokens=tokens)).job
    assert isinstance(job, TokensRevoked)
    assert (job.users, job.bot) == (users, bot)


def test_the_other_events_say_what_happened() -> None:
    assert isinstance(of_event(at.event("app_uninstalled")).job, Uninstalled)
    changed = of_event(
        at.event("user_profile_changed", user={"id": "U1", "team_id": at.TEAM, "profile": {"avatar_hash": "g123"}})
    ).job
    assert isinstance(changed, ProfileChanged)
    assert (changed.user, changed.avatar_hash) == ("U1", "g123")
    started = of_event(at.event("grid_migration_started", enterprise_id="E1")).job
    finished = of_event(at.event("grid_migration_finished", enterprise_id="E1")).job
    assert isinstance(started, MigrationChanged) and isinstance(finished, MigrationChanged)
    assert (started.enterprise, started.finished, finished.finished) == ("E1", False, True)


@pytest.mark.parametrize(("kind", "granted"), [("team_access_granted", True), ("team_access_revoked", False)])
def test_access_to_teams_belongs_to_the_organisation(kind: str, *, granted: bool) -> None:
    wrong = [{"enterprise_id": "E1", "team_id": "T9", "is_enterprise_install": False}]
    for envelope in (
        {"team_id": None, "enterprise_id": "E1", "authorizations": None},
        {"team_id": "T9", "enterprise_id": "E1", "authorizations": wrong},
    ):
        job = of_event(at.event(kind, team_ids=["T1", "T2"], envelope=envelope)).job
        assert isinstance(job, TeamAccessChanged)
        assert (job.workspace, job.teams, job.granted) == ("E1", ("T1", "T2"), granted)


def authorized(team: str | None, enterprise: str | None, *, org: bool) -> list[dict[str, Any]]:
    return [{"enterprise_id": enterprise, "team_id": team, "user_id": "U9", "is_enterprise_install": org}]


@pytest.mark.parametrize(
    ("envelope", "workspace"),
    [
        ({"team_id": "T1", "authorizations": None}, "T1"),
        ({"team_id": "T1", "enterprise_id": "E1", "authorizations": None}, "T1"),
        ({"team_id": None, "enterprise_id": "E1", "authorizations": None}, "E1"),
        ({"team_id": "T1", "authorizations": []}, "T1"),
        ({"team_id": "T1", "authorizations": authorized("T1", "E1", org=True)}, "E1"),
        ({"team_id": "T1", "authorizations": authorized(None, "E1", org=True)}, "E1"),
        ({"team_id": "T8", "authorizations": authorized("T1", "E1", org=False)}, "T1"),
    ],
)
def test_the_workspace_is_the_installation_that_the_event_is_sent_for(envelope: Any, workspace: str) -> None:
    assert fields(of_event(at.event("app_uninstalled", envelope=envelope)).job, "workspace") == (workspace,)


NOW = int(time.time())


@pytest.mark.parametrize(
    ("event_ts", "event_time", "expected"),
    [
        (f"{NOW}.123456", NOW, NOW * 1000 + 123),
        (f"{NOW}123456", NOW, NOW * 1000 + 123),
        (f"{NOW}.5", NOW, NOW * 1000 + 500),
        (float(NOW) + 0.25, NOW, NOW * 1000 + 250),
        (f"{NOW - 59}.000000", NOW, (NOW - 59) * 1000),
        (f"{NOW - 61}.000000", NOW, NOW * 1000),
        (None, NOW, NOW * 1000),
        (f"{NOW}.123456", None, NOW * 1000 + 123),
        ("111111111.222", NOW, NOW * 1000),
    ],
    # The time is in no name: runs in parallel must collect the same tests.
    ids=[f"case{number}" for number in range(9)],
)
def test_the_finer_time_counts_where_it_is_sane(event_ts: Any, event_time: Any, expected: int) -> None:
    payload = at.event("app_uninstalled", event_ts=event_ts, envelope={"event_time": event_time})
    assert fields(of_event(payload).job, "at") == (expected,)


def test_every_delivery_of_an_event_has_the_same_trace() -> None:
    payload = at.home_opened()
    first, second = of_event(payload).job, of_event(payload).job
    other = of_event(payload | {"event_id": "Ev9"}).job
    assert fields(first, "trace") == fields(second, "trace") != fields(other, "trace")
    assert len(str(fields(first, "trace")[0])) == 16


def test_events_that_nobody_asked_for_are_acknowledged_whatever_they_hold() -> None:
    for inner in ({}, {"user": 7}, {"tokens": "x"}, {"type": "message", "user": {"id": [1]}}):
        assert of_event(at.event("channel_rename", **inner)).reason == "not_ours"


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_limit_that_slack_reports_is_counted(*, wrapped: bool) -> None:
    flat = {"type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": NOW, "api_app_id": "A1"}
    assert of_event({**flat, "event": flat} if wrapped else flat).reason == "rate_limited"


def test_a_challenge_comes_back() -> None:
    answer = of_event({"type": "url_verification", "token": "t", "challenge": 'a"b'}).answer
    assert json.loads(answer.body) == {"challenge": 'a"b'}


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (Action.PAUSE, Paused),
        (Action.RESUME, Resumed),
        (Action.SHUFFLE, ShuffleAsked),
        (Action.UNDO, UndoAsked),
        (Action.RESTORE, RestoreAsked),
        (Action.KEEP, KeepAsked),
        (Action.LEAVE, LeaveAsked),
        (Action.FORGET, LeaveAsked),
        (Action.REFRESH, PublishAsked),
    ],
)
def test_every_button_has_its_job(action: Action, kind: type[Message]) -> None:
    job = of_click(at.click(action)).job
    assert type(job) is kind
    assert fields(job, "workspace", "user") == (at.TEAM, at.USER)
    if isinstance(job, LeaveAsked):
        assert job.forget == (action is Action.FORGET)


def test_every_control_is_either_a_job_or_a_link() -> None:
    menus = {Action.FREQUENCY: "0", Action.PACK: "shapes", Action.PAUSE_UNTIL: str(PAUSES[0])}
    for action in Action:
        reading = of_click(at.click(action, value=menus.get(action)))
        assert (reading.job is None) == (action in LINKS), action


@pytest.mark.parametrize("seconds", FREQUENCIES)
def test_every_frequency_may_be_chosen(seconds: int) -> None:
    job = of_click(at.click("frequency", value=str(seconds))).job
    assert isinstance(job, FrequencyChosen)
    assert job.seconds == seconds


@pytest.mark.parametrize("seconds", PAUSES)
def test_a_pause_ends_on_the_clock_of_the_schedule(seconds: int) -> None:
    job = of_click(at.click("pause_until", value=str(seconds)), ahead=50_000).job
    assert isinstance(job, Paused)
    assert job.until is not None
    assert abs(job.until - (time.time() + 50_000 + seconds)) < 5


@pytest.mark.parametrize(
    ("more", "workspace"),
    [
        ({}, at.TEAM),
        ({"team": None, "enterprise": {"id": "E1"}, "is_enterprise_install": True}, "E1"),
        ({"enterprise": {"id": "E1", "name": "x"}, "is_enterprise_install": False}, at.TEAM),
        ({"team": None, "view": {"app_installed_team_id": "T7"}}, "T7"),
        ({"team": None, "view": None}, at.TEAM),
    ],
)
def test_a_click_belongs_to_the_workspace_that_has_the_app(more: Any, workspace: str) -> None:
    assert fields(of_click(at.click("shuffle", **more)).job, "workspace") == (workspace,)


@pytest.mark.parametrize("kind", sorted(NOT_OURS))
def test_payloads_that_nothing_of_ours_causes_are_acknowledged(kind: str) -> None:
    assert of_click({"type": kind, "actions": [{"name": "x"}], "user": 3}).reason == "not_ours"


def test_menus_that_ask_for_options_get_none() -> None:
    answer = read_suggestion(delivered(at.form({"type": "block_suggestion", "value": "x"}))).answer
    assert json.loads(answer.body) == {"options": []}


REPLY = "https://hooks.slack.com/commands/T/1/x"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("status", StatusAsked),
        ("  STATUS ", StatusAsked),
        ("shuffle", ShuffleAsked),
        ("resume", Resumed),
        ("pause", Paused),
        ("Pause  3d", Paused),
    ],
)
def test_commands_have_their_jobs(words: str, kind: type[Message]) -> None:
    reading = read_command(delivered(at.command(words), signed_at=1_700_000_000))
    assert type(reading.job) is kind
    assert fields(reading.job, "workspace", "user", "at", "reply") == (at.TEAM, at.USER, 1_700_000_000_000, REPLY)
    assert reading.answer.body == b""


def test_a_command_of_an_organisation_belongs_to_it() -> None:
    body = at.command("status", enterprise_id="E1", is_enterprise_install="true")
    assert fields(read_command(delivered(body)).job, "workspace") == ("E1",)


@pytest.mark.parametrize("words", ["", "help", "HELP "])
def test_help_is_answered_at_once(words: str) -> None:
    reading = read_command(delivered(at.command(words, command="/face")))
    told = msgspec.json.decode(reading.answer.body)
    assert reading.job is None
    assert told["response_type"] == "ephemeral"
    assert all(f"`/face {verb}`" in told["text"] for verb in ("status", "shuffle", "pause", "resume", "help"))


@pytest.mark.parametrize("words", ["dance", "pause forever", "pause 0d", "pause 3m", "status now", "pause 3d 4h", "3d"])
def test_other_words_are_answered_with_where_help_is(words: str) -> None:
    reading = read_command(delivered(at.command(words)))
    assert (reading.job, reading.reason) == (None, "unknown_words")
    assert "help" in msgspec.json.decode(reading.answer.body)["text"]


@pytest.mark.parametrize(
    ("length", "seconds"),
    [("1h", 3600), ("12 h", 43_200), ("1d", 86_400), ("52w", 52 * 604_800), ("365d", 31_536_000)],
)
def test_lengths_of_pauses(length: str, seconds: int) -> None:
    assert pause_end(length, now=1000.9) == 1000 + seconds


@pytest.mark.parametrize("length", ["", "d", "0h", "-1d", "1", "1y", "366d", "9999w", "1.5d", "\u0661d", "99999h"])
def test_what_is_no_length_of_a_pause(length: str) -> None:
    assert pause_end(length, now=0) is None


def test_a_certificate_check_is_no_command() -> None:
    assert is_ssl_check(b"ssl_check=1&token=x")
    assert not is_ssl_check(b"ssl_check=1&token=x&command=%2Favatar")
    assert not is_ssl_check(b"ssl_check=0")
    assert not is_ssl_check(b"%")


@given(st.text(max_size=20))
def test_no_stamp_raises_anything_else(stamp: str) -> None:
    try:
        at_ms = milliseconds(stamp, wall=1e9)
    except Malformed:
        return
    assert 0 <= at_ms <= (1e9 + 300) * 1000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(["user", "tab", "view", "event_ts", "tokens", "team_ids", "type"]), json_values)
def test_no_field_of_an_event_raises_anything_but_malformed(name: str, value: Any) -> None:
    for kind in ("app_home_opened", "tokens_revoked", "team_access_granted", "user_profile_changed"):
        payload = at.home_opened(tokens={}, team_ids=[])
        payload["event"] |= {"type": kind, name: value}
        try:
            reading = of_event(payload)
        except Malformed:
            continue
        assert reading.answer.status == 200


@given(st.sampled_from(["user", "team", "enterprise", "actions", "view", "is_enterprise_install", "type"]), json_values)
def test_no_field_of_a_click_raises_anything_but_malformed(name: str, value: Any) -> None:
    try:
        reading = of_click(at.click("shuffle") | {name: value})
    except Malformed:
        return
    assert reading.answer.status == 200

"""Requests that nobody honest sends: each is one line of 4xx, never a traceback, and the next request is served."""

import contextlib
import gzip
import json
import random
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests import ingress as at
from tests.ingress import Ingress, signed
from tests.patience import SECONDS
from tests.servers import Server

BODY = json.dumps(at.home_opened()).encode()
ROUTES = ("/slack/events", "/slack/interactions", "/slack/commands", "/slack/options")


@pytest.fixture(scope="module")
def running(_valkey_session: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingress]:
    folder = tmp_path_factory.mktemp("catalogue")
    at.draw(folder)
    process = at.start_ingress(at.environment(redis_url=_valkey_session.url, catalogue=folder))
    with process:
        yield process
        assert process.stop() == 0
    output = "".join(process.output)
    assert "Traceback" not in output
    assert at.SECRET not in output


@pytest.fixture
def client(running: Ingress) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.url, timeout=SECONDS) as client:
        yield client
        assert client.post("/slack/events", content=BODY, headers=signed(BODY)).status_code == 200


def is_one_line(answer: httpx.Response) -> bool:
    return re.fullmatch(rb"[A-Z][ -~]{3,100}\.\n", answer.content) is not None


@pytest.mark.parametrize(
    "headers",
    [
        dict,
        lambda: {"X-Slack-Signature": "v0=" + "0" * 64},
        lambda: signed(BODY) | {"X-Slack-Signature": ""},
        lambda: signed(BODY) | {"X-Slack-Signature": "v0=" + "0" * 64},
        lambda: signed(BODY) | {"X-Slack-Signature": "v1=" + signed(BODY)["X-Slack-Signature"][3:]},
        lambda: signed(BODY) | {"X-Slack-Signature": signed(BODY)["X-Slack-Signature"].upper()},
        lambda: signed(BODY) | {"X-Slack-Request-Timestamp": "soon"},
        lambda: signed(BODY) | {"X-Slack-Request-Timestamp": "9" * 5000},
        lambda: signed(BODY) | {"X-Slack-Request-Timestamp": "-1"},
        lambda: signed(BODY) | {"X-Slack-Request-Timestamp": "1e9"},
        lambda: signed(BODY, at=time.time() - 302),
        lambda: signed(BODY, at=time.time() + 330),
        lambda: signed(BODY, secret="somebody-else's"),
        lambda: signed(BODY + b" "),
    ],
)
@pytest.mark.parametrize("route", ROUTES)
def test_a_signature_that_does_not_hold_is_refused(
    client: httpx.Client, route: str, headers: Callable[[], dict[str, str]]
) -> None:
    answer = client.post(route, content=BODY, headers=headers())
    assert (answer.status_code, is_one_line(answer)) == (401, True)


def test_signatures_of_any_bytes_are_refused(client: httpx.Client) -> None:
    for value in (b"v0=\xff\xfe", "v0=☃".encode(), b"\x80" * 100):
        headers = [(b"X-Slack-Signature", value), (b"X-Slack-Request-Timestamp", str(int(time.time())).encode())]
        answer = client.post("/slack/events", content=BODY, headers=headers)
        assert (answer.status_code, is_one_line(answer)) == (401, True)


@pytest.mark.parametrize("name", ["X-Slack-Signature", "x-slack-request-timestamp"])
def test_a_header_that_is_there_twice_is_refused(client: httpx.Client, name: str) -> None:
    given = signed(BODY)
    twice = [*given.items(), (name, "v0=1")]
    answer = client.post("/slack/events", content=BODY, headers=twice)
    assert (answer.status_code, is_one_line(answer)) == (400, True)


def test_the_secret_before_the_present_one_still_counts(client: httpx.Client) -> None:
    headers = signed(BODY, secret=at.OLD_SECRET)
    assert client.post("/slack/events", content=BODY, headers=headers).status_code == 200


def test_header_names_in_any_case_are_the_same(client: httpx.Client) -> None:
    headers = {name.upper() if n % 2 else name.lower(): value for n, (name, value) in enumerate(signed(BODY).items())}
    assert client.post("/slack/events", content=BODY, headers=headers).status_code == 200


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"type": 7}',
        b'{"type": "event_callback"}',
        b'{"type": "event_callback", "event": null}',
        b'{"type": "event_callback", "event": {"type": ""}, "team_id": "T1"}',
        b'{"type": "nobody_knows"}',
        b'{"type": "url_verification"}',
        b'{"type": "url_verification", "challenge": ""}',
        b"{",
        BODY[:-1],
        BODY + b"}",
        b"\xff\xfe" + BODY,
        BODY.replace(b"home", b"h\xc3me"),
        b'{"type": "event_callback", "event": ' + DEEP,
        b'{"type":"event_callback","team_id":"T1","event_time":1,"event":{"type":"app_home_opened","user":'
        + DEEP
        + b"]" * 100_000
        + b"}}",
        gzip.compress(BODY),
        json.dumps(at.home_opened(user="U1 DEL")).encode(),
        json.dumps(at.home_opened(user=None)).encode(),
        json.dumps(at.home_opened(user="U" * 500)).encode(),
        json.dumps(at.home_opened(envelope={"team_id": "T1}:x", "authorizations": None})).encode(),
        json.dumps(at.home_opened(envelope={"team_id": None, "authorizations": None})).encode(),
        json.dumps(at.home_opened(event_ts="yesterday")).encode(),
        json.dumps(at.home_opened(event_ts="99999999999.0", envelope={"event_time": 99_999_999_999})).encode(),
        json.dumps(at.event("tokens_revoked", tokens=["U1"])).encode(),
        json.dumps(at.event("tokens_revoked", tokens={"oauth": ["U1"] * 5000})).encode(),
        json.dumps(at.event("user_profile_changed", user={"id": "U1", "profile": {"avatar_hash": "a b"}})).encode(),
        json.dumps(at.event("team_access_granted", team_ids="T1")).encode(),
    ],
)
def test_events_that_slack_does_not_document_are_refused(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/slack/events", content=body, headers=signed(body))
    assert (answer.status_code, is_one_line(answer)) == (400, True)


CLICK = at.click("frequency", value="3600")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload",
        b"payload=",
        b"payload=%7B%7D",
        b"payload=%7",
        b"payload=%zz%7D",
        b"payload=%7B%0",
        b"payload=%\n7B%7D",
        b"payload=%ff%fe",
        b"payload=" + b"%5B" * 100_000,
        at.form(CLICK) + b"&payload=%7B%7D",
        b"&".join(b"a%d=1" % n for n in range(2000)),
        json.dumps(CLICK).encode(),
        at.form({**CLICK, "type": "block_action"}),
        at.form({**CLICK, "type": ["block_actions"]}),
        at.form({**CLICK, "actions": []}),
        at.form({**CLICK, "actions": CLICK["actions"] * 2}),
        at.form({**CLICK, "actions": "frequency"}),
        at.form({**CLICK, "user": {"id": "nobody"}}),
        at.form({**CLICK, "user": {"id": "U1"}, "team": None, "view": {}}),
        at.form({**CLICK, "is_enterprise_install": True}),
        at.form(at.click("nobody_knows")),
        at.form(at.click("")),
        at.form(at.click("frequency")),
        at.form(at.click("frequency", value="3601")),
        at.form(at.click("frequency", value="-3600")),
        at.form(at.click("frequency", value="٣٦٠٠")),
        at.form(at.click("frequency", action={"type": "static_select", "selected_option": None})),
        at.form(at.click("pack", value="nobody-draws-this")),
        at.form(at.click("pack", value="../../etc/passwd")),
        at.form(at.click("pause_until", value="1")),
        at.form(at.click("shuffle", kind="static_select")),
        at.form(at.click("shuffle", action={"action_ts": "1e3"})),
        at.form(at.click("shuffle", action={"action_ts": "99999999999.000000"})),
    ],
)
def test_clicks_that_no_tab_of_ours_causes_are_refused(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/slack/interactions", content=body, headers=signed(body))
    assert (answer.status_code, is_one_line(answer)) == (400, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"ssl_check=0",
        at.command(user_id=None),
        at.command(user_id="amara"),
        at.command(team_id=None),
        at.command(team_id="E1", is_enterprise_install="true"),
        at.command("status", response_url="https://hooks.slack.com.example.org/commands/1"),
        at.command("status", response_url="http://127.0.0.1:6379/"),
        at.command("status", response_url=None),
        at.command() + b"&text=%ff",
        at.command(None) + b"&text=%ff",
        at.command(None) + b"&text=%f",
    ],
)
def test_commands_that_are_none_are_refused(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/slack/commands", content=body, headers=signed(body))
    assert (answer.status_code, is_one_line(answer)) == (400, True)


@pytest.mark.parametrize("body", [b"", b"payload=%7B%7D", at.form({"type": "block_actions"})])
def test_options_are_asked_for_by_suggestions_only(client: httpx.Client, body: bytes) -> None:
    assert client.post("/slack/options", content=body, headers=signed(body)).status_code == 400


def test_a_certificate_check_needs_no_signature_and_opens_nothing(client: httpx.Client, valkey: Server) -> None:
    assert client.post("/slack/commands", content=b"ssl_check=1&token=x").content == b""
    real = at.command("shuffle") + b"&ssl_check=1"
    assert client.post("/slack/commands", content=real).status_code == 401
    assert client.post("/slack/events", content=b"ssl_check=1&token=x").status_code == 401
    assert not valkey.command("KEYS", "*jobs*")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("route", ROUTES)
def test_other_methods_are_refused(client: httpx.Client, route: str, method: str) -> None:
    answer = client.request(method, route)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_an_unknown_app_is_refused(client: httpx.Client) -> None:
    for app in ("A0NOBODY", "%2e%2e", "A0ROTAVATAR%0a", "a" * 5000):
        assert client.post(f"/slack/apps/{app}/events", content=BODY, headers=signed(BODY)).status_code == 404


def test_the_app_of_the_settings_may_be_named(client: httpx.Client) -> None:
    assert client.post(f"/slack/apps/{at.APP_ID}/events", content=BODY, headers=signed(BODY)).status_code == 200


def test_a_body_that_is_announced_too_long_is_not_read(running: Ingress) -> None:
    head = b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000001\r\n\r\n"
    assert raw(running, head).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_grows_too_long_is_not_read_on(running: Ingress) -> None:
    head = b"POST /slack/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    assert raw(running, head + chunk * 20).startswith(b"HTTP/1.1 413 ")


def test_the_longest_allowed_body_is_read(client: httpx.Client) -> None:
    body = json.dumps(at.home_opened(view={"id": "V", "blocks": ["x" * 900_000]})).encode()
    assert client.post("/slack/events", content=body, headers=signed(body)).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
        b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        b"POST /slack/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /slack/events HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_broken_http_is_a_400(running: Ingress, sent: bytes) -> None:
    assert raw(running, sent).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nX: " + b"y" * 400_000,
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(40_000)),
        b"GET /" + b"y" * 400_000,
    ],
)
def test_a_head_without_end_is_cut_off(running: Ingress, head: bytes) -> None:
    assert raw(running, head).startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))


def test_a_truncated_body_stores_nothing(running: Ingress, valkey: Server) -> None:
    given = signed(BODY)
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    head = f"POST /slack/events HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(BODY)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", running.port), timeout=SECONDS) as connection:
        connection.sendall(head + BODY[:-10])
        connection.shutdown(socket.SHUT_WR)
    with socket.create_connection(("127.0.0.1", running.port), timeout=SECONDS) as connection:
        connection.sendall(head + BODY[:-10])
    time.sleep(0.2)
    assert not valkey.command("KEYS", "*jobs*")


def test_who_sends_too_slowly_is_let_go(running: Ingress) -> None:
    began = time.monotonic()
    sent = (b"", b"POST /slack/events HTTP/1.1\r\nHo", b"POST /slack/events HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc")
    slow = [socket.create_connection(("127.0.0.1", running.port), timeout=SECONDS) for _ in sent]
    for connection, part in zip(slow, sent, strict=True):
        connection.sendall(part)
    answers = [connection.recv(65536) for connection in slow]
    for connection in slow:
        connection.close()
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
    assert 4 < time.monotonic() - began < 9


def test_pipelined_requests_are_all_answered(running: Ingress) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in signed(BODY).items())
    head = f"POST /slack/events HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(BODY)}\r\n"
    one, last = head.encode() + b"\r\n" + BODY, head.encode() + b"Connection: close\r\n\r\n" + BODY
    assert raw(running, one * 3 + last).count(b"HTTP/1.1 200 OK") == 4


PATHS = ("/", "/slack/install", "/slack/oauth_redirect", "/pictures/", "/static/", "/robots.txt", "/nope", *ROUTES)


def test_fuzzed_requests_are_never_an_error_of_ours(running: Ingress) -> None:
    """Bounded: 1,500 requests made of pieces of real ones, with a seed that the failure names."""
    rng = random.Random(20261122)
    pieces = [
        BODY,
        at.form(CLICK),
        at.command("pause 3d"),
        b"payload=",
        b"%",
        b"\xff",
        b"{",
        b"[]",
        b"null",
        b"&",
        b"=",
        b"+",
    ]
    with httpx.Client(base_url=running.url, timeout=SECONDS) as client:
        for n in range(1500):
            body = bytearray(b"".join(rng.choices(pieces, k=rng.randint(1, 3))))
            for _ in range(rng.randint(0, 4)):
                body[rng.randrange(len(body))] = rng.randrange(256)
            path = rng.choice(PATHS) + rng.choice(
                ["", "", "?" + bytes(body[:60]).hex(), "/%2e%2e/x", "?code=%ff&state=%00"]
            )
            method = rng.choice(["POST", "POST", "POST", "GET", "HEAD", "PUT"])
            headers: dict[str, Any] = signed(bytes(body)) if rng.random() < 0.8 else {"X-Slack-Signature": "x"}
            answer = client.request(method, path, content=bytes(body), headers=headers)
            assert answer.status_code < 500, (n, method, path, bytes(body)[:200])


def raw(running: Ingress, sent: bytes) -> bytes:
    """Send bytes over a connection of its own; everything that comes back until it is closed."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=SECONDS) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(sent)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                received += part
        return received

"""Every endpoint of a real ingress under requests that are almost right, for a bounded time.

`test_ingress_hostile.py` mixes bytes; here the signature always holds and the shape is Slack's, with one or a few
places in it replaced, so that what is read after the signature is reached. The seed is fixed: a failure repeats.
"""

import contextlib
import copy
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from rotavatar.actions import Action
from tests import ingress as at
from tests import patience
from tests.ingress import Ingress, signed
from tests.servers import Server

pytestmark = pytest.mark.slow

SECONDS = 8.0
"""For each of the tests here."""

SEED = 20261122
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

HOSTILE: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        1e308,
        10**30,
        -(10**400),
        "",
        " ",
        "\0",
        "\ud800",
        "\U0001d54f" * 300,
        "a" * 100_000,
    ),
    *([], {}, [[]], [None] * 1000, {"": ""}, {"id": None}, {"a" * 5000: 1}, ["U1", {"id": []}]),
    *("U1\r\nXADD x", "T1}:{p00", "../../etc/passwd", "%00%ff", "${x}", "<script>", "1e999", "NaN", "٣", "-0", "0x1"),
    *("999999999999.999999", "-1.000000", "1790000000.000000", "true", "null", "{}", "http://127.0.0.1:6379/"),
)

EVENTS = (
    at.home_opened(),
    at.event("app_uninstalled"),
    at.event("tokens_revoked", tokens={"oauth": [at.USER], "bot": ["U0BOT"]}),
    at.event("user_profile_changed", user={"id": at.USER, "profile": {"avatar_hash": "0123456789ab"}}),
    at.event("team_access_granted", team_ids=[at.TEAM]),
    at.event("team_access_revoked", team_ids=[at.TEAM]),
    at.event("grid_migration_started", enterprise_id="E1"),
    at.event("grid_migration_finished", enterprise_id="E1"),
    {"type": "url_verification", "token": "t", "challenge": "c"},
    {"type": "app_rate_limited", "token": "t", "team_id": at.TEAM, "minute_rate_limited": 1, "api_app_id": at.APP_ID},
)
CLICKS = (
    *(at.click(action.value) for action in Action),
    *(at.click("frequency", value="3600"), at.click("pack", value="critters"), at.click("pause_until", value="86400")),
)
COMMANDS = ("", "help", "status", "shuffle", "pause", "pause 3d", "resume", "nonsense")


@pytest.fixture(scope="module")
def running(_valkey_session: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingress]:
    folder = tmp_path_factory.mktemp("catalogue")
    at.draw(folder)
    with at.start_ingress(at.environment(redis_url=_valkey_session.url, catalogue=folder)) as process:
        yield process
        assert process.stop() == 0
    output = "".join(process.output)
    assert "Traceback" not in output
    assert "request failed" not in output
    assert at.SECRET not in output


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value but its root."""
    if path:
        yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


def spoilt(value: Any, rng: random.Random) -> Any:
    """`value` with one to three of its places replaced, removed or doubled."""
    value = copy.deepcopy(value)
    for _ in range(rng.randint(1, 3)):
        path = rng.choice([*places(value)] or [()])
        if not path:
            return copy.deepcopy(rng.choice(HOSTILE))
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        match rng.randrange(4):
            case 0:
                del parent[path[-1]]
            case 1 if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[path[-1]]))
            case _:
                parent[path[-1]] = copy.deepcopy(rng.choice(HOSTILE))
    return value


def spoilt_fields(body: bytes, rng: random.Random) -> bytes:
    """A form with a few of its fields replaced, removed or doubled."""
    fields: list[tuple[str, Any]] = list(parse_qsl(body.decode(), keep_blank_values=True))
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(fields))
        name = fields[place][0]
        hostile = rng.choice([each for each in HOSTILE if isinstance(each, str)])
        fields[place : place + 1] = rng.choice([[], [(name, hostile)], [(name, hostile), fields[place]]]) or []
        if not fields:
            return b""
    return urlencode(fields, errors="surrogatepass").encode()


def one(rng: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """A route, a body and its headers."""
    match rng.randrange(4):
        case 0:
            return "events", json.dumps(spoilt(rng.choice(EVENTS), rng)).encode(), {"Content-Type": "application/json"}
        case 1:
            return "interactions", at.form(spoilt(rng.choice(CLICKS), rng)), FORM
        case 2:
            return "commands", spoilt_fields(at.command(rng.choice(COMMANDS)), rng), FORM
        case _:
            asked = {"type": "block_suggestion", "action_id": "pack", "value": "c", "user": {"id": at.USER}}
            return "options", at.form(spoilt(asked, rng)), FORM


def bounded() -> Iterator[int]:
    """Count while there is time."""
    end, n = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        yield n
        n += 1


def alive(client: httpx.Client) -> bool:
    body = json.dumps(at.home_opened()).encode()
    return client.post("/slack/events", content=body, headers=signed(body)).status_code == 200


def test_signed_requests_of_almost_the_right_shape(running: Ingress) -> None:
    rng, statuses = random.Random(SEED), Counter[int]()
    with httpx.Client(base_url=running.url, timeout=patience.SECONDS) as client:
        for n in bounded():
            route, body, kind = one(rng)
            path = rng.choice([f"/slack/{route}", f"/slack/{route}", f"/slack/apps/{at.APP_ID}/{route}"])
            answer = client.post(path, content=body, headers={**signed(body), **kind})
            assert answer.status_code in {200, 400, 401, 413}, (n, path, body[:500], answer.text)
            statuses[answer.status_code] += 1
        assert alive(client)
    assert statuses[200] > 10
    assert statuses[400] > 10


def test_pages_and_consents_with_hostile_queries(running: Ingress) -> None:
    rng = random.Random(SEED)
    texts = [each for each in HOSTILE if isinstance(each, str) and len(each) < 10_000 and each != "\ud800"]
    names = ("state", "error", "error_description", "team", "scope", "x")
    paths = (
        *("/", "/slack/install", "/slack/oauth_redirect", "/robots.txt", "/static/", "/pictures/", "/favicon.ico"),
        *(f"/slack/apps/{at.APP_ID}/install", f"/slack/apps/{at.APP_ID}/oauth_redirect", "/slack/apps/x/install"),
    )
    for n in bounded():
        with httpx.Client(base_url=running.url, timeout=patience.SECONDS) as client:
            query: list[tuple[str, str]] = []
            if rng.random() < 0.4:  # a browser that began a consent, so that more than the state is looked at
                begun = client.get("/slack/install").headers["location"]
                query = [("state", dict(parse_qsl(urlsplit(begun).query))["state"])]
            else:  # with a state that holds, ingress would ask Slack about the code
                query = [("code", rng.choice(texts))]
            query += [(rng.choice(names), rng.choice(texts)) for _ in range(rng.randint(0, 4))]
            path = rng.choice(paths) + rng.choice(["", "", "%2e%2e/%2e%2e/x", "%00", "%ff", "x" * 3000])
            headers = {"Cookie": f"state={rng.choice(['', 'x', '%00', 'a' * 4000])}"} if rng.random() < 0.3 else {}
            answer = client.request(
                rng.choice(["GET", "GET", "HEAD", "POST"]), path, params=urlencode(query), headers=headers
            )
            assert answer.status_code < 500, (n, path, query)
    with httpx.Client(base_url=running.url, timeout=patience.SECONDS) as client:
        assert alive(client)


def test_bytes_that_are_almost_http(running: Ingress) -> None:
    rng = random.Random(SEED)
    body = json.dumps(at.home_opened()).encode()
    lines = "".join(f"{name}: {value}\r\n" for name, value in signed(body).items())
    whole = f"POST /slack/events HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body
    for port in (running.port, running.metrics_port):
        for n in bounded():
            sent = bytearray(whole)
            for _ in range(rng.randint(1, 8)):
                place = rng.randrange(len(sent))
                piece = rng.choice(
                    [b"", b"\0", b"\r\n", b"\r\n\r\n", b": ", b"\xff", b" ", bytes([rng.randrange(256)])]
                )
                sent[place : place + rng.randint(0, 3)] = piece
            assert b" 500 " not in exchange(port, bytes(sent)).split(b"\r\n")[0], (n, bytes(sent))
    with httpx.Client(base_url=running.url, timeout=patience.SECONDS) as client:
        assert alive(client)
        assert client.get(f"{running.metrics_url}/readyz").status_code == 200


def exchange(port: int, sent: bytes) -> bytes:
    """Send bytes, say that there are no more, and read the answer. A server that hangs raises TimeoutError."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience.SECONDS) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, OSError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            return connection.recv(65536)
        return b""

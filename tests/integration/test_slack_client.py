"""The Slack client against a real HTTP server on this machine that can also break in every way a server can."""

import asyncio
import re
import socket
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import httpx
import msgspec
import pytest
from prometheus_client import REGISTRY
from python_multipart.multipart import parse_options_header

from rotavatar.errors import CredentialDead, RequestRefused, SlackBusy, SlackError
from rotavatar.slack import SlackAddresses, SlackClient, Timeouts
from rotavatar.slack.client import ANSWER_LIMIT, PHOTO_LIMIT
from tests.patience import SECONDS

TOKEN = "xoxp-canary-token-1234567890"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100
IMPATIENT = Timeouts(connect=0.3, whole=0.5)
NOWHERE: Callable[[str], bool] = lambda _: False  # noqa: E731


class Request(NamedTuple):
    """One request as it came over the wire."""

    verb: str
    path: str
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


class Stub:
    """A local HTTP server that keeps what it got and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.behave: Behaviour = answering({"ok": True})
        self.port = 0

    @property
    def addresses(self) -> SlackAddresses:
        return SlackAddresses(f"http://127.0.0.1:{self.port}")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (request := await read_request(reader)) is not None:
                self.requests.append(request)
                await self.behave(request, writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    line = await reader.readline()
    if not line:
        return None
    verb, path, _ = line.decode().split(" ")
    headers = {}
    while (line := await reader.readline()) not in {b"\r\n", b""}:
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return Request(verb, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def http(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def answering(body: object, *, status: str = "200 OK", headers: str = "") -> Behaviour:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)

    async def behave(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(http(content, status=status, headers=headers))

    return behave


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    stub = Stub()
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    stub.port = server.sockets[0].getsockname()[1]
    yield stub
    server.close()


@asynccontextmanager
async def client_of(stub: Stub, **options: Any) -> AsyncIterator[SlackClient]:
    async with SlackClient(stub.addresses, **options) as client:
        yield client


async def caught(call: Awaitable[object]) -> Any:
    with pytest.raises(SlackError) as raised:
        await call
    assert TOKEN not in f"{raised.value!s}{raised.value!r}{raised.value.__cause__!r}"
    return raised.value


async def test_a_profile_is_read_with_the_token_in_the_header_only(stub):
    stub.behave = answering({"ok": True, "profile": {"avatar_hash": "e44d439dc32b", "image_512": "https://a/1.jpg"}})
    async with client_of(stub) as slack:
        profile = await slack.get_profile(TOKEN)
        await slack.get_profile(TOKEN, "U1")
    assert (profile.avatar_hash, profile.image_512) == ("e44d439dc32b", "https://a/1.jpg")
    mine, other = stub.requests
    assert (mine.verb, mine.path, mine.body) == ("POST", "/api/users.profile.get", b"")
    assert mine.headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in mine.path
    assert other.body == b"user=U1"


async def test_a_photo_arrives_byte_for_byte(stub):
    stub.behave = answering({"ok": True, "profile": {"avatar_hash": "0123456789ab"}})
    async with client_of(stub) as slack:
        profile = await slack.set_photo(TOKEN, image=PNG, mime="image/png")
    assert profile is not None
    assert profile.avatar_hash == "0123456789ab"
    (request,) = stub.requests
    kind, options = parse_options_header(request.headers["content-type"])
    assert kind == b"multipart/form-data"
    head, _, rest = request.body.partition(b"\r\n\r\n")
    assert b'name="image"; filename="avatar.png"' in head
    assert b"Content-Type: image/png" in head
    assert rest == PNG + b"\r\n--" + options[b"boundary"] + b"--\r\n"


async def test_a_photo_may_be_set_without_a_profile_in_the_answer(stub):
    async with client_of(stub) as slack:
        assert await slack.set_photo(TOKEN, image=PNG, mime="image/png") is None


@pytest.mark.parametrize("given", [None, "", "156.9"])
async def test_a_view_is_published_with_its_condition_only_when_there_is_one(stub, given):
    stub.behave = answering({"ok": True, "view": {"id": "V1", "hash": "157.0", "type": "home"}})
    async with client_of(stub) as slack:
        published = await slack.publish_view(
            TOKEN, user_id='U"1', view=b'{"type":"home","blocks":[]}', expected_hash=given
        )
    assert (published.view_id, published.hash) == ("V1", "157.0")
    sent = msgspec.json.decode(stub.requests[0].body)
    assert sent == {"user_id": 'U"1', "view": {"type": "home", "blocks": []}} | ({"hash": given} if given else {})
    assert stub.requests[0].headers["content-type"].startswith("application/json")


async def test_the_other_methods(stub):
    async with client_of(stub) as slack:
        await slack.delete_photo(TOKEN)
        await slack.chat_post_message(TOKEN, channel="U1", text="Hello")
        assert stub.requests[-1].body == b'{"channel":"U1","text":"Hello"}'
        stub.behave = answering({"ok": True, "revoked": True})
        assert await slack.auth_revoke(TOKEN)
        stub.behave = answering({"ok": True, "user": {"id": "U1", "tz": "Europe/Berlin", "tz_offset": 3600}})
        assert (await slack.user_info(TOKEN, "U1")).tz == "Europe/Berlin"
        stub.behave = answering(
            {"ok": True, "team_id": "T1", "user_id": "U1", "team": "Softball", "enterprise_id": "E1"},
            headers="X-OAuth-Scopes: commands,users:read\r\n",
        )
        identity = await slack.auth_test(TOKEN)
    assert (identity.team_id, identity.enterprise_id, identity.scopes) == (
        "T1",
        "E1",
        frozenset({"commands", "users:read"}),
    )
    paths = [request.path for request in stub.requests]
    assert paths == [
        "/api/" + m for m in ("users.deletePhoto", "chat.postMessage", "auth.revoke", "users.info", "auth.test")
    ]


async def test_oauth_sends_the_secret_as_basic_credentials_and_dates_the_grant(stub):
    stub.behave = answering(
        {"ok": True, "app_id": "A1", "access_token": "xoxb-1", "team": {"id": "T1"}, "authed_user": {"id": "U1"}},
        headers="Date: Wed, 21 Oct 2015 07:28:00 GMT\r\n",
    )
    async with client_of(stub) as slack:
        grant = await slack.oauth_access(client_id="1.2", client_secret="s:ü", code="c&d", redirect_uri="https://x/y")
        refreshed = await slack.refresh_token(client_id="1.2", client_secret="s", refresh_token="xoxe-1-r")
    assert (grant.team_id, grant.issued_at) == ("T1", 1445412480.0)
    assert (refreshed.token.access_token, refreshed.issued_at) == ("xoxb-1", 1445412480.0)
    first, second = stub.requests
    assert b64decode(first.headers["authorization"].removeprefix("Basic ")).decode() == "1.2:s:ü"
    assert parse_qs(first.body.decode()) == {"code": ["c&d"], "redirect_uri": ["https://x/y"]}
    assert parse_qs(second.body.decode()) == {"grant_type": ["refresh_token"], "refresh_token": ["xoxe-1-r"]}


async def test_a_used_refresh_token_is_dead_and_not_repeated_in_the_error(stub):
    stub.behave = answering({"ok": False, "error": "invalid_refresh_token"})
    async with client_of(stub) as slack:
        error = await caught(slack.refresh_token(client_id="1", client_secret="s", refresh_token=TOKEN))
    assert isinstance(error, CredentialDead)


async def test_responses_go_to_slack_only(stub):
    stub.behave = answering(b"ok")
    async with client_of(stub) as slack:
        await slack.respond(f"http://127.0.0.1:{stub.port}/response/1", b'{"text":"hi"}')
        error = await caught(slack.respond("https://evil.example/x", b"{}"))
    assert (type(error), error.code) == (RequestRefused, "foreign_address")
    (request,) = stub.requests
    assert (request.path, request.body) == ("/response/1", b'{"text":"hi"}')
    assert "authorization" not in request.headers


async def test_photos_are_fetched_without_a_token(stub):
    stub.behave = answering(PNG, headers="Content-Type: text/html\r\n")
    async with client_of(stub) as slack:
        photo = await slack.fetch_photo(f"http://127.0.0.1:{stub.port}/p/1.png?x=1", allow=NOWHERE)
        error = await caught(slack.fetch_photo("https://evil.example/1.png", allow=NOWHERE))
    assert (photo.content, photo.mime) == (PNG, "image/png")
    assert error.code == "foreign_address"
    (request,) = stub.requests
    assert (request.verb, request.path) == ("GET", "/p/1.png?x=1")
    assert "authorization" not in request.headers


async def test_redirects_are_refused_and_not_followed(stub):
    stub.behave = answering(b"", status="302 Found", headers=f"Location: http://127.0.0.1:{stub.port}/elsewhere\r\n")
    async with client_of(stub) as slack:
        for call in (slack.get_profile(TOKEN), slack.fetch_photo(f"http://127.0.0.1:{stub.port}/p", allow=NOWHERE)):
            assert (await caught(call)).code == "redirected"
    assert [request.path for request in stub.requests] == ["/api/users.profile.get", "/p"]


async def test_cookies_of_one_member_are_not_sent_for_another(stub):
    stub.behave = answering({"ok": True}, headers="Set-Cookie: b=1; Path=/\r\n")
    async with client_of(stub) as slack:
        await slack.delete_photo(TOKEN)
        await slack.delete_photo(TOKEN)
    assert all("cookie" not in request.headers for request in stub.requests)


async def test_proxies_of_the_environment_are_ignored(stub, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with client_of(stub) as slack:
        await slack.delete_photo(TOKEN)
    assert len(stub.requests) == 1


async def test_one_pool_serves_all_calls(stub):
    async with client_of(stub, connections=4) as slack:
        await asyncio.gather(*(slack.delete_photo(TOKEN) for _ in range(40)))
    assert len(stub.requests) == 40
    assert stub.connections <= 4


async def test_a_rate_limit_carries_slacks_wait(stub):
    body = {"ok": False, "error": "ratelimited"}
    stub.behave = answering(body, status="429 Too Many Requests", headers="Retry-After: 7\r\n")
    async with client_of(stub) as slack:
        error = await caught(slack.set_photo(TOKEN, image=PNG, mime="image/png"))
    assert (type(error), error.retry_after, error.uncertain) == (SlackBusy, 7.0, False)


@pytest.mark.parametrize("size", [ANSWER_LIMIT + 1, 50_000_000])
async def test_answers_are_bounded_however_long_they_claim_to_be(stub, size):
    async def flood(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _chunk in range(0, size, 100_000):
            writer.write(b" " * 100_000)
            await writer.drain()

    stub.behave = flood
    async with client_of(stub) as slack:
        error = await caught(slack.get_profile(TOKEN))
    assert (error.code, error.uncertain) == ("answer_too_large", True)


async def test_a_photo_over_the_limit_is_refused(stub):
    stub.behave = answering(PNG + bytes(PHOTO_LIMIT))
    async with client_of(stub) as slack:
        error = await caught(slack.fetch_photo(f"http://127.0.0.1:{stub.port}/p", allow=NOWHERE))
    assert error.code == "answer_too_large"


async def cut_before_answering(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def cut_within_the_body(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ok":')
    await writer.drain()
    writer.transport.close()


async def answer_nonsense(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SMTP ready\r\n\r\n")


async def never_answer(_: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def drip(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _byte in range(1000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (cut_before_answering, "cut_connection"),
        (cut_within_the_body, "cut_connection"),
        (answer_nonsense, "cut_connection"),
        (never_answer, "timeout"),
        (drip, "timeout"),
        (answering(b"<html>"), "unreadable_answer"),
        (answering(b"<html>", status="502 Bad Gateway"), "http_502"),
        (answering({"ok": False, "error": "fatal_error"}), "fatal_error"),
    ],
)
async def test_when_the_call_may_have_had_its_effect_the_error_says_so(stub, behaviour, code):
    stub.behave = behaviour
    async with client_of(stub, timeouts=IMPATIENT if code == "timeout" else Timeouts()) as slack:
        error = await caught(slack.set_photo(TOKEN, image=PNG, mime="image/png"))
    assert (type(error), error.code, error.uncertain) == (SlackBusy, code, True)
    assert len(stub.requests) == 1, "the client itself never sends a photo twice"


async def test_a_server_that_is_not_there_had_no_effect():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    async with SlackClient(SlackAddresses(f"http://127.0.0.1:{port}")) as slack:
        error = await caught(slack.delete_photo(TOKEN))
    assert (type(error), error.code, error.uncertain) == (SlackBusy, "unreachable", False)


async def test_a_server_that_does_not_accept_had_no_effect():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        async with SlackClient(
            SlackAddresses(f"http://127.0.0.1:{full.getsockname()[1]}"), timeouts=Timeouts(connect=0.3, whole=5)
        ) as slack:
            error = await caught(slack.delete_photo(TOKEN))
        for filler in fillers:
            filler.close()
    assert (type(error), error.code, error.uncertain) == (SlackBusy, "connect_timeout", False)


@pytest.mark.parametrize("token", ["xoxp-1\r\nX-Evil: 1", "xoxp-ü", ""])
async def test_a_broken_token_is_never_sent_nor_shown(stub, token):
    async with client_of(stub) as slack:
        error = await caught(slack.delete_photo(token))
    assert (type(error), error.code) == (RequestRefused, "malformed_token")
    assert not stub.requests


async def test_calls_are_counted_by_what_came_of_them(stub):
    def counted(outcome: str) -> float:
        labels = {"method": "users.deletePhoto", "outcome": outcome}
        return REGISTRY.get_sample_value("rotavatar_slack_calls_total", labels) or 0.0

    before = {outcome: counted(outcome) for outcome in ("ok", "credential_dead", "ratelimited", "busy", "cancelled")}
    async with client_of(stub) as slack, client_of(stub, timeouts=IMPATIENT) as impatient:
        await slack.delete_photo(TOKEN)
        stub.behave = answering({"ok": False, "error": "token_revoked"})
        await caught(slack.delete_photo(TOKEN))
        stub.behave = answering({"ok": False, "error": "ratelimited"})
        await caught(slack.delete_photo(TOKEN))
        stub.behave = never_answer
        await caught(impatient.delete_photo(TOKEN))
        arrived = len(stub.requests)
        call = asyncio.create_task(slack.delete_photo(TOKEN))
        async with asyncio.timeout(SECONDS):
            while len(stub.requests) == arrived:
                await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert {outcome: counted(outcome) - count for outcome, count in before.items()} == dict.fromkeys(before, 1.0)


async def test_a_transport_of_ones_own_takes_the_place_of_the_pool():
    def answer(request: httpx.Request) -> httpx.Response:
        assert re.fullmatch(r"https://slack\.com/api/users\.deletePhoto", str(request.url))
        return httpx.Response(200, json={"ok": True})

    async with SlackClient(SlackAddresses("https://slack.com"), transport=httpx.MockTransport(answer)) as slack:
        await slack.delete_photo(TOKEN)

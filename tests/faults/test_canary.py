"""The token canary: a whole life with the product, and then a search of everything that it left behind.

Whatever the simulated Slack handed out, and what the settings hold, must be nowhere in plain sight: not as it is, nor
in base64, nor percent-encoded, nor in hexadecimal. Redis' append-only file remembers every command of the whole run,
so what lay in a stream for a millisecond is searched as well.
"""

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from rotavatar import keys
from rotavatar.keys import Workspace
from rotavatar.records import Idle
from slack_simulator import lifecycle
from tests.faults.product import NAMES, Person, Product, product, until
from tests.ingress import signed
from tests.patience import SECONDS
from tests.servers import Server, valkey_binary

pytestmark = pytest.mark.slow

Places = dict[str, bytes]


def disguises(secret: bytes) -> Iterator[bytes]:
    """`secret` in each form in which it could be read."""
    yield secret
    yield quote(secret, safe="").encode()
    yield secret.hex().encode()
    yield json.dumps(secret.decode("latin-1"))[1:-1].encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):  # within a longer text, three characters of base64 depend on where it begins
            whole = encode(b"\0" * before + secret)
            yield whole[-(-before * 8 // 6) : len(whole) - 4]


def leaks(places: Places, secrets: dict[str, bytes]) -> list[str]:
    """Which secret is found where."""
    return [
        f"{name} in {place}"
        for place, content in places.items()
        for name, secret in secrets.items()
        if any(form in content for form in disguises(secret))
    ]


class Issued:
    """Remembers every token that the simulated Slack makes."""

    def __init__(self, it: Product) -> None:
        self._it = it
        self._tokens: list[str] = []
        ids = it.simulator.slack.ids
        for name in ("access_token", "refresh_token"):
            setattr(ids, name, self._noting(getattr(ids, name)))

    def _noting(self, make: Callable[..., str]) -> Callable[..., str]:
        def noted(**how: Any) -> str:
            token = make(**how)
            self._tokens.append(token)
            return token

        return noted

    def secrets(self) -> dict[str, bytes]:
        """Everything that nobody may read."""
        slack = self._it.simulator.slack
        vault_key = self._it.key.partition(":")[2]
        named = {f"token {n} ({token[:5]})": token for n, token in enumerate(self._tokens)}
        named |= {f"code {n}": code for n, code in enumerate([*slack.codes, *slack.spent_codes])}
        named |= {"client secret": slack.app.client_secret, "signing secret": slack.app.signing_secrets[0]}
        named |= {"verification token": slack.app.verification_token, "vault key": vault_key}
        found = {name: secret.encode() for name, secret in named.items()}
        return {**found, "raw vault key": base64.b64decode(vault_key)}

    def response_urls(self) -> dict[str, bytes]:
        """What whoever has it may post answers with; it waits in its job until that is done (docs/security.md)."""
        return {f"response_url {path}": path.encode() for path in self._it.simulator.slack.response_urls}

    def refreshed(self) -> int:
        return sum(token.startswith("xoxe-") for token in self._tokens)


class Pages:
    """Asks ingress as browsers and enemies do, and keeps what came back."""

    def __init__(self, it: Product) -> None:
        self._it, self.seen = it, bytearray()

    async def ask(self, method: str, path: str, **more) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self._it.url, timeout=SECONDS, trust_env=False) as browser:
            answer = await browser.request(method, path, **more)
        self.seen += str(answer.headers.raw).encode() + answer.content
        return answer


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Product]:
    # No rewrite of the append-only file: it is to hold all that was ever written.
    options = {"auto-aof-rewrite-percentage": "0"}
    server = Server(valkey_binary(), tmp_path / "server", options=options).start()
    try:
        async with product(server, tmp_path, level="debug", events=_all_events()) as running:
            yield running
    finally:
        server.kill()


def _all_events() -> tuple[str, ...]:
    more = ("user_profile_changed", "team_access_granted", "team_access_revoked")
    return ("app_home_opened", "app_uninstalled", "tokens_revoked", *more)


async def changed(person: Person, before: str) -> None:
    async def other() -> bool:
        return person.photo() != before

    await until(other, "another photo")
    await person.settled()


async def settle_in(person: Person) -> None:
    """Connect, choose, and wear the first drawn avatar."""
    await person.connect()
    await person.shows("frequency")
    await person.click("frequency", "3600")
    await person.settled()
    before = person.photo()
    await person.becomes_due()
    await changed(person, before)


async def everyday(person: Person) -> None:
    """Shuffle, ask, put the own photo back."""
    before = person.photo()
    await person.click("shuffle")
    await changed(person, before)
    for words in ("status", "pause 1d", "resume", "help", "nonsense"):
        await person.command(words)
    await person.settled()
    before = person.photo()
    await person.click("restore")
    await changed(person, before)


async def rotating(it: Product, person: Person) -> None:
    """Both tokens are refreshed, and then the member leaves."""
    await settle_in(person)
    for _ in range(2):
        await it.pass_time(11 * 3600)
        before = person.photo()
        await person.click("shuffle")
        await changed(person, before)
    await person.click("leave")

    async def gone() -> bool:
        member = (await person.seen()).member
        return member is not None and member.idle is Idle.LEFT and not member.credential

    await until(gone, "the member has left")
    await person.settled()


async def dying(it: Product, person: Person) -> None:
    """The token dies in silence."""
    await settle_in(person)
    lifecycle.revoke_user(person.slack, _installed(person), person.user, tell=False)
    await person.becomes_due()
    await person.shows("/slack/install")
    await person.settled()


def _installed(person: Person):
    found = person.slack.world.serving(person.slack.app.app_id, person.team)
    assert found is not None
    return found


async def hostile(it: Product, pages: Pages, token: str) -> None:
    """Requests that carry a token where none belongs."""
    secret = it.simulator.slack.app.signing_secrets[0]
    event = json.dumps({"type": "event_callback", "token": token, token: {"event": token}}).encode()
    for path in ("events", "interactions", "commands", "options", f"apps/{token}/events"):
        for body in (event, token.encode(), f"payload={token}&token={token}&text={token}".encode()):
            for headers in (signed(body, secret=secret), {"X-Slack-Signature": token, "Authorization": token}):
                await pages.ask("POST", f"/slack/{path}", content=body, headers=headers)
    for path in (
        f"/slack/oauth_redirect?code={token}&state={token}",
        f"/slack/oauth_redirect?error={token}&state={token}",
        f"/slack/install?team={token}",
        f"/pictures/{token}",
        f"/{token}?{token}={token}",
        "/",
    ):
        await pages.ask("GET", path, headers={"Cookie": f"a={token}", "User-Agent": token, "X-Request-Id": token})


async def poison(it: Product, person: Person) -> None:
    """Jobs that nobody can read."""
    partition = keys.partition_of(Workspace(person.team))
    for stream in (keys.schedule_jobs(partition), keys.publish_jobs(partition)):
        for body in (b"\xff", b'{"kind": "nobody-knows", "v": 2}'):
            await it.redis.execute(partition, "XADD", stream, "*", "j", body)

    async def buried() -> bool:
        return int(await it.redis.execute(partition, "XLEN", keys.dead_letters(partition))) == 4

    await until(buried, "dead letters")


async def metrics(it: Product) -> Places:
    return {
        f"{path} of {name}": (await it.browser.get(it.probe(name, path))).content
        for name in NAMES
        for path in ("metrics", "readyz", "healthz")
    }


def stored(it: Product) -> bytes:
    """Every key with its value, as they are now."""
    reads = {
        b"hash": ("HGETALL",),
        b"string": ("GET",),
        b"set": ("SMEMBERS",),
        b"zset": ("ZRANGE", 0, -1),
        b"stream": ("XRANGE", "-", "+"),
    }
    held = bytearray()
    for key in sorted(it.names()):
        name, *rest = reads[it.server.command("TYPE", key)]
        held += b" ".join([key, *_flat(it.server.command(str(name), key, *rest))]) + b"\n"
    return bytes(held)


def _flat(value: Any) -> Iterator[bytes]:
    match value:
        case dict():
            for pair in value.items():
                yield from _flat(pair)
        case list() | tuple() | set():
            for one in value:
                yield from _flat(one)
        case bytes():
            yield value


def files(folder: Path) -> bytes:
    return b"".join(
        str(path.relative_to(folder)).encode() + path.read_bytes() for path in folder.rglob("*") if path.is_file()
    )


async def test_no_secret_is_found_anywhere_after_a_whole_life(it: Product) -> None:
    issued, pages = Issued(it), Pages(it)
    first = it.newcomer()
    await settle_in(first)
    await everyday(first)
    await dying(it, it.newcomer())
    it.simulator.configure(token_rotation=True)
    second = it.newcomer()
    await rotating(it, second)
    tokens = [token for token, record in it.simulator.slack.world.tokens.items() if record.dead is None]
    await hostile(it, pages, tokens[0])
    await pages.ask("GET", "/slack/oauth_redirect", params={"code": next(iter(it.simulator.slack.spent_codes))})
    await poison(it, first)
    tabs = str([installation.homes for installation in it.simulator.slack.world.installations.values()]).encode()
    lifecycle.uninstall(it.simulator.slack, _installed(first))
    with suppress(AssertionError):
        await first.settled()  # its record may be purged while it is looked at
    places = {
        "the Home tabs": tabs,
        "pages": bytes(pages.seen),
        "answers to commands": str(list(it.simulator.slack.messages)).encode(),
        "Redis": stored(it),
        **await metrics(it),
    }
    await it.stop()
    places |= {f"the log of {name}": it.log(name).encode() for name in NAMES}
    written = {"all that Redis ever held": files(it.server.folder), "the photo store": files(it.folder / "photos")}

    secrets = issued.secrets()
    assert issued.refreshed() >= 6
    assert sum(name.startswith("token") for name in secrets) > 10
    assert leaks(places | written, secrets) == []
    assert len(issued.response_urls()) >= 5
    assert leaks(places, issued.response_urls()) == []

    # The search looks at what it should: it finds what everybody may read, and a secret that was planted.
    for place in ("the log of rotator", "the log of ingress_api", "Redis", "all that Redis ever held"):
        assert leaks({place: (places | written)[place]}, {"the team": first.team.encode()})
    assert places["the Home tabs"] and places["pages"] and places["answers to commands"] and written["the photo store"]
    for name, secret in secrets.items():
        for form in disguises(secret):
            assert leaks({"a": b"nothing", "b": places["Redis"] + b"x" + form + b"y"}, {name: secret}) == [
                f"{name} in b"
            ]

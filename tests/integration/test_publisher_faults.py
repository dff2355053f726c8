"""What Slack, the network and dying colleagues do to the publisher, and what the member sees all the same."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from publisher import home
from publisher.home import View
from publisher.publishing import Publisher
from publisher.reading import TabReader
from publisher.state import HomeState, Place
from rotavatar import keys
from rotavatar.catalogue import Library
from rotavatar.configuration import Secret
from rotavatar.credentials import Credential, seal_credential
from rotavatar.errors import CredentialDead, SlackBusy
from rotavatar.keyring import KeyRing, generate_key
from rotavatar.keys import User, Workspace
from rotavatar.messages import PublishAsked, ShuffleAsked, encode
from rotavatar.policy import HOUR
from rotavatar.records import Idle, Member, WorkspaceRecord
from rotavatar.slack import Identity, PublishedView, SlackAddresses, SlackClient
from rotavatar.store.publishing import Tab
from rotavatar.vault import Owner, Vault
from slack_simulator import lifecycle
from tests.patience import SECONDS
from tests.publishing import TEAM, Stage, stage, until
from tests.servers import Server

W = Workspace(TEAM)
P = keys.partition_of(W)
SETTLED = "A new photo every 4 hours"


@pytest.fixture
async def it(valkey: Server, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(valkey.url, tmp_path, speed=60) as running:
        yield running


async def settled(it: Stage) -> str:
    """A member whose settled tab is asked for; the publisher has not seen it yet."""
    person = await it.install(it.simulator.add_member(TEAM))
    await it.store(
        person.id, Member(credential=b"c", frequency=4 * HOUR, next="ctests/critters/1", rotated_at=1_000_000)
    )
    return person.id


async def test_a_hash_that_slack_no_longer_knows_is_forgotten_and_the_tab_published(it: Stage) -> None:
    user = await settled(it)
    await it.redis.execute(P, "HSET", keys.member(W, User(user)), "vh", "1.stale")
    await it.ask(user)
    shown = await it.shows(user, SETTLED)
    await it.idle()
    assert (it.calls("hash_conflict"), it.calls("ok")) == (1, 1)
    assert await it.publishing.view_hash(W, User(user)) == shown["hash"]


async def test_a_closed_home_tab_is_asked_once_for_each_wish(it: Stage) -> None:
    user = await settled(it)
    it.simulator.slack.trouble.of(TEAM).home_tab_off = True
    for _ in range(2):
        await it.ask(user)
        await it.idle()
    assert it.calls("not_enabled") == it.calls() == 2
    it.simulator.slack.trouble.clear()
    await it.ask(user)
    await it.shows(user, SETTLED)


async def test_pictures_that_slack_cannot_fetch_are_left_out_and_come_back(it: Stage) -> None:
    user = await settled(it)
    it.simulator.slack.trouble.of(TEAM).images_unreachable = True
    await it.ask(user)
    plain = await it.shows(user, SETTLED)
    await it.idle()
    assert "image_url" not in str(plain["blocks"])
    assert it.calls() == 2
    it.simulator.slack.trouble.clear()
    await it.ask(user, shown=plain["private_metadata"])
    assert "/pictures/ctests/critters/" in str(await it.shows(user, "image_url"))


async def test_a_view_that_slack_refuses_becomes_a_notice(it: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "build", broken)
    user = await settled(it)
    await it.ask(user)
    await it.shows(user, "did not accept this page")
    await it.idle()
    assert it.calls() == 2


async def test_what_slack_refuses_altogether_is_given_up(it: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "build", broken)
    monkeypatch.setattr(home, "fallback", lambda _version: View(body=b'{"type":"home"}', digest="", pictures=False))
    user = await settled(it)
    await it.ask(user)
    await until(lambda: it.calls("invalid_arguments") == 2)
    await it.idle()
    assert it.home(user) is None
    assert it.calls() == 2


def broken(_state: HomeState, *, pictures: bool = True) -> View:
    return View(body=b'{"type":"home","blocks":[{"type":"header"}]}', digest="x", pictures=not pictures)


async def test_a_rate_limit_holds_the_workspace_for_as_long_as_slack_says_and_no_other(it: Stage) -> None:
    user = await settled(it)
    other = it.simulator.add_team("Other", team="T0OTHER").id
    bystander = await it.install(it.simulator.add_member(other), team=other)
    opens = it.clock.now() + 180
    it.simulator.slack.limiter.close(team=TEAM, method="views.publish", until=opens)
    await it.ask(user)
    await until(lambda: it.calls("ratelimited") == 1)
    await it.ask(bystander.id, team=other)
    await it.shows(bystander.id, "Connect me", team=other)
    assert it.clock.now() < opens
    await it.shows(user, SETTLED)
    assert it.clock.now() >= opens
    assert (it.calls("ratelimited"), it.calls("ok")) == (1, 1)


@pytest.mark.parametrize("trouble", [{"answer_500": 1}, {"ratelimited_200": 1}, {"cut": "before", "cut_count": 1}])
async def test_a_broken_answer_is_followed_by_another_try(it: Stage, trouble: dict[str, object]) -> None:
    user = await settled(it)
    switches = it.simulator.slack.trouble.of(TEAM)
    for name, value in trouble.items():
        setattr(switches, name, value)
    await it.ask(user)
    await it.shows(user, SETTLED)
    await it.idle()
    assert it.calls("ok") == 1


async def test_an_answer_that_got_lost_after_its_effect_settles_to_the_newest(it: Stage) -> None:
    user = await settled(it)
    await it.ask(user)
    await it.shows(user, SETTLED)
    await it.idle()
    switches = it.simulator.slack.trouble.of(TEAM)
    switches.cut, switches.cut_count = "after", 1
    await it.store(user, Member(credential=b"c", idle=Idle.OUTSIDE))
    await it.ask(user)
    await it.shows(user, "changed elsewhere")
    await it.idle()
    assert await it.publishing.view_hash(W, User(user)) == (it.home(user) or {})["hash"]
    assert it.calls("hash_conflict") == 1


async def test_a_change_during_a_publish_is_shown_by_another(it: Stage) -> None:
    user = await settled(it)
    it.simulator.slack.trouble.of(TEAM).slow = 0.5
    await it.ask(user)
    await until(lambda: bool(it.journal.arrivals[TEAM, "views.publish"]))
    await it.store(user, Member(credential=b"c", idle=Idle.OUTSIDE))
    await it.ask(user)
    await it.shows(user, "changed elsewhere")
    await it.idle()
    assert it.calls("ok") == 2
    assert not it.journal.overlaps


async def test_a_dead_credential_is_dropped_and_the_next_installation_serves(it: Stage) -> None:
    user = await settled(it)
    installation = it.simulator.slack.world.serving(it.simulator.slack.app.app_id, TEAM)
    assert installation is not None
    lifecycle.revoke_bot(it.simulator.slack, installation, tell=False)
    for _ in range(2):
        await it.ask(user)
        await it.idle()
    record = await it.workspaces.read(W)
    assert record is not None and record.credential == b""
    assert it.calls() == 1
    await it.install(it.simulator.add_member(TEAM))
    await it.ask(user)
    await it.shows(user, SETTLED)


async def test_a_colleague_who_died_with_a_tab_is_followed_by_somebody_else(it: Stage) -> None:
    user = await settled(it)
    await it.stop()
    await it.ask(user)
    (entry,) = await it.jobs.read(
        [keys.publish_jobs(p) for p in range(keys.PARTITIONS)],
        [P],
        consumer="dying",
        count=10,
        block_ms=10,
        redis=it.redis,
    )
    now = int(it.clock.now() * 1000)
    job = msgspec.convert({"workspace": W, "user": user, "at": 1, "trace": ""}, PublishAsked)
    await it.publishing.mark(P, [(entry, job)], now_ms=now, look_until_ms=now + 1)
    lease_end = now + int(it.clock.span(0.5) * 1000)
    assert len(await it.publishing.claim(P, now_ms=now, lease_end_ms=lease_end, want=10, most=10)) == 1
    it.start()
    await it.shows(user, SETTLED)
    assert it.clock.now() * 1000 >= lease_end
    assert it.calls() == 1


async def test_a_credential_whose_key_is_missing_waits_for_it(it: Stage) -> None:
    user = await settled(it)
    stranger = Vault(KeyRing(Secret(generate_key())))
    record = await it.workspaces.read(W)
    assert record is not None
    sealed = seal_credential(stranger, Credential(access_token=Secret("xoxb-1-a")), Owner("bot", W))
    await it.workspaces.commit(W, record, msgspec.structs.replace(record, credential=sealed))
    await it.ask(user)
    async with asyncio.timeout(SECONDS):
        while await it.publishing.next_ready(P) is None:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    assert it.calls() == 0
    assert await it.publishing.next_ready(P) is not None
    after = await it.workspaces.read(W)
    assert after is not None and after.credential == sealed


class Doubtful(SlackClient):
    """Slack says invalid_auth to every publish; whether auth.test agrees is told it."""

    def __init__(self, it: Stage, *, agrees: bool) -> None:
        super().__init__(SlackAddresses(it.simulator.url))
        self.agrees = agrees
        self.asked: list[str] = []

    async def publish_view(
        self, token: str, *, user_id: str, view: bytes, expected_hash: str | None = None
    ) -> PublishedView:
        self.asked.append("views.publish")
        raise CredentialDead(method="views.publish", code="invalid_auth")

    async def auth_test(self, token: str) -> Identity:
        self.asked.append("auth.test")
        if self.agrees:
            raise CredentialDead(method="auth.test", code="invalid_auth")
        return Identity(team_id=TEAM, user_id="U0BOT")


def by_hand(it: Stage, slack: SlackClient) -> Publisher:
    """A publisher without its loop."""
    library = Library(Path(it.environ["ROTAVATAR_CATALOGUE_DIR"]))
    place = Place(public_url="https://example.com", app="A1")

    async def token(_workspace: Workspace, _record: WorkspaceRecord) -> str:
        return "a-token"

    return Publisher(
        reader=TabReader(members=it.members, publishing=it.publishing, clock=it.clock, library=library, place=place),
        slack=slack,
        bot_token=token,
        publishing=it.publishing,
        members=it.members,
        workspaces=it.workspaces,
        clock=it.clock,
    )


@pytest.mark.parametrize("agrees", [True, False])
async def test_an_invalid_token_is_dead_only_where_auth_test_agrees(it: Stage, *, agrees: bool) -> None:
    user = await settled(it)
    now = int(it.clock.now() * 1000)
    async with Doubtful(it, agrees=agrees) as slack:
        await by_hand(it, slack).publish(Tab(W, User(user), now), claimed_ms=now)
    assert slack.asked == ["views.publish", "auth.test"]
    record = await it.workspaces.read(W)
    assert record is not None and (record.credential == b"") is agrees


async def test_a_grant_that_waited_too_long_goes_back_without_a_call(it: Stage) -> None:
    user = await settled(it)
    await it.stop()
    long_ago = int((it.clock.now() - it.clock.span(6)) * 1000)
    async with Doubtful(it, agrees=True) as slack:
        ready = await by_hand(it, slack).publish(Tab(W, User(user), long_ago), claimed_ms=long_ago)
    assert slack.asked == []
    assert ready is not None
    (again,) = await it.publishing.claim(P, now_ms=int(ready), lease_end_ms=int(ready) + 1, want=9, most=9)
    assert again.user == user


async def test_a_crash_of_ours_ends_that_publish_and_no_other(it: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    build: Callable[..., View] = home.build
    user, other = await settled(it), await settled(it)
    failed: list[HomeState] = []

    def fails_once(state: HomeState, *, pictures: bool = True) -> View:
        monkeypatch.setattr(home, "build", build)
        failed.append(state)
        raise RuntimeError("boom")

    monkeypatch.setattr(home, "build", fails_once)
    await it.ask(user)
    await until(lambda: bool(failed))
    await it.ask(other)
    await it.shows(other, SETTLED)


async def test_a_job_of_another_kind_is_buried_and_the_others_are_done(it: Stage) -> None:
    user = await settled(it)
    stray = encode(ShuffleAsked(workspace=W, user=User(user), at=1, trace="t"))
    await it.redis.execute(P, "XADD", keys.publish_jobs(P), "*", "j", stray)
    await it.ask(user)
    await it.shows(user, SETTLED)
    (letter,) = await it.jobs.dead_letters(P)
    assert (letter.body, letter.reason) == (stray, "no publish job")


async def test_slack_away_at_the_look_whether_a_token_lives_kills_no_credential(it: Stage) -> None:
    user = await settled(it)
    now = int(it.clock.now() * 1000)
    async with Away(it, agrees=True) as slack:
        assert await by_hand(it, slack).publish(Tab(W, User(user), now), claimed_ms=now) is not None
    record = await it.workspaces.read(W)
    assert record is not None and record.credential


class Away(Doubtful):
    """Slack says invalid_auth to a publish, and nothing to the question after it."""

    async def auth_test(self, token: str) -> Identity:
        raise SlackBusy(method="auth.test", code="timeout")

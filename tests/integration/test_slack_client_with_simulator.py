"""The Slack client against the simulator: both read the same documentation, so they must understand each other."""

import io
import random
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from PIL import Image

from rotavatar.errors import ConsentMissing, CredentialDead, PictureRefused, RequestRefused, SlackBusy
from rotavatar.slack import SlackAddresses, SlackClient
from slack_simulator.app import Simulator
from slack_simulator.config import AppConfig
from slack_simulator.state import Member
from tests.patience import SECONDS

REDIRECT = "http://127.0.0.1:9/slack/oauth_redirect"
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "Hello"}}


def picture(side: int = 512, kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (side, side), random.Random(side).choice(["red", "green"])).save(content, kind)
    return content.getvalue()


def home(*blocks: object) -> bytes:
    return msgspec.json.encode({"type": "home", "blocks": [SECTION, *blocks]})


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(AppConfig(redirect_urls=(REDIRECT,))) as simulator:
        yield simulator


@pytest.fixture
async def slack(simulator: Simulator) -> AsyncIterator[SlackClient]:
    async with SlackClient(SlackAddresses(simulator.url)) as slack:
        yield slack


@pytest.fixture
def member(simulator: Simulator) -> Member:
    return simulator.add_member(simulator.add_team(team="T0ROTATE1").id, user="U0ROTATE1", tz="Europe/Madrid")


@pytest.fixture
def tokens(simulator: Simulator, member: Member) -> dict[str, str]:
    return {kind: issued.access for kind, issued in simulator.install("T0ROTATE1", member.id).items()}


async def test_a_photo_is_changed_read_fetched_and_put_back(slack, tokens):
    before = await slack.get_profile(tokens["user"])
    assert not before.has_own_photo
    changed = await slack.set_photo(tokens["user"], image=picture(), mime="image/png")
    after = await slack.get_profile(tokens["user"])
    assert after.has_own_photo
    assert changed is None or changed.avatar_hash == after.avatar_hash
    assert after.image_512 is not None
    photo = await slack.fetch_photo(after.image_512, allow=lambda _: False)
    assert Image.open(io.BytesIO(photo.content)).size == (512, 512)
    await slack.delete_photo(tokens["user"])
    assert not (await slack.get_profile(tokens["user"])).has_own_photo


@pytest.mark.parametrize(("kind", "mime"), [("JPEG", "image/jpeg"), ("GIF", "image/gif")])
async def test_the_other_formats_are_taken(slack, tokens, kind, mime):
    await slack.set_photo(tokens["user"], image=picture(kind=kind), mime=mime)
    assert (await slack.get_profile(tokens["user"])).has_own_photo


@pytest.mark.parametrize(("image", "code"), [(picture(2000), "too_large"), (b"\x89PNG broken", "bad_image")])
async def test_bad_images_are_refused_as_such(slack, tokens, image, code):
    with pytest.raises(PictureRefused, match=code):
        await slack.set_photo(tokens["user"], image=image, mime="image/png")


async def test_a_home_tab_is_published_over_the_version_one_knows(simulator, slack, tokens, member):
    first = await slack.publish_view(tokens["bot"], user_id=member.id, view=home())
    second = await slack.publish_view(tokens["bot"], user_id=member.id, view=home(SECTION), expected_hash=first.hash)
    assert first.hash != second.hash
    with pytest.raises(SlackBusy, match="hash_conflict"):
        await slack.publish_view(tokens["bot"], user_id=member.id, view=home(), expected_hash=first.hash)
    assert len(simulator.home("T0ROTATE1", member.id)["blocks"]) == 2


@pytest.mark.parametrize("path", ["/nowhere.png", "/"])
async def test_an_image_that_slack_cannot_use_is_told_apart_from_a_wrong_view(simulator, slack, tokens, member, path):
    image = {"type": "image", "image_url": simulator.url + path, "alt_text": "now"}
    with pytest.raises(PictureRefused, match="image_download_failed"):
        await slack.publish_view(tokens["bot"], user_id=member.id, view=home(image))
    with pytest.raises(RequestRefused, match="invalid_arguments"):
        await slack.publish_view(
            tokens["bot"], user_id=member.id, view=b'{"type":"home","blocks":[{"type":"nonsense"}]}'
        )


async def test_whose_token_it_is_and_the_wrong_kind_of_token(slack, tokens, member):
    identity = await slack.auth_test(tokens["user"])
    assert (identity.team_id, identity.user_id) == ("T0ROTATE1", member.id)
    assert identity.scopes == {"users.profile:read", "users.profile:write"}
    assert (await slack.user_info(tokens["bot"], member.id)).tz == "Europe/Madrid"
    with pytest.raises(RequestRefused, match="not_allowed_token_type"):
        await slack.set_photo(tokens["bot"], image=picture(), mime="image/png")
    with pytest.raises(ConsentMissing, match="users:read"):
        await slack.user_info(tokens["user"], member.id)


async def test_a_revoked_token_is_dead(slack, tokens):
    assert await slack.auth_revoke(tokens["user"])
    with pytest.raises(CredentialDead):
        await slack.get_profile(tokens["user"])
    with pytest.raises(CredentialDead, match="invalid_auth"):
        await slack.auth_test("xoxp-nobodys")


async def test_calls_beyond_the_tier_are_told_when_to_come_back(slack, tokens):
    async def hurry() -> None:
        for _ in range(60):
            await slack.delete_photo(tokens["user"])

    with pytest.raises(SlackBusy, match="ratelimited") as caught:
        await hurry()
    assert caught.value.retry_after is not None
    assert 1 <= caught.value.retry_after <= 60
    assert not caught.value.uncertain


async def consent(simulator: Simulator, slack: SlackClient, member: Member) -> str:
    """Say yes on the consent page; the code that comes back."""
    app = simulator.slack.app
    page = slack.addresses.authorize(
        client_id=app.client_id,
        bot_scopes="commands,users:read",
        user_scopes="users.profile:read,users.profile:write",
        redirect_uri=REDIRECT,
        state="s",
        team="T0ROTATE1",
    )
    asked = parse_qs(urlsplit(page).query)
    async with httpx.AsyncClient(trust_env=False, timeout=SECONDS) as browser:
        assert (await browser.get(page)).status_code == 200
        form = asked | {"person": f"T0ROTATE1.{member.id}", "decision": "allow"}
        answer = await browser.post(page.partition("?")[0], data=form)
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


async def test_consent_refresh_and_a_code_used_twice(simulator, slack, member):
    simulator.configure(token_rotation=True)
    app = simulator.slack.app
    code = await consent(simulator, slack, member)
    credentials = {"client_id": app.client_id, "client_secret": app.client_secret}
    grant = await slack.oauth_access(**credentials, code=code, redirect_uri=REDIRECT)
    assert (grant.app_id, grant.team_id, grant.user_id) == (app.app_id, "T0ROTATE1", member.id)
    assert grant.bot.scopes == {"commands", "users:read"}
    assert grant.user.scopes == {"users.profile:read", "users.profile:write"}
    assert abs(grant.issued_at - simulator.clock.wall()) < 5
    for old in (grant.bot, grant.user):
        assert old.expires_in == 43200
        renewed = await slack.refresh_token(**credentials, refresh_token=old.refresh_token)
        assert renewed.token.access_token != old.access_token
        assert (await slack.auth_test(renewed.token.access_token)).team_id == "T0ROTATE1"
    with pytest.raises(RequestRefused):
        await slack.oauth_access(**credentials, code=code, redirect_uri=REDIRECT)
    with pytest.raises(CredentialDead, match="invalid_refresh_token"):
        await slack.refresh_token(**credentials, refresh_token="xoxe-1-nobodys")
    with pytest.raises(RequestRefused, match="bad_client_secret"):
        await slack.oauth_access(client_id=app.client_id, client_secret="wrong", code=code, redirect_uri=REDIRECT)

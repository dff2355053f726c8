"""The whole story, as a newcomer lives it: the real product, the simulated Slack, and a browser on its page.

Each test takes people whom no other test takes. Only the first story needs workspaces that nobody has touched.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import new_context
from tests.browser.seat import Seat, alike, allow, eventually, hours_later, hurrying, world
from tests.dev import Dev, running_dev
from tests.pictures import draw_catalogue

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]

PACKS = {"critters": 12, "robots": 12}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """`rotavatar dev`, whose avatars are drawn already."""
    folder = tmp_path_factory.mktemp("story")
    (folder / ".rotavatar").mkdir()
    draw_catalogue(folder / ".rotavatar" / "catalogue", packs=PACKS)
    with running_dev(folder, "--no-draw") as dev:
        yield dev


@pytest_asyncio.fixture(loop_scope="module")
async def slack(chromium: Browser, product: Dev) -> AsyncIterator[Page]:
    """The simulator's page, without trouble and in real time."""
    context = await new_context(
        chromium, viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin", base_url=product.page
    )
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.goto("/")
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    yield page
    await page.request.post("/ui/api/trouble/clear", data={})
    await page.request.post("/ui/api/clock", data={"speed": 1})
    await context.close()
    assert problems == []


async def elsewhere(page: Page, team: str) -> list[tuple[str, str, bool]]:
    """Photos and connections of everybody who is not in `team`."""
    others = [each for each in (await world(page))["workspaces"] if each["id"] != team]
    return [(m["id"], m["avatar"]["hash"], m["connected"]) for each in others for m in each["members"]]


async def test_a_member_installs_chooses_changes_and_leaves(slack: Page) -> None:
    await expect(slack.get_by_test_id("workspace")).to_have_count(2)
    amara = await Seat.of(slack, "Amara Okafor")
    others = await elsewhere(slack, amara.team)
    original = await amara.photo()

    scopes = await amara.join()
    assert {"commands", "users:read", "users.profile:read", "users.profile:write"} <= {*scopes}
    await amara.says("Welcome")
    assert alike(await amara.photo(), original)

    await amara.choose("frequency", "Every hour")
    await amara.says("A new photo every hour")
    first = await amara.promised("critters")
    async with amara.changing(), hurrying(slack):
        await amara.changed()
    await amara.tells("Last change")
    assert len(await amara.calls("users.setPhoto")) > 1 or alike(await amara.photo(), first)

    await amara.choose("pack", "Robots")
    next_one = await amara.promised("robots")
    async with amara.changing():
        await amara.press("shuffle")
    assert alike(await amara.photo(), next_one)
    shuffled = await amara.photo()
    await amara.says("A new photo every hour")

    async with amara.changing():
        await amara.press("shuffle")
    await amara.says("A new photo every hour")
    async with amara.changing():
        await amara.press("undo")
    await amara.says("A new photo every hour")
    assert alike(await amara.photo(), shuffled)

    await amara.press("pause")
    await amara.says("Paused")
    before = await amara.photo_hash()
    await hours_later(slack, 5)
    assert await amara.photo_hash() == before
    await amara.press("resume")
    await amara.says("A new photo every hour")
    async with amara.changing(), hurrying(slack):
        await amara.changed()

    async with amara.changing():
        await amara.press("restore")
    await amara.says("Paused")
    assert alike(await amara.photo(), original)

    await amara.press("resume")
    await amara.says("A new photo every hour")
    async with amara.changing():
        await amara.press("shuffle")
    await amara.says("A new photo every hour")
    await amara.begin("leave")
    await slack.get_by_test_id("confirm-no").click()
    await amara.says("A new photo every hour")
    await amara.begin("leave")
    await slack.get_by_test_id("confirm-yes").click()
    await amara.says("Goodbye")
    await expect(amara.row).to_have_attribute("data-state", "visitor")
    assert alike(await amara.photo(), original)
    assert len(await amara.calls("auth.revoke")) == 1

    assert await elsewhere(slack, amara.team) == others


async def test_a_photo_that_is_changed_by_hand_is_asked_about_and_never_overwritten(slack: Page) -> None:
    rafael = await Seat.of(slack, "Rafael Costa")
    await rafael.settle()
    await rafael.by_hand()
    await rafael.says("Your photo was changed elsewhere")
    theirs = await rafael.photo()
    await hours_later(slack, 3)
    assert alike(await rafael.photo(), theirs)

    await rafael.press("keep")
    await rafael.says("Paused")
    await rafael.press("resume")
    await rafael.says("A new photo every hour")
    async with rafael.changing():
        await rafael.press("shuffle")
    await rafael.says("A new photo every hour")
    async with rafael.changing():
        await rafael.press("restore")
    await rafael.says("Paused")
    assert alike(await rafael.photo(), theirs)

    await rafael.press("resume")
    await rafael.says("A new photo every hour")
    async with rafael.changing():
        await rafael.press("shuffle")
    await rafael.says("A new photo every hour")
    await rafael.by_hand()
    await rafael.says("Your photo was changed elsewhere")
    async with rafael.changing(), hurrying(slack):
        await rafael.press("resume")
        await rafael.changed()
    await rafael.says("A new photo every hour")


async def test_a_colleague_connects_from_the_visitors_home_tab_and_is_forgotten(slack: Page, product: Dev) -> None:
    await (await Seat.of(slack, "Amara Okafor")).ensure()
    jonas = await Seat.of(slack, "Jonas Lindqvist")
    await jonas.take()
    await jonas.says("A fresh photo")
    default = await jonas.photo_hash()
    assert {*await jonas.join()} == {"users.profile:read", "users.profile:write"}
    await jonas.says("Welcome")

    await expect(await jonas.command("/avatar help")).to_contain_text("What you can tell Rotavatar")
    await expect(await jonas.command("/avatar status")).to_contain_text("Rotavatar is off")
    async with jonas.changing():
        await expect(await jonas.command("/avatar shuffle")).to_contain_text("Shuffling")
    await jonas.says("Your photo stays as it is")
    await jonas.choose("frequency", "Every 4 hours")
    await jonas.says("A new photo every 4 hours")
    await expect(await jonas.command("/avatar status")).to_contain_text("every 4 hours")
    await expect(await jonas.command("/avatar pause 3d")).to_contain_text("Paused until")
    await jonas.says("Paused for now")
    await expect(await jonas.command("/avatar resume")).to_contain_text("every 4 hours")

    await jonas.begin("forget")
    await slack.get_by_test_id("confirm-yes").click()
    await jonas.says("A fresh photo")
    await expect(jonas.row).to_have_attribute("data-hash", default)
    await expect(jonas.row).to_have_attribute("data-state", "visitor")
    assert jonas.user not in product.command("members", "list", "--json").stdout


async def test_the_landing_page_leads_into_slack(slack: Page, product: Dev) -> None:
    mei = await Seat.of(slack, "Mei Tanaka")
    await mei.take()
    await slack.goto(product.running["ingress"])
    await slack.get_by_role("link", name="Add to Slack").first.click()
    await slack.wait_for_url("**/oauth/v2/authorize?*")
    await slack.locator("#cancel").click()
    await expect(slack.get_by_role("heading", name="Nothing was changed")).to_be_visible()
    await slack.get_by_role("link", name="Start again").click()
    await allow(slack)
    await slack.wait_for_url(f"**/*{mei.team}*{mei.user}*")
    await mei.says("Welcome")


async def test_reconnecting_after_a_revoked_token_keeps_every_choice(slack: Page) -> None:
    tom = await Seat.of(slack, "Tom Whitfield")
    original = await tom.photo()
    await tom.settle("Every 2 hours")
    await tom.choose("pack", "Robots")
    await tom.promised("robots")
    await tom.trouble("revoke_token", scope="member")
    await tom.says("Please connect again")
    await expect(tom.row).to_have_attribute("data-state", "visitor")
    await tom.join()
    await tom.says("A new photo every 2 hours")
    await tom.promised("robots")
    async with tom.changing():
        await tom.press("restore")
    await tom.says("Paused")
    assert alike(await tom.photo(), original)


async def test_a_rate_limit_is_kept_and_the_honest_time_is_told(slack: Page) -> None:
    ines = await Seat.of(slack, "Inés Herrera")
    await ines.settle()
    await ines.trouble("rate_limit-users.setPhoto", scope="workspace")
    await ines.limit("users.setPhoto", seconds=900)
    before, now = await ines.photo_hash(), (await world(slack))["clock"]["now"]
    await ines.press("shuffle")
    await ines.tells("Slack was too busy to change your photo. We try again by ourselves.")
    told = await ines.home.locator("time").first.get_attribute("data-epoch")
    assert 800 < int(told or 0) - now < 1000
    assert await ines.photo_hash() == before
    async with ines.changing(), hurrying(slack):
        await ines.changed()
    await ines.says("A new photo every hour")
    assert len([row for row in await ines.calls("users.setPhoto") if row["status"] == 429]) == 1


async def test_without_reachable_pictures_the_home_tab_is_shown_without_them(slack: Page) -> None:
    priya = await Seat.of(slack, "Priya Raman")
    await priya.settle()
    await priya.promised()
    await priya.trouble("images_unreachable", scope="workspace")
    await priya.choose("frequency", "Every 2 hours")
    await priya.says("A new photo every 2 hours")
    await expect(priya.home.locator("img")).to_have_count(0)
    await priya.trouble("clear", scope="global")
    await priya.choose("frequency", "Every 4 hours")
    await priya.says("A new photo every 4 hours")
    await priya.promised()


@pytest.mark.parametrize("trouble", ["answer_500", "slow", "cut_before", "cut_after", "ratelimited_200", "no_profile"])
async def test_a_sick_slack_is_outlived(slack: Page, trouble: str) -> None:
    lars = await Seat.of(slack, "Lars Holm")
    await lars.ensure()
    async with lars.changing():
        tried = len(await lars.calls("users.profile.get"))
        await lars.trouble(trouble, scope="workspace")
        await lars.press("shuffle")
        await eventually(lambda: lars.called("users.profile.get", more_than=tried), "a try")
        await lars.trouble("clear", scope="global")
        async with hurrying(slack):
            await lars.changed()
            # In a hurry too: after a refused publish the next one waits for half a minute of the simulated clock.
            await lars.says("A new photo every hour")


async def test_events_that_come_twice_and_out_of_order_change_nothing(slack: Page) -> None:
    nia = await Seat.of(slack, "Nia Mwangi")
    await nia.settle()
    await nia.trouble("deliver_twice", scope="global")
    await nia.trouble("out_of_order", scope="global")
    await nia.take()
    await nia.by_hand()
    await nia.says("Your photo was changed elsewhere")
    await nia.press("resume")
    await nia.says("A new photo every hour")
    async with nia.changing():
        await nia.press("shuffle")
    await nia.says("A new photo every hour")
    await nia.trouble("revoke_token", scope="member")
    await nia.says("Please connect again")
    await nia.join()
    await nia.says("A new photo every hour")


async def test_after_an_uninstallation_nobody_sees_anything_and_coming_back_keeps_the_choices(slack: Page) -> None:
    nia = await Seat.of(slack, "Nia Mwangi")
    await nia.ensure()
    others = await elsewhere(slack, nia.team)
    await nia.trouble("uninstall", scope="workspace")
    await expect(nia.workspace.get_by_test_id("home-not-installed")).to_be_visible()
    for row in await nia.workspace.get_by_test_id("member").all():
        await expect(row).to_have_attribute("data-state", "visitor")
    assert await elsewhere(slack, nia.team) == others
    await nia.join()
    await nia.says("A new photo every hour")

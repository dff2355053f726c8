"""The simulator's page: it draws Home tabs as Slack does, its controls work, and nothing that it shows becomes code."""

from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from slack_simulator import people, seeds
from slack_simulator.app import Simulator
from slack_simulator.config import DeliveryRules
from tests.browser.conftest import Stage, new_context

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

Block = dict[str, Any]


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": True}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def option(text: str, value: str) -> Block:
    return {"text": plain(text), "value": value}


def section(text: str, accessory: Block | None = None, *, block_id: str = "s") -> Block:
    return {
        "type": "section",
        "block_id": block_id,
        "text": mrkdwn(text),
        **({"accessory": accessory} if accessory else {}),
    }


def actions(*elements: Block) -> Block:
    return {"type": "actions", "block_id": "a", "elements": [*elements]}


CONFIRM = {
    "title": plain("Leave Rotavatar?"),
    "text": mrkdwn("Your own photo comes back *first*."),
    "confirm": plain("Leave now"),
    "deny": plain("Stay"),
    "style": "danger",
}
SOME = [option("One", "1"), option("Two", "2")]


async def opened(page: Page, stage: Stage) -> Locator:
    """The page with the Home tab of the person who installed the app. Returns that workspace."""
    await page.goto(f"{stage.simulator.url}/#{stage.team}.{stage.user}")
    workspace = page.locator(f'[data-testid=workspace][data-team="{stage.team}"]')
    await expect(workspace.get_by_test_id("home")).to_have_attribute("data-user", stage.user)
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    return workspace


def control(workspace: Locator, action_id: str) -> Locator:
    return workspace.locator(f'[data-testid=element][data-action-id="{action_id}"]')


async def test_every_kind_of_block_is_drawn(page: Page, stage: Stage) -> None:
    await stage.publish(
        {"type": "header", "text": plain("Heading :tada:")},
        {**section("Some *bold* text"), "fields": [mrkdwn("*Left*"), plain("Right")]},
        section("With a picture", {"type": "image", "image_url": stage.picture, "alt_text": "beside"}, block_id="p"),
        {
            "type": "context",
            "elements": [{"type": "image", "image_url": stage.picture, "alt_text": "tiny"}, mrkdwn("small print")],
        },
        {"type": "divider"},
        {"type": "image", "image_url": stage.picture, "alt_text": "large", "title": plain("A title")},
        actions({"type": "button", "action_id": "go", "text": plain("Go")}),
        {
            "type": "input",
            "label": plain("Your note"),
            "hint": plain("a hint"),
            "element": {"type": "plain_text_input", "action_id": "note"},
        },
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "text", "text": "strong", "style": {"bold": True}},
                        {"type": "user", "user_id": stage.user},
                    ],
                },
                {
                    "type": "rich_text_list",
                    "style": "ordered",
                    "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "first"}]}],
                },
            ],
        },
    )
    home = (await opened(page, stage)).get_by_test_id("home")
    await expect(home.get_by_role("heading", name="Heading 🎉")).to_be_visible()
    await expect(home.locator(".bk-section strong").first).to_have_text("bold")
    await expect(home.locator(".bk-field")).to_have_text(["Left", "Right"])
    for alt in ("beside", "tiny", "large"):
        assert await home.get_by_alt_text(alt).evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    await expect(home.get_by_text("small print")).to_be_visible()
    await expect(home.get_by_role("separator")).to_be_attached()
    await expect(home.get_by_text("A title")).to_be_visible()
    await expect(home.get_by_role("button", name="Go")).to_be_visible()
    await expect(home.get_by_role("textbox", name="Your note")).to_be_visible()
    await expect(home.get_by_text("a hint")).to_be_visible()
    await expect(home.locator(".bk-rich strong")).to_have_text("strong")
    await expect(home.locator(".bk-rich .bk-mention")).to_have_text(f"@{stage.members[0].real_name}")
    await expect(home.locator("ol li")).to_have_text(["first"])
    await expect(home.locator(".bk-unknown")).to_have_count(0)


MRKDWN = {
    "*bold* _italic_ ~gone~ `code`": "<strong>bold</strong> <em>italic</em> <s>gone</s> <code>code</code>",
    "*bold _and italic_*": "<strong>bold <em>and italic</em></strong>",
    "snake_case_name 2*3*4 a ~ b": "snake_case_name 2*3*4 a ~ b",
    "* not bold * and *nor this": "* not bold * and *nor this",
    "`*raw* &lt;b&gt;`": "<code>*raw* &lt;b&gt;</code>",
    "```x = 1 &lt; 2\n*y*```": "<pre>x = 1 &lt; 2\n*y*</pre>",
    "&gt; quoted\nafter": "<blockquote>quoted</blockquote>after",
    "one\ntwo": "one<br>two",
    "<https://a.example/?x=1&amp;y=2|one &amp; two>": '<a href="https://a.example/?x=1&amp;y=2">one &amp; two</a>',
    "see https://a.example/p.": 'see <a href="https://a.example/p">https://a.example/p</a>.',
    "<@U1> <@U2|zoe> <#C1|general> <!here>": "@Ada @zoe #general @here",
    "&amp;lt; &quot; &amp;": "&amp;lt; &amp;quot; &amp;",
    "a < b > c <b>x</b>": "a &lt; b &gt; c &lt;b&gt;x&lt;/b&gt;",
    "<javascript:alert(1)|click>": "&lt;javascript:alert(1)|click&gt;",
    "<data:text/html,x|click>": "&lt;data:text/html,x|click&gt;",
    ":tada: :no_such_thing:": "🎉 :no_such_thing:",
    "<!date^86400^{date_num} {time}|then>": "1970-01-02 1:00 AM",
    "<!date^86400^{nonsense}|the fallback>": "the fallback",
    "<!date^soon^{date}|the fallback>": "the fallback",
}


async def test_mrkdwn_becomes_exactly_this(page: Page, stage: Stage) -> None:
    await page.goto(stage.simulator.url)
    drawn = await page.evaluate(
        """async (texts) => {
            const { draw, parse } = await import("/ui/static/mrkdwn.js");
            const names = { U1: "Ada" };
            const ctx = { now: () => 86400, zone: "Europe/Berlin", personName: (id) => names[id] ?? null };
            return texts.map((text) => {
                const root = document.createElement("div");
                root.append(...draw(parse(text), ctx));
                for (const node of root.querySelectorAll("span, time")) node.replaceWith(node.textContent);
                for (const node of root.querySelectorAll("*"))
                    for (const { name } of [...node.attributes]) if (name !== "href") node.removeAttribute(name);
                return root.innerHTML;
            });
        }""",
        [*MRKDWN],
    )
    assert dict(zip(MRKDWN, (each.replace("\u202f", " ") for each in drawn), strict=True)) == MRKDWN


NOW = 1_700_000_000
DAY = 86_400
DATES = {
    ("{date_pretty} at {time}", NOW): "today at 11:13 PM",
    ("{date_short_pretty}", NOW + DAY): "tomorrow",
    ("{date_long_pretty}", NOW - DAY): "yesterday",
    ("{date}", NOW + 3 * DAY): "November 17th",
    ("{date}", 1_600_000_000): "September 13th, 2020",
    ("{date_short}", 1_600_000_000): "Sep 13, 2020",
    ("{date_long}", 1_600_000_000): "Sunday, September 13th, 2020",
    ("{time_secs}", NOW): "11:13:20 PM",
    ("{ago}", NOW - 7_300): "2 hours ago",
    ("{ago}", NOW + 120): "in 2 minutes",
}


async def test_dates_are_told_as_slack_tells_them(page: Page, stage: Stage) -> None:
    await page.goto(stage.simulator.url)
    told = await page.evaluate(
        """async ([cases, now]) => {
            const { formatDate } = await import("/ui/static/dates.js");
            return cases.map(([form, epoch]) => formatDate(epoch, form, { now, zone: "Europe/Berlin" }));
        }""",
        [[[form, epoch] for form, epoch in DATES], NOW],
    )
    assert dict(zip(DATES, (each.replace("\u202f", " ") for each in told), strict=True)) == DATES


async def test_hostile_text_stays_text(page: Page, stage: Stage) -> None:
    evil = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
    stage.members[0].real_name = evil
    stage.slack.world.workspaces[stage.team].name = evil
    stage.app.answer = {"text": evil}
    await stage.publish(
        {"type": "header", "text": plain(evil)},
        section(f"{evil} <javascript:window.hacked=1|click me> <@{stage.user}>"),
        {"type": "image", "image_url": stage.picture, "alt_text": f'" onload="window.hacked=1" {evil}'},
        actions(
            {
                "type": "button",
                "action_id": "b",
                "text": plain(evil[:75]),
                "confirm": {**CONFIRM, "text": mrkdwn(evil)},
            },
            {"type": "static_select", "action_id": "s", "placeholder": plain(evil[:75]), "options": SOME},
        ),
    )
    workspace = await opened(page, stage)
    await workspace.get_by_test_id("command").fill("/avatar <b>x</b>")
    await workspace.get_by_test_id("command").press("Enter")
    await expect(workspace.get_by_test_id("message")).to_contain_text(evil)
    await control(workspace, "b").get_by_role("button").click()
    await expect(page.get_by_test_id("confirm")).to_contain_text(evil)
    await expect(workspace.get_by_role("heading", name=evil).first).to_be_visible()
    assert await page.evaluate("window.hacked") is None
    assert await page.locator("script:not([src])").count() == 0
    assert await page.locator("[onerror], [onload], [href^='javascript']").count() == 0


@pytest.mark.parametrize(
    ("element", "use", "sent"),
    [
        (
            {"type": "button", "text": plain("Go"), "value": "v"},
            lambda c: c.get_by_role("button").click(),
            {"value": "v"},
        ),
        (
            {"type": "static_select", "placeholder": plain("Choose"), "options": SOME},
            lambda c: c.get_by_role("combobox").select_option("2"),
            {"selected_option": SOME[1]},
        ),
        (
            {
                "type": "static_select",
                "placeholder": plain("Choose"),
                "option_groups": [{"label": plain("G"), "options": SOME}],
            },
            lambda c: c.get_by_role("combobox").select_option(label="Two"),
            {"selected_option": SOME[1]},
        ),
        (
            {"type": "radio_buttons", "options": SOME, "initial_option": SOME[0]},
            lambda c: c.get_by_label("Two").check(),
            {"selected_option": SOME[1]},
        ),
        (
            {"type": "checkboxes", "options": SOME, "initial_options": [SOME[0]]},
            lambda c: c.get_by_label("Two").check(),
            {"selected_options": SOME},
        ),
        (
            {"type": "datepicker", "initial_date": "2026-11-30"},
            lambda c: c.locator("input").fill("2026-12-24"),
            {"selected_date": "2026-12-24"},
        ),
        (
            {"type": "timepicker", "initial_time": "09:30"},
            lambda c: c.locator("input").fill("17:45"),
            {"selected_time": "17:45"},
        ),
        (
            {"type": "datetimepicker", "initial_date_time": 1_700_000_000},
            lambda c: c.locator("input").fill("2026-12-24T18:00"),
            {"selected_date_time": 1_798_131_600},
        ),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) and "type" in value else "",
)
async def test_a_control_sends_what_slack_sends(
    page: Page, stage: Stage, element: Block, use: Any, sent: dict[str, Any]
) -> None:
    await stage.publish(actions({**element, "action_id": "x"}))
    workspace = await opened(page, stage)
    await use(control(workspace, "x"))
    action = await stage.app.click()
    assert {"type": element["type"], "action_id": "x", "block_id": "a", **sent}.items() <= action.items()


async def test_an_input_sends_on_enter_only_where_it_dispatches(page: Page, stage: Stage) -> None:
    note = {"type": "plain_text_input", "action_id": "note"}
    quiet = {"type": "plain_text_input", "action_id": "quiet"}
    await stage.publish(
        {"type": "input", "block_id": "q", "label": plain("Quiet"), "element": quiet},
        {"type": "input", "block_id": "n", "dispatch_action": True, "label": plain("Note"), "element": note},
    )
    workspace = await opened(page, stage)
    await workspace.get_by_role("textbox", name="Quiet").fill("unheard")
    await workspace.get_by_role("textbox", name="Quiet").press("Enter")
    await workspace.get_by_role("textbox", name="Note").fill("hello")
    await workspace.get_by_role("textbox", name="Note").press("Enter")
    action = await stage.app.click()
    assert (action["action_id"], action["value"]) == ("note", "hello")
    assert stage.app.clicks == []


async def test_the_overflow_menu_is_worked_by_keyboard(page: Page, stage: Stage) -> None:
    await stage.publish(actions({"type": "overflow", "action_id": "more", "options": SOME}))
    workspace = await opened(page, stage)
    button = control(workspace, "more").get_by_role("button")
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitem", name="One")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("menu")).to_have_count(0)
    await expect(button).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    assert (await stage.app.click())["selected_option"]["value"] == "2"


async def test_a_confirmation_decides(page: Page, stage: Stage) -> None:
    await stage.publish(
        actions({"type": "button", "action_id": "leave", "text": plain("Leave"), "style": "danger", "confirm": CONFIRM})
    )
    workspace = await opened(page, stage)
    button = control(workspace, "leave").get_by_role("button")
    await button.click()
    await expect(page.get_by_role("dialog", name="Leave Rotavatar?")).to_be_visible()
    await expect(page.get_by_test_id("confirm-no")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("confirm")).to_have_count(0)
    await button.click()
    await page.get_by_test_id("confirm-no").click()
    assert stage.app.clicks == []
    await button.click()
    await page.get_by_test_id("confirm-yes").click()
    assert (await stage.app.click())["action_id"] == "leave"


async def test_a_denied_choice_is_taken_back(page: Page, stage: Stage) -> None:
    select = {"type": "static_select", "action_id": "f", "options": SOME, "initial_option": SOME[0], "confirm": CONFIRM}
    await stage.publish(actions(select))
    workspace = await opened(page, stage)
    box = control(workspace, "f").get_by_role("combobox")
    await box.select_option("2")
    await page.get_by_test_id("confirm-no").click()
    await expect(box).to_have_value("1")


async def test_a_click_that_the_app_refuses_is_said_beside_the_control(page: Page, stage: Stage) -> None:
    stage.app.status = 503
    await stage.publish(actions({"type": "button", "action_id": "go", "text": plain("Go")}))
    workspace = await opened(page, stage)
    await control(workspace, "go").get_by_role("button").click()
    await expect(workspace.get_by_test_id("action-failed")).to_have_text("The app answered 503.")


async def test_a_select_keeps_the_readers_choice_until_its_block_id_changes(page: Page, stage: Stage) -> None:
    def select(block_id: str, initial: Block) -> Block:
        element = {"type": "static_select", "action_id": "f", "options": SOME, "initial_option": initial}
        return section(f"Pick {block_id}", element, block_id=block_id)

    await stage.publish(select("v1", SOME[0]))
    workspace = await opened(page, stage)
    box = control(workspace, "f").get_by_role("combobox")
    await box.select_option("2")
    await stage.app.click()
    await stage.publish({"type": "divider"}, select("v1", SOME[0]))
    await expect(workspace.get_by_role("separator")).to_be_attached()
    await expect(box).to_have_value("2")
    await page.reload()
    await expect(box).to_have_value("2")
    await stage.publish(select("v2", SOME[0]))
    await expect(workspace.get_by_text("Pick v2")).to_be_visible()
    await expect(box).to_have_value("1")


async def test_what_was_typed_and_not_sent_outlives_a_publish(page: Page, stage: Stage) -> None:
    def note(hint: str, block_id: str) -> Block:
        element = {"type": "plain_text_input", "action_id": "note", "initial_value": "from the app"}
        return {"type": "input", "block_id": block_id, "label": plain("Note"), "hint": plain(hint), "element": element}

    await stage.publish(note("first", "v1"))
    workspace = await opened(page, stage)
    box = workspace.get_by_role("textbox", name="Note")
    await box.fill("my own words")
    await stage.publish(note("second", "v1"))
    await expect(workspace.get_by_text("second")).to_be_visible()
    await expect(box).to_have_value("my own words")
    await stage.publish(note("third", "v2"))
    await expect(workspace.get_by_text("third")).to_be_visible()
    await expect(box).to_have_value("from the app")


async def test_a_publish_leaves_the_focus_where_it_was(page: Page, stage: Stage) -> None:
    button = {"type": "button", "action_id": "go", "text": plain("Go")}
    await stage.publish({"type": "header", "text": plain("Before")}, {**actions(button), "block_id": "v1"})
    workspace = await opened(page, stage)
    await control(workspace, "go").get_by_role("button").focus()
    await stage.publish({"type": "header", "text": plain("After")}, {**actions(button), "block_id": "v2"})
    await expect(workspace.get_by_role("heading", name="After")).to_be_visible()
    await expect(control(workspace, "go").get_by_role("button")).to_be_focused()


async def test_a_publish_leaves_alone_what_did_not_change(page: Page, stage: Stage) -> None:
    def picture(version: int) -> Block:
        return {"type": "image", "block_id": f"{version}.0", "image_url": stage.picture, "alt_text": "now"}

    await stage.publish(picture(1), section("Before", block_id="1.1"))
    workspace = await opened(page, stage)
    await workspace.get_by_alt_text("now").evaluate("image => { image.before = true; }")
    await stage.publish(picture(2), section("After", block_id="2.1"))
    await expect(workspace.get_by_text("After")).to_be_visible()
    assert await workspace.get_by_alt_text("now").evaluate("image => image.before")
    await expect(workspace.locator(".bk-block").first).to_have_attribute("data-block-id", "2.0")


async def test_choosing_a_person_opens_their_home_tab(page: Page, stage: Stage) -> None:
    workspace = await opened(page, stage)
    await stage.app.event("app_home_opened")
    other = stage.members[1]
    row = workspace.locator(f'[data-testid=member][data-user="{other.id}"]')
    await row.focus()
    await page.keyboard.press("Enter")
    assert (await stage.app.event("app_home_opened"))["event"]["user"] == other.id
    await expect(row).to_have_attribute("aria-current", "true")
    nothing = workspace.get_by_test_id("home-nothing")
    await expect(nothing).to_contain_text(f"Choose {other.real_name} again")
    await expect(nothing.get_by_test_id("install")).to_contain_text(f"as {other.real_name}")
    await row.click()
    assert (await stage.app.event("app_home_opened"))["event"]["user"] == other.id
    await stage.publish({"type": "header", "text": plain("Welcome")}, user=other.id)
    await expect(workspace.get_by_role("heading", name="Welcome")).to_be_visible()


async def test_a_workspace_without_the_app_offers_to_install_it_as_the_chosen_person(page: Page, stage: Stage) -> None:
    await opened(page, stage)
    team = stage.teams[1]
    workspace = page.locator(f'[data-testid=workspace][data-team="{team}"]')
    user = stage.slack.world.members(team)[1].id
    await workspace.locator(f'[data-testid=member][data-user="{user}"]').click()
    await workspace.get_by_test_id("install").click()
    await page.wait_for_url("**/install")
    cookies = {cookie.get("name"): cookie.get("value") for cookie in await page.context.cookies(stage.simulator.url)}
    assert cookies["slack-simulator-person"] == f"{team}.{user}"


async def test_a_link_in_the_home_tab_opens_beside_the_page(page: Page, stage: Stage) -> None:
    url = stage.slack.app.install_url
    await stage.publish(actions({"type": "button", "action_id": "connect", "url": url, "text": plain("Connect me")}))
    workspace = await opened(page, stage)
    async with page.context.expect_page() as other:
        await control(workspace, "connect").get_by_role("link").click()
    await (await other.value).wait_for_url(url)
    assert (await stage.app.click())["action_id"] == "connect"


async def test_slacks_redirect_lands_on_the_person_who_is_signed_in(page: Page, stage: Stage) -> None:
    user = stage.members[2].id
    await page.context.add_cookies(
        [{"name": "slack-simulator-person", "value": f"{stage.team}.{user}", "url": stage.simulator.url}]
    )
    await page.goto(f"{stage.simulator.url}/app_redirect?app={stage.slack.app.app_id}&team={stage.team}")
    home = page.locator(f'[data-testid=workspace][data-team="{stage.team}"]').get_by_test_id("home")
    await expect(home).to_have_attribute("data-user", user)


async def test_a_new_photo_shows_without_reloading(page: Page, stage: Stage) -> None:
    workspace = await opened(page, stage)
    row = workspace.locator(f'[data-testid=member][data-user="{stage.user}"]')
    people.set_photo(stage.slack, team=stage.team, member=stage.members[0], content=seeds.portrait(stage.slack))
    digest = stage.slack.profile(stage.members[0])["avatar_hash"]
    await expect(row).to_have_attribute("data-hash", digest)
    await expect(row.locator("img").last).to_have_attribute("src", stage.picture)
    await expect(row.locator("img")).to_have_count(1)
    await expect(page.locator("#announcer")).to_contain_text(stage.members[0].real_name)


async def test_a_photo_is_changed_by_hand(page: Page, stage: Stage) -> None:
    workspace = await opened(page, stage)
    before = stage.members[0].photo
    await workspace.get_by_test_id("photo-menu").click()
    await page.get_by_test_id("photo-random").click()
    row = workspace.locator(f'[data-testid=member][data-user="{stage.user}"]')
    await expect(row.locator(".member-count")).to_have_text("1")
    assert stage.members[0].photo != before
    own = seeds.portrait(stage.slack)
    await workspace.get_by_test_id("photo-file").set_input_files(
        {"name": "me.png", "mimeType": "image/png", "buffer": own}
    )
    await expect(row.locator(".member-count")).to_have_text("2")
    await workspace.get_by_test_id("photo-menu").click()
    await page.get_by_test_id("photo-reset").click()
    await expect(row).to_have_attribute("data-hash", stage.members[0].default_hash)
    assert stage.members[0].photo is None


async def test_a_slash_command_shows_its_answer_and_slacks_timeout(page: Page, stage: Stage) -> None:
    stage.app.answer = {"text": "Every *two hours*"}
    workspace = await opened(page, stage)
    command = workspace.get_by_test_id("command")
    await command.fill("/avatar status please")
    await command.press("Enter")
    await expect(workspace.get_by_test_id("message").locator("strong").last).to_have_text("two hours")
    assert (stage.app.commands[0]["command"], stage.app.commands[0]["text"]) == ("/avatar", "status please")
    stage.slack.delivery._rules = DeliveryRules(timeout=0.3)
    stage.app.delay = 1
    await command.fill("/avatar status")
    await command.press("Enter")
    await expect(workspace.get_by_test_id("message").last).to_contain_text("operation_timeout")
    await workspace.get_by_role("button", name="Dismiss the message").first.click()
    await expect(workspace.get_by_test_id("message")).to_have_count(1)


async def test_the_log_is_filtered(page: Page, stage: Stage) -> None:
    await opened(page, stage)
    await stage.app.event("app_home_opened")
    stage.slack.note("call", team=stage.team, user=stage.user, method="users.setPhoto", status=429, error="ratelimited")
    rows = page.get_by_test_id("log-row")
    photo = page.locator('[data-testid=log-row][data-method="users.setPhoto"]')
    await expect(photo).to_contain_text("429 ratelimited")
    await expect(rows.first).to_have_attribute("data-method", "users.setPhoto")
    await page.get_by_test_id("log-kind-event").check()
    await expect(photo).to_have_count(0)
    await expect(rows.first).to_have_attribute("data-kind", "event")
    await page.get_by_test_id("log-kind-event").uncheck()
    await page.get_by_test_id("log-problems").check()
    await expect(rows).to_have_count(1)
    await page.get_by_test_id("log-problems").uncheck()
    await page.get_by_test_id("log-search").fill("app_home")
    await expect(photo).to_have_count(0)
    await page.get_by_test_id("log-search").fill("")
    await page.get_by_test_id("log-team").select_option(stage.teams[1])
    await expect(photo).to_have_count(0)


SWITCHES = {
    "images_unreachable": ("images_unreachable", True),
    "answer_500": ("answer_500", -1),
    "slow": ("slow", 9.0),
    "cut_before": ("cut", "before"),
    "cut_after": ("cut", "after"),
    "ratelimited_200": ("ratelimited_200", -1),
    "deliver_twice": ("deliver_twice", True),
    "out_of_order": ("out_of_order", True),
    "lock_photos": ("lock_photos", True),
    "no_profile": ("no_profile", True),
    "home_tab_off": ("home_tab_off", True),
    "blank_state": ("blank_state", True),
    "bare_denial": ("bare_denial", True),
}


@pytest.mark.parametrize("scope", ["global", "workspace"])
async def test_every_switch_makes_its_trouble_and_ends_it(page: Page, stage: Stage, scope: str) -> None:
    workspace = await opened(page, stage)
    await workspace.get_by_test_id("member-trouble").click()
    for switch, (field, value) in SWITCHES.items():
        box = page.get_by_test_id(f"trouble-{scope}-{switch}")
        await box.check()
        await expect(page.get_by_test_id("tab-trouble")).to_have_text("Trouble1")
        switches = stage.slack.trouble.everywhere if scope == "global" else stage.slack.trouble.of(stage.team)
        assert getattr(switches, field) == value
        await box.uncheck()
        await expect(page.get_by_test_id("tab-trouble")).to_have_text("Trouble")
        assert not getattr(switches, field)
    await page.get_by_test_id(f"trouble-{scope}-answer_500").check()
    await page.get_by_test_id("trouble-global-clear").click()
    await expect(page.get_by_test_id(f"trouble-{scope}-answer_500")).not_to_be_checked()


async def test_trouble_for_one_person_and_one_workspace(page: Page, stage: Stage) -> None:
    await stage.publish({"type": "header", "text": plain("Hello")})
    workspace = await opened(page, stage)
    await workspace.get_by_test_id("member-trouble").click()
    state = workspace.get_by_test_id("person-state")
    await page.get_by_test_id("trouble-workspace-rate_limit-users.setPhoto").click()
    await page.get_by_test_id("trouble-member-revoke_token").click()
    await stage.app.event("tokens_revoked")
    await expect(state).to_have_text("Not connected")
    await page.get_by_test_id("trouble-member-deactivate_member").click()
    await expect(state).to_have_text("Deactivated")
    await expect(workspace.get_by_test_id("home-gone")).to_be_visible()
    await page.get_by_test_id("trouble-member-reactivate_member").click()
    await expect(state).to_have_text("Not connected")
    await page.get_by_test_id("trouble-workspace-uninstall").click()
    await stage.app.event("app_uninstalled")
    await expect(workspace.get_by_test_id("home-not-installed")).to_be_visible()


async def test_the_clock_runs_at_the_chosen_speed(page: Page, stage: Stage) -> None:
    await opened(page, stage)
    await page.get_by_test_id("clock-speed-3600").check()
    assert await page.evaluate("document.querySelector('[data-testid=clock-speed-3600]').checked")
    await expect(page.get_by_test_id("clock-speed-3600")).to_be_checked()
    before = stage.simulator.clock.now()
    await page.wait_for_timeout(200)
    assert stage.simulator.clock.now() - before > 600
    shown = await page.get_by_test_id("clock").inner_text()
    await expect(page.get_by_test_id("clock")).not_to_have_text(shown)


async def test_the_page_says_that_the_simulator_stopped_and_comes_back(page: Page) -> None:
    async with Simulator(seeded=True) as first:
        port = int(first.url.rsplit(":", 1)[1])
        await page.goto(first.url)
        await expect(page.get_by_test_id("connection")).to_have_text("Live")
    await expect(page.get_by_test_id("connection")).to_have_text("Stopped")
    await expect(page.locator("#connection")).to_contain_text("reconnects by itself")
    async with Simulator(seeded=True, port=port):
        await expect(page.get_by_test_id("connection")).to_have_text("Live")
        await expect(page.get_by_test_id("workspace")).to_have_count(2)


CONTRAST = """() => {
    const parse = (text) => {
        const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
        return [r, g, b, a];
    };
    const over = (top, under) => top.slice(0, 3).map((value, i) => value * top[3] + under[i] * (1 - top[3]));
    const light = (rgb) => {
        const [r, g, b] = rgb.map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const surface = (node) => {
        if (!node) return [255, 255, 255];
        const colour = parse(getComputedStyle(node).backgroundColor);
        return colour[3] === 1 ? colour.slice(0, 3) : over(colour, surface(node.parentElement));
    };
    const weak = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !node.checkVisibility({ opacityProperty: true })) continue;
        if (node.closest(".visually-hidden, .skip, noscript, [aria-hidden]")) continue;
        const style = getComputedStyle(node);
        const under = surface(node);
        const [a, b] = [light(over(parse(style.color), under)), light(under)];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) weak.push(`${walker.currentNode.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
    }
    return weak;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_text_has_enough_contrast(page: Page, stage: Stage, theme: str) -> None:
    button = {"type": "button", "text": plain("Go")}
    await stage.publish(
        {"type": "header", "text": plain("Heading")},
        section("text `code` <https://a.example|link> <!here> <@" + stage.user + ">"),
        {"type": "context", "elements": [mrkdwn("small print")]},
        actions(
            {**button, "action_id": "1"},
            {**button, "action_id": "2", "style": "primary"},
            {**button, "action_id": "3", "style": "danger"},
        ),
    )
    stage.app.status = 500
    stage.slack.note("limit", team=stage.team, method="users.setPhoto", status=429, error="ratelimited")
    await page.emulate_media(color_scheme="light" if theme == "light" else "dark", reduced_motion="reduce")
    workspace = await opened(page, stage)
    await control(workspace, "1").get_by_role("button").click()
    await expect(workspace.get_by_test_id("action-failed")).to_be_visible()
    assert await page.evaluate(CONTRAST) == []
    await page.get_by_test_id("tab-trouble").click()
    await page.get_by_test_id("trouble-workspace-no_profile").check()
    await expect(workspace.get_by_test_id("workspace-trouble-pill")).to_have_text("1 trouble")
    assert await page.evaluate(CONTRAST) == []


async def test_the_theme_is_switched_and_remembered(page: Page, stage: Stage) -> None:
    await page.emulate_media(color_scheme="light")
    await opened(page, stage)
    background = "getComputedStyle(document.querySelector('.topbar')).backgroundColor"
    light = await page.evaluate(background)
    await page.get_by_test_id("theme").click()
    await page.get_by_test_id("theme").click()
    dark = await page.evaluate(background)
    assert dark != light
    await page.reload()
    assert await page.evaluate(background) == dark


async def test_the_dock_is_worked_by_keyboard(page: Page, stage: Stage) -> None:
    await opened(page, stage)
    await page.get_by_test_id("tab-log").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_test_id("tab-trouble")).to_be_focused()
    await expect(page.get_by_test_id("trouble-global-slow")).to_be_visible()
    await page.get_by_test_id("dock-fold").press("Enter")
    await expect(page.get_by_test_id("trouble-global-slow")).not_to_be_visible()


async def test_everything_fits_on_a_phone(chromium: Browser, stage: Stage) -> None:
    await stage.publish(section("Some text", {"type": "button", "action_id": "go", "text": plain("Go")}))
    context = await new_context(chromium, viewport={"width": 390, "height": 844}, has_touch=True)
    page = await context.new_page()
    workspace = await opened(page, stage)
    await control(workspace, "go").get_by_role("button").tap()
    await stage.app.click()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await context.close()

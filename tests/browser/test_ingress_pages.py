"""The pages of ingress in a real browser: light and dark, wide and on a phone, and all the way to the Home tab."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from slack_simulator.app import Simulator
from slack_simulator.config import AppConfig
from tests import ingress as at
from tests.ingress import Ingress
from tests.patience import MS
from tests.pictures import draw_catalogue
from tests.servers import Server, free_port

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def town(valkey: Server, tmp_path: Path) -> AsyncIterator[tuple[Ingress, Simulator]]:
    """An ingress in front of a simulated Slack, with pictures that a browser can draw."""
    port = free_port()
    public = f"http://127.0.0.1:{port}"
    app = AppConfig(signing_secrets=(at.SECRET,), redirect_urls=(f"{public}/slack/oauth_redirect",))
    folder = draw_catalogue(tmp_path / "pictures", packs={"critters": 20, "shapes": 3})
    async with Simulator(app) as slack:
        variables = at.environment(redis_url=valkey.url, catalogue=folder, slack=slack.url, PUBLIC_URL=public)
        with await asyncio.to_thread(at.start_ingress, variables, port=port) as ingress:
            yield ingress, slack


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
async def test_pages_fit_are_readable_and_break_no_rule_of_their_own(
    town: tuple[Ingress, Simulator], chromium: Browser, scheme: Literal["light", "dark"], width: int
) -> None:
    ingress, _ = town
    page = await chromium.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    page.set_default_timeout(MS)
    broken: list[str] = []
    page.on("console", lambda message: broken.append(message.text) if "Refused" in message.text else None)
    for path in ("/", "/slack/oauth_redirect?error=access_denied", "/nope"):
        await page.goto(ingress.url + path)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
        contrasts = await page.evaluate(CONTRASTS)
        assert min(contrasts) >= 4.5, (path, contrasts)
    await page.goto(ingress.url)
    for image in await page.locator("img").all():
        await image.scroll_into_view_if_needed()
        await expect(image).to_have_js_property("complete", value=True)
        assert await image.evaluate("image => image.naturalWidth") > 0
    await page.close()
    assert broken == []


async def test_from_add_to_slack_to_the_home_tab_without_another_click(
    town: tuple[Ingress, Simulator], chromium: Browser
) -> None:
    ingress, slack = town
    team = slack.add_team("Lighthouse")
    person = slack.add_member(team.id, name="amara")
    page = await chromium.new_page()
    page.set_default_timeout(MS)
    await page.goto(ingress.url)
    await page.get_by_role("link", name="Add to Slack").first.click()
    await page.get_by_label("You are").select_option(f"{team.id}.{person.id}")
    await page.get_by_role("button", name="Allow").click()
    await expect(page.get_by_role("heading", name="You are connected")).to_be_visible()
    await expect(page.get_by_role("link", name="Open the Home tab")).to_be_visible()
    await page.wait_for_url(f"{slack.url}/**")
    assert team.id in page.url
    await page.close()


CONTRASTS = """() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const colour = parts(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("h1, h2, h3, p, a, td, th, li")].map(node => {
    const [a, b] = [light(parts(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  });
}"""
"""The contrast of every text with what is behind it: https://www.w3.org/TR/WCAG22/#contrast-minimum asks for 4.5."""

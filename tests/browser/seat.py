"""A person in the simulated Slack: sees what the page shows, and uses what the page offers."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Self, TypeVar

from PIL import Image, ImageChops, ImageStat
from playwright.async_api import Locator, Page, expect

from tests.patience import SECONDS

HOUR = 3600

SIMILAR = 12.0
"""Mean difference of two pictures, out of 255, below which one is the other, encoded again."""

Seen = TypeVar("Seen")


async def eventually(look: Callable[[], Awaitable[Seen | None]], what: str, *, seconds: float = SECONDS) -> Seen:
    """The first true value of `look`. Raises AssertionError, naming `what`, when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := await look():
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"not within {seconds:g} s: {what}")


async def world(page: Page) -> dict[str, Any]:
    """Everything that the page is told."""
    told: dict[str, Any] = await (await page.request.get("/ui/api/state")).json()
    return told


def alike(one: bytes, other: bytes) -> bool:
    """Whether two encoded images show the same."""
    small = [Image.open(io.BytesIO(content)).convert("RGB").resize((64, 64)) for content in (one, other)]
    return max(ImageStat.Stat(ImageChops.difference(*small)).mean) < SIMILAR


@asynccontextmanager
async def hurrying(page: Page) -> AsyncIterator[None]:
    """An hour a second, chosen on the page; real time afterwards."""
    await page.get_by_test_id("clock-speed-3600").check()
    yield
    await page.get_by_test_id("clock-speed-1").check()
    await eventually(lambda: _slow(page), "the clock runs at its real speed again")


async def _slow(page: Page) -> bool:
    speed: float = (await world(page))["clock"]["speed"]
    return round(speed) == 1


async def hours_later(page: Page, hours: int) -> None:
    """Let so many hours pass."""
    begun: float = (await world(page))["clock"]["now"]

    async def passed() -> bool:
        now: float = (await world(page))["clock"]["now"]
        return now > begun + hours * HOUR

    async with hurrying(page):
        await eventually(passed, f"{hours} hours later")


async def allow(page: Page) -> list[str]:
    """Allow what Slack's page asks for, and come to Rotavatar's. Returns the scopes that were asked for."""
    await page.wait_for_url("**/oauth/v2/authorize?*")
    scopes = await page.locator("code").all_inner_texts()
    await page.locator("#allow").click()
    await page.wait_for_url("**/slack/oauth_redirect?*", wait_until="commit")
    await expect(page.get_by_role("heading", name="You are connected")).to_be_visible()
    return scopes


class Seat:
    """Looks at one workspace of `page` with the eyes of one person."""

    def __init__(self, page: Page, *, team: str, user: str) -> None:
        """`take` opens their Home tab."""
        self.page = page
        self.team = team
        self.user = user
        self.workspace = page.locator(f'[data-testid=workspace][data-team="{team}"]')
        self.row = self.workspace.locator(f'[data-testid=member][data-user="{user}"]')
        self.home = self.workspace.get_by_test_id("home")

    @classmethod
    async def of(cls, page: Page, name: str) -> Self:
        """The person called `name`, wherever they are."""
        for workspace in (await world(page))["workspaces"]:
            for member in workspace["members"]:
                if member["real_name"] == name:
                    return cls(page, team=workspace["id"], user=member["id"])
        raise AssertionError(f"there is no {name}")

    async def take(self) -> None:
        """Be this person: choose them, which opens their Home tab."""
        await self.row.click()
        await expect(self.home).to_have_attribute("data-user", self.user)

    async def join(self) -> list[str]:
        """Add the app, or connect where it is already; ends in the own Home tab. Returns the scopes asked for."""
        await self.take()
        if (await self._workspace())["installed"]:
            async with self.page.expect_popup() as opened:
                await self.control("connect").get_by_role("link").click()
            popup = await opened.value
            scopes = await allow(popup)
            await popup.close()
        else:
            await self.workspace.get_by_test_id("install").click()
            scopes = await allow(self.page)
            await self.page.wait_for_url(f"**/*{self.team}*{self.user}*")
        await expect(self.row).to_have_attribute("data-state", "connected")
        return scopes

    async def ensure(self, frequency: str = "Every hour") -> None:
        """Be connected with a rhythm, whatever was before."""
        await self.take()
        if await self.row.get_attribute("data-state") != "connected":
            await self.join()
        await self.choose("frequency", frequency)
        await self.says(f"A new photo {frequency.lower()}")

    async def settle(self, frequency: str = "Every hour") -> None:
        """Join, choose a rhythm, and let the first change come."""
        await self.ensure(frequency)
        async with self.changing(), hurrying(self.page):
            await self.changed()
        await self.says("A new photo")

    def control(self, action: str) -> Locator:
        """A control of the Home tab."""
        return self.home.locator(f'[data-testid=element][data-action-id="{action}"]')

    async def press(self, action: str) -> None:
        """Press a button of the Home tab."""
        await self._use(action, lambda: self.control(action).get_by_role("button").click())

    async def choose(self, action: str, label: str) -> None:
        """Choose from a menu of the Home tab."""
        await self._use(action, lambda: self.control(action).get_by_role("combobox").select_option(label=label))

    async def begin(self, action: str) -> None:
        """Press a button that asks back first."""
        await self.control(action).get_by_role("button").click()
        await expect(self.page.get_by_test_id("confirm")).to_be_visible()

    async def _use(self, action: str, hand: Callable[[], Awaitable[object]]) -> None:
        """Use a control, and again where a newer tab had been published before the page drew it: Slack answers 404."""

        async def taken() -> bool:
            async with self.page.expect_response("**/ui/api/action") as answered:
                await hand()
            return (await answered.value).status != HTTPStatus.NOT_FOUND

        await eventually(taken, f"{action} is taken")

    async def says(self, heading: str) -> None:
        """The Home tab's first line says so."""
        await expect(self.home.get_by_role("heading", name=heading)).to_be_visible()

    async def tells(self, text: str) -> None:
        """The Home tab says so somewhere."""
        await expect(self.home).to_contain_text(text)

    async def command(self, text: str) -> Locator:
        """Type a slash command. Returns the answer."""
        box = self.workspace.get_by_test_id("command")
        messages = self.workspace.get_by_test_id("message")
        before = await messages.count()
        await box.fill(text)
        await box.press("Enter")
        await expect(messages).to_have_count(before + 1)
        return messages.last

    async def by_hand(self) -> None:
        """Put on another photo in Slack itself."""
        async with self.changing():
            await self.workspace.get_by_test_id("photo-menu").click()
            await self.page.get_by_test_id("photo-random").click()

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[None]:
        """What happens inside gives this person another photo, and the page and the Home tab show it."""
        self._before = await self.photo_hash()
        source = await self.row.locator("img").last.get_attribute("src")
        yield
        await self.changed()
        await expect(self.row.locator("img").last).not_to_have_attribute("src", source or "")
        await eventually(self._is_fresh, "a Home tab that shows the present photo")

    async def _is_fresh(self) -> bool:
        """A click on what an older Home tab offered may meet a control that is being redrawn."""
        shown = [await image.get_attribute("src") or "" for image in await self.home.locator("figure img").all()]
        present = await self.photo_hash()
        return any(present in source for source in shown)

    async def changed(self) -> None:
        """Wait for another photo than `changing` began with."""
        await expect(self.row).not_to_have_attribute("data-hash", self._before)

    async def photo_hash(self) -> str:
        """Slack's hash of the photo that the page shows."""
        return await self.row.get_attribute("data-hash") or ""

    async def photo(self) -> bytes:
        """The photo that Slack shows of this person."""
        return await (await self.page.request.get((await self._member())["avatar"]["url_512"])).body()

    async def promised(self, pack: str = "") -> bytes:
        """The picture that the Home tab says comes next; of `pack`, if that is given."""
        thumb = self.home.locator(f'.bk-section img[src*="/{pack}/"]' if pack else ".bk-section img")
        await expect(thumb).to_be_visible()
        return await (await self.page.request.get(await thumb.get_attribute("src") or "")).body()

    async def trouble(self, name: str, *, scope: str) -> None:
        """Press a button that makes trouble, for this `scope`: member, workspace or global."""
        await self.take()
        await self.page.get_by_test_id("tab-trouble").click()
        await self.page.get_by_test_id(f"trouble-{scope}-{name}").click()

    async def limit(self, method: str, *, seconds: int) -> None:
        """Let this workspace's Slack refuse `method` for so long."""
        body = {"team": self.team, "method": method, "seconds": seconds}
        assert (await self.page.request.post("/ui/api/trouble/rate_limit", data=body)).ok

    async def calls(self, method: str) -> list[dict[str, Any]]:
        """The calls of `method` that this workspace's Slack has answered."""
        told = await (await self.page.request.get("/ui/api/log")).json()
        return [row for row in told["entries"] if row["team"] == self.team and row["method"] == method]

    async def called(self, method: str, *, more_than: int) -> bool:
        """Whether `method` was called more than so many times."""
        return len(await self.calls(method)) > more_than

    async def _workspace(self) -> dict[str, Any]:
        return next(each for each in (await world(self.page))["workspaces"] if each["id"] == self.team)

    async def _member(self) -> dict[str, Any]:
        return next(each for each in (await self._workspace())["members"] if each["id"] == self.user)

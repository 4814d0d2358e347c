"""The workspace at a glance, in a real browser."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.console.conftest import shown_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTENTS: dict[str, Any] = {
    "template": "FIFO",
    "workers": [
        {"friendly_name": "Ana", "activity_sid": "Available"},
        {"friendly_name": "Ben", "activity_sid": "Offline"},
    ],
    "tasks": [{"attributes": {"n": n}} for n in range(3)],
}


async def test_the_figures_are_those_of_the_workspace_and_change_before_the_eyes(
    browser: Browser,
) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        page = await shown.page()
        await expect(page).to_have_title("At a glance – Support – aiotask console")  # noqa: RUF001
        pending = page.locator("[data-figure=tasks-pending]")
        await expect(pending).to_have_text("2")
        await expect(page.locator("[data-figure=tasks-reserved]")).to_have_text("1")
        await expect(page.locator("[data-figure=workers]")).to_have_text("2")
        await expect(page.locator("[data-figure=reservations-created]")).to_have_text("1")
        queue = page.get_by_role("row", name="Sample Queue")
        await expect(queue).to_contain_text(re.compile("2\\s*1\\s*0\\s*0"))
        shown.sandbox.create_worker(shown.workspace, "Cleo")
        await expect(pending).to_have_text("1")
        await expect(page.locator("[data-figure=workers]")).to_have_text("3")
        await expect(page.locator("[data-figure=reservations-created]")).to_have_text("2")


async def test_the_last_hour_is_plotted_minute_by_minute(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        await shown.sandbox.advance(minutes=30)
        shown.sandbox.create_worker(shown.workspace, "Cleo")
        page = await shown.page()
        plot = page.get_by_role("img", name="Tasks a minute in the last hour")
        created = plot.locator("polyline.line-1")
        # One line without a gap, once all minutes were read.
        await expect(created).to_have_count(1)
        await expect(created).to_have_attribute("points", re.compile("^0.0,120.0 .* 600.0,120.0$"))
        points = (await created.get_attribute("points") or "").split()
        heights = [float(point.partition(",")[2]) for point in points]
        assert len(heights) == 60
        # Three tasks of 5 at the upper edge.
        assert {height for height in heights if height < 120} == {120 - 3 * 120 / 5}
        (there,) = (n for n, height in enumerate(heights) if height < 120)
        assert there in (28, 29)  # the minute may have ended meanwhile


async def test_the_page_says_how_much_of_the_hour_is_not_read_yet(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        page = await shown.page("/sandbox")  # which reads nothing of the hour
        first = await (await page.request.get(shown.at(""))).text()
        assert "Without 57 minutes that are not read yet." in first
        assert "57 minutes are not read yet; the latest come first." in first
        await page.goto(shown.at(""))
        await expect(page.locator("main")).not_to_contain_text("not read yet")


async def test_the_page_says_how_old_it_is_and_that_the_console_has_gone(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        page = await shown.page()
        await expect(page.locator("body[data-updates]")).to_be_attached()
        await expect(page.locator("#age")).to_have_text("just read")
        shown.sandbox.faults.outage = "before_503"  # of the API, not of what the console asks
        updates = await page.locator("body").get_attribute("data-updates")
        await expect(page.locator("body")).not_to_have_attribute("data-updates", updates or "")
        await expect(page.locator("#trouble")).to_be_empty()
        await shown.sandbox.close()
        await expect(page.locator("#trouble")).to_contain_text("does not answer")
        await expect(page.locator("#age")).to_have_text(re.compile(r"read \d+ s ago"))
        shown.errors.clear()  # the browser tells of the connection that it lost


async def test_the_keyboard_suffices(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        page = await shown.page()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="To the contents")).to_be_focused()
        for _ in range(3):
            await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Workers", exact=True)).to_be_focused()
        queue = page.get_by_role("link", name="Sample Queue")
        await queue.focus()
        shown.sandbox.create_worker(shown.workspace, "Cleo")
        await expect(page.locator("[data-figure=workers]")).to_have_text("3")
        await expect(queue).to_be_focused()  # also after its part has changed
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Queue Sample Queue")).to_be_visible()

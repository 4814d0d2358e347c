"""Every page is fit for all: by axe-core, in light and dark, and on a phone's width."""

from typing import Any, Literal

import pytest
from playwright.async_api import Browser

from tests.console.conftest import overflows, shown_of, violations

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTENTS: dict[str, Any] = {
    "template": "FIFO",
    "workers": [
        {"friendly_name": "Ana", "activity_sid": "Available", "attributes": {"a": "b" * 300}},
        {"friendly_name": "Ben", "activity_sid": "Offline"},
    ],
    "tasks": [{"attributes": {"n": n, "long": "x" * 500}} for n in range(3)],
}
WINDOWS: list[tuple[Literal["light", "dark"], int]] = [("light", 1280), ("dark", 390)]


async def test_every_page_is_fit_for_all_in_light_and_dark_and_on_a_phone(
    browser: Browser,
) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        task = shown.sandbox.tasks(shown.workspace)[0]
        paths = [
            "/",
            "/workers",
            "/sandbox",
            "/requests",
            "/workflows",
            f"/tasks/{task.sid}",
            f"/workers/{shown.by_name('workers', 'Ana')}",
            f"/queues/{shown.by_name('task_queues', 'Sample Queue')}",
        ]
        for path in paths:
            page = await shown.page(path)
            for scheme, width in WINDOWS:
                await page.emulate_media(color_scheme=scheme)
                await page.set_viewport_size({"width": width, "height": 800})
                assert not await overflows(page), (path, width)
                assert await violations(page) == [], (path, scheme)
            await page.close()

"""A workflow as a picture, and what would become of a task, in a real browser."""

import json
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from aiotask.sandbox import Sandbox
from tests.console.conftest import Shown, overflows, shown_of, violations

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTENTS: dict[str, Any] = {
    "activities": [{"friendly_name": "Lunch", "available": False}],
    "task_queues": [
        {
            "friendly_name": "Spanish",
            "target_workers": 'languages HAS "es" AND activity_sid != "{activity:Lunch}"',
        },
        {"friendly_name": "Others"},
    ],
    "workflows": [
        {
            "friendly_name": "By language",
            "configuration": {
                "task_routing": {
                    "filters": [
                        {
                            "filter_friendly_name": "Own agent",
                            "expression": "agent != null",
                            "targets": [{"queue": "Others", "known_worker_sid": "task.agent"}],
                        },
                        {
                            "filter_friendly_name": "Spanish first",
                            "expression": 'language == "es"',
                            "targets": [
                                {
                                    "queue": "Spanish",
                                    "expression": "worker.level >= task.level",
                                    "order_by": "worker.level DESC",
                                    "priority": 7,
                                    "timeout": 60,
                                },
                                {"queue": "Others", "timeout": 600},
                            ],
                        },
                        {
                            "filter_friendly_name": "Skipped",
                            "expression": "skipped == true",
                            "targets": [
                                {"queue": "Spanish", "skip_if": "1 == 1", "expression": "1 == 2"},
                                {"queue": "Others", "expression": "1 == 2"},
                            ],
                        },
                    ],
                }
            },
        }
    ],
    "workers": [
        {
            "friendly_name": name,
            "activity_sid": activity,
            "attributes": {"languages": languages, "level": level},
        }
        for name, activity, languages, level in (
            ("Ana", "Available", ["es"], 3),
            ("Ben", "Available", ["de"], 1),
            ("Eva", "Available", ["es"], 5),
            ("Leo", "Lunch", ["es"], 9),
            ("Off", "Offline", ["es"], 9),
        )
    ],
}


async def asked(page: Page, attributes: Any, priority: int = 0) -> None:
    text = attributes if isinstance(attributes, str) else json.dumps(attributes)
    await page.get_by_label("Attributes, a JSON object").fill(text)
    await page.get_by_label("Priority").fill(str(priority))
    await page.get_by_role("button", name="What would happen?").click()


def unchanged(sandbox: Sandbox) -> dict[str, Any]:
    """Return all that a request could have changed."""
    return {"contents": sandbox.snapshot(), "requests": sandbox.requests.total()}


async def test_a_workflow_is_a_picture_of_filters_targets_timeouts_and_queues(
    browser: Browser,
) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        page = await shown.page()
        await page.get_by_role("link", name="Workflows").click()
        await page.get_by_role("link", name="By language").click()
        await expect(page.locator("rect.box-filter")).to_have_count(3)
        await expect(page.locator("rect.box-target")).to_have_count(5)
        await expect(page.locator("rect.box-queue")).to_have_count(5)
        picture = page.locator("svg.picture")
        for text in (
            "1. Own agent",
            'if language == "es"',
            "workers worker.level >= task.level",
            "priority 7",
            "after 60 s",
            "for 600 s, then it leaves the filter",
            "if it is skipped",
            "known_worker_sid task.agent",
        ):
            await expect(picture.get_by_text(text, exact=True)).to_be_visible()
        words = page.locator(".part-workflow")
        await expect(words).to_contain_text("order_by worker.level DESC")
        await words.get_by_role("link", name="Spanish").first.click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Queue Spanish")


async def test_what_would_happen_is_told_and_nothing_is_changed(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        before = unchanged(shown.sandbox)
        page = await shown.page()
        await page.get_by_role("link", name="What if").click()
        await asked(page, {"language": "es", "level": 2})
        outcome = page.locator(".part-outcome")
        told = outcome.locator(".said")
        await expect(told).to_contain_text("The filter Spanish first takes it")
        await expect(told).to_contain_text(
            "In Spanish, with priority 7, it is offered at once to Eva"
        )
        first, second = (
            outcome.locator("ol.filters > li"),
            outcome.locator("ol.filters > li").nth(1),
        )
        # In the order of the target: by level, those who can take it now first.
        await expect(first.first.locator("li")).to_contain_text(
            ["Eva: Available, free", "Ana: Available, free", "Off: Offline, not free"]
        )
        await expect(second).to_contain_text("Ben: Available, free")
        await expect(second).to_contain_text("Leo: Lunch, not free")
        # What was typed is still there.
        await expect(page.get_by_label("Attributes, a JSON object")).to_have_value(
            '{"language": "es", "level": 2}'
        )
        await asked(page, {"language": "es", "level": 8}, 4)
        await expect(told).to_contain_text("It waits in Spanish, with priority 7")
        await asked(page, {"language": "fr"})
        await expect(told).to_contain_text("No filter takes it. The task is canceled at once")
        await asked(page, {"skipped": True}, 4)
        await expect(told).to_contain_text("It waits in Others, with priority 4")
        await asked(page, {"agent": shown.by_name("workers", "Ben")})
        await expect(told).to_contain_text("it is offered at once to Ben")
        await asked(page, {"agent": shown.by_name("workers", "Leo")})
        await expect(told).to_contain_text("It waits in Others")
        assert unchanged(shown.sandbox) == before


async def test_a_worker_who_is_busy_is_not_free(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        attributes = {"language": "es", "level": 4}
        shown.sandbox.create_task(shown.workspace, {"attributes": attributes})
        page = await shown.page("/what-if")
        await asked(page, attributes)
        await expect(page.locator(".said")).to_contain_text("It waits in Spanish")
        await expect(page.locator(".part-outcome")).to_contain_text("Eva: Available, not free")


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ("{", "attributes: is not JSON"),
        ("[1]", "attributes: must be a JSON object"),
        ('{"a": "<img src=x onerror=alert(1)>"', "attributes: is not JSON"),
    ],
)
async def test_what_cannot_be_attributes_is_told(
    browser: Browser, attributes: str, told: str
) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        page = await shown.page("/what-if")
        await asked(page, attributes)
        await expect(page.get_by_role("alert")).to_contain_text(told)
        await expect(page.get_by_label("Attributes, a JSON object")).to_have_value(attributes)
        assert shown.sandbox.tasks(shown.workspace) == []


async def test_both_pages_are_fit_for_all(browser: Browser) -> None:
    viewport = {"width": 390, "height": 800}
    async with shown_of(browser, CONTENTS, color_scheme="dark", viewport=viewport) as shown:
        page = await shown.page("/what-if")
        await asked(page, {"language": "es", "level": 2})
        await expect(page.locator(".part-outcome")).to_be_visible()
        await _is_fit(page)
        await page.goto(_workflow(shown))
        await _is_fit(page)


def _workflow(shown: Shown) -> str:
    return shown.at(f"/workflows/{shown.by_name('workflows', 'By language')}")


async def _is_fit(page: Page) -> None:
    assert not await overflows(page)
    assert await violations(page) == []

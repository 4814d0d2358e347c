"""Pages of a queue, a task and a worker, in a real browser."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.console.conftest import shown_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTENTS: dict[str, Any] = {
    "task_queues": [
        {"friendly_name": "Spanish", "target_workers": 'languages HAS "es"'},
        {"friendly_name": "Others"},
        {"friendly_name": "Newest", "task_order": "LIFO"},
    ],
    "workflows": [
        {
            "friendly_name": "By language",
            "configuration": {
                "task_routing": {
                    "filters": [
                        {
                            "filter_friendly_name": "Spanish first",
                            "expression": 'language == "es"',
                            "targets": [
                                {
                                    "queue": "Spanish",
                                    "expression": "worker.level >= task.level",
                                    "priority": 7,
                                    "timeout": 60,
                                },
                                {"queue": "Others", "timeout": 600},
                            ],
                        },
                        {
                            "filter_friendly_name": "Newest",
                            "expression": "newest == true",
                            "targets": [{"queue": "Newest"}],
                        },
                    ],
                    "default_filter": {"queue": "Others"},
                }
            },
        }
    ],
    "workers": [
        {
            "friendly_name": "Ana",
            "activity_sid": "Available",
            "attributes": {"languages": ["es"], "level": 3},
            "channels": {"default": 2, "chat": 0},
        },
        {"friendly_name": "Ben", "attributes": {"languages": ["de"]}},
    ],
    "tasks": [
        {"attributes": {"language": "es", "level": 9, "n": 1}},
        {"attributes": {"language": "es", "level": 3, "n": 2}},
    ],
}


def waiting(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {**CONTENTS, "workers": [], "tasks": list(tasks)}


async def test_a_queue_shows_its_tasks_in_the_order_of_serving_and_why(browser: Browser) -> None:
    contents = waiting(
        {"attributes": {"n": 1}, "virtual_start_time": "2026-11-20T10:00:00Z"},
        {"attributes": {"n": 2}, "priority": 5},
        {"attributes": {"n": 3}, "virtual_start_time": "2026-11-19T10:00:00Z"},
        {"attributes": {"n": 4}, "priority": 9},
    )
    async with shown_of(browser, contents) as shown:
        page = await shown.page()
        await page.get_by_role("link", name="Others").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Queue Others")
        rows = page.locator(".part-waiting tbody tr")
        await expect(rows).to_contain_text(['{"n": 4}', '{"n": 2}', '{"n": 3}', '{"n": 1}'])
        await expect(rows.first).to_contain_text("default filter")
        # What is served is gone before the eyes, and the others move up.
        shown.sandbox.create_worker(shown.workspace, "Cleo")
        await expect(rows.first).to_contain_text("reserved")
        shown.sandbox.assign(
            next(t.sid for t in shown.sandbox.tasks(shown.workspace) if t.priority == 9)
        )
        await expect(rows).to_contain_text(['{"n": 2}', '{"n": 3}', '{"n": 1}'])


async def test_a_queue_that_serves_the_latest_first_is_shown_so(browser: Browser) -> None:
    contents = waiting(
        *(
            {"attributes": {"newest": True, "n": n}, "virtual_start_time": f"2026-11-{n}T10:00:00Z"}
            for n in (17, 19, 18)
        )
    )
    async with shown_of(browser, contents) as shown:
        page = await shown.page(f"/queues/{shown.by_name('task_queues', 'Newest')}")
        rows = page.locator(".part-waiting tbody tr")
        await expect(rows).to_contain_text(['"n": 19', '"n": 18', '"n": 17'])
        await expect(rows.first).to_contain_text("Newest: newest == true")


async def test_a_task_shows_its_way_and_its_events_as_they_come(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        page = await shown.page(f"/queues/{shown.by_name('task_queues', 'Spanish')}")
        rows = page.locator(".part-waiting tbody tr")
        await expect(rows).to_have_count(2)
        await expect(rows.first).to_contain_text('Spanish first: language == "es"')
        await expect(rows.first).to_contain_text("workers worker.level >= task.level, priority 7")
        await rows.first.get_by_role("link").click()
        await expect(page.locator(".part-attributes pre")).to_contain_text('"level": 9')
        await expect(page.locator(".part-task")).to_contain_text(re.compile("Priority\\s*7"))
        way = page.locator(".part-way")
        await expect(way.locator(".taken")).to_contain_text("takes it")
        await expect(way.locator(".here")).to_have_text(re.compile("^Spanish, workers"))
        await expect(way.locator(".way li")).to_have_count(1)
        await shown.sandbox.advance(seconds=61)
        await expect(way.locator(".here")).to_have_text(re.compile("^Others, for 10 min"))
        await expect(way.locator(".way li")).to_have_count(2)
        events = page.locator(".events strong")
        await expect(events).to_have_text(
            [
                *("task.created", "workflow.entered"),
                *("workflow.target-matched", "task-queue.entered"),
                *("task-queue.timeout", "task-queue.moved"),
                *("workflow.target-matched", "task-queue.entered"),
                "reservation.created",
            ]
        )


async def test_a_task_that_no_filter_takes_comes_by_the_default_filter(browser: Browser) -> None:
    async with shown_of(browser, waiting({"attributes": {"language": "de"}})) as shown:
        page = await shown.page(f"/tasks/{shown.sandbox.tasks(shown.workspace)[0].sid}")
        entered = page.locator(".part-way .way strong")
        await expect(entered).to_have_text(["default filter"])


async def test_the_table_of_channels_is_not_cut(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS, viewport={"width": 1280, "height": 800}) as shown:
        page = await shown.page(f"/workers/{shown.by_name('workers', 'Ana')}")
        wide = page.locator(".part-channels .wide")
        assert await wide.evaluate("each => each.scrollWidth <= each.clientWidth")


async def test_a_task_that_is_gone_is_shown_by_its_events(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        sid = shown.sandbox.tasks(shown.workspace)[0].sid
        await shown.sandbox.advance(hours=25)
        page = await shown.page(f"/tasks/{sid}")
        await expect(page.locator(".part-task")).to_contain_text("gone")
        await expect(page.locator(".events")).to_contain_text("task.canceled")


async def test_a_worker_shows_channels_capacity_and_reservations(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        page = await shown.page()
        await page.get_by_role("link", name="Workers", exact=True).click()
        await page.get_by_role("link", name="Ana").click()
        await expect(page.locator(".part-worker")).to_contain_text("Available, available")
        default = page.get_by_role("row", name="default")
        await expect(default).to_have_text(re.compile("default\\s*yes\\s*2\\s*0\\s*50"))
        await expect(page.get_by_role("row", name="chat")).to_have_text(
            re.compile("chat\\s*yes\\s*0\\s*0\\s*0")
        )
        await expect(page.locator(".part-attributes")).to_contain_text('"level": 3')
        (task,) = [
            task
            for task in shown.sandbox.tasks(shown.workspace)
            if task.assignment_status == "reserved"
        ]
        row = page.locator(".part-reservations tbody tr")
        await expect(row).to_contain_text("pending")
        shown.sandbox.assign(task.sid)
        await row.get_by_role("link").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"Task {task.sid}")
        await expect(page.locator(".part-task")).to_contain_text("assigned")


async def test_a_sid_or_the_name_of_a_worker_is_found(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        page = await shown.page()
        task = shown.sandbox.tasks(shown.workspace)[0].sid
        queue = shown.by_name("task_queues", "Spanish")
        workflow = shown.by_name("workflows", "By language")
        for wanted, title in (
            (task, f"Task {task}"),
            (queue, "Queue Spanish"),
            (workflow, "Workflow By language"),
            ("Ben", "Worker Ben"),
            (shown.by_name("workers", "Ana"), "Worker Ana"),
        ):
            await page.get_by_label("Find").fill(wanted)
            await page.get_by_label("Find").press("Enter")
            await expect(page.get_by_role("heading", level=1)).to_have_text(title)
        await page.get_by_label("Find").fill("Be")
        await page.get_by_label("Find").press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("That cannot be")
        await expect(page.locator(".said")).to_contain_text("'Be' is neither")
        shown.errors.clear()  # the browser tells of the status 400

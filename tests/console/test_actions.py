"""What the page changes, of a workspace and of a sandbox, by clicking."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, expect
from yarl import URL

from aiotask import Client
from aiotask.errors import AiotaskError
from aiotask.sandbox import Sandbox
from tests.console.conftest import Shown, console_of, shown_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTENTS: dict[str, Any] = {
    "template": "FIFO",
    "workers": [
        {"friendly_name": "Ana", "activity_sid": "Available"},
        {"friendly_name": "Ben", "activity_sid": "Offline"},
    ],
}
LOOKING: dict[str, Any] = {"allow_changes": False, "sandbox": None}


def status(shown: Shown) -> str:
    (task,) = shown.sandbox.tasks(shown.workspace)
    return task.assignment_status


async def clicked(page: Page, name: str, said: str | re.Pattern[str]) -> None:
    await page.get_by_role("button", name=name, exact=True).click()
    await expect(page.locator(".notice")).to_have_text(said)


async def test_a_task_is_created_accepted_wrapped_up_and_completed(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        page = await shown.page()
        await page.get_by_label("Attributes, a JSON object").fill('{"n": 1}')
        await page.get_by_label("Priority").fill("3")
        await clicked(page, "Create", re.compile("^Task WT[0-9a-f]{32} was created.$"))
        (task,) = shown.sandbox.tasks(shown.workspace)
        assert (task.attributes, task.priority) == ('{"n":1}', 3)
        await page.get_by_role("link", name=task.sid).click()
        for button, then in (
            ("Accept", "accepted"),
            ("Wrap up", "wrapping"),
            ("Complete", "completed"),
        ):
            await clicked(page, button, f"The reservation of Ana is {then} now.")
        assert status(shown) == "completed"
        await expect(page.locator(".part-task")).to_contain_text("completed")


async def test_a_reservation_is_rejected_and_a_task_canceled(browser: Browser) -> None:
    contents = {**CONTENTS, "tasks": [{"attributes": {}}]}
    async with shown_of(browser, contents) as shown:
        page = await shown.page(f"/workers/{shown.by_name('workers', 'Ana')}")
        await page.get_by_label("Activity").select_option("Unavailable")
        await clicked(page, "Change", "Ana is Unavailable now.")
        await clicked(page, "Reject", "The reservation of Ana is rejected now.")
        assert status(shown) == "pending"
        await page.get_by_role("link", name=re.compile("^WT")).click()
        await page.get_by_label("Reason").fill("by hand")
        (task,) = shown.sandbox.tasks(shown.workspace)
        await clicked(page, "Cancel it", f"Task {task.sid} was canceled.")
        await expect(page.locator(".part-task")).to_contain_text("by hand")
        assert status(shown) == "canceled"


async def test_a_task_is_completed_with_a_reason(browser: Browser) -> None:
    contents = {**CONTENTS, "tasks": [{"attributes": {}}]}
    async with shown_of(browser, contents) as shown:
        (task,) = shown.sandbox.tasks(shown.workspace)
        page = await shown.page(f"/tasks/{task.sid}")
        await page.get_by_label("Reason").fill("done")
        refused = re.compile("^That did not happen: .*not currently assigned")
        await clicked(page, "Complete it", refused)
        shown.sandbox.assign(task.sid)
        await page.get_by_label("Reason").fill("done")
        await clicked(page, "Complete it", f"Task {task.sid} was completed.")
        assert status(shown) == "completed"


async def test_a_worker_who_becomes_available_gets_the_task(browser: Browser) -> None:
    contents = {**CONTENTS, "workers": CONTENTS["workers"][1:]}
    contents["tasks"] = [{"attributes": {}}]
    async with shown_of(browser, contents) as shown:
        page = await shown.page(f"/workers/{shown.by_name('workers', 'Ben')}")
        await expect(page.get_by_label("Activity")).to_have_value(re.compile("^WA"))
        await page.get_by_label("Activity").select_option("Available")
        await clicked(page, "Change", "Ben is Available now.")
        assert status(shown) == "reserved"
        await expect(page.locator(".part-reservations tbody")).to_contain_text("pending")


async def test_time_passes_by_a_click(browser: Browser) -> None:
    contents = {**CONTENTS, "tasks": [{"attributes": {}, "timeout": 600}], "workers": []}
    async with shown_of(browser, contents) as shown:
        page = await shown.page()
        await page.get_by_role("link", name="Sandbox").click()
        await page.get_by_label("Let so many seconds pass").fill("601")
        await clicked(page, "Let time pass", "601 seconds have passed.")
        assert status(shown) == "canceled"
        await page.get_by_label("Let so many seconds pass").fill("-1")
        wrong = "That did not happen: seconds: must be a number from 0 to 2.6784e+06, not '-1'"
        await clicked(page, "Let time pass", wrong)


async def test_faults_are_switched_on_and_off_and_requests_are_shown(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        local = shown.sandbox
        page = await shown.page("/sandbox")
        await page.get_by_label("Share of all requests").fill("0.25")
        await clicked(page, "Set faults", "25% of all requests fail now.")
        assert (local.faults.share, local.faults.outage) == (0.25, None)
        await page.get_by_label("Share of all requests").fill("0")
        await page.get_by_label("Every request").select_option("before_503")
        await clicked(page, "Set faults", "Every request fails now: before_503.")
        async with Client(local.account_sid, local.auth_token, base_url=local.url) as client:
            with pytest.raises(AiotaskError):
                await client.taskrouter.workspace(shown.workspace).tasks.create(attributes={})
            requests = local.requests.total()
            await expect(page.locator("[data-figure=requests]")).to_have_text(str(requests))
            await page.get_by_label("Every request").select_option("")
            await clicked(page, "Set faults", "No request fails any more.")
            await client.taskrouter.workspace(shown.workspace).tasks.list().all()
        await page.get_by_role("link", name="Requests").click()
        rows = page.locator(".part-requests tbody tr")
        await expect(rows).to_have_count(requests + 1)
        await expect(rows.first).to_contain_text(re.compile(r"GET /v1/.*/Tasks\?.*200\s*[\d.]+"))
        await expect(rows.nth(1)).to_contain_text(re.compile("POST /v1/.*/Tasks\\s*503"))
        await expect(rows.nth(1)).to_contain_text("before_503")


@asynccontextmanager
async def receiver() -> AsyncIterator[str]:
    """Answer callbacks with what no instruction is."""

    async def answered(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"instruction": "<script>alert(1)</script>"})

    application = web.Application()
    application.router.add_post("/{name}", answered)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_callbacks_and_the_debugger_are_shown(browser: Browser) -> None:
    async with receiver() as url, shown_of(browser, CONTENTS) as shown:
        local = shown.sandbox
        page = await shown.page("/sandbox")
        async with Client(local.account_sid, local.auth_token, base_url=local.url) as client:
            workspace = client.taskrouter.workspace(shown.workspace)
            (workflow,) = await workspace.workflows.list().all()
            await workspace.workflows.update(workflow.sid, assignment_callback_url=f"{url}/<b>")
            await workspace.tasks.create(attributes={})
        row = page.locator(".part-callbacks tbody tr").first
        await expect(row).to_contain_text(f"{url}/<b>")
        await expect(row).to_contain_text('200 {"instruction": "<script>alert(1)</script>"}')
        await expect(row).to_contain_text("answered")
        await expect(page.locator(".part-debugger li").first).to_contain_text("WR")
        await expect(page.locator(".part-counts")).to_contain_text("assignment answered")


async def test_a_console_that_may_only_look_has_no_form_that_changes(browser: Browser) -> None:
    contents = {**CONTENTS, "tasks": [{"attributes": {}}]}
    async with shown_of(browser, contents, console=LOOKING) as shown:
        (task,) = shown.sandbox.tasks(shown.workspace)
        worker = shown.by_name("workers", "Ana")
        for path in ("/", f"/tasks/{task.sid}", f"/workers/{worker}"):
            page = await shown.page(path)
            await expect(page.locator("body[data-updates]")).to_be_attached()
            assert await page.locator("main form, main button").count() == 0
        await expect(page.get_by_role("link", name="Sandbox")).to_have_count(0)


@pytest.mark.parametrize(
    "action", ["create", "activity", "reservation", "cancel", "complete", "advance", "faults", "x"]
)
@pytest.mark.parametrize("settings", [LOOKING, LOOKING | {"allow_changes": True}])
async def test_what_is_not_allowed_does_not_happen(action: str, settings: dict[str, Any]) -> None:
    async with Sandbox() as sandbox:
        workspace = sandbox.create_workspace("Support")
        async with (
            console_of(sandbox, workspace, **settings) as url,
            aiohttp.ClientSession() as session,
        ):
            before, base = sandbox.snapshot(), URL(url)
            headers = {"Origin": str(base.origin()), "Accept": "text/html"}
            target = base.with_path(f"/console/{workspace}/act/{action}").with_query(base.query)
            form = {"attributes": "{}", "seconds": "600", "share": "1", "back": "../x"}
            async with session.post(target, data=form, headers=headers) as answer:
                assert answer.status == 200  # of the page that it leads back to
                text = await answer.text()
            assert sandbox.snapshot() == before
            assert sandbox.faults.share == 0
    assert "That did not happen" in text
    assert ("--allow-changes" in text) is not settings["allow_changes"]


async def test_a_notice_is_told_once_and_not_by_a_url(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        page = await shown.page("/sandbox")
        await clicked(page, "Let time pass", "60 seconds have passed.")
        await page.reload()
        await expect(page.locator(".notice")).to_have_count(0)

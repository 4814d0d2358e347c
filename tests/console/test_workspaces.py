"""The workspaces of a sandbox, each at its own path, in a real browser."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Page, expect
from yarl import URL

from aiotask import Client
from aiotask.sandbox import Sandbox
from tests.console.conftest import console_of, overflows, shown_of, violations

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTENTS: dict[str, Any] = {
    "template": "FIFO",
    "workers": [{"friendly_name": "Ana", "activity_sid": "Available"}],
    "tasks": [{"attributes": {}}],
}


@asynccontextmanager
async def client_of(local: Sandbox) -> AsyncIterator[Client]:
    async with Client(local.account_sid, local.auth_token, base_url=local.url) as client:
        yield client


def heading(page: Page) -> Any:
    return expect(page.get_by_role("heading", level=1))


def path_of(page: Page) -> str:
    return URL(page.url).path


async def test_the_only_workspace_is_shown_at_once_and_of_several_one_is_chosen(
    browser: Browser,
) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        page = await shown.page("/")
        await heading(page).to_have_text("At a glance")
        assert path_of(page) == f"/console/{shown.workspace}"
        other = shown.sandbox.create_workspace("Sales", template="FIFO")
        shown.sandbox.create_worker(other, "Cleo")
        await page.goto(shown.at("/"))
        await heading(page).to_have_text("Workspaces")
        names = page.locator(".part-workspaces tbody th")
        await expect(names).to_have_text(["Support", "Sales"])
        await page.get_by_role("link", name="Sales").click()
        await expect(page).to_have_title("At a glance – Sales – aiotask console")  # noqa: RUF001
        assert path_of(page) == f"/console/{other}"
        await expect(page.locator("[data-figure=tasks-pending]")).to_have_text("0")
        await page.get_by_role("link", name="Workers", exact=True).click()
        await expect(page.locator(".part-workers tbody th")).to_have_text(["Cleo"])
        await page.get_by_role("link", name="Workspaces").click()
        await page.get_by_role("link", name="Support").click()
        await page.get_by_role("link", name="Workers", exact=True).click()
        await expect(page.locator(".part-workers tbody th")).to_have_text(["Ana"])


async def test_what_a_page_changes_is_changed_in_its_workspace(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        other = shown.sandbox.create_workspace("Sales", template="FIFO")
        page = await shown.page("/")
        await page.get_by_role("link", name="Sales").click()
        await page.get_by_label("Attributes, a JSON object").fill('{"n": 1}')
        await page.get_by_role("button", name="Create").click()
        await expect(page.locator(".notice")).to_have_text(re.compile("was created"))
        assert path_of(page) == f"/console/{other}"
        assert [task.attributes for task in shown.sandbox.tasks(other)] == ['{"n":1}']
        assert len(shown.sandbox.tasks(shown.workspace)) == 1


async def test_workspaces_that_clients_make_and_delete_come_and_go_before_the_eyes(
    browser: Browser,
) -> None:
    async with shown_of(browser, CONTENTS) as shown, client_of(shown.sandbox) as client:
        page = await shown.page()
        await page.get_by_role("link", name="Workspaces").click()
        names = page.locator(".part-workspaces tbody th")
        await expect(names).to_have_text(["Support"])
        made = await client.taskrouter.workspaces.create(friendly_name="<b>Sales</b>")
        await expect(names).to_have_text(["Support", "<b>Sales</b>"])
        await client.taskrouter.workspaces.delete(made.sid)
        await expect(names).to_have_text(["Support"])
        await client.taskrouter.workspaces.delete(shown.workspace)
        await expect(page.locator(".part-workspaces tbody")).to_have_text("There are none.")
        await page.goto(shown.at("/"))
        await heading(page).to_have_text("Workspaces")
        # Time and faults are the sandbox's, whatever workspaces it has.
        await page.get_by_role("link", name="Sandbox").click()
        await page.get_by_role("button", name="Let time pass").click()
        await expect(page.locator(".notice")).to_have_text("60 seconds have passed.")
        await page.get_by_role("link", name="Requests").click()
        await expect(page.locator(".part-requests tbody tr")).to_have_count(3)


async def test_the_pages_of_a_deleted_workspace_say_that_it_is(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown, client_of(shown.sandbox) as client:
        other = shown.sandbox.create_workspace("Sales")
        (task,) = shown.sandbox.tasks(shown.workspace)
        glance = await shown.page("")
        await expect(glance.locator("body[data-updates]")).to_be_attached()
        await client.taskrouter.workspaces.delete(shown.workspace)
        gone = "The workspace Support has been deleted."
        await expect(glance.locator("#trouble")).to_have_text(gone)
        for path in ("", "/workers", "/workflows", "/what-if", "/sandbox", f"/tasks/{task.sid}"):
            await glance.goto(shown.at(path))
            await heading(glance).to_have_text("Not there")
            await expect(glance.locator(".said")).to_have_text(gone)
        assert await violations(glance) == []
        await glance.get_by_role("link", name="To the first page").click()
        assert path_of(glance) == f"/console/{other}"
        shown.errors.clear()  # the browser tells of the status 404


async def test_a_workspace_that_never_was_is_told_so(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        sid = f"WS{'0' * 32}"
        page = await shown.page("/")
        await page.goto(f"{shown.base}/console/{sid}?{shown.query}")
        told = f"There is no workspace {sid}: it was deleted, or never was."
        await expect(page.locator(".said")).to_have_text(told)
        shown.errors.clear()  # the browser tells of the status 404


async def test_the_list_is_fit_for_all(browser: Browser) -> None:
    async with shown_of(browser, CONTENTS) as shown:
        shown.sandbox.create_workspace("long" * 16)
        page = await shown.page("/")
        await page.set_viewport_size({"width": 390, "height": 800})
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            assert await violations(page) == []
        assert not await overflows(page)
        link = page.get_by_role("link", name="longlong")
        await link.focus()
        await page.keyboard.press("Enter")
        await heading(page).to_have_text("At a glance")


async def test_more_workspaces_than_are_kept_are_shown_each() -> None:
    async with (
        Sandbox() as sandbox,
        console_of(sandbox) as url,
        aiohttp.ClientSession(URL(url).origin(), headers={"Accept": "text/html"}) as session,
    ):
        made = {sandbox.create_workspace(f"No. {number}"): number for number in range(60)}
        first = sandbox.workspaces[0]
        for sid, number in (*made.items(), (first, 0)):
            async with session.get(f"/console/{sid}/sandbox", params=URL(url).query) as answer:
                assert f"No. {number} " in await answer.text()


async def test_a_console_of_one_workspace_shows_no_other(browser: Browser) -> None:
    async with Sandbox() as sandbox:
        workspace, other = (sandbox.create_workspace(name) for name in ("Support", "Sales"))
        async with console_of(sandbox, workspace) as url, await browser.new_page() as page:
            await page.goto(url)
            assert path_of(page) == f"/console/{workspace}"
            await expect(page.get_by_role("link", name="Workspaces")).to_have_count(0)
            for path in ("workspaces", other, f"{other}/workers", "sandbox"):
                await page.goto(url.replace("/?", f"/console/{path}?"))
                await heading(page).to_have_text("Not there")

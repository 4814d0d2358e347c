"""A browser for a session of tests, and a sandbox with a console beside it."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from aiotask import Client
from aiotask.console import SANDBOX_RATE, Console
from aiotask.sandbox import Sandbox

# The first has no windows, and takes a third of the time of the others.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for path in map(shutil.which, _NAMES) if path), None)
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_PATIENCE = 60_000  # milliseconds; a condition is waited for, however busy the machine is
expect.set_options(timeout=_PATIENCE)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no browser here for the console: apt-get install chromium-headless-shell")
    async with (
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS) as browser,
    ):
        yield browser


class Shown:
    """A sandbox, its console, and what the browser shows of it."""

    def __init__(self, sandbox: Sandbox, workspace: str, url: str, context: BrowserContext) -> None:
        self.sandbox = sandbox
        self.workspace = workspace
        self.url = url
        self.base, _, self.query = url.partition("/?")
        self.errors: list[str] = []
        self._context = context

    async def page(self, path: str = "/") -> Page:
        page = await self._context.new_page()
        page.on("console", lambda said: self.errors.append(said.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(f"a dialog: {dialog.message}"))
        await page.goto(self.at(path))
        return page

    def at(self, path: str) -> str:
        """Return the URL of a page of the workspace; / is where everybody begins."""
        place = "" if path == "/" else f"/console/{self.workspace}"
        return f"{self.base}{place}{path}?{self.query}"

    def by_name(self, kind: str, name: str) -> str:
        (held,) = self.sandbox.snapshot().values()
        (sid,) = (row["sid"] for row in held[kind] if row["friendly_name"] == name)
        return str(sid)


@asynccontextmanager
async def console_of(
    local: Sandbox, workspace: str | None = None, **settings: Any
) -> AsyncIterator[str]:
    """Serve a console beside the API of a sandbox, as its command does, or of one workspace."""
    door = await local.open_side_door()
    async with Client(local.account_sid, local.auth_token, base_url=door) as client:
        defaults: dict[str, Any] = {
            "allow_changes": True,
            "sandbox": local,
            "rate": SANDBOX_RATE,
            "seconds": 0.1,
        }
        only = None if workspace is None else client.taskrouter.workspace(workspace)
        console = Console(client, only, **defaults | settings)
        local.put_beside(console)
        try:
            yield console.url(local.url)
        finally:
            await console.close()


@asynccontextmanager
async def shown_of(
    browser: Browser,
    contents: dict[str, Any],
    *,
    console: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Shown]:
    """Fill a sandbox with one workspace, and show it in a browser window of its own."""
    async with Sandbox(seed=1) as sandbox:
        sandbox.fill({"Support": contents})
        (workspace,) = sandbox.workspaces
        context = await browser.new_context(**settings)
        context.set_default_timeout(_PATIENCE)
        async with console_of(sandbox, **console or {}) as url, context:
            shown = Shown(sandbox, workspace, url, context)
            yield shown
            assert shown.errors == []


async def violations(page: Page) -> list[str]:
    """Return what keeps people from using a page, by axe-core."""
    await page.evaluate(AXE)
    found = await page.evaluate("async () => (await axe.run()).violations")
    return [f"{each['id']}: {json.dumps([n['html'] for n in each['nodes']])}" for each in found]


async def overflows(page: Page) -> bool:
    """Tell whether a page is wider than its window."""
    wider = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
    return bool(await page.evaluate(wider))

"""Names and attributes of every resource are text and nothing else, whatever they are."""

import json
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.console.conftest import shown_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

CORPUS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)',
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</pre></section><iframe srcdoc=x>",
    "javascript:alert(1)",
    "<a href=javascript:alert(1)>x</a>",
    "{{ 7 * 7 }}{% raw %}",
    "${alert(1)}",
    "<!--",
    "]]><![CDATA[",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "data: x\n\ndata: <script>",
    "<math><mi//xlink:href='data:x,<script>'>",
    "<style>*{display:none}</style>",
    "\u202eabc\u2028\u2029\u0000",
]
NAMES = [text for text in CORPUS if "\n" not in text and "\u0000" not in text]


def contents() -> dict[str, Any]:
    """Return a workspace all of whose names and attributes are hostile."""
    held: dict[str, Any] = {
        name: []
        for name in ("activities", "task_channels", "workers", "task_queues", "workflows", "tasks")
    }
    for number, text in enumerate(NAMES):
        held["activities"].append({"friendly_name": text})
        held["workers"].append(
            {
                "friendly_name": text,
                "attributes": {text: [text, {text: CORPUS}]},
                "activity_sid": text,
            }
        )
        held["task_queues"].append({"friendly_name": text})
        quoted = text.replace("\\", "").replace("'", "").replace('"', "")
        rule = {
            "filter_friendly_name": text,
            "expression": f"name == '{quoted}'",
            "targets": [{"queue": text, "expression": f"worker.name != '{quoted}'", "timeout": 60}],
        }
        routing = {"filters": [rule], "default_filter": {"queue": text}}
        held["workflows"].append(
            {
                "friendly_name": text,
                "configuration": {"task_routing": routing},
                "assignment_callback_url": "http://127.0.0.1:9/<script>",
            }
        )
        held["tasks"].append(
            {"attributes": {text: text, "all": CORPUS, "name": quoted}, "workflow_sid": text}
        )
        if number < 9:
            held["task_channels"].append({"friendly_name": text, "unique_name": f"c{number}"})
    return held


async def test_hostile_texts_are_shown_as_they_are_and_do_nothing(browser: Browser) -> None:
    async with shown_of(browser, contents()) as shown:
        (held,) = shown.sandbox.snapshot().values()
        paths = ["/", "/workers", "/workflows", "/sandbox"]
        kinds = ("task_queues", "queues"), ("workers", "workers"), ("workflows", "workflows")
        for kind, path in kinds:
            paths += [f"/{path}/{row['sid']}" for row in held[kind][1:4]]
        paths += [f"/tasks/{row['sid']}" for row in held["tasks"][:4]]
        page = await shown.page()
        for path in paths:
            await page.goto(shown.at(path))
            await expect(page.locator("body[data-updates]")).to_be_attached()
            # Nothing is there but what the templates have.
            assert await page.locator("script").count() == 1, path
            assert await page.locator("img, iframe, style, math, svg[onload]").count() == 0, path
            assert await page.locator("a[href^=javascript]").count() == 0, path
        await page.goto(shown.at("/"))
        for text in NAMES:
            cell = page.locator(".part-queues tbody th", has_text=text)
            assert text in await cell.all_inner_texts(), text
        await page.goto(shown.at(paths[-1]))
        told = json.loads(await page.locator(".part-attributes pre").inner_text())
        assert told["all"] == CORPUS


async def test_hostile_attributes_are_tried_as_they_are(browser: Browser) -> None:
    async with shown_of(browser, contents()) as shown:
        page = await shown.page("/what-if")
        await page.get_by_label("Attributes, a JSON object").fill(json.dumps({"name": CORPUS[0]}))
        await page.get_by_label("Workflow").select_option(NAMES[0])
        await page.get_by_role("button", name="What would happen?").click()
        told = page.locator(".part-outcome")
        await expect(told.locator("strong").first).to_have_text(NAMES[0])
        await expect(told).to_contain_text(f"{NAMES[1]}: {NAMES[1]}")
        assert await page.locator("script").count() == 1
        assert await page.locator("img, iframe, math, svg[onload]").count() == 0

"""The applications of the guide that receive callbacks, under their servers."""

import sys
from types import ModuleType
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession

from tests.guide_blocks import blocks
from tests.webhooks.frameworks import under_aiohttp, under_uvicorn
from tests.webhooks.test_application import SIDS, posted


@pytest.mark.parametrize("block", blocks("python", "callbacks"))
async def test_it_answers_what_twilio_signed_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], block: str
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "token")
    module = ModuleType("application_of_the_guide")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # Litestar looks it up there
    exec(block, vars(module))  # noqa: S102 - our own guide
    serve = under_aiohttp if "web.Application(" in block else under_uvicorn
    async with serve(module.app) as url, ClientSession(url) as browser:
        body, headers = posted("/assigned", SIDS)
        async with browser.post("/assigned", data=body, headers=headers) as answer:
            assert (answer.status, await answer.json()) == (200, {"instruction": "accept"})
        body, headers = posted("/events", {"EventType": "task.created"})
        async with browser.post("/events", data=body, headers=headers) as answer:
            assert answer.status == 204
        for path in ("/assigned", "/events"):
            form = urlencode(SIDS | {"EventType": "task.canceled"})
            async with browser.post(path, data=form, headers=headers) as answer:
                assert answer.status == 403
    told = capsys.readouterr().out
    assert f"{SIDS['WorkerSid']} for {SIDS['TaskSid']}\n" in told
    assert "task.created" in told
    assert "task.canceled" not in told

"""A web application that receives callbacks, over real sockets."""

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Handler
from yarl import URL

import aiotask.webhooks
from aiotask.webhooks import (
    CallbackError,
    SignatureVerifier,
    dequeue,
    parse_assignment,
    parse_event,
)
from tests.webhooks.frameworks import under_aiohttp, under_uvicorn

PUBLIC = "https://hooks.example.com"
FORM = "application/x-www-form-urlencoded"
SIDS = {
    "ReservationSid": "WR" + "1" * 32,
    "TaskSid": "WT" + "2" * 32,
    "WorkerSid": "WK" + "3" * 32,
    "WorkspaceSid": "WS" + "4" * 32,
}
Browser = TestClient[web.Request, web.Application]

verifier = SignatureVerifier("token")


@web.middleware
async def from_twilio(request: web.Request, handler: Handler) -> web.StreamResponse:
    body = await request.read()
    signature = request.headers.get("X-Twilio-Signature")
    kind = request.headers.get("Content-Type")
    if not verifier.verify(PUBLIC + request.raw_path, body, signature, content_type=kind):
        raise web.HTTPForbidden
    try:
        return await handler(request)
    except CallbackError as error:
        raise web.HTTPBadRequest(text=str(error)) from error


async def assigned(request: web.Request) -> web.Response:
    assignment = parse_assignment(await request.read())
    return web.json_response(dequeue(to=assignment.worker_attributes["contact_uri"], timeout=20))


async def happened(request: web.Request) -> web.Response:
    event = parse_event(await request.read())
    request.app[SEEN].append(event.event_type)
    return web.Response(status=204, content_type="application/json")


SEEN = web.AppKey("SEEN", list[str])


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    application = web.Application(middlewares=[from_twilio])
    application[SEEN] = []
    application.add_routes([web.post("/assigned", assigned), web.post("/events/{name}", happened)])
    async with TestClient(TestServer(application)) as browser:
        yield browser


def posted(path: str, fields: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    body = urlencode(fields).encode()
    signature = verifier.sign(PUBLIC + path, body)
    return body, {"X-Twilio-Signature": signature, "Content-Type": f"{FORM}; charset=UTF-8"}


async def test_an_assignment_is_answered_with_an_instruction(browser: Browser) -> None:
    fields = SIDS | {"WorkerAttributes": json.dumps({"contact_uri": "client:ana"})}
    body, headers = posted("/assigned", fields)
    async with browser.post("/assigned", data=body, headers=headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/json"
        expected = {"instruction": "dequeue", "to": "client:ana", "timeout": 20}
        assert await answer.json() == expected


async def test_an_event_is_answered_with_no_content(browser: Browser) -> None:
    path = "/events/a%20b?x=%2F"
    body, headers = posted(path, {"EventType": "task.created"})
    url = URL(str(browser.make_url("/"))[:-1] + path, encoded=True)
    async with browser.session.post(url, data=body, headers=headers) as answer:
        assert answer.status == 204
        assert answer.content_type == "application/json"


@pytest.mark.parametrize("signature", [None, "", "Np1nax6uFoY6qpfT5l9jWwJeit0="])
async def test_what_twilio_did_not_sign_is_refused(browser: Browser, signature: str | None) -> None:
    body, headers = posted("/assigned", SIDS)
    del headers["X-Twilio-Signature"]
    if signature is not None:
        headers["X-Twilio-Signature"] = signature
    async with browser.post("/assigned", data=body, headers=headers) as answer:
        assert answer.status == 403


async def test_what_is_signed_and_no_assignment_is_a_bad_request(browser: Browser) -> None:
    body, headers = posted("/assigned", {"EventType": "task.created"})
    async with browser.post("/assigned", data=body, headers=headers) as answer:
        assert answer.status == 400
        assert "it lacks ReservationSid" in await answer.text()


README = Path(aiotask.webhooks.__file__).with_name("README.md").read_text()
PROGRAMS = {"FastAPI": "app", "run_app": "application"}


@pytest.mark.parametrize("sign", PROGRAMS)
async def test_the_applications_of_the_readme_receive_both_callbacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sign: str
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "token")
    blocks = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (program,) = (block for block in blocks if sign in block)
    names: dict[str, Any] = {"__name__": "example"}
    exec(program, names)  # noqa: S102 - our own README
    serve = under_uvicorn if sign == "FastAPI" else under_aiohttp
    async with serve(names[PROGRAMS[sign]]) as url, ClientSession(url) as browser:
        body, headers = posted("/assigned", SIDS)
        async with browser.post("/assigned", data=body, headers=headers) as answer:
            assert (await answer.json())["instruction"] == "dequeue"
        async with browser.post("/assigned", data=body) as answer:
            assert answer.status == 403
        body, headers = posted("/events", {"EventType": "task.created"})
        async with browser.post("/events", data=body, headers=headers) as answer:
            assert answer.status == 204
        body, headers = posted("/events", {})
        async with browser.post("/events", data=body, headers=headers) as answer:
            assert answer.status == 400
    assert SIDS["WorkerSid"] in capsys.readouterr().out


def test_an_event_that_comes_twice_counts_once_as_the_readme_has_it() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (block,) = (block for block in blocks if "CREATE TABLE" in block)
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - our own README
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(names["TABLES"])
        for sid in ["EV1", "EV2", "EV1"]:
            body = f"EventType=task.completed&TaskSid=WT1&Sid={sid}".encode()
            names["once"](database, parse_event(body))
        assert database.execute("SELECT count(*) FROM finished").fetchone() == (2,)
        names["forget"](database, -10)  # all of them are older than in ten seconds
        assert database.execute("SELECT count(*) FROM seen").fetchone() == (0,)

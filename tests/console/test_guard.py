"""The guard of the console: who is answered, and what every answer says."""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from aiotask import Client
from aiotask.sandbox import Sandbox
from tests.console.conftest import console_of

PAGE = {"Accept": "text/html,*/*;q=0.8"}
PATHS = [
    "/",
    "/console/workspaces",
    "/console/stream/workspaces",
    f"/console/WS{'0' * 32}/workers",
    "/console/static/console.js",
    "/console/nowhere",
]


@pytest.fixture
async def url(sandbox: Sandbox) -> AsyncIterator[URL]:
    sandbox.create_workspace("Support")
    async with console_of(sandbox) as url:
        yield URL(url)


@pytest.fixture
async def browser(url: URL) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base_url=url.origin(), headers=PAGE) as session:
        yield session


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", [{}, {"token": "x"}, {"token": ""}])
async def test_without_the_token_nothing_is_told(
    browser: aiohttp.ClientSession, path: str, query: dict[str, str]
) -> None:
    async with browser.get(path, params=query) as answer:
        assert answer.status == 403
        assert "The token in the URL is missing or wrong" in await answer.text()


async def test_a_token_that_is_there_twice_is_none(
    browser: aiohttp.ClientSession, url: URL
) -> None:
    token = url.query["token"]
    async with browser.get("/", params=[("token", token), ("token", "x")]) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    ["evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}", ""],
)
async def test_no_foreign_name_leads_here(
    browser: aiohttp.ClientSession, url: URL, path: str, host: str
) -> None:
    headers = {"Host": host.format(port=url.port)}
    async with browser.get(path, params=url.query, headers=headers) as answer:
        assert answer.status == 403
        assert "under a name of this machine only" in await answer.text()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1"]
)
async def test_no_other_page_is_answered(
    browser: aiohttp.ClientSession, url: URL, path: str, origin: str
) -> None:
    headers = {"Origin": origin.format(port=url.port)}
    async with browser.get(path, params=url.query, headers=headers) as answer:
        assert answer.status == 403
        assert "Another page asked" in await answer.text()


async def test_a_form_without_an_origin_is_refused(
    browser: aiohttp.ClientSession, url: URL
) -> None:
    async with browser.post("/console/workspaces", params=url.query) as answer:
        assert answer.status == 403
        assert "needs an Origin" in await answer.text()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_this_machine_with_the_token_is_answered(
    browser: aiohttp.ClientSession, url: URL, name: str
) -> None:
    host = f"{name}:{url.port}"
    headers = {"Host": host, "Origin": f"http://{host}"}
    async with browser.get("/", params=url.query, headers=headers) as answer:
        assert answer.status == 200
        assert "At a glance" in await answer.text()


@pytest.mark.parametrize("path", ["/", "/console/nowhere", "/console/static/console.css"])
@pytest.mark.parametrize("known", ["with the token", ""])
async def test_every_answer_forbids_foreign_script_frames_and_copies(
    browser: aiohttp.ClientSession, url: URL, path: str, known: str
) -> None:
    async with browser.get(path, params=url.query if known else {}) as answer:
        policy = dict(
            part.strip().partition(" ")[::2]
            for part in answer.headers["Content-Security-Policy"].split(";")
        )
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_api_clients_have_the_api_as_before(sandbox: Sandbox, url: URL) -> None:
    async with aiohttp.ClientSession(base_url=url.origin()) as session:
        async with session.get("/", params=url.query) as answer:
            assert (answer.status, answer.content_type) == (401, "application/json")
        async with session.get("/v1/Workspaces", headers=PAGE) as answer:
            assert (answer.status, answer.content_type) == (401, "application/json")
    async with Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url) as client:
        (workspace,) = await client.taskrouter.workspaces.list().all()
    assert workspace.friendly_name == "Support"


async def test_who_watches_a_sandbox_does_not_disturb_it(
    browser: aiohttp.ClientSession, url: URL, sandbox: Sandbox
) -> None:
    sandbox.faults.outage = "before_503"
    sandbox.faults.next("GET", "/", "before_500")
    async with browser.get("/", params=url.query) as answer:
        assert answer.status == 200
    assert sandbox.requests.total() == sandbox.injected.total() == 0
    assert not sandbox.exchanges


async def test_credentials_do_not_reach_the_browser(
    browser: aiohttp.ClientSession, url: URL, sandbox: Sandbox
) -> None:
    (workspace,) = sandbox.workspaces
    own = [f"/console/{workspace}{path}" for path in ("", "/workers", "/stream", "/stream/sandbox")]
    for path in (*PATHS, *own):
        async with browser.get(path, params=url.query) as answer:
            text = await (answer.text() if "stream" not in path else _first_line(answer))
            told = f"{text}{json.dumps(dict(answer.headers))}"
            assert sandbox.auth_token not in told
            assert sandbox.account_sid not in told


async def _first_line(answer: aiohttp.ClientResponse) -> str:
    return (await answer.content.readline()).decode()


@pytest.mark.parametrize("path", ["workers/WK1", "tasks/%2e%2e%2fWorkspaces"])
async def test_a_sid_that_is_none_is_told_so(
    browser: aiohttp.ClientSession, url: URL, path: str, sandbox: Sandbox
) -> None:
    (workspace,) = sandbox.workspaces
    there = URL(f"/console/{workspace}/{path}", encoded=True)
    async with browser.get(there, params=url.query) as answer:
        assert answer.status == 400
        assert "That cannot be" in await answer.text()


@pytest.mark.parametrize("kind", ["queues/WQ", "tasks/WT", "workers/WK"])
async def test_what_is_not_there_is_told_so(
    browser: aiohttp.ClientSession, url: URL, kind: str, sandbox: Sandbox
) -> None:
    (workspace,) = sandbox.workspaces
    there = f"/console/{workspace}/{kind}{'0' * 32}"
    async with browser.get(there, params=url.query) as answer:
        assert answer.status == 404
        assert "Not there" in await answer.text()

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from aiotask.sandbox import Sandbox
from tests.sandbox.sandbox_api import Api, Clock, basic, serving

API_KEY = "SK" + "b" * 32
HEX = frozenset("0123456789abcdef")


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as api:
        yield api


@asynccontextmanager
async def connected(
    sandbox: Sandbox,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, port = sandbox.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    yield reader, writer
    writer.close()
    await writer.wait_closed()


async def raw(sandbox: Sandbox, request: bytes) -> bytes:
    """Send bytes, and return all that comes back until the server ends the connection."""
    async with connected(sandbox) as (reader, writer):
        writer.write(request)
        return await reader.read()


async def test_every_answer_has_the_services_headers(api: Api) -> None:
    for method, path in (("POST", "/Tasks"), ("GET", "/Tasks"), ("GET", "/Nothing")):
        headers = (await api(method, path)).headers
        request_id = headers["Twilio-Request-Id"]
        assert request_id.startswith("RQ")
        assert len(request_id) == 34
        assert set(request_id[2:]) <= HEX
        assert headers["Twilio-Concurrent-Requests"] == "1"
        assert float(headers["Twilio-Request-Duration"]) >= 0
        assert headers["Content-Type"] == "application/json"
        assert headers["X-Rate-Limit-Limit"] == headers["X-Rate-Limit-Config"] == "unlimited"
        assert headers["Access-Control-Expose-Headers"] == "ETag"
        assert "Retry-After" not in headers


async def test_a_refusal_has_the_documented_body(api: Api) -> None:
    assert (await api("GET", "/tasks")).json == {
        "code": 20404,
        "message": f"The requested resource /Workspaces/{api.workspace}/tasks was not found",
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v2/Workspaces",
        "/v1/workspaces",
        "/v1/Workspaces/",
        "/v1/Workspaces/WS1/Tasks",
        "/Tasks/",
        "/Tasks/WT1",
        "/Tasks/WT1/Reservations",
        "/Reservations",
        "/Tasks/%ff",
        "/Workflows/WW%00",
    ],
)
async def test_an_unknown_path_is_not_found(api: Api, path: str) -> None:
    assert (await api("GET", path)).refusal == (404, 20404)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_method_that_does_not_exist_is_not_allowed(api: Api, method: str) -> None:
    assert (await api(method, "/Tasks")).refusal == (405, 20004)


@pytest.mark.parametrize("path", ["/Tasks", "/Tasks/WT1", "/Statistics"])
async def test_a_preflight_is_answered_without_credentials_and_outside_of_limits(path: str) -> None:
    async with serving(rate=1, in_flight=1, faults=1.0) as api, aiohttp.ClientSession() as session:
        headers = {
            "Origin": "https://desk.example.com",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,if-match",
        }
        for _ in range(3):
            async with session.options(api.url(path), headers=headers) as answer:
                assert (answer.status, await answer.read()) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        allowed = answer.headers["Access-Control-Allow-Headers"].lower()
        assert {"authorization", "content-type", "if-match"} <= set(allowed.split(", "))
        assert api.sandbox.injected == {}
        assert api.sandbox.answers == {204: 3}


def head_of_a_create(api: Api, length: int, version: str = "1.1") -> bytes:
    """Return the head of a request that asks before it sends its body."""
    return (
        f"POST /v1/Workspaces/{api.workspace}/Tasks HTTP/{version}\r\nHost: localhost\r\n"
        f"Authorization: {api.session.headers['Authorization']}\r\nContent-Length: {length}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nExpect: 100-Continue\r\n"
        "Connection: close\r\n\r\n"
    ).encode()


async def test_a_client_that_asks_before_it_sends_the_body_is_told_to_go_on(api: Api) -> None:
    async with connected(api.sandbox) as (reader, writer):
        writer.write(head_of_a_create(api, 10))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"Priority=7")
        assert (await reader.readline()).startswith(b"HTTP/1.1 201 ")
        assert b'"priority":7' in await reader.read()


async def test_a_client_that_asks_before_it_sends_too_much_is_refused_at_once(api: Api) -> None:
    async with connected(api.sandbox) as (reader, writer):
        writer.write(head_of_a_create(api, 5 * 2**20))
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")


async def test_a_client_of_http_1_0_is_not_told_to_go_on(api: Api) -> None:
    async with connected(api.sandbox) as (reader, writer):
        writer.write(head_of_a_create(api, 10, version="1.0") + b"Priority=7")
        assert (await reader.readline()).startswith(b"HTTP/1.0 201 ")


async def test_head_is_not_allowed_and_has_no_body(api: Api) -> None:
    reply = await api("HEAD", "/Tasks")
    assert (reply.status, reply.body) == (405, b"")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic %%%",
        "Bearer abc",
        basic("AC" + "0" * 32, "wrong")["Authorization"],
        basic("", "")["Authorization"],
    ],
)
async def test_wrong_credentials_are_refused(api: Api, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with (
        aiohttp.ClientSession() as session,
        session.get(api.url("/Tasks"), headers=headers) as answer,
    ):
        assert answer.status == 401
        assert (await answer.json())["code"] == 20003


async def test_account_and_api_key_are_both_let_in() -> None:
    settings: dict[str, Any] = {
        "account_sid": "AC" + "b" * 32,
        "auth_token": "t",
        "api_key": API_KEY,
    }
    async with serving(**settings, api_secret="s") as api:
        for name, secret in (("AC" + "b" * 32, "t"), (API_KEY, "s")):
            headers = basic(name, secret)
            task = (await api("POST", "/Tasks", headers=headers)).json
            assert task["account_sid"] == "AC" + "b" * 32
        lower = headers["Authorization"].replace("Basic", "basic")
        assert (await api("GET", "/Tasks", headers={"Authorization": lower})).status == 200


async def test_requests_above_the_rate_are_refused_and_not_executed() -> None:
    clock = Clock()
    async with serving(rate=5, clock=clock, retry_after=2) as api:
        replies = [await api("POST", "/Tasks") for _ in range(8)]
        assert [reply.status for reply in replies] == [201] * 5 + [429] * 3
        assert replies[7].refusal == (429, 20429)
        assert replies[7].headers["Retry-After"] == "2"
        remaining = [reply.headers["X-Rate-Limit-Remaining"] for reply in replies]
        assert remaining == ["4", "3", "2", "1", "0", "0", "0", "0"]
        assert replies[0].headers["X-Rate-Limit-Limit"] == "5"
        assert replies[0].headers["X-Rate-Limit-Config"] == "5;w=1"
        assert len(api.sandbox.tasks(api.workspace)) == 5
        assert api.sandbox.refused == 3
        clock.now += 1
        assert (await api("POST", "/Tasks")).status == 201


@pytest.mark.parametrize(
    ("path", "name"),
    [("/Tasks", "EvaluateTaskAttributes"), ("/TaskQueues", "EvaluateWorkerAttributes")],
)
async def test_lists_by_an_expression_have_their_own_rate(path: str, name: str) -> None:
    clock = Clock()
    async with serving(clock=clock) as api:
        query = {name: "1==1"}
        statuses = [(await api("GET", path, query)).status for _ in range(31)]
        assert statuses == [200] * 30 + [429]
        assert (await api("GET", path)).status == 200
        other = api.sandbox.create_workspace("Other")
        assert (await api("GET", f"/v1/Workspaces/{other}{path}", query)).status == 200
        clock.now += 10
        assert (await api("GET", path, query)).status == 200


async def test_more_than_is_allowed_in_flight_is_refused() -> None:
    async with serving(in_flight=2) as api:
        hanging = []
        for _ in range(2):
            api.sandbox.faults.next("POST", "/Tasks", "after_hang")
            hanging.append(asyncio.create_task(api("POST", "/Tasks")))
        while len(api.sandbox.tasks(api.workspace)) < 2:
            await asyncio.sleep(0.001)
        reply = await api("POST", "/Tasks")
        assert reply.refusal == (429, 20429)
        assert reply.headers["Twilio-Concurrent-Requests"] == "3"
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        while (await api("POST", "/Tasks")).status == 429:
            await asyncio.sleep(0.001)
        assert len(api.sandbox.tasks(api.workspace)) == 3


@pytest.mark.virtual_time
async def test_a_request_is_executed_late_when_its_client_has_given_up() -> None:
    async with serving(latency=0.1) as api:
        await api.abandoned("POST", "/Tasks")
        assert api.sandbox.tasks(api.workspace) == []
        while not api.sandbox.tasks(api.workspace):
            await asyncio.sleep(0.001)
        assert (await api("GET", "/Tasks")).status == 200


async def test_requests_and_answers_are_counted_by_kind(api: Api) -> None:
    task = await api.make("/Tasks")
    await api("GET", task["url"])
    await api("GET", "/Tasks")
    await api("POST", "/Tasks", {"Priority": -1})
    assert api.sandbox.requests == {"POST Tasks": 2, "GET Tasks/{Sid}": 1, "GET Tasks": 1}
    assert api.sandbox.requests.total() == 4
    assert api.sandbox.answers == {201: 1, 200: 2, 400: 1}


async def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    body = BytesIO(b"a" * (4 * 2**20 + 1))
    async with api.session.post(api.url("/Tasks"), data=body) as answer:
        assert answer.status == 413
        assert (await answer.json())["code"] == 20413
    assert api.sandbox.tasks(api.workspace) == []


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"Attributes=%ff", b"&".join([b"a=1"] * 1001), b"Attributes=%ed%a0%80"]
)
async def test_a_body_that_is_no_form_is_refused(api: Api, body: bytes) -> None:
    async with api.session.post(api.url("/Tasks"), data=body) as answer:
        assert answer.status == 400
        assert (await answer.json())["code"] == 20001


@pytest.mark.parametrize(
    "request_line",
    [
        b"\x00\x01\r\n\r\n",
        b"GET /v1/\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9.9\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /v1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_in_the_services_words(
    api: Api, request_line: bytes
) -> None:
    head, _, body = (await raw(api.sandbox, request_line)).partition(b"\r\n\r\n")
    assert b" 400 " in head
    assert b'"code":20001' in body


@pytest.mark.parametrize("host", [b"", b"Host: h\xff<>\r\n", b"Host: a b\r\n"])
async def test_an_unusable_host_is_replaced_by_the_sandboxes_own(api: Api, host: bytes) -> None:
    authorization = basic(api.sandbox.account_sid, api.sandbox.auth_token)["Authorization"]
    head = f"GET /v1/Workspaces HTTP/1.0\r\nAuthorization: {authorization}\r\n".encode()
    answer = await raw(api.sandbox, head + host + b"\r\n")
    assert f'"url":"{api.sandbox.url}/v1/Workspaces/'.encode() in answer


async def test_a_mistake_of_the_sandbox_itself_is_loud(caplog: pytest.LogCaptureFixture) -> None:
    times = [0.0] * 100
    async with serving(clock=times.pop) as api:
        times.clear()
        assert (await api("POST", "/Tasks")).status == 500
    assert "IndexError" in caplog.text


async def test_a_client_that_leaves_within_its_body_does_no_harm(api: Api) -> None:
    host, port = api.sandbox.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/Workspaces HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc")
    while not api.sandbox.requests:
        await asyncio.sleep(0.001)
    writer.transport.abort()
    assert (await api("GET", "/Tasks")).status == 200
    assert api.sandbox.answers == {200: 1}


@pytest.mark.parametrize(
    "sandbox",
    [
        Sandbox(latency=3600),
        Sandbox(faults=1.0, fault_kinds=["before_hang"]),
        Sandbox(faults=1.0, fault_kinds=["after_hang"]),
        Sandbox(faults=1.0, fault_kinds=["late_hang"], late=3600),
    ],
)
async def test_a_sandbox_closes_at_once_whatever_it_is_doing(sandbox: Sandbox) -> None:
    await sandbox.start()
    workspace = sandbox.create_workspace("Support")
    url = f"{sandbox.url}/v1/Workspaces/{workspace}/Tasks"
    headers = basic(sandbox.account_sid, sandbox.auth_token)
    async with aiohttp.ClientSession(headers=headers) as session:
        calls = [
            asyncio.create_task(session.request(method, url))
            for method in ("GET", "POST", "DELETE")
        ]
        while sandbox.requests.total() < 3:
            await asyncio.sleep(0.001)
        async with asyncio.timeout(5):
            await sandbox.close()
        errors = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(error, aiohttp.ClientError) for error in errors)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_sandbox_can_be_served_again_with_what_it_held() -> None:
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="not serving"):
        _ = sandbox.url
    workspace = sandbox.create_workspace("Support")
    await sandbox.close()
    for _ in range(2):
        async with sandbox, aiohttp.ClientSession() as session:
            with pytest.raises(RuntimeError, match="already"):
                await sandbox.start()
            url = f"{sandbox.url}/v1/Workspaces/{workspace}"
            headers = basic(sandbox.account_sid, sandbox.auth_token)
            async with session.get(url, headers=headers) as answer:
                assert answer.status == 200
    await sandbox.close()


async def test_the_same_seed_gives_the_same_sids() -> None:
    sids = [Sandbox(seed=5).create_workspace("x"), Sandbox(seed=5).create_workspace("x")]
    assert sids[0] == sids[1] != Sandbox(seed=6).create_workspace("x")


async def test_a_sandbox_can_listen_on_ipv6() -> None:
    async with serving(host="::1") as api:
        assert api.sandbox.url.startswith("http://[::1]:")
        task = await api.make("/Tasks")
        assert task["url"].startswith(api.sandbox.url)

"""The session: its connections and cancellations, its owner, and the secrets that it keeps."""

import asyncio
import gzip
import logging
import os
import pickle
import traceback

import aiohttp
import pytest

import aiotask
from aiotask import AiotaskError, Client, ClientStateError, RetryPolicy
from aiotask.sandbox import Sandbox
from tests.conftest import Reaction, answer
from tests.virtual_time import VirtualTimeLoop
from tests.wire_calls import (
    BODY,
    FAILED,
    FOUND,
    MADE,
    NOT_HTTP,
    REFUSED,
    TASK,
    WORKSPACE,
    Serve,
    tasks_of,
)


async def test_a_create_is_one_form_with_the_credentials_in_its_header(serve: Serve) -> None:
    server, client = await serve(MADE)
    await tasks_of(client).create(attributes={"a": "x & y"}, priority=5)
    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == f"POST /v1/Workspaces/{WORKSPACE}/Tasks HTTP/1.1"
    assert aiohttp.BasicAuth.decode(lines[2].removeprefix("Authorization: ")).password == (
        "secret-token"
    )
    assert "Content-Type: application/x-www-form-urlencoded" in lines
    assert body == b"Attributes=%7B%22a%22:%22x+%26+y%22%7D&Priority=5"


async def test_no_more_requests_are_under_way_than_connections(serve: Serve) -> None:
    server, client = await serve(FOUND, max_connections=3)
    await asyncio.gather(*(tasks_of(client).fetch(TASK) for _ in range(50)))
    assert (len(server.requests), server.connections) == (50, 3)


@pytest.mark.virtual_time
async def test_waiting_for_a_connection_is_no_part_of_the_timeout(serve: Serve) -> None:
    # Nine of ten wait behind one that hangs until its timeout, and are not timed out with it.
    once = RetryPolicy(attempts=1)
    _, client = await serve("hang", FOUND, max_connections=1, timeout=0.3, retry=once)
    ends = await asyncio.gather(
        *(tasks_of(client).fetch(TASK) for _ in range(10)), return_exceptions=True
    )
    assert [type(end) for end in ends[1:]] == [aiotask.taskrouter.Task] * 9
    assert isinstance(ends[0], aiotask.RequestTimeoutError)


async def test_a_thousand_cancelled_calls_leave_the_client_as_it_was(serve: Serve) -> None:
    _, client = await serve(FOUND, max_connections=2)
    for steps in range(1000):
        call = asyncio.ensure_future(tasks_of(client).fetch(TASK))
        for _ in range(steps % 25):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
    await asyncio.gather(*(tasks_of(client).fetch(TASK) for _ in range(10)))
    assert not client._session.connections.slots.locked()


@pytest.mark.virtual_time
@pytest.mark.parametrize("reaction", ["hang", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
async def test_a_cancellation_is_not_lost_when_the_timeout_comes_with_it(
    serve: Serve, reaction: Reaction
) -> None:
    server, client = await serve(reaction, timeout=0.2)
    call = asyncio.ensure_future(tasks_of(client).fetch(TASK))
    while not server.requests:
        await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.call_later(0.25, call.cancel)
    loop.now += 0.3  # it stood still, and both are due at once
    with pytest.raises(asyncio.CancelledError):
        await call
    assert call.cancelled()


async def test_a_form_larger_than_a_mebibyte_is_sent_whole_and_without_a_warning(
    serve: Serve,
) -> None:
    server, client = await serve(answer(b'{"sid":"WW1"}', "201 Created"))
    await client.taskrouter.workspace(WORKSPACE).workflows.create(
        friendly_name="Large", configuration={"text": '"' * 500_000}
    )
    assert len(server.requests[0]) > 2**20


async def test_the_client_belongs_to_the_loop_that_entered_it(serve: Serve) -> None:
    _, client = await serve(FOUND)

    def elsewhere() -> None:
        with pytest.raises(ClientStateError, match="another event loop"):
            asyncio.run(tasks_of(client).fetch(TASK))

    await asyncio.to_thread(elsewhere)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
async def test_a_child_process_does_not_use_its_parents_connections(serve: Serve) -> None:
    server, client = await serve(FOUND)
    child = os.fork()
    if child == 0:
        told = b""
        try:
            asyncio.new_event_loop().run_until_complete(tasks_of(client).fetch(TASK))
        except ClientStateError as error:
            told = str(error).encode()
        os._exit(0 if b"forked" in told else 1)
    assert os.waitpid(child, 0)[1] == 0  # noqa: ASYNC222 - the child ends by itself
    assert not server.requests


async def test_a_client_is_entered_before_use_once_at_a_time_and_again_after_leaving(
    serve: Serve,
) -> None:
    server, _ = await serve(FOUND)
    client = Client("AC1", "token", base_url=server.url)
    with pytest.raises(ClientStateError, match="not entered"):
        await tasks_of(client).fetch(TASK)
    async with client:
        with pytest.raises(ClientStateError, match="entered already"):
            await client.__aenter__()
    with pytest.raises(ClientStateError, match="is closed"):
        await tasks_of(client).fetch(TASK)
    async with client:
        await tasks_of(client).fetch(TASK)
    await client.close()
    assert len(server.requests) == 1


async def test_a_callers_own_session_is_used_as_it_is_and_never_closed(serve: Serve) -> None:
    server, _ = await serve(FOUND)
    async with aiohttp.ClientSession(headers={"X-Own": "yes"}) as session:
        client = Client("AC1", "token", base_url=server.url, session=session)
        await tasks_of(client).fetch(TASK)
        async with Client("AC1", "token", base_url=server.url, session=session) as entered:
            await tasks_of(entered).fetch(TASK)
        assert not session.closed
    assert all(b"X-Own: yes" in request for request in server.requests)
    with pytest.raises(ClientStateError, match="aiohttp session is closed"):
        await tasks_of(client).fetch(TASK)
    with pytest.raises(ClientStateError, match="the client is closed"):
        await tasks_of(entered).fetch(TASK)


async def test_a_callers_own_session_does_not_change_what_answers_mean(serve: Serve) -> None:
    packed = answer(gzip.compress(BODY), "200 OK", "Content-Encoding: gzip")
    gone = answer(b'{"code":20404}', "404 Not Found")
    server, _ = await serve(packed, gone)
    async with aiohttp.ClientSession(raise_for_status=True, auto_decompress=False) as session:
        client = Client("AC1", "token", base_url=server.url, session=session)
        assert (await tasks_of(client).fetch(TASK)).sid == TASK
        with pytest.raises(aiotask.NotFoundError):
            await tasks_of(client).fetch(TASK)


async def test_cookies_are_not_kept(serve: Serve) -> None:
    server, client = await serve(answer(BODY, "200 OK", "Set-Cookie: a=b; Path=/"))
    for _ in range(2):
        await tasks_of(client).fetch(TASK)
    assert b"cookie" not in server.requests[1].lower()


async def test_the_log_tells_of_a_repeat_without_secrets_or_attributes(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    _, client = await serve(REFUSED, MADE)
    with caplog.at_level(logging.DEBUG):
        await tasks_of(client).create(attributes={"name": "Ana Personal"})
    assert "Too Many Requests" in caplog.text
    assert "again in 0.00 s" in caplog.text
    assert "secret-token" not in caplog.text
    assert "Personal" not in caplog.text


FAILURES: list[Reaction] = [FAILED, REFUSED, "reset", answer(b"x"), *NOT_HTTP.values()]


@pytest.mark.parametrize("failure", FAILURES)
async def test_no_error_shows_or_holds_a_secret(serve: Serve, failure: Reaction) -> None:
    _, client = await serve(failure)
    with pytest.raises(AiotaskError) as caught:
        await tasks_of(client).create(attributes={"name": "Ana Personal"})
    shown = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    header = client._session._headers.reading["Authorization"].removeprefix("Basic ")
    for text in (repr(caught.value), str(caught.value), repr(vars(caught.value))):
        assert "Personal" not in text
        assert "secret-token" not in text
        assert header not in text
    assert "secret-token" not in shown
    assert header not in shown
    assert "'Authorization': '***'" in shown  # so the locals were really there to be seen
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert (str(copy), vars(copy)) == (str(caught.value), vars(caught.value))


async def test_a_client_that_is_left_while_its_caller_is_cancelled_closes_its_connections() -> None:
    async with Sandbox() as sandbox:
        client = Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url)
        workspace = client.taskrouter.workspace(sandbox.create_workspace("x"))

        async def visit() -> None:
            async with client:
                for _ in range(3):
                    await workspace.tasks.create()
                async for _ in workspace.tasks.list(page_size=1).pages():
                    break  # the next page is on its way
                asyncio.get_running_loop().call_soon(visiting.cancel)

        visiting = asyncio.create_task(visit())
        await asyncio.wait([visiting])
        assert visiting.cancelled()
        assert client._session.connections.http is None

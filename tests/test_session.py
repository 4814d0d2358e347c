"""One call at the wire: what is sent, what is repeated, what comes out of every kind of answer."""

import asyncio
import gzip
import logging
import os
import pickle
import time
import traceback
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

import aiotask
from aiotask import (
    AiotaskError,
    AnswerError,
    Client,
    ClientStateError,
    RetryPolicy,
)
from aiotask._transport import LONGEST_ANSWER, LONGEST_PAGE
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import Tasks
from tests.conftest import Canned, Cut, RawServer, Reaction, answer

Serve = Callable[..., Awaitable[tuple[RawServer, Client]]]

WORKSPACE = "WS" + "1" * 32
TASK = "WT" + "2" * 32
BODY = b'{"sid":"%b","assignment_status":"pending"}' % TASK.encode()
FOUND = answer(BODY)
MADE = answer(BODY, "201 Created")
FAILED = answer(b'{"message":"Internal","code":20500}', "500 Internal Server Error")
REFUSED = answer(b'{"message":"Too Many Requests","code":20429}', "429 Too Many Requests")
TASKS_URL = f"https://taskrouter.twilio.com/v1/Workspaces/{WORKSPACE}/Tasks"

Call = Callable[[Tasks], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "create": lambda tasks: tasks.create(priority=1),
    "fetch": lambda tasks: tasks.fetch(TASK),
    "update": lambda tasks: tasks.update(TASK, priority=1),
    "delete": lambda tasks: tasks.delete(TASK),
    "list": lambda tasks: tasks.list().all(),
}
GOOD = {
    "create": MADE,
    "fetch": FOUND,
    "update": FOUND,
    "delete": answer(b"", "204 No Content"),
    "list": answer(b'{"tasks":[],"meta":{"key":"tasks"}}'),
}


def tasks_of(client: Client) -> Tasks:
    return client.taskrouter.workspace(WORKSPACE).tasks


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


@pytest.mark.parametrize("verb", CALLS)
@pytest.mark.parametrize("refusal", [REFUSED, answer(b"", "421 Misdirected Request")])
async def test_what_certainly_was_not_done_is_repeated_for_every_verb(
    serve: Serve, verb: str, refusal: bytes
) -> None:
    server, client = await serve(refusal, refusal, GOOD[verb])
    await CALLS[verb](tasks_of(client))
    assert len(server.requests) == 3


LOST: dict[str, Reaction] = {
    "500": FAILED,
    "503": answer(b"", "503 Service Unavailable", "Retry-After: 0"),
    "504 of a gateway": answer(b"<html>Gateway</html>", "504 Gateway Timeout"),
    "408": answer(b"", "408 Request Timeout"),
    "425": answer(b"", "425 Too Early"),
    "reset": "reset",
    "closed": "close",
    "not JSON": answer(b"<html>Sign in</html>"),
    "cut in the middle": Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
@pytest.mark.parametrize("verb", ["fetch", "update", "delete", "list"])
async def test_an_answer_that_is_lost_is_asked_for_again(
    serve: Serve, verb: str, lost: Reaction
) -> None:
    server, client = await serve(lost, GOOD[verb])
    await CALLS[verb](tasks_of(client))
    assert len(server.requests) == 2


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
async def test_a_create_whose_answer_is_lost_is_not_repeated_and_says_so(
    serve: Serve, lost: Reaction
) -> None:
    server, client = await serve(lost, MADE)
    with pytest.raises(AiotaskError) as caught:
        await tasks_of(client).create(priority=1)
    assert len(server.requests) == 1
    assert caught.value.maybe_applied
    assert "it may have been carried out" in str(caught.value)


async def test_a_create_that_hangs_ends_with_the_timeout_and_may_have_been_done(
    serve: Serve,
) -> None:
    server, client = await serve("hang", timeout=0.2)
    with pytest.raises(aiotask.RequestTimeoutError) as caught:
        await tasks_of(client).create(priority=1)
    assert (len(server.requests), caught.value.attempts) == (1, 1)
    assert caught.value.maybe_applied


async def test_a_read_that_hangs_is_asked_for_again_and_changes_nothing(serve: Serve) -> None:
    server, client = await serve("hang", timeout=0.2, retry=RetryPolicy(attempts=2, longest_wait=0))
    with pytest.raises(aiotask.RequestTimeoutError) as caught:
        await tasks_of(client).fetch(TASK)
    assert (len(server.requests), caught.value.attempts) == (2, 2)
    assert not caught.value.maybe_applied


@pytest.mark.parametrize("verb", CALLS)
async def test_a_connection_that_never_was_is_tried_again_by_every_verb(
    serve: Serve, nowhere: str, verb: str
) -> None:
    _, client = await serve(FOUND, base_url=nowhere)
    with pytest.raises(aiotask.ConnectionFailedError) as caught:
        await CALLS[verb](tasks_of(client))
    assert caught.value.attempts == 5
    assert not caught.value.maybe_applied


async def test_a_server_without_tls_is_not_trusted_and_not_tried_again() -> None:
    connections = 0

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(FOUND)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Client("AC1", "token", base_url=f"https://127.0.0.1:{port}") as client:
        with pytest.raises(aiotask.TLSError) as caught:
            await tasks_of(client).create(priority=1)
    assert (connections, caught.value.attempts) == (1, 1)
    assert not caught.value.maybe_applied


async def test_a_delete_whose_repeat_finds_nothing_has_worked(serve: Serve) -> None:
    gone = answer(b'{"code":20404,"message":"not found"}', "404 Not Found")
    server, client = await serve("reset", gone)
    await tasks_of(client).delete(TASK)
    assert len(server.requests) == 2
    _, client = await serve(gone)
    with pytest.raises(aiotask.NotFoundError):
        await tasks_of(client).delete(TASK)


async def test_a_delete_on_a_connection_that_died_is_not_sent_twice_unseen(serve: Serve) -> None:
    # The first answer opens a connection that is used again; aiohttp itself would then repeat a
    # DELETE that finds it dead, and the 404 of the repeat would look like the answer to the first.
    gone = answer(b'{"code":20404,"message":"not found"}', "404 Not Found")
    server, client = await serve(FOUND, "reset", gone)
    await tasks_of(client).fetch(TASK)
    await tasks_of(client).delete(TASK)
    assert len(server.requests) == 3


BAD_MOVE = answer(b'{"code":20001,"message":"not currently assigned"}', "400 Bad Request")
STALE = answer(b'{"code":20412,"message":"changed"}', "412 Precondition Failed")
COMPLETED = answer(BODY.replace(b"pending", b"completed"), "200 OK", 'ETag: "4"')


@pytest.mark.parametrize("refusal", [BAD_MOVE, STALE])
async def test_a_change_that_a_lost_attempt_made_is_settled_by_reading(
    serve: Serve, refusal: bytes
) -> None:
    server, client = await serve("reset", refusal, COMPLETED)
    task = await tasks_of(client).update(TASK, if_match="3", assignment_status="completed")
    assert (task.assignment_status, task.etag) == ("completed", '"4"')
    assert [request[:4] for request in server.requests] == [b"POST", b"POST", b"GET "]


@pytest.mark.parametrize("refusal", [BAD_MOVE, STALE])
async def test_a_change_that_nobody_made_stays_refused(serve: Serve, refusal: bytes) -> None:
    _, client = await serve("reset", refusal, FOUND)
    with pytest.raises(aiotask.StatusError) as caught:
        await tasks_of(client).update(TASK, assignment_status="completed")
    assert caught.value.maybe_applied
    server, client = await serve(refusal)
    with pytest.raises(aiotask.StatusError):
        await tasks_of(client).update(TASK, assignment_status="completed")
    assert len(server.requests) == 1


async def test_a_change_that_cannot_be_settled_says_that_it_may_have_been_made(
    serve: Serve,
) -> None:
    gone = answer(b'{"code":20404}', "404 Not Found")
    _, client = await serve("reset", BAD_MOVE, gone)
    with pytest.raises(aiotask.BadRequestError) as caught:
        await tasks_of(client).update(TASK, assignment_status="completed")
    assert caught.value.maybe_applied
    assert isinstance(caught.value.__cause__, aiotask.NotFoundError)


async def test_settling_compares_every_field_as_the_resource_shows_it(serve: Serve) -> None:
    shown = (
        b'{"sid":"%b","task_channel_unique_name":"chat","attributes":"{\\"a\\": [1]}",'
        b'"virtual_start_time":"2026-01-01T00:00:00Z"}' % TASK.encode()
    )
    moment = datetime(2026, 1, 1, 0, 0, 0, 999, UTC)
    cases: list[tuple[str, dict[str, Any], bool]] = [
        ("chat", {"a": (1,)}, True),
        ("voice", {"a": [1]}, False),
        ("chat", {"a": [2]}, False),
    ]
    for channel, attributes, settled in cases:
        _, client = await serve("reset", BAD_MOVE, answer(shown))
        change = tasks_of(client).update(
            TASK, task_channel=channel, attributes=attributes, virtual_start_time=moment
        )
        if settled:
            assert (await change).task_channel_unique_name == "chat"
        else:
            with pytest.raises(aiotask.BadRequestError):
                await change


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, aiotask.BadRequestError),
        (401, aiotask.AuthenticationError),
        (403, aiotask.PermissionDeniedError),
        (404, aiotask.NotFoundError),
        (405, aiotask.StatusError),
        (409, aiotask.ConflictError),
        (412, aiotask.PreconditionFailedError),
        (418, aiotask.StatusError),
        (429, aiotask.RateLimitError),
        (500, aiotask.ServerError),
        (503, aiotask.ServerError),
        (599, aiotask.ServerError),
    ],
)
async def test_every_status_has_its_error_with_what_the_service_says(
    far_client: Client, canned: Canned, status: int, kind: type[AnswerError]
) -> None:
    told = {
        "code": 20001,
        "message": "Invalid",
        "more_info": "https://www.twilio.com/docs/errors/20001",
        "details": {"field": "x"},
        "status": status,
    }
    canned.get(
        f"{TASKS_URL}/{TASK}",
        status=status,
        payload=told,
        headers={"Twilio-Request-Id": "RQ1", "Retry-After": "7", "Set-Cookie": "a=b"},
    )
    with pytest.raises(AnswerError) as caught:
        await tasks_of(far_client).fetch(TASK)
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code, error.message) == (status, 20001, "Invalid")
    assert error.more_info == told["more_info"]
    assert error.details == {"field": "x"}
    assert (error.request_id, error.retry_after) == ("RQ1", 7)
    assert error.headers["twilio-request-id"] == "RQ1"
    assert "Set-Cookie" not in error.headers
    assert (error.method, error.url) == ("GET", f"{TASKS_URL}/{TASK}")
    assert f"Invalid [status {status}, code 20001, request RQ1] (GET {TASKS_URL}" in str(error)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "an empty answer"),
        (b"<html><h1>Bad   Gateway</h1>", "28 bytes of text/html: '<html><h1>Bad Gateway</h1>'"),
        (b"token " + b"x" * 40, "46 bytes of text/html: 'token …'"),
        (b"[1]", "3 bytes of text/html: '[1]'"),
        (b'{"message": 5}', "14 bytes of text/html: '{\"message\": 5}'"),
        (b'{"type":"t","title":"Denied","detail":"No such thing"}', "No such thing"),
    ],
)
async def test_an_error_that_is_no_json_is_shown_as_far_as_is_safe(
    far_client: Client, canned: Canned, body: bytes, message: str
) -> None:
    canned.get(f"{TASKS_URL}/{TASK}", status=418, body=body, content_type="text/html")
    with pytest.raises(aiotask.StatusError) as caught:
        await tasks_of(far_client).fetch(TASK)
    assert caught.value.message == message
    assert caught.value.code is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
@pytest.mark.parametrize("verb", CALLS)
async def test_a_redirect_is_not_followed(serve: Serve, verb: str, status: int) -> None:
    async with RawServer(FOUND) as elsewhere:
        moved = answer(b"", f"{status} Moved", f"Location: {elsewhere.url}/steal")
        server, client = await serve(moved)
        with pytest.raises(aiotask.UnexpectedRedirectError) as caught:
            await CALLS[verb](tasks_of(client))
        assert caught.value.status == status
        assert not caught.value.maybe_applied
        assert (len(server.requests), elsewhere.connections) == (1, 0)


NOT_A_TASK = [
    b"",
    b"<html>",
    b"null",
    b"[]",
    b'"text"',
    b"5",
    b"{}",
    b'{"sid": null}',
    b'{"sid": 5}',
    b'{"sid": "WT1", "priority": "high"}',
    b'{"sid": "WT1", "priority": NaN}',
    b'{"sid": "WT1", "priority": 1e999}',
    b'{"sid": "WT1", "age": true}',
    b'{"sid": "WT1", "date_created": "soon"}',
    b'{"sid": "WT1", "date_created": 5}',
    b'{"sid": "WT1", "attributes": 5}',
    b'{"sid": "WT1", "links": []}',
    b'{"sid": "WT1"',
    b"\xef\xbb\xbf{}",
    b'{"sid": "\xff"}',
    b'{"sid": "\\ud800"}',
    '{"sid": "WT1"}'.encode("utf-16"),
    b"[" * 100_000,
    b'{"sid": "WT1", "priority": ' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("body", NOT_A_TASK, ids=lambda body: repr(body[:30]))
@pytest.mark.parametrize("verb", ["create", "fetch", "update"])
async def test_an_answer_of_another_shape_is_a_decoding_error(
    far_client: Client, canned: Canned, verb: str, body: bytes
) -> None:
    url = TASKS_URL if verb == "create" else f"{TASKS_URL}/{TASK}"
    add = canned.get if verb == "fetch" else canned.post
    add(url, status=200, body=body, headers={"Twilio-Request-Id": "RQ9"}, repeat=True)
    with pytest.raises(aiotask.DecodingError) as caught:
        await CALLS[verb](tasks_of(far_client))
    assert (caught.value.status, caught.value.request_id) == (200, "RQ9")
    assert caught.value.maybe_applied is (verb != "fetch")
    repeated = isinstance(caught.value, aiotask.NotJsonError) and verb != "create"
    assert caught.value.attempts == (5 if repeated else 1)


@pytest.mark.parametrize("body", [NOT_A_TASK[n] for n in (0, 1, 2, 3, 4, 17, 18, 21, 22)])
async def test_a_page_of_another_shape_is_a_decoding_error(
    far_client: Client, canned: Canned, body: bytes
) -> None:
    canned.get(f"{TASKS_URL}?PageSize=50", status=200, body=body, repeat=True)
    with pytest.raises(aiotask.DecodingError) as caught:
        await tasks_of(far_client).list().all()
    assert caught.value.cursor == "PageSize=50"


async def test_unknown_fields_and_values_are_no_matter(far_client: Client, canned: Canned) -> None:
    body = {"sid": TASK, "assignment_status": "paused", "colour": "blue", "priority": None}
    canned.get(f"{TASKS_URL}/{TASK}", payload=body)
    task = await tasks_of(far_client).fetch(TASK)
    assert (task.assignment_status, task.priority, task.age) == ("paused", None, None)


async def test_attributes_that_are_no_json_stay_the_text_they_are(
    far_client: Client, canned: Canned
) -> None:
    canned.get(f"{TASKS_URL}/{TASK}", payload={"sid": TASK, "attributes": "a: b"})
    assert (await tasks_of(far_client).fetch(TASK)).attributes == "a: b"


def chunked(*parts: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
    return head + b"\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


TOO_LONG = {
    "announced": b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n{",
    "chunk after chunk": chunked(*[b" " * 2**20] * (LONGEST_PAGE // 2**20 + 1)),
    "a gzip bomb": answer(
        gzip.compress(b" " * (LONGEST_PAGE + 1)), "200 OK", "Content-Encoding: gzip"
    ),
    "a deflate bomb": answer(
        zlib.compress(b" " * (LONGEST_PAGE + 1)), "200 OK", "Content-Encoding: deflate"
    ),
}


@pytest.mark.parametrize("long", TOO_LONG.values(), ids=TOO_LONG.keys())
@pytest.mark.parametrize("verb", ["create", "fetch", "list"])
async def test_an_answer_is_read_no_further_than_the_limit(
    serve: Serve, verb: str, long: bytes
) -> None:
    _, client = await serve(long)
    with pytest.raises(aiotask.ResponseTooLargeError) as caught:
        await CALLS[verb](tasks_of(client))
    assert caught.value.maybe_applied is (verb == "create")


@pytest.mark.parametrize(("verb", "longest"), [("fetch", LONGEST_ANSWER), ("list", LONGEST_PAGE)])
async def test_an_answer_as_long_as_the_limit_is_read_whole(
    serve: Serve, verb: str, longest: int
) -> None:
    body = BODY if verb == "fetch" else b'{"tasks":[%b],"meta":{"key":"tasks"}}' % BODY
    _, client = await serve(answer(body.ljust(longest)), answer(body.ljust(longest + 1)))
    found = await CALLS[verb](tasks_of(client))
    assert (found.sid if verb == "fetch" else found[0].sid) == TASK
    with pytest.raises(aiotask.ResponseTooLargeError, match=f"longer than {longest} bytes"):
        await CALLS[verb](tasks_of(client))


@pytest.mark.parametrize("end", range(0, len(FOUND), 5))
async def test_an_answer_cut_anywhere_is_never_half_a_task(serve: Serve, end: int) -> None:
    server, client = await serve(Cut(FOUND[:end]), FOUND)
    assert (await tasks_of(client).fetch(TASK)).sid == TASK
    assert len(server.requests) == 2
    _, client = await serve(Cut(MADE[:end]))
    with pytest.raises(AiotaskError) as caught:
        await tasks_of(client).create(priority=1)
    assert caught.value.maybe_applied


NOT_HTTP = {
    "no HTTP at all": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a header without a colon": b"HTTP/1.1 200 OK\r\nNonsense\r\n\r\n",
    "a status that is no number": b"HTTP/1.1 abc OK\r\n\r\n",
    "an endless header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("nonsense", NOT_HTTP.values(), ids=NOT_HTTP.keys())
@pytest.mark.parametrize("verb", ["create", "fetch"])
async def test_what_is_not_http_is_a_protocol_error_without_the_request_in_it(
    serve: Serve, verb: str, nonsense: bytes
) -> None:
    _, client = await serve(nonsense)
    with pytest.raises(aiotask.ProtocolError) as caught:
        await CALLS[verb](tasks_of(client))
    assert caught.value.maybe_applied is (verb == "create")
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


async def test_no_more_requests_are_under_way_than_connections(serve: Serve) -> None:
    server, client = await serve(FOUND, max_connections=3)
    await asyncio.gather(*(tasks_of(client).fetch(TASK) for _ in range(50)))
    assert (len(server.requests), server.connections) == (50, 3)


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
    assert not client._session._slots.locked()


@pytest.mark.parametrize("reaction", ["hang", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
async def test_a_cancellation_is_not_lost_when_the_timeout_comes_with_it(
    serve: Serve, reaction: Reaction
) -> None:
    server, client = await serve(reaction, timeout=0.2)
    call = asyncio.ensure_future(tasks_of(client).fetch(TASK))
    while not server.requests:
        await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.25, call.cancel)
    time.sleep(0.3)  # noqa: ASYNC251 - the loop stands still, and then both are due at once
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
    header = client._session._reading["Authorization"].removeprefix("Basic ")
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
        assert client._session._http is None

"""Answers of every kind: the errors that they become, and the limits of what is read."""

import gzip
import zlib

import pytest

import aiotask
from aiotask import AiotaskError, AnswerError, Client
from aiotask._transport import LONGEST_ANSWER, LONGEST_PAGE
from tests.conftest import Canned, Cut, RawServer, answer
from tests.wire_calls import BODY, CALLS, FOUND, MADE, NOT_HTTP, TASK, WORKSPACE, Serve, tasks_of

TASKS_URL = f"https://taskrouter.twilio.com/v1/Workspaces/{WORKSPACE}/Tasks"


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

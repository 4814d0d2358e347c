"""The verbs: which calls are repeated, and which lost changes are settled by reading."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

import aiotask
from aiotask import AiotaskError, Client, RetryPolicy
from tests.conftest import Cut, Reaction, answer
from tests.wire_calls import BODY, CALLS, FAILED, FOUND, GOOD, MADE, REFUSED, TASK, Serve, tasks_of


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


@pytest.mark.virtual_time
async def test_a_create_that_hangs_ends_with_the_timeout_and_may_have_been_done(
    serve: Serve,
) -> None:
    server, client = await serve("hang", timeout=0.2)
    with pytest.raises(aiotask.RequestTimeoutError) as caught:
        await tasks_of(client).create(priority=1)
    assert (len(server.requests), caught.value.attempts) == (1, 1)
    assert caught.value.maybe_applied


@pytest.mark.virtual_time
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

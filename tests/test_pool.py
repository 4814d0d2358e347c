"""Requests of the pool: whole, without a task for each, and the error of one is no other's."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from yarl import URL

from aiotask import Client, ConnectionLostError
from aiotask._pool import Connector
from aiotask._verbs import CREATE, READ
from tests.conftest import ACCOUNT, AT_ONCE, RawServer, answer


def send(
    client: Client, url: str, body: bytes | None, may_go: Any = None
) -> Coroutine[Any, Any, Any]:
    session = client._session
    verb = READ if body is None else CREATE
    lane = session.lane("any")
    return session.send(verb, URL(url), lambda got: got.status, body, lane, may_go)


def connector_of(client: Client) -> Connector:
    http = client._session.connections.http
    assert http is not None
    assert isinstance(http.connector, Connector)
    return http.connector


@pytest.mark.parametrize(
    "body", [None, b"", b"a=1", b"a" * 2**15, b"a" * (2**15 + 1), b"a" * 2**21]
)
async def test_a_request_comes_whole_with_the_host_first(body: bytes | None) -> None:
    async with (
        RawServer(answer()) as server,
        Client(ACCOUNT, "token", base_url=server.url, retry=AT_ONCE) as client,
    ):
        for _ in range(2):
            assert await send(client, f"{server.url}/a?b=1", body) == 200
        assert server.connections == 1
    for request in server.requests:
        head, _, rest = request.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0].split(b" ")[1:] == [b"/a?b=1", b"HTTP/1.1"]
        assert lines[1] == b"Host: " + server.url.removeprefix("http://").encode()
        lengths = [line for line in lines if line.startswith(b"Content-Length")]
        assert lengths == ([] if body is None else [b"Content-Length: %d" % len(body)])
        assert rest == (body or b"")


async def test_no_task_is_made_for_a_request() -> None:
    made = []

    def make(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(work)
        return asyncio.Task(work, loop=loop, **options)

    async with (
        RawServer(answer()) as server,
        Client(ACCOUNT, "token", base_url=server.url, retry=AT_ONCE) as client,
    ):
        await send(client, server.url, b"a=1")  # there is a connection now
        loop = asyncio.get_running_loop()
        loop.set_task_factory(make)
        try:
            await send(client, server.url, b"a=1")
        finally:
            loop.set_task_factory(None)
    assert made == []


async def test_the_requests_of_one_turn_are_written_by_one_call() -> None:
    async with (
        RawServer(answer()) as server,
        Client(ACCOUNT, "token", base_url=server.url, retry=AT_ONCE) as client,
    ):
        await asyncio.gather(*(send(client, server.url, b"a=1") for _ in range(5)))
        outbox = connector_of(client).outbox
        calls = [asyncio.create_task(send(client, server.url, b"a=1")) for _ in range(5)]
        while not outbox._waiting:
            await asyncio.sleep(0)
        assert len(outbox._waiting) == 5
        assert await asyncio.gather(*calls) == [200] * 5
        assert outbox._waiting == []


async def test_an_error_before_the_first_byte_is_that_of_one_request() -> None:
    def may_go() -> bool:
        raise RuntimeError("no clock")

    async with (
        RawServer(answer()) as server,
        Client(ACCOUNT, "token", base_url=server.url, retry=AT_ONCE) as client,
    ):
        await asyncio.gather(*(send(client, server.url, b"a=1") for _ in range(2)))
        ends = await asyncio.gather(
            send(client, server.url, b"a=2", may_go),
            send(client, server.url, b"a=3"),
            return_exceptions=True,
        )
    assert isinstance(ends[0], ConnectionLostError)
    assert "no clock" in str(ends[0])
    assert ends[1] == 200
    assert [request[-3:] for request in server.requests] == [b"a=1", b"a=1", b"a=3"]


async def test_a_connection_that_is_lost_before_the_first_byte_is_told() -> None:
    async with (
        RawServer(answer()) as server,
        Client(ACCOUNT, "token", base_url=server.url, retry=AT_ONCE) as client,
    ):
        await send(client, server.url, b"a=1")
        outbox = connector_of(client).outbox
        call = asyncio.create_task(send(client, server.url, b"a=2"))
        while not outbox._waiting:
            await asyncio.sleep(0)
        outbox._waiting[0][1].abort()
        with pytest.raises(ConnectionLostError):
            await call
        assert await send(client, server.url, b"a=3") == 200
    assert [request[-3:] for request in server.requests] == [b"a=1", b"a=3"]

"""A request that is forbidden when it has a connection: not a byte of it is sent."""

import asyncio

import aiohttp
import pytest
from yarl import URL

from aiotask import Client
from aiotask._retry import WithheldError
from aiotask._verbs import CREATE
from tests.conftest import ACCOUNT, AT_ONCE, RawServer, answer


@pytest.mark.parametrize("pool", ["own", "given"])
async def test_nothing_of_it_reaches_the_server(pool: str) -> None:
    received = bytearray()
    closed = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.read())
        writer.close()
        closed.set()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with (
        server,
        aiohttp.ClientSession() as http,
        Client(
            ACCOUNT, "token", base_url=url, retry=AT_ONCE, session=http if pool == "given" else None
        ) as client,
    ):
        session = client._session
        with pytest.raises(WithheldError) as caught:
            await session.send(
                CREATE, URL(url), lambda got: got, b"a=1", session.lane("create"), bool
            )
        assert not caught.value.maybe_applied
        await closed.wait()
    assert received == b""


@pytest.mark.parametrize("pool", ["own", "given"])
@pytest.mark.parametrize("body", [b"a=1", b"a=" + b"1" * 2**16], ids=["short", "long"])
async def test_it_is_asked_once_for_each_request_and_may_go(pool: str, body: bytes) -> None:
    asked = 0

    def may_go() -> bool:
        nonlocal asked
        asked += 1
        return True

    async with (
        RawServer(answer()) as server,
        aiohttp.ClientSession() as http,
        Client(
            ACCOUNT,
            "token",
            base_url=server.url,
            retry=AT_ONCE,
            session=http if pool == "given" else None,
        ) as client,
    ):
        session = client._session
        for _ in range(2):
            lane = session.lane("create")
            await session.send(CREATE, URL(server.url), lambda got: got, body, lane, may_go)
    assert asked == 2
    assert all(request.endswith(b"\r\n\r\n" + body) for request in server.requests)

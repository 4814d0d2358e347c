"""Unasked answers: no call takes one for its own."""

import asyncio
from typing import Any

import pytest

from aiotask import Client, ProtocolError, RetryPolicy
from tests.conftest import ACCOUNT, RawServer, Reaction, answer
from tests.hostile.injection_points import PLACES, Script, assert_lost, assert_unharmed, end_of

OTHER = answer(b'{"sid":"WT%b"}' % (b"9" * 32))


class Talkative(RawServer):
    """A server that says *first* on every connection, and more on all that it has when told to."""

    def __init__(self, *reactions: Reaction, first: bytes = b"") -> None:
        super().__init__(*reactions)
        self._first = first
        self._writers: list[asyncio.StreamWriter] = []

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        writer.write(self._first)
        await super()._accept(reader, writer)

    async def say(self, unasked: bytes) -> None:
        for writer in self._writers:
            writer.write(unasked)
            await writer.drain()


@pytest.mark.parametrize(
    "unasked",
    [OTHER, OTHER[:-5], answer(b"{}", "404 Not Found"), answer(b"", "429 Slow down"), b"\0"],
    ids=["an answer", "half an answer", "a refusal", "a limit", "rubbish"],
)
@pytest.mark.parametrize("place", PLACES)
async def test_what_comes_between_two_calls_is_nothing_to_the_second(
    place: str, unasked: bytes
) -> None:
    script = Script(PLACES[place].good)
    async with Talkative(script) as server, Client(ACCOUNT, "x", base_url=server.url) as client:
        usual = await end_of(place, client)
        connector: Any = client._session.connections.http.connector  # type: ignore[union-attr]  # it is open
        ((taken, _),) = next(iter(connector._conns.values()))
        await server.say(unasked)
        while not taken.should_close:
            await asyncio.sleep(0)
        assert await end_of(place, client) == usual
        assert server.connections == 2
        assert_unharmed(client)


@pytest.mark.parametrize("place", PLACES)
async def test_a_server_that_always_speaks_first_is_no_service(place: str) -> None:
    async with (
        Talkative(PLACES[place].good, first=b"SSH-2.0-OpenSSH_9.2\r\n") as server,
        Client(ACCOUNT, "x", base_url=server.url, retry=RetryPolicy(attempts=1)) as client,
    ):
        error = await end_of(place, client)
        assert_lost(error, place)
        assert isinstance(error, ProtocolError)
        assert_unharmed(client)

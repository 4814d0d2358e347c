"""Every verb, and a listing at its second page, against a server that goes by a script."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiotask import AiotaskError, Client
from tests.conftest import RawServer, Reaction, answer
from tests.hostile.calls import PAGE, VERBS, WORKSPACE, Verb

Serve = Callable[..., Awaitable[tuple[RawServer, Client]]]

_FIRST = b"PageSize=7 "
_FIRST_PAGE = answer(
    b'{"tasks":[{"sid":"WT1"}],"meta":{"key":"tasks","next_page_url":"?PageToken=PA1"}}'
)

SECOND_PAGE = "second page"
PLACES: dict[str, Verb] = VERBS | {
    SECOND_PAGE: Verb(
        lambda client: client.taskrouter.workspace(WORKSPACE).tasks.list(page_size=7).all(), PAGE
    )
}


class Script:
    """The reactions to each request in turn, the last of them also from then on.

    The first page of a listing to its second one is always good, and is no part of the script.
    """

    def __init__(self, *reactions: Reaction) -> None:
        self.then(*reactions)

    def then(self, *reactions: Reaction) -> None:
        """Go on with these."""
        self.left = list(reactions)
        self.requests: list[bytes] = []

    def __call__(self, request: bytes) -> Any:
        if _FIRST in request:
            return _FIRST_PAGE
        self.requests.append(request)
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


class Stream(RawServer):
    """A server whose answers come in parts, each after a pause, and perhaps without end."""

    def __init__(self, parts: Callable[[], Iterable[bytes]], pause: float) -> None:
        super().__init__()
        self._parts = parts
        self._pause = pause

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if _FIRST in await reader.readuntil(b"\r\n\r\n"):
            writer.write(_FIRST_PAGE)
            return True
        for part in self._parts():
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(self._pause)
        await reader.read()
        return False


def body_of(place: str) -> bytes:
    """Return the body that a verb is glad of."""
    return PLACES[place].good.partition(b"\r\n\r\n")[2]


async def end_of(place: str, client: Client) -> Any:
    """Return what a verb gives, or the error of ours that it ends with."""
    try:
        return await PLACES[place].call(client)
    except AiotaskError as error:
        return error


async def good_end(place: str, client: Client, script: Script) -> Any:
    """Return what a verb gives where nothing is wrong."""
    script.then(PLACES[place].good)
    return await end_of(place, client)


def assert_lost(end: Any, place: str) -> None:
    """Assert that a verb failed, and knows whether it may have been carried out all the same."""
    assert_told(end, place)
    assert end.maybe_applied is PLACES[place].changes, f"{place} ended with {end!r}"


def assert_told(end: Any, place: str) -> None:
    """Assert that a verb failed, and says of what in one line that can be written anywhere."""
    assert isinstance(end, AiotaskError), f"{place} did not fail, but gave {end!r}"
    assert end.method is not None
    assert str(end).isprintable()
    assert len(str(end)) < 8000


def assert_unharmed(client: Client) -> None:
    """Assert that no connection is held, and that every place in the queue is free."""
    session: Any = client._session
    assert session.connections.slots._value == session.max_connections
    assert not session.connections.http.connector._acquired


async def assert_usable(place: str, client: Client, script: Script) -> None:
    """Assert that the next call is answered as if nothing had been."""
    assert_unharmed(client)
    script.then(PLACES[place].good)
    end = await end_of(place, client)
    assert not isinstance(end, AiotaskError), f"{place} ended with {end!r}"
    assert len(script.requests) == 1

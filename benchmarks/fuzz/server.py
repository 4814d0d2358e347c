"""The server of the fuzzing of answers: it gives each call hostile answers, by its own chances."""

import asyncio
import re
from collections.abc import Mapping
from random import Random

import attrs

from fuzz.mutations import End, Hostile, Place, hostile, whole
from fuzz.verbs import good_answer, number_of

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_NOWHERE = Hostile([b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"], "stays")
# From here on a call's answers are good ones, so that it comes to an end.
_MOST_HOSTILE = 25


@attrs.define(eq=False)
class Chances:
    """The chances of one call, and what it was answered so far."""

    random: Random
    answers: list[Hostile] = attrs.field(factory=list)


@attrs.define(eq=False)
class Service:
    """Answers calls by their numbers; calls that it does not know have good answers."""

    calls: Mapping[str, Chances]
    own: str = ""
    other: str = ""
    answered: int = 0
    astray: list[str] = attrs.field(factory=list)

    def answer(self, head: bytes) -> Hostile:
        """Return what a request with this head is answered."""
        method, target, _ = head.decode("latin-1").split(" ", 2)
        path, _, query = target.partition("?")
        place = Place(self.own, self.other, path, query)
        chances = self.calls.get(number_of(place.path) or "")
        random = Random(0) if chances is None else chances.random
        good = good_answer(method, place, random)
        if good is None:
            self.astray.append(f"{method} {target}")
            return _NOWHERE
        if chances is None or len(chances.answers) >= _MOST_HOSTILE:
            return whole(good, place)
        self.answered += 1
        answer = hostile(random, good, place)
        chances.answers.append(answer)
        return answer


class Connection(asyncio.Protocol):
    """Answers one request after another, however they are cut into packets."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._received = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where the answers go."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("not a connection that can be written to")
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer all requests that are complete."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end])
            length = _LENGTH.search(head)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < size:
                return
            del self._received[:size]
            pieces, last = self._service.answer(head)
            self._write([*pieces], last)

    def _write(self, pieces: list[bytes], end: End) -> None:
        self._transport.write(pieces.pop(0))
        if pieces:
            # In another turn of the loop the client has read the first piece.
            asyncio.get_running_loop().call_soon(self._write, pieces, end)
        elif end == "closes":
            self._transport.close()
        elif end == "resets":
            self._transport.abort()


class Stranger(asyncio.Protocol):
    """The other origin, which no call may go to."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the connection."""
        self._service.astray.append("a connection to the other origin")
        transport.close()

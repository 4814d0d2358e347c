"""Hostile framing: no verb takes half of a body or reads one without end."""

import asyncio
import gzip
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import brotli  # type: ignore[import-untyped]  # it has none
import pytest

from aiotask import Client, ResponseTooLargeError
from aiotask._transport import LONGEST_ANSWER, LONGEST_PAGE
from tests.conftest import ACCOUNT, Clock, Cut, RawServer, Reaction, answer
from tests.hostile.injection_points import (
    PLACES,
    Script,
    Serve,
    assert_lost,
    assert_usable,
    body_of,
    end_of,
    good_end,
)
from tests.sweeps import sweep

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd
if sys.platform != "win32":
    import resource

MIB = 2**20
BLANK = b" " * MIB
LIMITS = {"fetch": LONGEST_ANSWER, "list": LONGEST_PAGE}
TOO_LONG = LONGEST_PAGE // MIB + 32


def deflated(wbits: int) -> Callable[[int], bytes]:
    def pack(size: int) -> bytes:
        coder = zlib.compressobj(1, zlib.DEFLATED, wbits)
        return b"".join([*(coder.compress(BLANK) for _ in range(size)), coder.flush()])

    return pack


def brotlied(size: int) -> bytes:
    coder = brotli.Compressor(quality=1)
    return b"".join([*(coder.process(BLANK) for _ in range(size)), coder.finish()])


def zstded(size: int) -> bytes:
    coder = zstd.ZstdCompressor(level=1)
    return b"".join([*(coder.compress(BLANK) for _ in range(size)), coder.flush()])


CODINGS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "gzip": ("gzip", deflated(31)),
    "gzip of many members": ("gzip", lambda size: gzip.compress(BLANK) * size),
    "deflate": ("deflate", deflated(15)),
    "deflate without a head": ("deflate", deflated(-15)),
    "br": ("br", brotlied),
    "zstd": ("zstd", zstded),
    "zstd of many frames": ("zstd", lambda size: zstd.compress(BLANK) * size),
}


@cache
def packed(coding: str, size: int) -> bytes:
    return CODINGS[coding][1](size)


def bomb(coding: str, size: int, status: str = "200 OK") -> bytes:
    """Return an answer that decodes to so many MiB."""
    return answer(packed(coding, size), status, f"Content-Encoding: {CODINGS[coding][0]}")


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("place", PLACES)
async def test_a_bomb_is_not_read_to_its_end(serve: Serve, place: str, coding: str) -> None:
    script = Script(bomb(coding, TOO_LONG))
    server, client = await serve(script)
    end = await end_of(place, client)
    assert_lost(end, place)
    assert isinstance(end, ResponseTooLargeError)
    assert len(script.requests) == 1
    await assert_usable(place, client, script)
    assert server.connections > 1


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("status", ["400 Bad", "404 No", "429 Too Many", "500 Down", "302 Gone"])
async def test_a_bomb_in_a_refusal_is_not_read_to_its_end(
    serve: Serve, status: str, coding: str
) -> None:
    script = Script(bomb(coding, TOO_LONG, status))
    _, client = await serve(script)
    for place in ("create", "create_many", "delete"):
        end = await end_of(place, client)
        assert_lost(end, place)
        assert isinstance(end, ResponseTooLargeError)
        assert end.status == int(status[:3])


@pytest.fixture(scope="module")
def grown() -> dict[str, int]:
    """Tell by how many bytes a process grows that is answered with 300 MiB, by coding and verb."""
    command = [sys.executable, "-c", f"from {__name__} import tell_growth; tell_growth()"]
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(command, env=os.environ | path, stdout=subprocess.PIPE, check=True)
    growth: dict[str, int] = json.loads(told.stdout)
    return growth


def tell_growth() -> None:
    """Print by how much this process grows at each bomb, in a child for each."""
    growth = {}
    for coding, verb in product(CODINGS, LIMITS):
        text = bomb(coding, 300)
        end, start = os.pipe()
        if os.fork() == 0:
            os.write(start, b"%d" % asyncio.run(growth_at(text, verb)))
            os._exit(0)
        os.close(start)
        growth[f"{coding}, {verb}"] = int(os.read(end, 99))
        os.wait()
    print(json.dumps(growth))  # noqa: T201 - to the test


async def growth_at(text: bytes, verb: str) -> int:
    async with RawServer(text) as server, Client(ACCOUNT, "x", base_url=server.url) as client:
        before = peak()
        assert isinstance(await end_of(verb, client), ResponseTooLargeError)
        return peak() - before


def peak() -> int:
    """Return the most memory that this process has had."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


@pytest.mark.campaign
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork here")
@pytest.mark.parametrize("verb", LIMITS)
@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_of_300_mebibytes_costs_less_than_twice_the_longest_answer(
    grown: dict[str, int], coding: str, verb: str
) -> None:
    assert grown[f"{coding}, {verb}"] < 2 * LIMITS[verb]


Frame = Callable[[bytes], bytes]


def framed(*lines: bytes) -> Frame:
    """Return a function that puts a head with these *lines* before what stands for a body."""
    head = (b"HTTP/1.1 200 OK", b"Connection: close", *lines)
    return lambda body: b"\r\n".join([*head, b"", body])


def measured(by: int) -> Frame:
    return lambda body: framed(b"Content-Length: %d" % (len(body) + by))(body)


def coded(coding: bytes, code: Frame) -> Frame:
    return lambda body: framed(
        b"Content-Encoding: " + coding, b"Content-Length: %d" % len(code(body))
    )(code(body))


def in_chunks(last: bytes, size: bytes | None = None, by: int = 0) -> Frame:
    """Return a function that makes two chunks and a *last*; the second has a *size* of its own."""

    def pack(body: bytes) -> bytes:
        stated = b"%x" % (len(body) - 1 + by) if size is None else size
        chunks = b"1\r\n%b\r\n%b\r\n%b\r\n" % (body[:1], stated, body[1:]) if body else b""
        return framed(b"Transfer-Encoding: chunked")(chunks + last)

    return pack


LAST = b"0\r\n\r\n"
WHOLE: dict[str, Frame] = {
    "of a length": measured(0),
    "in chunks": in_chunks(LAST),
    "to the end of the connection": framed(),
}
BROKEN: dict[str, Frame] = {
    "shorter than its length": measured(1),
    "longer than its length": measured(-1),
    "without a last chunk": in_chunks(b""),
    "with half of a last chunk": in_chunks(b"0\r\n"),
    "longer than its chunk": in_chunks(LAST, by=-1),
    "shorter than its chunk": in_chunks(LAST, by=3),
    "in a chunk of less than nothing": in_chunks(LAST, b"-2"),
    "in a chunk of no number": in_chunks(LAST, b"zz"),
    "in a chunk of no size": in_chunks(LAST, b""),
    "in a chunk of 2 ** 160": in_chunks(LAST, b"f" * 40),
    "compressed, but the end": coded(b"gzip", lambda body: gzip.compress(body)[:-12]),
    "compressed, with a wrong sum": coded(b"gzip", lambda body: gzip.compress(body)[:-4] + b"1234"),
    "compressed, and more": coded(b"gzip", lambda body: gzip.compress(body) + b"rubbish"),
    "compressed twice": coded(b"gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
    "not gzip": coded(b"gzip", bytes),
    "not deflate": coded(b"deflate", bytes),
    "not br": coded(b"br", bytes),
    "not zstd": coded(b"zstd", bytes),
}


async def assert_repeated(
    place: str, client: Client, script: Script, lost: Reaction, good: Any
) -> None:
    """Assert that after a *lost* answer the call is repeated if it may be, and else says so."""
    script.then(lost, PLACES[place].good)
    end = await end_of(place, client)
    if PLACES[place].idempotent:
        assert end == good
        assert len(script.requests) == 2
    else:
        assert_lost(end, place)
        assert len(script.requests) == 1


@pytest.mark.parametrize("whole", sweep(WHOLE.values(), usual=2), ids=WHOLE.keys())
@pytest.mark.parametrize("place", PLACES)
async def test_an_answer_cut_at_whatever_byte_is_never_half_of_one(
    serve: Serve, place: str, whole: Frame
) -> None:
    script = Script()
    _, client = await serve(script, retry=Clock().policy(attempts=2))
    good = await good_end(place, client, script)
    text = whole(body_of(place))
    script.then(Cut(text))
    assert await end_of(place, client) == good
    for end in range(len(text)):
        await assert_repeated(place, client, script, Cut(text[:end]), good)
    await assert_usable(place, client, script)


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("place", PLACES)
async def test_a_body_that_does_not_fit_its_frame_is_asked_for_again_or_in_doubt(
    serve: Serve, place: str, broken: Frame
) -> None:
    script = Script()
    _, client = await serve(script, retry=Clock().policy(attempts=2))
    good = await good_end(place, client, script)
    text = broken(body_of(place) or b'{"deleted":true}')
    await assert_repeated(place, client, script, Cut(text), good)
    await assert_usable(place, client, script)


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
async def test_an_error_about_a_body_shows_nothing_of_it(serve: Serve, broken: Frame) -> None:
    told = b'{"sid":"WT1","reason":"Ana Personal","attributes":"{\\"name\\":\\"Ana\\"}"}'
    _, client = await serve(Script(Cut(broken(told))))
    for place in PLACES:
        end = await end_of(place, client)
        assert place == "delete" or "Ana" not in str(end), place


@pytest.mark.parametrize("place", PLACES)
async def test_an_answer_that_nobody_asked_for_is_not_taken_for_that_of_the_next_call(
    serve: Serve, place: str
) -> None:
    script = Script()
    _, client = await serve(script, retry=Clock().policy(attempts=2))
    good = await good_end(place, client, script)
    script.then(PLACES[place].good + answer(b"{}", "400 Bad Request"))
    assert await end_of(place, client) == good
    await assert_usable(place, client, script)

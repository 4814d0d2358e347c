"""Hostile HTTP: every verb ends well, and soon, and knows what may have been done."""

import asyncio
import gzip
from collections.abc import Callable, Iterable
from itertools import chain, product, repeat

import aiohttp
import pytest

from aiotask import (
    AiotaskError,
    Client,
    ProtocolError,
    RequestTimeoutError,
    ResponseTooLargeError,
    RetryPolicy,
    StatusError,
    UnexpectedRedirectError,
)
from tests.conftest import Clock, Cut, RawServer, answer
from tests.hostile.injection_points import (
    PLACES,
    Script,
    Serve,
    Stream,
    assert_lost,
    assert_told,
    assert_unharmed,
    assert_usable,
    body_of,
    end_of,
    good_end,
)

ONCE = RetryPolicy(attempts=1)
TWICE = RetryPolicy(attempts=2, longest_wait=0)

REDIRECTS = [300, 301, 302, 303, 304, 305, 306, 307, 308, 399]
LOCATIONS = [
    "Location: {elsewhere}/v1/Workspaces",
    "Location: http://localhost:{port}/v1/Workspaces",
    "Location: //127.0.0.1:{elsewhere_port}/v1/Workspaces",
    "Location: {here}/v1/Workspaces",
    "Location: /v1/Workspaces",
    "Location: ../Workers",
    "Location: http://[::1",
    "Refresh: 0; url={elsewhere}/v1/Workspaces",
]


@pytest.mark.parametrize("own", [True, False], ids=["own session", "session of the caller"])
@pytest.mark.parametrize("place", PLACES)
async def test_a_redirect_is_never_followed_wherever_it_leads(
    serve: Serve, place: str, *, own: bool
) -> None:
    script = Script()
    async with RawServer(PLACES[place].good) as elsewhere, aiohttp.ClientSession() as session:
        server, client = await serve(
            script, session=None if own else session, retry=Clock().policy()
        )
        for location, status in product(LOCATIONS, REDIRECTS):
            line = location.format(
                elsewhere=elsewhere.url,
                elsewhere_port=elsewhere.url.rpartition(":")[2],
                here=server.url,
                port=server.url.rpartition(":")[2],
            )
            script.then(answer(b"", f"{status} Moved", line))
            end = await end_of(place, client)
            assert_told(end, place)
            assert isinstance(end, UnexpectedRedirectError), line
            assert (end.status, end.maybe_applied) == (status, False)
            assert len(script.requests) == 1, line
        assert elsewhere.connections == 0
        await assert_usable(place, client, script)


COOKIES = [
    "Set-Cookie: a=b; Path=/",
    "Set-Cookie: c=d; Path=/; Domain=127.0.0.1; Max-Age=99999",
    "Set-Cookie: \x1b=\xff; expires=soon",
    "Set-Cookie: ;;;=",
]


@pytest.mark.parametrize("place", PLACES)
async def test_a_cookie_is_never_sent_back(serve: Serve, place: str) -> None:
    script = Script(answer(body_of(place), "200 OK", *COOKIES))
    _, client = await serve(script)
    for _ in range(2):
        assert not isinstance(await end_of(place, client), AiotaskError)
    assert b"cookie" not in script.requests[-1].lower()


Head = Callable[[bytes], bytes]


def headed(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK") -> Head:
    """Return a function that puts a head with these *lines* and the right length before a body."""
    return lambda body: b"\r\n".join([first, *lines, b"Content-Length: %d" % len(body), b"", body])


def unmeasured(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK") -> Head:
    """Return a function that puts these *lines* before a body, and ends it with the connection."""
    return lambda body: Cut(b"\r\n".join([first, *lines, b"", body]))


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"


FINE: dict[str, Head] = {
    "HTTP 1.0": unmeasured(first=b"HTTP/1.0 200 OK"),
    "no reason": headed(first=b"HTTP/1.1 200"),
    "a reason that is no text": headed(first=b"HTTP/1.1 200 \xd0\xff"),
    "a 299": headed(first=b"HTTP/1.1 299 X"),
    "a 100 before it": lambda body: b"HTTP/1.1 100 Continue\r\n\r\n" + headed()(body),
    "a 103 before it": lambda body: b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n" + headed()(body),
    "a thousand before it": lambda body: b"HTTP/1.1 102 X\r\n\r\n" * 1000 + headed()(body),
    "a coding that nobody knows": headed(b"Content-Encoding: compress"),
    "no type": headed(),
    "a type without sense": headed(b'Content-Type: ;;;="'),
    "a charset that is none": headed(b"Content-Type: application/json; charset=\xff\x1b"),
    "text": headed(b"Content-Type: text/plain; charset=utf-16"),
    "a date that is none": headed(b"Date: Mon, 1 Jan 99999999999 00:00:00 GMT"),
    "limits that are none": headed(
        b"X-Rate-Limit-Limit: -1", b"X-Rate-Limit-Remaining: \xff", b"Retry-After: soon",
        b"Twilio-Request-Id: \xff\x1b[2J", b"Twilio-Concurrent-Requests: 1e9",
    ),
    "a number of many digits": headed(b"X-Rate-Limit-Limit: " + b"9" * 5000),
}  # fmt: skip
LOST: dict[str, Head] = {
    "a status line of 64 kB": headed(first=b"HTTP/1.1 200 " + b"O" * 2**16),
    "a header of 64 kB": headed(b"X: " + b"x" * 2**16),
    "a name of 64 kB": headed(b"x" * 2**16 + b": 1"),
    "no colon": headed(b"Nonsense"),
    "no name": headed(b": 1"),
    "a space in a name": headed(b"X y: 1"),
    "a space before the colon": headed(b"Content-Type : text/html"),
    "a bare CR": headed(b"X: a\rSet-Cookie: b"),
    "two lengths": headed(b"Content-Length: 1"),
    "a length and chunks": lambda body: headed(b"Transfer-Encoding: chunked")(chunked(body)),
    "a negative length": unmeasured(b"Content-Length: -5"),
    "a length with a sign": unmeasured(b"Content-Length: +2"),
    "a length in hex": unmeasured(b"Content-Length: 0x2"),
    "a list of lengths": unmeasured(b"Content-Length: 2, 2"),
    "a length that is no number": unmeasured(b"Content-Length: many"),
    "an empty length": unmeasured(b"Content-Length:"),
    "a length of 5,000 digits": unmeasured(b"Content-Length: " + b"9" * 5000),
    "a length of 2 ** 64": unmeasured(b"Content-Length: %d" % 2**32 * 2),
    "HTTP 0.9": lambda body: Cut(body + b"<html>\r\n\r\n"),
    "HTTP 2": lambda _: Cut(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "frames of HTTP 2": lambda _: Cut(b"\0\0\x0c\4\0\0\0\0\0\0\3\0\0\0d\0\4\0\x10\0\0"),
    "HTTP 9.9": headed(first=b"HTTP/9.9 200 OK"),
    "half a version": headed(first=b"HTTP/1 200 OK"),
    "SSH": lambda _: Cut(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "a status of one digit": headed(first=b"HTTP/1.1 2 X"),
    "a status of four digits": headed(first=b"HTTP/1.1 2000 X"),
    "a status below zero": headed(first=b"HTTP/1.1 -200 X"),
    "a 099": headed(first=b"HTTP/1.1 099 X"),
    "a 199 and nothing else": unmeasured(first=b"HTTP/1.1 199 X"),
    "another protocol": unmeasured(
        b"Upgrade: websocket", b"Connection: upgrade", first=b"HTTP/1.1 101 X"
    ),
    "a 600": headed(first=b"HTTP/1.1 600 X"),
    "a 999": headed(first=b"HTTP/1.1 999 Request Denied"),
    "a failure with all wrong": headed(
        b"Retry-After: Mon, 1 Jan 99999999999 00:00:00 GMT", b"Date: \xff",
        b"Content-Type: text/\xff\x1b[2J" + b"x" * 8000, b"Twilio-Request-Id: \xff\r",
        first=b"HTTP/1.1 503 X",
    ),
    "a page with a name that is no text": lambda _: headed(
        b"Content-Type: text/\xff\x1b[2J", b"Twilio-Request-Id: " + b"\xff" * 8000
    )(b"<html>\x00\xff"),
}  # fmt: skip
EITHER: dict[str, Head] = {
    "ten thousand headers": headed(*[b"X-%d: 1" % n for n in range(10_000)]),
    "a folded header": headed(b"Content-Type: application/json;", b"\tcharset=utf-8"),
    "bare LF": lambda body: headed()(body).replace(b"\r\n", b"\n"),
    "an escape": headed(b"X: \x1b[2J"),
    "a NUL": headed(b"X: a\0b"),
    "the same length twice": lambda body: headed(b"Content-Length: %d" % len(body))(body),
    "chunks in another coding": unmeasured(b"Transfer-Encoding: chunked, gzip"),
    "a transfer that nobody knows": unmeasured(b"Transfer-Encoding: nonsense"),
    "an answer of HTTP 2": headed(first=b"HTTP/2.0 200 OK"),
    "RTSP": headed(first=b"RTSP/1.0 200 OK"),
    "a 205": headed(first=b"HTTP/1.1 205 X"),
    "a 204 with a body": headed(first=b"HTTP/1.1 204 X"),
}


@pytest.mark.parametrize("head", FINE.values(), ids=FINE.keys())
async def test_what_is_odd_but_clear_is_taken_as_it_is_meant(serve: Serve, head: Head) -> None:
    script = Script()
    _, client = await serve(script, retry=ONCE)
    for place in PLACES:
        good = await good_end(place, client, script)
        script.then(head(body_of(place)))
        assert await end_of(place, client) == good, place
        await assert_usable(place, client, script)


@pytest.mark.parametrize("head", LOST.values(), ids=LOST.keys())
async def test_an_answer_that_is_none_leaves_open_whether_a_change_was_made(
    serve: Serve, head: Head
) -> None:
    script = Script()
    _, client = await serve(script, retry=ONCE)
    for place in PLACES:
        script.then(head(body_of(place)))
        assert_lost(await end_of(place, client), place)
        await assert_usable(place, client, script)


@pytest.mark.parametrize("head", EITHER.values(), ids=EITHER.keys())
async def test_what_one_parser_takes_and_another_does_not_ends_well_or_in_doubt(
    serve: Serve, head: Head
) -> None:
    script = Script()
    _, client = await serve(script, retry=ONCE)
    for place in PLACES:
        script.then(head(body_of(place)))
        end = await end_of(place, client)
        if isinstance(end, AiotaskError):
            assert_lost(end, place)
        await assert_usable(place, client, script)


# A run waits for what concerns the account or the way there: tests/bulk/test_statuses.py.
FINAL = [
    (place, status)
    for place in PLACES
    for status in (402, 405, 418, 422, 451, 499)
    if not (place.startswith("create_many") and status not in {405, 422})
]


@pytest.mark.parametrize(("place", "status"), FINAL)
async def test_a_refusal_of_whatever_kind_is_final_and_nothing_was_done(
    serve: Serve, place: str, status: int
) -> None:
    told = b'{"message":"\\u001b%b","code":"x"}' % (b"x" * 100_000)
    script = Script(answer(told, f"{status} No", "Retry-After: \xff"))
    _, client = await serve(script)
    end = await end_of(place, client)
    assert_told(end, place)
    assert (type(end), end.status, end.maybe_applied) == (StatusError, status, False)
    assert len(script.requests) == 1
    await assert_usable(place, client, script)


WAITS = [
    "Retry-After: Mon, 1 Jan 99999999999 00:00:00 GMT",
    "Retry-After: Mon, 1 Jan 2026 00:00:00 +99999999999999",
    "Retry-After: \xff\xfe",
    "Retry-After:",
    "Retry-After: -5",
    "Retry-After: 1e999",
    "Twilio-Concurrent-Requests: -1\r\nX-Rate-Limit-Limit: \xb2",
]


@pytest.mark.parametrize("line", WAITS)
@pytest.mark.parametrize("place", PLACES)
async def test_a_wait_that_cannot_be_read_is_none_that_is_asked_for(
    serve: Serve, place: str, line: str
) -> None:
    script = Script(answer(b"{}", "429 Too Many Requests", line), PLACES[place].good)
    _, client = await serve(script, retry=Clock().policy())
    end = await end_of(place, client)
    assert not isinstance(end, AiotaskError), repr(end)
    assert len(script.requests) == 2


OPEN = b"HTTP/1.1 200 OK\r\n"
TERABYTE = b"Content-Length: 1000000000000\r\n\r\n"
CHUNKS = OPEN + b"Transfer-Encoding: chunked\r\n\r\n"
Parts = Callable[[], Iterable[bytes]]


def endless(first: bytes, part: bytes) -> Parts:
    return lambda: chain([first], repeat(part))


LARGE: dict[str, Parts] = {
    "chunk after chunk": endless(CHUNKS, b"100000\r\n%b\r\n" % (b" " * 2**20)),
    "a body without a length": endless(OPEN + b"\r\n", b" " * 2**20),
    "a terabyte that comes": endless(OPEN + TERABYTE, b" " * 2**20),
    "a terabyte that does not": lambda: [OPEN + TERABYTE],
}
SLOW: dict[str, Parts] = {
    "a header now and then": endless(OPEN, b"X"),
    "a body byte by byte": endless(OPEN + b"Content-Length: 99\r\n\r\n", b" "),
    "a chunk byte by byte": endless(CHUNKS, b"1\r\n \r\n"),
    "nothing": list,
    "half a head": lambda: [OPEN],
    "half a body": lambda: [OPEN + b"Content-Length: 99\r\n\r\n{"],
    "a body that is not ended": lambda: [CHUNKS + b"2\r\n{}\r\n"],
    "a 100 now and then": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "compressed nothing": endless(OPEN + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"")),
}
FLOODS: dict[str, Parts] = {
    "header after header": endless(OPEN, b"X: 1\r\n" * 1000),
    "a header": endless(OPEN + b"X: ", b"x" * 1000),
    "a status line": endless(b"HTTP/1.1 200 ", b"x" * 1000),
    "a 100 after the other": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "a chunk that breaks after one that is whole": lambda: [CHUNKS + b"2\r\n{}\r\n", b"zz\r\n"],
    "the extension of a chunk": endless(CHUNKS + b"1;a=", b"x" * 1000),
    "the trailers": endless(CHUNKS + b"0\r\n", b"X: 1\r\n" * 100),
    "chunks of a byte": endless(CHUNKS, b"1\r\n \r\n" * 1000),
    "compressed nothing": endless(
        OPEN + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"") * 500
    ),
}


@pytest.mark.parametrize("parts", LARGE.values(), ids=LARGE.keys())
async def test_a_body_without_end_is_given_up(parts: Parts) -> None:
    for end in await ends_of_all(parts, 0, 30, 2):
        assert isinstance(end, ResponseTooLargeError)


@pytest.mark.virtual_time
@pytest.mark.parametrize("parts", SLOW.values(), ids=SLOW.keys())
async def test_an_answer_that_does_not_end_in_time_is_given_up(parts: Parts) -> None:
    for end in await ends_of_all(parts, 0.01, 0.2, 100):
        assert isinstance(end, RequestTimeoutError)


@pytest.mark.parametrize("parts", FLOODS.values(), ids=FLOODS.keys())
async def test_a_flood_that_is_no_body_is_given_up(parts: Parts) -> None:
    for end in await ends_of_all(parts, 0, 0.5, 100):
        assert isinstance(end, ProtocolError | RequestTimeoutError)


async def ends_of_all(parts: Parts, pause: float, total: float, most: int) -> list[AiotaskError]:
    """Return how all verbs end at once, after which nothing of them is left."""
    limits = aiohttp.ClientTimeout(total=total)
    async with Stream(parts, pause) as server:
        client = Client(
            "AC1", "x", base_url=server.url, retry=ONCE, timeout=limits, max_connections=most
        )
        async with client:
            ends = await asyncio.gather(*(end_of(place, client) for place in PLACES))
            assert_unharmed(client)
    for place, end in zip(PLACES, ends, strict=True):
        assert_lost(end, place)
    return ends

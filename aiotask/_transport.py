"""Adapter of aiohttp: bodies of bounded length, errors of aiotask, no hidden resending."""

import asyncio
import io
import re
import traceback
from collections.abc import Callable
from http import HTTPStatus

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError, TransferEncodingError

from aiotask._checks import without_long_words
from aiotask._gate import ForbiddenError, GatedBody, GatedPayload
from aiotask._retry import WithheldError
from aiotask.errors import (
    AiotaskError,
    ConnectionFailedError,
    ConnectionLostError,
    IncompleteAnswerError,
    ProtocolError,
    RequestTimeoutError,
    ResponseTooLargeError,
    TLSError,
)

LONGEST_ANSWER = 16 * 2**20
"""Bytes of one resource, or of statistics, decompressed."""

# 1,000 tasks with 4,096 characters of attributes, each written as six bytes or seven, have 30 MB.
LONGEST_PAGE = 64 * 2**20
"""Bytes of a page of a list, decompressed."""

# Hundreds of calls at once must not have hundreds of the longest pages in memory.
LARGE_AT_ONCE = 4
"""Number of large bodies that a client reads at a time; the others wait unread."""
_LARGE = 2 * 2**20  # bytes
# An empty list takes 64 bytes of memory, a small object four times that. 1,000 tasks whose
# attributes are full of commas and brackets have some 3 million of these characters.
_OPENING = (b",", b"[", b"{")
_BYTES_A_VALUE = 20  # at least, on average, in a large body

# aiohttp warns of larger bodies as bytes.
_LARGE_BODY = 2**20

_CONNECT = aiohttp.BaseConnector.connect.__code__
_UNCONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)

_SHOWN = 200
# The bytes that aiohttp quotes in its messages may be personal data.
_QUOTED = re.compile(r":?\s*(bytearray\()?\bb['\"].*", re.DOTALL)


class DisconnectedError(aiohttp.ClientError):
    """Wraps the *error* of a lost connection, so that aiohttp does not send the request again."""

    def __init__(self, error: aiohttp.ClientError) -> None:
        super().__init__(str(error))
        self.error = error


def payload_of(
    body: bytes, may_go: Callable[[], bool] | None, *, pooled: bool
) -> bytes | io.BytesIO | GatedBody | GatedPayload:
    """Return a body as aiohttp takes it, or our own pool where it is *pooled*.

    *may_go*, if any, is asked before its first byte.
    """
    if may_go is not None:
        gated = GatedBody(body, may_go)
        return gated if pooled else GatedPayload(gated)
    return io.BytesIO(body) if len(body) > _LARGE_BODY else body


async def without_resending(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET or DELETE again by itself on a dead connection.

    Policy, hooks and counters would not see it, and the 404 of a second DELETE would look like an
    error.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise DisconnectedError(error) from error


async def read_body(
    response: aiohttp.ClientResponse, longest: int, large: asyncio.Semaphore
) -> bytes:
    """Return a body, decompressed, reading at most *longest* bytes.

    A large body is read to its end only while *large* is held. It is refused if it consists of so
    many values that they would take many times its bytes.
    """
    if (response.content_length or 0) > longest:
        raise _too_large(response, f"is longer than {longest} bytes")
    content = response.content
    text = await content.readany()
    if content.at_eof() and len(text) <= _LARGE:
        return text
    # Chunks that are joined at the end take twice the memory: more than the allocator keeps, which
    # the system would then have to give again for each page.
    whole = io.BytesIO()
    whole.write(text)
    if await _read(content, whole, _LARGE) <= _LARGE:
        return whole.getvalue()
    async with large:
        if await _read(content, whole, longest) > longest:
            raise _too_large(response, f"is longer than {longest} bytes")
        text = whole.getvalue()
    most = longest // _BYTES_A_VALUE  # and no value is shorter than a byte
    if len(text) > most and sum(map(text.count, _OPENING)) > most:
        raise _too_large(response, f"consists of more than {most} values")
    return text


async def _read(content: aiohttp.StreamReader, whole: io.BytesIO, most: int) -> int:
    """Read on until the end, or beyond *most* bytes; return the size so far."""
    while whole.tell() <= most and not content.at_eof():
        whole.write(await content.readany())
    return whole.tell()


def _too_large(response: aiohttp.ClientResponse, reason: str) -> ResponseTooLargeError:
    return ResponseTooLargeError(
        f"the answer {reason}", status=response.status, headers=response.headers
    )


def failure_of(
    error: aiohttp.ClientError | HttpProcessingError | OSError,
    response: aiohttp.ClientResponse | None,
) -> AiotaskError:
    """Return our error for one of aiohttp, raised in the body if there is a *response* already."""
    if isinstance(error, DisconnectedError):
        error = error.error
    if isinstance(error, ForbiddenError) or isinstance(error.__cause__, ForbiddenError):
        return WithheldError("the request was forbidden before it was sent")
    unsent = _is_of_connecting(error)
    led = _led_without_frames(error)
    if unsent:
        return _unconnected(error)
    failure: AiotaskError
    reason = str(error) or type(error).__name__
    match error:
        case aiohttp.ClientResponseError() | HttpProcessingError():
            # It holds the request's headers with the credentials, so it is not chained.
            told, quotes = _QUOTED.subn("", error.message)
            if not quotes and any(isinstance(each, TransferEncodingError) for each in led):
                told = "its chunks are damaged"  # the message may be nothing but the bytes
            told = without_long_words(" ".join(told.split()))[:_SHOWN]
            return ProtocolError(f"not HTTP: {told}", status=0, headers={})
        case aiohttp.ServerDisconnectedError() if not isinstance(error.message, str):
            # The message is the part of the headers that came, perhaps cookies: it is not chained.
            return ConnectionLostError("the connection was closed within the answer's headers")
        case TimeoutError():
            failure = RequestTimeoutError("no complete answer within the timeout")
        case _ if response is not None:
            failure = IncompleteAnswerError(
                f"the answer broke off: {reason}", status=response.status, headers=response.headers
            )
        case _:
            failure = ConnectionLostError(reason)
    failure.__cause__ = error
    return failure


def _is_of_connecting(error: BaseException) -> bool:
    """Whether an error arose before there was a connection to the service.

    Many of them are of the same class before and after; where they were raised tells.
    """
    if isinstance(error, _UNCONNECTED):
        return True
    raised = [error]
    if isinstance(error, TimeoutError) and error.__cause__ is not None:
        raised.append(error.__cause__)  # the cancellation by the time limit
    return any(
        frame.f_code is _CONNECT
        for each in raised
        for frame, _ in traceback.walk_tb(each.__traceback__)
    )


def _unconnected(error: BaseException) -> ConnectionFailedError:
    """Return our error for one of connecting, in which a forward proxy may have a part.

    Errors that know the proxy are not chained: they hold its credentials.
    """
    reason = str(error) or type(error).__name__
    match error:
        case aiohttp.ClientHttpProxyError(status=status):
            known = {each.value: f" {each.phrase}" for each in HTTPStatus}
            failure = ConnectionFailedError(
                f"the proxy refuses the connection: {status}{known.get(status, '')}"
            )
            failure.proxy_status = status
            return failure
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return ConnectionFailedError("the proxy does not answer in HTTP")
        case aiohttp.InvalidURL():
            return ConnectionFailedError("the proxy's address is not a URL")
        case aiohttp.ServerDisconnectedError():
            return ConnectionFailedError("the proxy closed the connection")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            failure = TLSError(reason)
        case TimeoutError() if not isinstance(error, aiohttp.ClientError):
            failure = ConnectionFailedError("no connection within the timeout")
        case _:
            failure = ConnectionFailedError(reason)
    if getattr(error.args[0] if error.args else None, "proxy", None) is None:
        failure.__cause__ = error
    return failure


def _led_without_frames(error: BaseException) -> list[BaseException]:
    """Return an error and its causes, and drop their tracebacks.

    If writing failed, a frame of asyncio holds the whole request with the credentials.
    """
    led = [error]
    for each in led:  # the list grows meanwhile
        each.__traceback__ = None
        for one in (each.__cause__, each.__context__):
            if one is not None and one not in led:
                led.append(one)
    return led

"""What aiohttp does and raises -> bodies of bounded length, and our errors."""

import aiohttp

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

# A page of 1,000 tasks with full attributes and long names stays below 10 MiB.
LONGEST_ANSWER = 16 * 2**20
_SHOWN = 200


class _DisconnectedError(aiohttp.ClientError):
    """What aiohttp does not take for a reason to send again."""


async def without_resending(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET or DELETE again by itself when a connection turns out dead.

    It would do so unseen by policy, hooks and counters, and the 404 of a second DELETE would pass
    for an error.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _DisconnectedError(str(error)) from error


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """Return a body, decompressed, and read no further than the limit."""
    if (response.content_length or 0) > LONGEST_ANSWER:
        raise _too_large(response)
    content = response.content
    text = await content.readany()
    chunks, size = [text], len(text)
    while size <= LONGEST_ANSWER and not content.at_eof():
        text = await content.readany()
        chunks.append(text)
        size += len(text)
    if size > LONGEST_ANSWER:
        raise _too_large(response)
    return text if len(chunks) == 1 else b"".join(chunks)


def _too_large(response: aiohttp.ClientResponse) -> ResponseTooLargeError:
    return ResponseTooLargeError(
        f"the answer is longer than {LONGEST_ANSWER} bytes",
        status=response.status,
        headers=response.headers,
    )


def failure_of(
    error: aiohttp.ClientError | OSError, response: aiohttp.ClientResponse | None
) -> AiotaskError:
    """Return our error for what aiohttp raised, in the body if there is a *response* already."""
    failure: AiotaskError
    reason = f"{type(error).__name__}: {error}"
    match error:
        case aiohttp.ClientResponseError():
            # It holds the request's headers, Authorization among them, so it is left behind.
            return ProtocolError(f"not HTTP: {error.message[:_SHOWN]}", status=0, headers={})
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            failure = TLSError(reason)
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            failure = ConnectionFailedError(reason)
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

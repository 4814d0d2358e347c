"""Server connections, and the broken answers that faults cause on them."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import HttpVersion11, web
from aiohttp.web_protocol import RequestHandler
from multidict import CIMultiDict

from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.wire.answers import error_answer

MAX_BODY = 4 * 2**20
"""Enough for the longest workflow configuration, form-encoded."""

MAX_LINE = 2**14
"""The longest request line and header: enough for an expression of 300 keys in a URL."""

# None switches the access log off in aiohttp's own runners too, though its type forbids it.
_NO_LOG: Any = None
# Lingering for 0 seconds makes close() send RST instead of FIN: the client sees a reset.
_LINGER_NONE = struct.pack("ii", 1, 0)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_GATEWAY_PAGE = "<html><head><title>{0} {1}</title></head><body><h1>{0} {1}</h1></body></html>\r\n"

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _Connection(RequestHandler):
    """A connection that answers invalid HTTP with the service's error body."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that cannot be parsed; the sandbox's own errors stay errors."""
        if status != HTTPStatus.BAD_REQUEST:
            return super().handle_error(request, status, exc, message)
        body = error_answer(invalid("The request is not valid HTTP")).body
        response = web.Response(status=status, body=body, content_type="application/json")
        response.force_close()
        return response


class Connections(web.Server):
    """A server without routes that reports when a client leaves."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler)
        self.closing = False
        self._leaving: dict[RequestHandler, asyncio.Event] = {}

    def __call__(self) -> RequestHandler:
        """Return the protocol of a new connection."""
        return _Connection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=_NO_LOG,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            auto_decompress=False,  # the service documents no compressed forms
        )

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Accept a connection, unless the server is closing."""
        super().connection_made(handler, transport)
        # The loop may still deliver a connection that was accepted just before the server closed;
        # nothing would close that one later.
        if self.closing:
            transport.abort()

    async def left(self, request: web.BaseRequest) -> None:
        """Wait until the client of a request has disconnected."""
        if request.transport is not None:
            await self._leaving.setdefault(request.protocol, asyncio.Event()).wait()

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Wake those who wait for the client to disconnect."""
        super().connection_lost(handler, exc)
        event = self._leaving.pop(handler, None)
        if event is not None:
            event.set()


async def read_body(request: web.BaseRequest) -> bytes | None:
    """Return the body of a request; None if it is too large.

    A client that expects ``100 Continue`` sends the body only then (RFC 9110, section 10.1.1).
    """
    waits = request.headers.get("Expect", "").lower() == "100-continue"
    if waits and request.version >= HttpVersion11:
        if (request.content_length or 0) > MAX_BODY:
            return None
        await request.writer.write(_CONTINUE)
        # As in aiohttp's own handler for applications: this was no part of the answer.
        request.writer.output_size = 0
    body = bytearray()
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


def reset(request: web.BaseRequest) -> None:
    """Abort the connection, so that the client sees a reset."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
    transport.abort()


async def truncate(
    request: web.BaseRequest, status: int, headers: CIMultiDict[str], body: bytes
) -> web.StreamResponse:
    """Send the headers for the whole *body*, half of it, and close the connection."""
    cut = web.StreamResponse(status=status, headers=headers)
    cut.content_length = len(body)
    await cut.prepare(request)
    await cut.write(body[: len(body) // 2])
    request.protocol.force_close()
    return cut


def page(status: int, date: str) -> web.Response:
    """Return the error page of a gateway or proxy, whose clock is the service's."""
    text = _GATEWAY_PAGE.format(status, HTTPStatus(status).phrase)
    headers = CIMultiDict({"Content-Type": "text/html; charset=utf-8", "Date": date})
    return web.Response(status=status, body=text.encode(), headers=headers)

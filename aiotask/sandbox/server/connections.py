"""The connections of the server, and the ways in which an answer goes wrong on one."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from multidict import CIMultiDict

from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.wire.answers import error_answer

MAX_BODY = 4 * 2**20
"""More than the longest workflow configuration needs when it is form-encoded."""

MAX_LINE = 2**14
"""The longest request line, and header: enough for the URL of 300 keys in one expression."""

_NO_LOG: Any = None  # turns it off, as aiohttp's own runners do, though not typed so
_LINGER_NONE = struct.pack("ii", 1, 0)
_GATEWAY_PAGE = "<html><head><title>{0} {1}</title></head><body><h1>{0} {1}</h1></body></html>\r\n"

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _Connection(RequestHandler):
    """A connection that says in the service's words what is no HTTP."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be parsed; errors of the sandbox itself stay loud."""
        if status != HTTPStatus.BAD_REQUEST:
            return super().handle_error(request, status, exc, message)
        body = error_answer(invalid("The request is not valid HTTP")).body
        response = web.Response(status=status, body=body, content_type="application/json")
        response.force_close()
        return response


class Connections(web.Server):
    """A server without routes, which tells when a client leaves."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler)
        self.closing = False
        self._leaving: dict[RequestHandler, asyncio.Event] = {}

    def __call__(self) -> RequestHandler:
        """Return what a new connection is handled by."""
        return _Connection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=_NO_LOG,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            auto_decompress=False,  # the service documents no compressed forms
        )

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Take a connection, unless it was accepted in the very moment of closing."""
        super().connection_made(handler, transport)
        if self.closing:
            transport.abort()

    async def left(self, request: web.BaseRequest) -> None:
        """Wait until the client of a request is gone."""
        if request.transport is not None:
            await self._leaving.setdefault(request.protocol, asyncio.Event()).wait()

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Note that a client is gone."""
        super().connection_lost(handler, exc)
        event = self._leaving.pop(handler, None)
        if event is not None:
            event.set()


async def read_body(request: web.BaseRequest) -> bytes | None:
    """Return the body of a request, None when it is too large."""
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
    """Send headers for the whole of *body*, half of it, and the end of the connection."""
    cut = web.StreamResponse(status=status, headers=headers)
    cut.content_length = len(body)
    await cut.prepare(request)
    await cut.write(body[: len(body) // 2])
    request.protocol.force_close()
    return cut


def page(status: int) -> web.Response:
    """Return what a gateway or proxy says in the service's place."""
    text = _GATEWAY_PAGE.format(status, HTTPStatus(status).phrase)
    headers = CIMultiDict({"Content-Type": "text/html; charset=utf-8"})
    return web.Response(status=status, body=text.encode(), headers=headers)

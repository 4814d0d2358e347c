"""Pool of connections, whose requests are written together once in a turn of the event loop.

aiohttp makes a task for each request with a body: a tenth of the CPU of a create. To write each
request at once costs even more, as what runs between two writes takes their code out of the
processor's caches, and a server on the same machine is woken by every one.
"""

import asyncio
import ssl as tls
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from multidict import CIMultiDict

from aiotask._gate import ForbiddenError, GatedBody, GatedPayload

# Below the idle timeouts of load balancers, so that a reused connection is seldom a dead one.
_KEEP_ALIVE = 10.0
# The answer to a longer body may come before the body's end: aiohttp does both at a time.
_LONGEST = 2**15  # bytes

MayGo = Callable[[], bool] | None


def open_pool(most: int, context: tls.SSLContext | None) -> aiohttp.ClientSession:
    """Return a session of at most *most* connections, with *context* for TLS."""
    return aiohttp.ClientSession(
        connector=Connector(limit=most, keepalive_timeout=_KEEP_ALIVE, ssl=context or True),
        cookie_jar=aiohttp.DummyCookieJar(),
        request_class=PooledRequest,
    )


class Connector(aiohttp.TCPConnector):
    """Connections, without those that have unsolicited data, and the outbox of their requests.

    A second answer, or a late one, would pass for the answer to the next request: a create would
    return another's task. aiohttp checks a connection when it is put back, but not when it is
    taken.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.outbox = Outbox()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the name is aiohttp's
    ) -> Connection:
        """Return a clean connection, as aiohttp does."""
        connection = await super().connect(req, traces, timeout)
        refused = 0
        while connection.protocol is not None and connection.protocol.should_close:
            if refused == self.limit:  # this server always speaks first: leave it to the parser
                break
            refused += 1
            connection.close()
            connection = await super().connect(req, traces, timeout)
        return connection


class Outbox:
    """Whole requests, which wait until the tasks of this turn of the event loop have run."""

    def __init__(self) -> None:
        self._waiting: list[tuple[ResponseHandler, asyncio.Transport, bytes, MayGo]] = []

    def add(
        self, protocol: ResponseHandler, transport: asyncio.Transport, data: bytes, may_go: MayGo
    ) -> None:
        """Write a request soon, if it still may go then; errors are set on its *protocol*."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._write)
        self._waiting.append((protocol, transport, data, may_go))

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        for protocol, transport, data, may_go in waiting:
            try:
                if may_go is None or may_go():
                    transport.write(data)
                else:
                    protocol.set_exception(ForbiddenError())
            except Exception as error:  # noqa: BLE001 - the other requests are to go
                protocol.set_exception(aiohttp.ClientConnectionError(str(error)), error)


class _Head(asyncio.Transport):
    """Keeps the head of a request, which aiohttp writes without its body."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.data = b""

    def is_closing(self) -> bool:
        return self.transport.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += data


class PooledRequest(aiohttp.ClientRequest):
    """A request that goes through the outbox of its connector, unless its body is long."""

    _given: Any = None
    _content: bytes = b""
    _may_go: MayGo = None

    def update_headers(self, headers: Any) -> None:
        """Set the headers, that of the host first."""
        self.headers = CIMultiDict({hdrs.HOST: self.url.host_port_subcomponent or ""})
        self.headers.extend(headers)

    def update_body_from_data(self, body: Any, _stacklevel: int = 3) -> None:
        """Set the body; aiohttp is not told of one that goes through the outbox."""
        content = body
        if type(body) is GatedBody:
            content, self._may_go = body.body, body.may_go
        if isinstance(content, bytes) and len(content) <= _LONGEST:
            self._given, self._content = body, content
            self.headers[hdrs.CONTENT_LENGTH] = str(len(content))
        else:
            self._tell(body, _stacklevel)

    def _tell(self, body: Any, _stacklevel: int = 3) -> None:
        """Tell aiohttp of a body, which it is to write."""
        told = GatedPayload(body) if type(body) is GatedBody else body
        super().update_body_from_data(told, _stacklevel)

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Send the request, or leave it in the outbox."""
        protocol, connector = conn.protocol, self.session.connector
        transport = None if protocol is None else protocol.transport
        if (
            self._body is not None
            or self._traces  # which may take their time
            or protocol is None
            or transport is None
            or protocol.writing_paused
            or not isinstance(connector, Connector)
        ):
            if self._given is not None:
                self._tell(self._given)
            return await super().send(conn)
        # Without a body aiohttp writes the head at once, and nothing else.
        head = protocol.transport = _Head(transport)
        try:
            response = await super().send(conn)
        finally:
            protocol.transport = transport
        connector.outbox.add(protocol, transport, head.data + self._content, self._may_go)
        return response

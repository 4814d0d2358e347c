"""A forward proxy over asyncio: CONNECT and plain http, with a password if it has one."""

import asyncio
import math
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Self
from urllib.parse import urlsplit

HEAD = b"\r\n\r\n"


class ForwardProxy:
    """Leads connections to wherever they ask for, or to *instead* of that.

    ``tunnels`` has the targets in their order. After *dies_after* bytes of answers a tunnel is cut,
    but no later one than the first *deaths*.
    """

    def __init__(
        self,
        user: str | None = None,
        password: str = "",
        *,
        refusal: bytes | None = None,
        dies_after: int | None = None,
        deaths: float = math.inf,
        resolve: Callable[[str], tuple[str, int]] | None = None,
    ) -> None:
        self.tunnels: list[str] = []
        self.heads: list[bytes] = []
        self.url = ""
        self.refusal = refusal
        self.dies_after = dies_after
        self.deaths = deaths
        self._resolve = resolve
        self._userinfo = "" if user is None else f"{user}:{password}@"
        self._wanted = None if user is None else b64encode(f"{user}:{password}".encode())
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://{self._userinfo}127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._lead(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(HEAD)
        self.heads.append(head)
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split()
        if self._wanted is not None and b"Proxy-Authorization: Basic " + self._wanted not in head:
            writer.write(
                b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                b"Proxy-Authenticate: Basic realm=proxy\r\nContent-Length: 0" + HEAD
            )
            await writer.drain()
            writer.write_eof()
            await reader.read()
            return
        if self.refusal is not None:
            writer.write(self.refusal)
            await writer.drain()
            writer.write_eof()
            await reader.read()
            return
        self.tunnels.append(target)
        place = urlsplit(target if method != "CONNECT" else f"//{target}")
        host, port = place.hostname or "", place.port or 80
        if self._resolve is not None:
            host, port = self._resolve(host)
        far_reader, far_writer = await asyncio.open_connection(host, port)
        try:
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established" + HEAD)
            else:
                far_writer.write(head)
            there = asyncio.ensure_future(_pump(reader, far_writer, None))
            most = self.dies_after if len(self.tunnels) <= self.deaths else None
            back = asyncio.ensure_future(_pump(far_reader, writer, most))
            try:
                await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in (there, back):
                    each.cancel()
                await asyncio.gather(there, back, return_exceptions=True)
        finally:
            far_writer.transport.abort()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None
) -> None:
    """Hand on what comes until the end, or until so many bytes."""
    left = most
    while chunk := await reader.read(2**16 if left is None else min(left, 2**16)):
        writer.write(chunk)
        await writer.drain()
        if left is not None:
            left -= len(chunk)
            if left <= 0:
                return


@asynccontextmanager
async def behind_tls(url: str, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Give the port of a server that speaks TLS in front of the one at a URL."""
    place = urlsplit(url)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            far_reader, far_writer = await asyncio.open_connection(place.hostname, place.port)
            pumps = [
                asyncio.ensure_future(_pump(reader, far_writer, None)),
                asyncio.ensure_future(_pump(far_reader, writer, None)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in pumps:
                    each.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
                far_writer.transport.abort()
                writer.transport.abort()

    tasks: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(accept(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

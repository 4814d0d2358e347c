"""One fixture for each noun: the sandbox, a client of it, a workspace in it, canned answers."""

import asyncio
import gc
import inspect
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any, Literal, Self, cast

import aiohttp
import pytest
from aioresponses import aioresponses
from hypothesis import HealthCheck, settings

from aiotask import Client, RetryPolicy
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import WorkspaceContext
from tests.postgres import Postgres, running_postgres
from tests.rabbitmq import Rabbitmq, running_rabbitmq
from tests.virtual_time import VirtualTimeLoop

# How long an example takes is the machine's affair, and no test's.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("patient", patient, max_examples=30)
settings.register_profile("thorough", patient)  # which .ci/run chooses
settings.load_profile("patient")

# A shell lets what it starts in the background ignore interrupts, and so would the programs that
# tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Hundreds of programs are started here: what one has compiled, the others need not compile again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

ACCOUNT = "AC" + "0" * 32
AT_ONCE = RetryPolicy(longest_wait=0)


def pytest_xdist_auto_num_workers() -> int:
    """Answer ``-n auto``: half of the time of all tests is spent in waiting."""
    return 2 * (os.cpu_count() or 1)


def pytest_configure() -> None:
    gc.disable()  # what is collected, stays


def pytest_collection_finish() -> None:
    # Whoever collects garbage would look through all tests each time: half of the time of some.
    gc.freeze()
    gc.enable()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    del config
    if item.get_closest_marker("virtual_time") is None:
        return {"real time": asyncio.new_event_loop}
    return {"virtual time": VirtualTimeLoop}


@pytest.fixture(autouse=True)
def _no_credentials_around(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Profiles of whoever runs the tests are not for them.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "no-settings"))
    for name in ("ACCOUNT_SID", "AUTH_TOKEN", "API_KEY", "API_SECRET", "REGION", "EDGE"):
        monkeypatch.delenv(f"TWILIO_{name}", raising=False)
    for name in ("BASE_URL", "WORKSPACE", "LOG", "PROFILE"):
        monkeypatch.delenv(f"AIOTASK_{name}", raising=False)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Client]:
    client = Client(
        sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url, retry=AT_ONCE, timeout=10
    )
    async with client:
        yield client


@pytest.fixture
def workspace(sandbox: Sandbox, client: Client) -> WorkspaceContext:
    return client.taskrouter.workspace(sandbox.create_workspace("Support", template="FIFO"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[Rabbitmq]:
    with running_rabbitmq() as server:
        yield server


class CannedResponse(aiohttp.ClientResponse):
    """A response of aioresponses, with the argument that aiohttp 3.14 asks for besides.

    https://github.com/pnuckowski/aioresponses/issues/289
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "stream_writer" in inspect.signature(aiohttp.ClientResponse).parameters:
            kwargs["stream_writer"] = _NothingWritten()
        super().__init__(*args, **kwargs)


class _NothingWritten:
    output_size = 0


class Canned(aioresponses):
    def add(self, *args: Any, **kwargs: Any) -> None:
        super().add(*args, **{"response_class": CannedResponse} | kwargs)


@pytest.fixture
def canned() -> Iterator[Canned]:
    canned = Canned()
    with canned:
        yield canned


@pytest.fixture
async def far_client() -> AsyncIterator[Client]:
    """Give a client of the real hosts, which nothing may reach: its answers are canned."""
    async with Client(ACCOUNT, "token", retry=AT_ONCE) as client:
        yield client


class Cut(bytes):
    """Bytes that are sent before the connection is closed, whatever they announced."""


class Clock:
    """Time that passes only by waiting for it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def policy(self, **settings: Any) -> RetryPolicy:
        defaults: dict[str, Any] = {"sleep": self.sleep, "clock": lambda: self.now}
        return RetryPolicy(**defaults | {"jitter": lambda: 1.0} | settings)


Reaction = bytes | Callable[[bytes], bytes] | Literal["reset", "close", "hang"]


class RawServer:
    """A server that does as it is told, byte by byte: one reaction for each request in turn.

    After the last one it answers with that again.
    """

    def __init__(self, *reactions: Reaction) -> None:
        self.reactions = list(reactions)
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = ""
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        # Otherwise the collector of garbage reports a connection that was reset, now and then.
        protocol = cast("Any", writer.transport.get_protocol())
        protocol._closed.add_done_callback(lambda future: future.cancelled() or future.exception())
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if b"content-length:" in line]
        body = await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
        reaction = self.reactions[min(len(self.requests), len(self.reactions) - 1)]
        if callable(reaction):
            reaction = reaction(head + body)  # which may be called without end: nothing is kept
        else:
            self.requests.append(head + body)
        match reaction:
            case "reset":
                writer.transport.abort()
                return False
            case "close":
                return False
            case "hang":
                await reader.read()
                return False
            case bytes():
                writer.write(reaction)
                await writer.drain()
                return not isinstance(reaction, Cut)


def answer(body: bytes = b"{}", status: str = "200 OK", *lines: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json"]
    return "\r\n".join([*head, *lines, "", ""]).encode() + body


@pytest.fixture
def nowhere() -> Iterator[str]:
    """Give an address at which nothing listens, and nothing else can begin to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Any]]:
    """Give a function that starts a raw server, and a client of it with so many settings."""
    async with AsyncExitStack() as stack:

        async def start(*reactions: Reaction, **settings: Any) -> tuple[RawServer, Client]:
            server = await stack.enter_async_context(RawServer(*reactions))
            chosen: dict[str, Any] = {"retry": AT_ONCE, "timeout": 10, "base_url": server.url}
            client = Client(ACCOUNT, "secret-token", **chosen | settings)
            await stack.enter_async_context(client)
            return server, client

        yield start

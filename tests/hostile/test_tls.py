"""Credentials go only to whom TLS has proved, and nothing in the environment changes that."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import aiohttp
import pytest
import trustme

from aiotask import Client, ConnectionFailedError, RetryPolicy, TLSError
from tests.conftest import ACCOUNT, RawServer
from tests.hostile.calls import TASK, VERBS, WORKSPACE, failure_of
from tests.hostile.expected_values import TOKEN, check

Serve = Callable[..., Awaitable[tuple[RawServer, Client]]]

HOST = "127.0.0.1"
TODAY = datetime.now(UTC)
OURS, THEIRS = trustme.CA(), trustme.CA()
LONG = 200.0
AT_ONCE = RetryPolicy(longest_wait=0)

# An old version of TLS has to be asked for by names that Python warns of.
pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")


class Guarded:
    """A server behind TLS, which answers one request of each connection that comes through it."""

    def __init__(self, context: ssl.SSLContext, reply: bytes) -> None:
        self.context = context
        self.reply = reply
        self.knocks = 0
        self.requests: list[bytes] = []

    async def __aenter__(self) -> Self:
        self._socket = socket.create_server((HOST, 0))
        self._socket.setblocking(False)
        self.url = f"https://{HOST}:{self._socket.getsockname()[1]}"
        self._serving = asyncio.ensure_future(self._serve())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._serving.cancel()
        await asyncio.wait([self._serving])
        self._socket.close()

    async def _serve(self) -> None:
        while True:
            peer, _ = await asyncio.get_running_loop().sock_accept(self._socket)
            self.knocks += 1
            await asyncio.to_thread(self._answer, peer)

    def _answer(self, peer: socket.socket) -> None:
        # In a thread, as asyncio breaks a handshake off before it has said what is wrong.
        peer.settimeout(LONG)
        with peer, suppress(OSError), self.context.wrap_socket(peer, server_side=True) as secured:
            if request := secured.recv(2**16):
                self.requests.append(request)
                secured.sendall(self.reply)


def guard(
    ca: trustme.CA = OURS, host: str = HOST, *, days: tuple[int, int] = (-1, 1)
) -> ssl.SSLContext:
    """Return how a server shows a certificate of a host, which is good in these days from now."""
    first, last = (TODAY + timedelta(day) for day in days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(host, not_before=first, not_after=last).configure_cert(context)
    return context


def old(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = guard()
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def signed_by_itself() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with THEIRS.cert_pem.tempfile() as own, THEIRS.private_key_pem.tempfile() as key:
        context.load_cert_chain(own, key)
    return context


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=OURS.cert_pem.bytes().decode())


BAD = {
    "of an unknown authority": (guard(THEIRS), "certificate verify failed"),
    "signed by itself": (signed_by_itself(), "certificate verify failed"),
    "expired": (guard(days=(-9, -1)), "has expired"),
    "not yet valid": (guard(days=(1, 9)), "not yet valid"),
    "of another host": (guard(host="taskrouter.twilio.com"), "mismatch"),
    "of another address": (guard(host="127.0.0.2"), "mismatch"),
}
OLD = [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=trusting())
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@pytest.mark.parametrize("bad", [*BAD, *OLD])
@pytest.mark.parametrize("verb", VERBS)
async def test_a_server_that_tls_does_not_prove_is_sent_nothing(
    session: aiohttp.ClientSession, verb: str, bad: str | ssl.TLSVersion
) -> None:
    context, reason = BAD[bad] if isinstance(bad, str) else (old(bad), "protocol version")
    async with Guarded(context, VERBS[verb].good) as server:
        client = Client(ACCOUNT, TOKEN, base_url=server.url, session=session, retry=AT_ONCE)
        error = await failure_of(verb, client)
    assert type(error) is TLSError
    assert reason in str(error).replace("_", " ").lower()
    assert (error.attempts, error.maybe_applied) == (1, False)
    assert (server.knocks, server.requests) == (1, [])
    check(error)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_client_of_its_own_trusts_no_authority_that_the_system_does_not(verb: str) -> None:
    async with (
        Guarded(guard(), VERBS[verb].good) as server,
        Client(ACCOUNT, TOKEN, base_url=server.url) as client,
    ):
        error = await failure_of(verb, client)
    assert type(error) is TLSError
    assert (error.attempts, error.maybe_applied) == (1, False)
    assert (server.knocks, server.requests) == (1, [])
    check(error)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("verb", VERBS)
async def test_every_verb_goes_through_tls_that_is_good(
    session: aiohttp.ClientSession, verb: str, version: ssl.TLSVersion
) -> None:
    context = guard()
    context.minimum_version = context.maximum_version = version
    async with Guarded(context, VERBS[verb].good) as server:
        await VERBS[verb].call(Client(ACCOUNT, TOKEN, base_url=server.url, session=session))
    assert (server.knocks, len(server.requests)) == (1, 1)


@pytest.mark.parametrize("version", OLD)
async def test_what_is_behind_an_old_version_of_tls_could_be_had_by_who_asked_for_it(
    version: ssl.TLSVersion,
) -> None:
    # So it is the version that a client refuses above, and nothing else about that server.
    context = trusting()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with (
        Guarded(old(version), VERBS["fetch"].good) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
        session.get(server.url) as response,
    ):
        assert response.status == 200


class Bare(RawServer):
    """A server without TLS, which says something at once, or nothing, or hangs up."""

    def __init__(self, greeting: bytes | None) -> None:
        super().__init__()
        self.greeting = greeting
        self.heard = b""

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if self.greeting is not None:
            writer.write(self.greeting)
            self.heard += await reader.read()
        return False


@pytest.mark.parametrize(
    ("greeting", "kind"),
    [
        (VERBS["fetch"].good, TLSError),
        (b"SSH-2.0-OpenSSH_9.2\r\n", TLSError),
        (b"", ConnectionFailedError),
        (None, ConnectionFailedError),
    ],
    ids=["HTTP", "SSH", "silence", "hangs up"],
)
@pytest.mark.parametrize("verb", VERBS)
async def test_a_server_without_tls_hears_nothing_that_it_could_read(
    verb: str, greeting: bytes | None, kind: type[ConnectionFailedError]
) -> None:
    repeated = 2 if kind is ConnectionFailedError else 1
    retry = RetryPolicy(attempts=2, longest_wait=0)
    timeout = aiohttp.ClientTimeout(sock_connect=LONG if greeting != b"" else 0.1)
    async with Bare(greeting) as server:
        url = server.url.replace("http:", "https:")
        async with Client(ACCOUNT, TOKEN, base_url=url, retry=retry, timeout=timeout) as client:
            error = await failure_of(verb, client)
    assert type(error) is kind
    attempts = 1 if verb == "create_many" else repeated  # a row's error is of its last one
    assert (error.attempts, error.maybe_applied) == (attempts, False)
    assert server.connections <= repeated
    assert b"HTTP" not in server.heard
    check(error)


PROGRAM = f"""
import asyncio, sys
from aiotask import AiotaskError, Client

async def main():
    async with Client(base_url=sys.argv[1]) as client:
        try:
            task = await client.taskrouter.workspace("{WORKSPACE}").tasks.fetch("{TASK}")
            print(task.sid)
        except AiotaskError as error:
            print(type(error).__name__)

asyncio.run(main())
"""
# What makes this or that program believe any certificate.
LAX = {
    "PYTHONHTTPSVERIFY": "0",
    "CURL_CA_BUNDLE": "",
    "REQUESTS_CA_BUNDLE": "",
    "SSL_NO_VERIFY": "1",
    "SSL_VERIFY": "0",
    "GIT_SSL_NO_VERIFY": "1",
    "NODE_TLS_REJECT_UNAUTHORIZED": "0",
    "AIOHTTP_NO_EXTENSIONS": "1",
    "AIOHTTP_SSL_VERIFY": "0",
    "AIOTASK_ALLOW_INSECURE": "1",
    "TWILIO_ALLOW_INSECURE": "1",
}


async def printed_by_a_program(url: str, environment: dict[str, str]) -> str:
    credentials = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, url),
        env={**os.environ, **credentials, **environment},
        stdout=subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    return printed.decode().strip()


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[RawServer]:
    """Give a proxy that the environment wants for everything, beside a password for this host."""
    (tmp_path / ".netrc").write_text(f"machine {HOST} login thief password stolen\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with RawServer(VERBS["fetch"].good) as proxy:
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        yield proxy


def credentials_in(request: bytes) -> str:
    head = request.partition(b"\r\n\r\n")[0].split(b"\r\n")
    (value,) = [line for line in head if line.lower().startswith(b"authorization:")]
    return b64decode(value.split()[-1]).decode()


async def test_no_environment_switches_tls_off() -> None:
    async with Guarded(guard(), VERBS["fetch"].good) as server:
        assert await printed_by_a_program(server.url, LAX) == "TLSError"
    assert server.requests == []


async def test_an_authority_that_the_system_is_told_of_is_trusted_and_no_proxy_is_asked(
    proxy: RawServer, tmp_path: Path
) -> None:
    OURS.cert_pem.write_to_path(tmp_path / "ours.pem")
    environment = {"SSL_CERT_FILE": str(tmp_path / "ours.pem")}
    async with Guarded(guard(), VERBS["fetch"].good) as server:
        assert await printed_by_a_program(server.url, environment) == TASK
    (request,) = server.requests
    assert credentials_in(request) == f"{ACCOUNT}:{TOKEN}"
    assert proxy.connections == 0


@pytest.mark.parametrize("verb", VERBS)
async def test_neither_a_proxy_nor_a_password_of_the_environment_is_used(
    serve: Serve, proxy: RawServer, verb: str
) -> None:
    server, client = await serve(VERBS[verb].good)
    await VERBS[verb].call(client)
    assert [credentials_in(request) for request in server.requests] == [f"{ACCOUNT}:{TOKEN}"]
    assert proxy.connections == 0


async def test_a_callers_own_session_may_use_the_proxy_of_the_environment(
    proxy: RawServer,
) -> None:
    async with aiohttp.ClientSession(trust_env=True) as session:
        client = Client(ACCOUNT, TOKEN, base_url="http://127.0.0.2:9", session=session)
        await VERBS["fetch"].call(client)
    assert [credentials_in(request) for request in proxy.requests] == [f"{ACCOUNT}:{TOKEN}"]

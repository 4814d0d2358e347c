"""Logs, warnings and output: neither credentials nor a task's attributes."""

import asyncio
import gc
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aiotask import AiotaskError, Client, RetryPolicy
from tests.conftest import ACCOUNT, Cut, RawServer, Reaction, answer
from tests.hostile.calls import VERBS, WORKSPACE
from tests.hostile.expected_values import PERSONAL, TOKEN, secrets_in
from tests.hostile.injection_points import Stream
from tests.sweeps import sweep

Serve = Callable[..., Awaitable[tuple[RawServer, Client]]]

TWICE = RetryPolicy(attempts=2, longest_wait=0)
NO = answer(b'{"code":20001,"message":"no"}', "400 Bad Request")
FAILURES: dict[str, Reaction] = {
    "429": answer(b"{}", "429 Too Many Requests", "Retry-After: 0"),
    "500": answer(b"<html>down</html>", "500 Internal Server Error"),
    "a reset": "reset",
    "a cut body": Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
}


def harm(*_: object) -> None:
    raise ValueError("a hook of no use")


@pytest.mark.parametrize("verb", VERBS)
async def test_logs_of_all_levels_have_neither_credentials_nor_attributes(
    serve: Serve, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    for name in (None, "aiotask", "aiohttp", "asyncio"):
        caplog.set_level(logging.DEBUG, name)
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    hooks: dict[str, Any] = dict.fromkeys(("on_request", "on_response", "on_retry"), harm)
    for reaction in [*FAILURES.values(), VERBS[verb].good]:
        _, client = await serve(reaction, reaction, NO, retry=TWICE, **hooks)
        try:
            await VERBS[verb].call(client)
        except AiotaskError:
            logging.getLogger("app").exception("%r failed", client)
    logged = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert {"aiotask", "asyncio", "app"} <= {record.name for record in caplog.records}
    assert "Executing <Task" in logged
    assert secrets_in(logged, PERSONAL) == []


@pytest.mark.filterwarnings("always::ResourceWarning")
async def test_a_client_that_is_forgotten_shows_no_secret(
    recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.get_running_loop().set_debug(True)
    async with RawServer(VERBS["fetch"].good) as server:
        client = Client(ACCOUNT, TOKEN, base_url=server.url)
        await client.__aenter__()
        await VERBS["fetch"].call(client)
        del client
        warned = ""
        for _ in ("session", "connector"):  # which the warning of the session keeps
            gc.collect()
            warned += "".join(f"{each.message} {each.source!r}\n" for each in recwarn)
            recwarn.clear()
    for one in ("Unclosed client session", "Unclosed connector"):
        assert one in warned
        assert one in caplog.text
    assert secrets_in(caplog.text + warned) == []


CREATE = ["create", "--attributes", '{"name": "Ana Personal"}']
LIST = ["list", "--task-queue-name", "Ana Personal"]
MADE = VERBS["create"].good
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
QUOTED = b"'Ana Personal'\r\n"
# What is asked for, how the server takes it, and what then is said.
COMMANDS: dict[str, tuple[list[str], Reaction | list[bytes], bytes]] = {
    "refused": (CREATE, NO, b"status 400"),
    "reset": (CREATE, "reset", b"may have been carried out"),
    "not HTTP": (CREATE, FAILURES["not HTTP"], b"not HTTP"),
    "damaged": (CREATE, CHUNKED + QUOTED, b"its chunks are damaged"),
    "damaged later": (CREATE, [CHUNKED, QUOTED], b"its chunks are damaged"),
    "cut": (CREATE, FAILURES["a cut body"], b"the answer broke off"),
    "no page": (LIST, NO, b"status 400"),
    "no answer": ([*CREATE, "--timeout", "0.5"], "hang", b"no complete answer"),
    "interrupted": (CREATE, "hang", b""),
    "nowhere to print": (CREATE, MADE, b"Error"),
    "no JSON": ([*CREATE, "--attributes", '{"name": "Ana Personal"'], MADE, b"is not JSON"),
    "no object": ([*CREATE, "--attributes", '["Ana Personal"]'], MADE, b"must be a mapping"),
}


@pytest.mark.parametrize("command", sweep(COMMANDS, usual=6))
async def test_the_command_line_complains_without_credentials_and_attributes(
    command: str,
) -> None:
    words, reaction, said = COMMANDS[command]
    if isinstance(reaction, list):
        server: RawServer = Stream(lambda: reaction, 0.05)
    else:
        server = RawServer(reaction)
    # What aiohttp has in Python says more of what it found, and so does the debug mode of asyncio.
    debugging = {"AIOHTTP_NO_EXTENSIONS": "1", "PYTHONASYNCIODEBUG": "1"}
    credentials = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
    shell = ["sh", "-c", 'exec "$@" >&-', "sh"] if command == "nowhere to print" else []
    async with server:
        process = await asyncio.create_subprocess_exec(
            *(*shell, sys.executable, "-m", "aiotask", "tasks", *words),
            *("--workspace", WORKSPACE, "--base-url", server.url),
            env={**os.environ, **credentials, **debugging},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if command == "interrupted":
            while not server.requests:
                await asyncio.sleep(0.01)
            process.send_signal(signal.SIGINT)
        printed, complained = await process.communicate()
    assert process.returncode
    assert printed == b""
    assert said in complained
    assert secrets_in(complained.decode(), PERSONAL) == []

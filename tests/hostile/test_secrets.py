"""Credentials are in nothing that is shown, logged, raised or kept; nor are a task's attributes."""

import asyncio
import copy
import io
import json
import pickle
import pprint
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import aiohttp
import attrs
import pytest

from aiotask import (
    AiotaskError,
    Client,
    ConfigurationError,
    ConnectionLostError,
    RetryPolicy,
)
from tests.conftest import ACCOUNT, Cut, RawServer, Reaction, answer
from tests.hostile.calls import PAGE, SHOWN, TASK, VERBS, WORKSPACE, failure_of
from tests.hostile.expected_values import (
    KEY,
    PERSONAL,
    REDACTED,
    TOKEN,
    check,
    secrets_in,
    shown_by,
)

Serve = Callable[..., Awaitable[tuple[RawServer, Client]]]

ONCE = RetryPolicy(attempts=1)
TWICE = RetryPolicy(attempts=2, longest_wait=0)
IN_TASKS = {"create_many", "list", "pages"}  # what ends a program ends their loop before them


def places_of(client: Client) -> list[object]:
    workspace = client.taskrouter.workspace(WORKSPACE)
    listing = workspace.tasks.list(limit=1)
    session = client._session
    return [
        *(client, session, session.hooks, session.once, session.connections.lanes, client.counters),
        *(client.taskrouter, client.autopilot, workspace, workspace.tasks, workspace.statistics),
        *(listing, listing.pages(), client.autopilot.assistant("UA" + "4" * 32)),
    ]


@pytest.mark.parametrize(
    "credentials",
    [{"account_sid": ACCOUNT, "auth_token": TOKEN}, {"api_key": KEY, "api_secret": TOKEN}],
    ids=["token", "API key"],
)
async def test_nothing_in_a_client_shows_its_credentials_at_any_time(
    credentials: dict[str, Any],
) -> None:
    looks: dict[str, str] = {}
    async with RawServer(VERBS["fetch"].good, "hang") as server:
        client = Client(**credentials, base_url=server.url)
        tasks = client.taskrouter.workspace(WORKSPACE).tasks
        looks["new"] = shown_by(*places_of(client))
        async with client:
            looks["entered"] = shown_by(*places_of(client))
            fetched = await tasks.fetch(TASK)
            looks["used"] = shown_by(*places_of(client), fetched)
            call = asyncio.ensure_future(tasks.fetch(TASK))
            while len(server.requests) < 2:
                await asyncio.sleep(0)
            looks["under way"] = shown_by(*places_of(client), call, asyncio.all_tasks())
            call.cancel()
        looks["left"] = shown_by(*places_of(client))
    assert [look for look, text in looks.items() if secrets_in(text)] == []
    assert [look for look, text in looks.items() if REDACTED not in text] == []
    assert [look for look, text in looks.items() if "ResponseHandler object" in text] == [
        "used",
        "under way",
    ]


async def test_dumps_of_what_a_client_gives_have_no_credentials(serve: Serve) -> None:
    _, client = await serve(VERBS["fetch"].good, PAGE)
    tasks = client.taskrouter.workspace(WORKSPACE).tasks
    task = await tasks.fetch(TASK)
    (page,) = [page async for page in tasks.list(limit=1).pages()]
    for thing in (tasks.list(limit=1), task, page, client._session.retry, client.counters):
        for dumped in (attrs.asdict(thing), attrs.astuple(thing)):
            text = json.dumps(dumped, default=str) + pprint.pformat(dumped)
            assert secrets_in(text + shown_by(dumped)) == []
    for place in places_of(client):
        kept = getattr(place, "__dict__", {})
        assert secrets_in(json.dumps([place, kept], default=str, skipkeys=True)) == []


def as_json(thing: object) -> str:
    return json.dumps(thing)


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.deepcopy, as_json])
async def test_nothing_that_leads_to_credentials_is_duplicated(
    serve: Serve, duplicate: Callable[[object], object]
) -> None:
    _, client = await serve(PAGE)
    workspace = client.taskrouter.workspace(WORKSPACE)
    for thing in (client, client._session, workspace, workspace.tasks, workspace.tasks.list()):
        with pytest.raises(TypeError):
            duplicate(thing)


def misread(request: bytes) -> bytes:
    """Return what somebody says who takes the header with the credentials for a command."""
    return b"-ERR unknown: %b\r\n\r\n" % request.split(b"Authorization: ")[1].split(b"\r\n")[0]


def refusal(status: str, *headers: str) -> bytes:
    return answer(b'{"code":20001,"message":"no","details":{"a":1}}', status, *headers)


STRANGE = (b"}", b',"attributes":"{\\"name\\":\\"Ana Personal\\"}","age":"old"}')
ELSEWHERE = b'{"tasks":[],"meta":{"key":"tasks","next_page_url":"http://localhost:9/steal"}}'

FAILURES: dict[str, Reaction] = {
    "400": refusal("400 Bad Request"),
    "401": refusal("401 Unauthorized"),
    "404": refusal("404 Not Found"),
    "412": refusal("412 Precondition Failed"),
    "429": refusal("429 Too Many Requests", "Retry-After: 0"),
    "500": refusal("500 Internal Server Error"),
    "503 of a gateway": answer(b"<html>down</html>", "503 Service Unavailable"),
    "a redirect": answer(b"", "307 Moved", "Location: http://localhost:9/steal"),
    "a reset": "reset",
    "an end": "close",
    "no answer": "hang",
    "a cut body": Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
    "cut headers": Cut(f"HTTP/1.1 200 OK\r\nSet-Cookie: session={TOKEN}\r\n".encode()),
    "no gzip": answer(b"{}", "200 OK", "Content-Encoding: gzip"),
    "no chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'Ana Personal'\r\n",
    "not JSON": answer(b"<html>Sign in</html>"),
    "half of JSON": answer(b'{"sid":"WT1","attributes":"{\\"name\\":\\"Ana Personal'),
    "another shape": answer(SHOWN.replace(*STRANGE)),
    "an unsafe next page": answer(ELSEWHERE),
    "too large": b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n{",
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "an echo": misread,
}
# What nothing is wrong with for who asked for something else.
GLAD = {
    *((verb, "another shape") for verb in ("create_many", "delete", "statistics", "query")),
    *((verb, "an unsafe next page") for verb in ("delete", "statistics", "query")),
    ("complete", "404"),
}


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("verb", "failure"),
    [(verb, failure) for verb in VERBS for failure in FAILURES if (verb, failure) not in GLAD],
)
async def test_no_error_of_any_verb_shows_a_secret(serve: Serve, verb: str, failure: str) -> None:
    told: list[AiotaskError] = []
    _, client = await serve(
        FAILURES[failure],
        FAILURES[failure],
        FAILURES["400"],  # create_many goes on for longer than the others
        timeout=0.05 if failure == "no answer" else 10,
        retry=TWICE,
        on_retry=lambda *said: told.append(said[2]),
    )
    told.append(await failure_of(verb, client))
    # A bulk creation reads the body of an answer where nothing of the request is left.
    unseen = failure == "an unsafe next page" or (verb == "create_many" and "JSON" in failure)
    for error in told:
        check(error, sent=not unseen)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_connection_that_is_refused_shows_no_secret(
    serve: Serve, nowhere: str, verb: str
) -> None:
    _, client = await serve(PAGE, base_url=nowhere)
    check(await failure_of(verb, client))
    await client.close()
    check(await failure_of(verb, client), sent=False)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_request_that_could_not_be_written_is_not_shown(verb: str) -> None:
    # The connection dies unseen between two requests, so it is writing the second that fails: in
    # frames that have all of it as bytes.
    loop = asyncio.get_running_loop()
    peers: list[socket.socket] = []

    def reset(*_: object) -> None:
        while peers:
            peer = peers.pop()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        async with Client(ACCOUNT, TOKEN, base_url=url, retry=ONCE, on_request=reset) as client:
            first = asyncio.ensure_future(VERBS[verb].call(client))
            peer, _ = await loop.sock_accept(server)
            assert await loop.sock_recv(peer, 2**16)
            await loop.sock_sendall(peer, VERBS[verb].good)
            await first
            peers.append(peer)
            error = await failure_of(verb, client)
    assert type(error) is ConnectionLostError
    assert isinstance(error.__cause__, aiohttp.ClientOSError)
    check(error)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_cancellation_shows_no_secret_and_nor_does_its_task(
    serve: Serve, verb: str
) -> None:
    server, client = await serve("hang")
    call = asyncio.ensure_future(VERBS[verb].call(client))
    while not server.requests:
        await asyncio.sleep(0)
    tasks = asyncio.all_tasks()
    printed = stacks_of(tasks)
    call.cancel("enough")
    with pytest.raises(asyncio.CancelledError) as caught:
        await call
    check(caught.value, sent=False)
    printed += stacks_of({call, *tasks})
    assert "Stack for <Task pending" in printed
    assert secrets_in(printed, PERSONAL) == []


def stacks_of(tasks: Iterable[asyncio.Task[Any]]) -> str:
    printed = io.StringIO()
    for task in tasks:
        printed.write(f"{task!r} {task.get_coro()!r} {task.get_stack()!r}\n")
        task.print_stack(file=printed)
    return printed.getvalue()


class Interrupts:
    """Raises something whenever it is called."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __call__(self, *_: object) -> None:
        raise self.kind("enough")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in IN_TASKS])
async def test_what_ends_a_program_shows_no_secret(
    serve: Serve, verb: str, kind: type[BaseException]
) -> None:
    for hook in ("on_request", "on_response"):
        _, client = await serve(VERBS[verb].good, **{hook: Interrupts(kind)})
        with pytest.raises(kind) as caught:
            await VERBS[verb].call(client)
        check(caught.value)


@pytest.mark.parametrize("verb", VERBS)
async def test_what_a_callers_own_session_raises_shows_no_secret(verb: str) -> None:
    async def broken(*_: object) -> None:
        raise LookupError("broken")

    for signal in ("on_request_headers_sent", "on_request_end", "on_connection_reuseconn"):
        tracing = aiohttp.TraceConfig()
        getattr(tracing, signal).append(broken)
        async with (
            RawServer(VERBS[verb].good) as server,
            aiohttp.ClientSession(trace_configs=[tracing]) as session,
        ):
            client = Client(ACCOUNT, TOKEN, base_url=server.url, session=session)
            with pytest.raises(LookupError) as caught:
                await VERBS[verb].call(client)
                await VERBS[verb].call(client)
            check(caught.value)


WRONG: dict[str, dict[str, Any]] = {
    "no time": {"timeout": 0},
    "no connections": {"max_connections": 0},
    "no callable": {"on_retry": 7},
    "no region": {"region": "../x"},
    "no user": {"account_sid": "AC:1"},
    "no token": {"auth_token": f"{TOKEN}\n"},
    "no pair": {"api_secret": TOKEN},
    "no secret": {"api_key": KEY, "api_secret": f"{TOKEN}\n"},
    "plain http": {"base_url": "http://far.example"},
    "userinfo": {"base_url": f"https://AC1:{TOKEN}@far.example"},
    "a user alone": {"base_url": f"https://{TOKEN}@far.example"},
    "a password alone": {"base_url": f"https://:{TOKEN}@far.example"},
    "userinfo and no port": {"base_url": f"https://AC1:{TOKEN}@far.example:port"},
    "userinfo and no host": {"base_url": f"https://AC1:{TOKEN}@"},
    "userinfo and no URL": {"base_url": f"https://AC1:{TOKEN}@[::1"},
    "userinfo and no scheme": {"base_url": f"//AC1:{TOKEN}@far.example"},
    "a password with a slash": {"base_url": f"https://AC1:{TOKEN}/+x@far.example"},
}


def settings(wrong: str, *, around: bool) -> dict[str, Any]:
    given = {} if around else {"account_sid": ACCOUNT, "auth_token": TOKEN}
    return given | WRONG[wrong]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("around", [False, True])
def test_settings_that_cannot_work_show_no_secret(
    monkeypatch: pytest.MonkeyPatch, wrong: str, *, around: bool
) -> None:
    if around:
        monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    with pytest.raises(ConfigurationError) as caught:
        Client(**settings(wrong, around=around))  # in no variable of this frame
    check(caught.value, sent=False)

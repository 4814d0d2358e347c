"""Forward proxies that refuse, are not there, or are none: nothing was sent, and runs end."""

import copy
import pickle
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from aiotask import AiotaskError, Client, ConnectionFailedError, Created, RetryPolicy, StatusError
from aiotask.bulk import KEY_ATTRIBUTE, Keys, Settings, source_of
from aiotask.taskrouter import NewTask, Tasks
from tests.conftest import ACCOUNT, AT_ONCE, Cut, RawServer, Reaction, answer
from tests.hostile.calls import VERBS
from tests.virtual_time import LoopClock

SECRET = "hunter2secret"
WORKSPACE = "WS" + "1" * 32
FAR = "http://far.example"  # plain http, which a proxy hands on itself

ASKS = "Proxy-Authenticate: Basic realm=proxy"
REFUSALS = {
    407: answer(b"", "407 Proxy Authentication Required", ASKS),
    403: answer(b"<h1>Blocked</h1>", "403 Blocked by policy hunter2secret"),
    502: answer(b"", "502 Bad Gateway"),
    503: answer(b"", "503 Service Unavailable", "Retry-After: 1"),
    599: answer(b"", "599 Whatever"),
}
NO_PROXIES: dict[str, Reaction] = {
    "the proxy does not answer in HTTP": Cut(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "the proxy closed the connection": "close",
    "no connection within the timeout": "hang",
}


@asynccontextmanager
async def through(
    proxy: str, base_url: str | None = None, retry: RetryPolicy = AT_ONCE, **settings: Any
) -> AsyncIterator[Client]:
    address = proxy.replace("http://", f"http://bob:{SECRET}@")
    async with aiohttp.ClientSession(proxy=address) as session:
        chosen: dict[str, Any] = {"timeout": 10, "allow_insecure": True} | settings
        yield Client(ACCOUNT, "x", session=session, base_url=base_url, retry=retry, **chosen)


def tasks_of(client: Client) -> Tasks:
    return client.taskrouter.workspace(WORKSPACE).tasks


def check(error: AiotaskError) -> None:
    """Check that nothing was sent, and that no way to show an error shows the credentials."""
    assert isinstance(error, ConnectionFailedError)
    assert not error.maybe_applied
    assert "carried out" not in str(error)
    shown = [str(error), repr(error), repr(vars(error)), repr(error.__cause__)]
    shown += [repr(getattr(error.__cause__, "args", "")), *traceback.format_exception(error)]
    assert not [each for each in shown if SECRET in each]
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(again), again.proxy_status) == (str(error), error.proxy_status)


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.virtual_time
async def test_what_a_proxy_refuses_was_not_sent(verb: str, status: int) -> None:
    async with RawServer(REFUSALS[status]) as proxy, through(proxy.url) as client:
        with pytest.raises(ConnectionFailedError, match=f"the proxy refuses.*: {status}") as caught:
            await VERBS[verb].call(client)
    check(caught.value)
    assert caught.value.proxy_status == status
    assert {request.split()[0] for request in proxy.requests} == {b"CONNECT"}


@pytest.mark.parametrize(("status", "attempts"), [(407, 1), (403, 1), (502, 5), (503, 5)])
@pytest.mark.virtual_time
async def test_a_call_is_repeated_unless_the_proxy_would_refuse_it_again(
    status: int, attempts: int
) -> None:
    async with RawServer(REFUSALS[status]) as proxy, through(proxy.url) as client:
        with pytest.raises(ConnectionFailedError) as caught:
            await tasks_of(client).create(attributes={})
    assert (caught.value.attempts, len(proxy.requests)) == (attempts, attempts)


@pytest.mark.parametrize("reason", NO_PROXIES)
async def test_what_is_no_proxy_was_sent_nothing(reason: str) -> None:
    once = RetryPolicy(attempts=1)
    async with (
        RawServer(NO_PROXIES[reason]) as proxy,
        through(proxy.url, retry=once, timeout=0.5) as client,
    ):
        for call in (VERBS["create"].call, VERBS["fetch"].call):
            with pytest.raises(ConnectionFailedError, match=reason) as caught:
                await call(client)
            check(caught.value)


async def test_a_proxy_that_speaks_no_tls_behind_connect_was_sent_nothing() -> None:
    connected = Cut(b"HTTP/1.1 200 Connected\r\n\r\nno TLS")
    async with RawServer(connected) as proxy, through(proxy.url) as client:
        with pytest.raises(ConnectionFailedError) as caught:
            await tasks_of(client).create(attributes={})
    check(caught.value)


@pytest.mark.parametrize("base_url", [None, FAR])
async def test_a_proxy_that_is_not_there_was_sent_nothing(
    nowhere: str, base_url: str | None
) -> None:
    async with through(nowhere, base_url) as client:
        with pytest.raises(ConnectionFailedError, match="Cannot connect to host 127") as caught:
            await tasks_of(client).create(attributes={})
    check(caught.value)


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:99999x", "http://[::1", "http://"])
async def test_a_proxy_whose_address_is_no_url_is_not_shown(proxy: str) -> None:
    async with through(proxy) as client:
        with pytest.raises(ConnectionFailedError, match="address is not a URL") as caught:
            await tasks_of(client).create(attributes={})
    check(caught.value)


async def test_a_proxy_of_the_environment_is_treated_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with RawServer(REFUSALS[407]) as proxy:
        address = proxy.url.replace("http://", f"http://bob:{SECRET}@")
        monkeypatch.setenv("HTTPS_PROXY", address)
        async with aiohttp.ClientSession(trust_env=True) as session:
            client = Client(ACCOUNT, "x", session=session, retry=AT_ONCE)
            with pytest.raises(ConnectionFailedError) as caught:
                await tasks_of(client).create(attributes={})
    check(caught.value)
    assert b"Proxy-Authorization: Basic" in proxy.requests[0]


@pytest.mark.parametrize("status", [407, 403, 502, 503])
@pytest.mark.parametrize("keys", ["job", "workspace"])
@pytest.mark.virtual_time
async def test_a_run_ends_with_what_the_proxy_refuses(
    tmp_path: Path, status: int, keys: Any
) -> None:
    rows: list[NewTask] = [{"attributes": {"n": n}} for n in range(3)]
    clock = LoopClock()
    async with (
        RawServer(REFUSALS[status]) as proxy,
        through(proxy.url, retry=clock.policy()) as client,
    ):
        made = tasks_of(client).create_many(
            rows,
            journal=tmp_path / "import.db",
            row_key=lambda row: str(row["attributes"]["n"]),
            keys=keys,
        )
        with pytest.raises(ConnectionFailedError) as caught:
            async for _ in made:
                pytest.fail("no row has an outcome")
    check(caught.value)
    if keys == "job" or status < 500:
        assert clock.passed < 300


@pytest.mark.virtual_time
async def test_a_run_ends_without_a_proxy(nowhere: str) -> None:
    clock = LoopClock()
    async with through(nowhere, retry=clock.policy()) as client:
        with pytest.raises(ConnectionFailedError):
            async for _ in tasks_of(client).create_many([{}, {}]):
                pytest.fail("no row has an outcome")
    assert clock.passed < 300


CREATED = answer(b'{"sid": "WT00000000000000000000000000000001"}', "201 Created")


@pytest.mark.virtual_time
async def test_a_proxy_that_hands_on_plain_http_may_ask_for_credentials_for_a_while() -> None:
    refusal = REFUSALS[407]
    async with (
        RawServer(CREATED, refusal, refusal, CREATED) as proxy,
        through(proxy.url, FAR, LoopClock().policy()) as client,
    ):
        made = [each async for each in tasks_of(client).create_many([{}, {}], max_in_flight=1)]
    assert [type(each) for each in made] == [Created, Created]
    assert len(proxy.requests) == 4
    assert all(request.startswith(f"POST {FAR}".encode()) for request in proxy.requests)


@pytest.mark.virtual_time
async def test_a_run_ends_with_what_such_a_proxy_asks_for_at_last() -> None:
    clock = LoopClock()
    settings = Settings(keys=Keys(KEY_ATTRIBUTE), max_in_flight=1)
    async with (
        RawServer(CREATED, REFUSALS[407]) as proxy,
        through(proxy.url, FAR, clock.policy()) as client,
    ):
        made = tasks_of(client).creating(source_of([NewTask(), NewTask()]), settings).outcomes()
        assert isinstance(await anext(made), Created)
        with pytest.raises(StatusError) as caught:
            await anext(made)
    assert (caught.value.status, caught.value.maybe_applied) == (407, False)
    assert clock.passed < 300


def test_errors_of_connecting_copy_with_what_they_know() -> None:
    error = ConnectionFailedError("the proxy refuses the connection: 407")
    assert error.proxy_status is None
    error.proxy_status = 407
    assert copy.copy(error).proxy_status == 407

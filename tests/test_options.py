"""Views of a client with other options, answers in full, and clients that are opened by hand."""

import asyncio
import copy
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import attrs
import pytest

from aiotask import (
    Answered,
    Client,
    ClientStateError,
    NotFoundError,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
)
from aiotask.sandbox import Sandbox
from tests.conftest import ACCOUNT, AT_ONCE, Clock, RawServer, answer
from tests.hostile.expected_values import TOKEN, secrets_in, shown_by

Serve = Callable[..., Awaitable[tuple[RawServer, Client]]]

SID = "WS" + "1" * 32
FOUND = answer(b'{"sid":"%b"}' % SID.encode(), "200 OK", "Twilio-Request-Id: RQ1", "X-Of: a")
BUSY = answer(b"{}", "503 Service Unavailable")


def fetched(client: Client) -> Awaitable[object]:
    return client.taskrouter.workspaces.fetch(SID)


async def test_a_view_has_other_options_and_the_same_connections(serve: Serve) -> None:
    server, client = await serve(BUSY, BUSY, BUSY, FOUND)
    impatient = client.with_options(retry=RetryPolicy(attempts=2))
    with pytest.raises(ServerError) as caught:
        await fetched(impatient)
    assert caught.value.attempts == 2
    await fetched(client)
    assert server.connections == 1
    assert impatient.counters is client.counters
    assert (client.counters.requests, client.counters.retries) == (4, 2)
    for name in ("taskrouter", "autopilot"):
        assert getattr(impatient, name) is not getattr(client, name)


async def test_limiters_slots_and_keys_are_those_of_the_client(sandbox: Sandbox) -> None:
    place: dict[str, Any] = {"base_url": sandbox.url, "retry": AT_ONCE, "max_connections": 1}
    async with Client(sandbox.account_sid, sandbox.auth_token, **place) as client:
        sid = sandbox.create_workspace("Support")
        views = [client.with_options(timeout=n) for n in range(5, 8)]
        lanes = {id(each.taskrouter.workspace(sid).tasks._lane("create")) for each in views}
        assert len(lanes) == 1
        # Two at once would create two tasks if each had a memory of its own.
        made = await asyncio.gather(
            *(each.taskrouter.workspace(sid).tasks.create(once="order") for each in views)
        )
        assert len({each.sid for each in made}) == 1
        assert len(sandbox.tasks(sid)) == 1


async def test_the_policy_of_a_view_waits_by_the_clock_of_the_client(serve: Serve) -> None:
    clock = Clock()
    _, client = await serve(BUSY, FOUND, retry=clock.policy())
    await fetched(client.with_options(retry=RetryPolicy(base=8.0, jitter=lambda: 1.0)))
    assert clock.waits == [8.0]


@pytest.mark.parametrize("own", [0.05, aiohttp.ClientTimeout(total=0.05)])
async def test_a_view_has_a_timeout_of_its_own(serve: Serve, own: Any) -> None:
    _, client = await serve("hang", retry=RetryPolicy(attempts=1), timeout=600)
    with pytest.raises(RequestTimeoutError):
        await fetched(client.with_options(timeout=own))


async def test_a_timeout_of_a_view_stays_that_of_its_views(serve: Serve) -> None:
    _, client = await serve("hang", retry=RetryPolicy(attempts=1), timeout=600)
    view = client.with_options(timeout=0.05).with_options(headers={"X-A": "1"})
    with pytest.raises(RequestTimeoutError):
        await fetched(view.with_options(retry=RetryPolicy(attempts=1)))


async def test_headers_of_a_view_go_with_all_of_its_requests(serve: Serve) -> None:
    server, client = await serve(FOUND)
    view = client.with_options(headers={"X-A": "1"}).with_options(headers={"x-b": "2", "X-A": "3"})
    await fetched(view)
    await view.taskrouter.workspaces.update(SID, friendly_name="x")
    await fetched(client)
    for request in server.requests[:2]:
        assert b"X-A: 3\r\n" in request.replace(b"x-a", b"X-A")
        assert b"x-b: 2\r\n" in request
        assert request.lower().count(b"x-a") == 1
        assert request.count(b"Authorization: Basic ") == 1
    assert b"X-A" not in server.requests[2]


OURS = ["Authorization", "authorization", "Accept", "Content-Type", "If-Match", "User-Agent"]
WRONG = [*({name: "x"} for name in OURS), {"Host": "x"}, {"Content-Length": "1"}]
NO_HEADERS = [{"": "x"}, {"A B": "x"}, {"A": "x\r\nB: y"}, {"A": 3}, {"A:": "x"}, {3: "x"}]


@pytest.mark.parametrize("headers", [*WRONG, *NO_HEADERS])
def test_headers_of_the_client_and_what_is_no_header_are_refused(headers: Any) -> None:
    client = Client(ACCOUNT, TOKEN)
    with pytest.raises(ValueError, match=r"^(headers: |A: must be)"):
        client.with_options(headers=headers)


@pytest.mark.parametrize("timeout", [0, -1, "5", True])
def test_a_timeout_that_is_none_is_refused(timeout: Any) -> None:
    with pytest.raises(ValueError, match="timeout must be"):
        Client(ACCOUNT, TOKEN).with_options(timeout=timeout)


async def test_closing_belongs_to_the_client(serve: Serve) -> None:
    _, client = await serve(FOUND)
    view = client.with_options(timeout=5)
    async with view as same:
        assert same is view
        await fetched(view)
    await view.close()
    await fetched(view)
    await client.close()
    with pytest.raises(ClientStateError, match="is closed"):
        await fetched(view)
    with pytest.raises(ClientStateError, match="is closed"):
        await view.open()


async def test_a_view_belongs_to_each_loop_that_its_client_enters() -> None:
    once = RetryPolicy(attempts=1, longest_wait=0)
    async with RawServer("hang") as server:
        client = Client(ACCOUNT, TOKEN, base_url=server.url, retry=AT_ONCE, timeout=600)
        view = client.with_options(timeout=0.05, retry=once)

        async def visit() -> None:
            with pytest.raises(ClientStateError, match=r"not entered|is closed"):
                await fetched(view)
            async with client:
                for _ in range(2):
                    with pytest.raises(RequestTimeoutError):
                        await fetched(view)

        await visit()
        await asyncio.to_thread(lambda: asyncio.run(visit()))
        await visit()


def test_a_view_shows_no_secret_and_does_not_pickle() -> None:
    view = Client(ACCOUNT, TOKEN).with_options(headers={"X-A": "1"})
    assert secrets_in(shown_by(view, view.taskrouter, view._session)) == []
    assert repr(view) == "<Client AC…0000>"
    with pytest.raises(TypeError, match="does not pickle"):
        copy.copy(view)


async def test_a_client_is_opened_and_closed_by_hand(sandbox: Sandbox) -> None:
    client = Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url)
    assert await client.open() is client
    assert await client.taskrouter.workspaces.list().all() == []
    with pytest.raises(ClientStateError, match="entered already"):
        await client.open()
    await client.close()
    with pytest.raises(ClientStateError, match="is closed"):
        await client.taskrouter.workspaces.list().all()


async def test_an_answer_in_full_has_the_value_and_what_came_with_it(serve: Serve) -> None:
    gone = answer(b"{}", "404 Not Found")
    _, client = await serve(FOUND, gone, FOUND)
    got = await client.raw(lambda: client.taskrouter.workspaces.fetch(SID))
    assert got.value.sid == SID
    assert (got.status, got.request_id, got.headers["x-of"]) == (200, "RQ1", "a")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        got.status = 500  # type: ignore[misc]  # that is the point
    with pytest.raises(NotFoundError):
        await client.raw(lambda: fetched(client))
    assert pickle.loads(pickle.dumps(got)) == got  # noqa: S301 - our own


async def test_the_last_answer_of_a_call_counts(serve: Serve) -> None:
    page = '{"workspaces":[],"meta":{"key":"workspaces","next_page_url":%s}}'

    def reply(number: int) -> bytes:
        following = f'"/v1/Workspaces?Page={number}"' if number < 4 else "null"
        return answer((page % following).encode(), "200 OK", f"Twilio-Request-Id: RQ{number}")

    _, client = await serve(BUSY, *(reply(number) for number in range(2, 5)))
    got = await client.raw(lambda: client.taskrouter.workspaces.list().all())
    assert (got.value, got.status, got.request_id) == ([], 200, "RQ4")


@pytest.mark.parametrize("nested", ["once", "twice"])
async def test_a_thousand_calls_at_once_do_not_mix_their_answers(nested: str) -> None:
    def reply(request: bytes) -> bytes:
        sid = request.split(b"/Workspaces/")[1].split()[0]
        return answer(b'{"sid":"%b"}' % sid, "200 OK", f"Twilio-Request-Id: {sid.decode()}")

    async with (
        RawServer(reply) as server,
        Client(ACCOUNT, TOKEN, base_url=server.url, retry=AT_ONCE) as client,
    ):
        sids = [f"WS{number:032x}" for number in range(1000)]

        async def one(sid: str) -> Answered[str]:
            async def call() -> str:
                if nested == "twice":
                    return (await client.raw(plain)).value
                return await plain()

            async def plain() -> str:
                return (await client.taskrouter.workspaces.fetch(sid)).sid

            return await client.raw(call)

        got = await asyncio.gather(*map(one, sids))
        assert [(each.value, each.request_id) for each in got] == [(sid, sid) for sid in sids]
        # Nothing is noted after its call.
        await client.taskrouter.workspaces.fetch(SID)
        assert got[-1].request_id == sids[-1]


async def test_answers_to_another_client_are_not_of_the_call(serve: Serve) -> None:
    _, client = await serve(FOUND)
    _, other = await serve(FOUND)
    with pytest.raises(ClientStateError, match="without an answer"):
        await client.raw(lambda: fetched(other))
    view = client.with_options(timeout=5)
    assert (await client.raw(lambda: fetched(view))).status == 200


async def test_what_cannot_be_awaited_is_refused(client: Client) -> None:
    wrong: Any = client.taskrouter.workspaces.list
    with pytest.raises(TypeError, match="not one that gives a Listing"):
        await client.raw(wrong)


async def test_cookies_are_not_kept(serve: Serve) -> None:
    with_cookie = answer(b'{"sid":"%b"}' % SID.encode(), "200 OK", "Set-Cookie: a=secret")
    _, client = await serve(with_cookie)
    got = await client.raw(lambda: fetched(client))
    assert "Set-Cookie" not in got.headers


async def test_a_refusal_that_a_call_gets_over_is_not_its_answer(serve: Serve) -> None:
    refused = answer(b"{}", "429 Too Many Requests", "Retry-After: 0")
    _, client = await serve(refused, FOUND, retry=Clock().policy())
    assert (await client.raw(lambda: fetched(client))).status == 200
    with pytest.raises(RateLimitError):
        _, other = await serve(refused, retry=RetryPolicy(attempts=1))
        await other.raw(lambda: fetched(other))

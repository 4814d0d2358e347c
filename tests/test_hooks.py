"""Hooks are called as a client goes, counters add up, and neither can do a request any harm."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from aiotask import (
    AiotaskError,
    Client,
    ConfigurationError,
    ConnectionLostError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
)
from aiotask.bulk import Created
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import NewTask
from tests.conftest import ACCOUNT, Clock, RawServer, answer

Serve = Callable[..., Any]

WORKSPACE = "WS" + "1" * 32
TASK = "WT" + "2" * 32
MADE = answer(b'{"sid": "%s"}' % TASK.encode(), "201 Created")
PATH = f"/v1/Workspaces/{WORKSPACE}/Tasks"
DOWN = answer(b"{}", "503 Service Unavailable")
TOO_MANY = answer(b"{}", "429 Too Many Requests", "Retry-After: 0")


class Watcher:
    """Keeps what its hooks are called with."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def hooks(self) -> dict[str, Any]:
        return {
            "on_request": lambda method, url: self.seen.append(("request", method, url)),
            "on_response": lambda *said: self.seen.append(("response", *said)),
            "on_retry": lambda *said: self.seen.append(("retry", *said)),
            "on_error": lambda *said: self.seen.append(("error", *said)),
        }

    def kinds(self) -> list[str]:
        return [kind for kind, *_ in self.seen]


async def test_hooks_are_told_of_each_request_answer_and_repeat(serve: Serve) -> None:
    watcher, clock = Watcher(), Clock()
    server, client = await serve(
        "reset", DOWN, answer(b'{"sid": "%s"}' % TASK.encode()), retry=clock.policy(),
        **watcher.hooks(),
    )  # fmt: skip
    await client.taskrouter.workspace(WORKSPACE).tasks.fetch(TASK)
    url = f"{server.url}{PATH}/{TASK}"
    request = ("request", "GET", url)
    (error,) = (said[3] for said in watcher.seen if said[0] == "error")
    assert isinstance(error, ConnectionLostError)
    assert [said for said in watcher.seen if said[0] != "retry"] == [
        request,
        ("error", "GET", url, error, 0.0),
        request,
        ("response", "GET", url, 503, 0.0),
        request,
        ("response", "GET", url, 200, 0.0),
    ]
    assert watcher.kinds() == [
        *("request", "error", "retry"), *("request", "response", "retry"), *("request", "response"),
    ]  # fmt: skip
    retries = [said[1:] for said in watcher.seen if said[0] == "retry"]
    assert [attempt for attempt, _, _ in retries] == [1, 2]
    assert [delay for _, delay, _ in retries] == clock.waits
    reasons = [reason for _, _, reason in retries]
    assert [type(reason) for reason in reasons] == [ConnectionLostError, ServerError]
    assert [(reason.url, reason.attempts) for reason in reasons] == [(url, 1), (url, 2)]


async def test_hooks_are_shown_no_query(serve: Serve) -> None:
    watcher = Watcher()
    server, client = await serve(
        answer(b'{"meta": {"key": "tasks"}, "tasks": []}'), **watcher.hooks()
    )
    listing = client.taskrouter.workspace(WORKSPACE).tasks.list(task_queue_name="Mrs Miller")
    assert await listing.all() == []
    assert {said[2] for said in watcher.seen} == {server.url + PATH}


async def test_counters_tell_requests_retries_refusals_and_ambiguous_ends(serve: Serve) -> None:
    server, client = await serve(TOO_MANY, MADE, DOWN, DOWN, MADE)
    tasks = client.taskrouter.workspace(WORKSPACE).tasks
    counters = client.counters

    def counted() -> list[int]:
        return [counters.requests, counters.retries, counters.refusals, counters.ambiguous]

    await tasks.create()
    assert counted() == [2, 1, 1, 0]
    with pytest.raises(AiotaskError, match="may have been carried out"):
        await tasks.create()
    assert counted() == [3, 1, 1, 1]
    await tasks.fetch(TASK)
    assert counted() == [5, 2, 1, 1]
    assert client.counters is counters
    assert len(server.requests) == counters.requests


async def test_rows_that_are_sent_again_are_retries_too() -> None:
    watcher = Watcher()
    async with Sandbox() as sandbox:
        workspace = sandbox.create_workspace("Support", template="FIFO")
        retry = RetryPolicy(base=0.001, throttled_base=0.001)
        async with Client(
            sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url, retry=retry,
            **watcher.hooks(),
        ) as client:  # fmt: skip
            sandbox.faults.next("POST", "/Tasks", "before_429")
            sandbox.faults.next("POST", "/Tasks", "before_500")
            tasks = client.taskrouter.workspace(workspace).tasks
            rows = [NewTask(attributes={"n": n}) for n in range(4)]
            outcomes = [each async for each in tasks.create_many(rows, settle=0.3)]
            assert [type(each) for each in outcomes] == [Created] * 4
            assert client.counters.refusals == 1
            assert client.counters.ambiguous == 1
            assert client.counters.retries == 2
    retries = [said[1:] for said in watcher.seen if said[0] == "retry"]
    assert [(attempt, getattr(reason, "status", 0)) for attempt, _, reason in retries] == [
        (1, 429),
        (1, 500),
    ]


class Harm:
    """A hook that does what a hook should not."""

    def __init__(self, harm: BaseException | None = None, takes: float = 0) -> None:
        self.harm = harm
        self.takes = takes
        self.clock = Clock()
        self.called = 0

    def __call__(self, *_: object) -> None:
        self.called += 1
        self.clock.now += self.takes
        if self.harm is not None:
            raise self.harm


HOOKS = ["on_request", "on_response", "on_retry", "on_error"]


@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("kind", [ValueError, RecursionError, asyncio.CancelledError])
async def test_a_hook_that_raises_is_logged_and_changes_nothing(
    serve: Serve, caplog: pytest.LogCaptureFixture, name: str, kind: type[BaseException]
) -> None:
    hook = Harm(kind("broken"))
    server, client = await serve(TOO_MANY, "reset", MADE, **{name: hook})
    made = await client.taskrouter.workspace(WORKSPACE).tasks.fetch(TASK)
    assert made.sid == TASK
    assert hook.called == {"on_request": 3, "on_error": 1}.get(name, 2)
    said = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in said] == [
        f"{name} raised; the request continues"
    ] * hook.called
    assert len(server.requests) == 3
    assert "secret-token" not in caplog.text


def failing(name: str) -> Any:
    """Return the reaction after which a hook is called."""
    return "reset" if name == "on_error" else TOO_MANY


@pytest.mark.parametrize("name", HOOKS)
async def test_what_ends_a_program_is_not_held_back_by_a_hook(serve: Serve, name: str) -> None:
    server, client = await serve(failing(name), MADE, MADE, **{name: Harm(SystemExit(7))})

    with pytest.raises(SystemExit):
        await client.taskrouter.workspace(WORKSPACE).tasks.fetch(TASK)
    assert client._session.connections.slots._value == 100
    assert len(server.requests) == (0 if name == "on_request" else 1)


@pytest.mark.parametrize("name", HOOKS)
async def test_a_slow_hook_is_warned_of_once(
    serve: Serve, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    hook = Harm(takes=0.06)
    _, client = await serve(failing(name), MADE, retry=hook.clock.policy(), **{name: hook})
    tasks = client.taskrouter.workspace(WORKSPACE).tasks
    await asyncio.gather(*(tasks.fetch(TASK) for _ in range(3)))
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [f"{name} blocked the event loop for 0.06 s; this warning is given once"]


async def _awaited(*_: object) -> None: ...


@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("hook", [_awaited, "print", 7])
def test_a_hook_is_a_plain_callable(name: str, hook: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} must be a plain callable"):
        Client(ACCOUNT, "secret-token", **{name: hook})


@pytest.mark.virtual_time
async def test_a_request_that_times_out_is_counted_and_has_no_answer(serve: Serve) -> None:
    watcher = Watcher()
    _, client = await serve("hang", timeout=0.1, **watcher.hooks())
    with pytest.raises(RequestTimeoutError):
        await client.taskrouter.workspace(WORKSPACE).tasks.create()
    assert watcher.kinds() == ["request", "error"]
    assert isinstance(watcher.seen[1][3], RequestTimeoutError)
    assert client.counters.ambiguous == 1


async def test_a_call_that_is_given_up_has_an_end_too(serve: Serve) -> None:
    watcher = Watcher()
    server, client = await serve("hang", **watcher.hooks())
    call = asyncio.create_task(client.taskrouter.workspace(WORKSPACE).tasks.fetch(TASK))
    while not server.requests:
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert watcher.kinds() == ["request", "error"]
    assert isinstance(watcher.seen[1][3], asyncio.CancelledError)


async def test_a_hook_that_asks_is_told_operation_and_route(serve: Serve) -> None:
    told: list[tuple[str, ...]] = []

    def sent(_method: str, _url: str, operation: str, route: str) -> None:
        told.append(("request", operation, route))

    def answered(*_: object, operation: str, route: str) -> None:
        told.append(("response", operation, route))

    def failed(*_: object, operation: str, route: str) -> None:
        told.append(("error", operation, route))

    def again(*_: object, operation: str, route: str) -> None:
        told.append(("retry", operation, route))

    _, client = await serve("reset", answer(b'{"sid": "%s"}' % TASK.encode()),
        retry=Clock().policy(), on_request=sent, on_response=answered, on_error=failed,
        on_retry=again)  # fmt: skip
    await client.taskrouter.workspace(WORKSPACE).tasks.fetch(TASK)
    route = "/v1/Workspaces/{WorkspaceSid}/Tasks/{Sid}"
    assert {said[1:] for said in told} == {("tasks.fetch", route)}
    assert [kind for kind, *_ in told] == ["request", "error", "retry", "request", "response"]


async def test_a_hook_whose_own_parameters_have_those_names_is_called_as_ever(serve: Serve) -> None:
    seen: list[tuple[str, str]] = []

    def mine(operation: str, route: str) -> None:
        seen.append((operation, route))

    server, client = await serve(MADE, on_request=mine)
    client.hooks.add(on_request=lambda method, route: seen.append((method, route)))
    await client.taskrouter.workspace(WORKSPACE).tasks.create()
    assert seen == [("POST", server.url + PATH)] * 2


async def test_a_callable_without_a_signature_is_a_hook(serve: Serve) -> None:
    server, client = await serve(MADE)
    client.hooks.add(on_request=max)
    assert (await client.taskrouter.workspace(WORKSPACE).tasks.create()).sid == TASK
    assert len(server.requests) == 1


async def test_a_closed_client_counts_nothing(serve: Serve) -> None:
    server: RawServer
    server, client = await serve(MADE)
    await client.close()
    with pytest.raises(AiotaskError, match="closed"):
        await client.taskrouter.workspace(WORKSPACE).tasks.create()
    assert client.counters.requests == 0
    assert server.requests == []

"""Many creates at once: one outcome for every row, whatever happens."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest

import aiotask
from aiotask import Client, Created, Outcome, Rejected, Unresolved
from aiotask.sandbox import FaultKind, Sandbox
from aiotask.taskrouter import NewTask, WorkspaceContext
from tests.conftest import ACCOUNT, AT_ONCE, Clock, RawServer, answer
from tests.virtual_time import LoopClock

Serve = Callable[..., Awaitable[tuple[RawServer, Client]]]

MADE = answer(b'{"sid":"WT1"}', "201 Created")


def rows(count: int) -> Iterator[NewTask]:
    return ({"attributes": {"n": n}} for n in range(count))


async def end(outcomes: AsyncIterator[Outcome[NewTask]]) -> list[Outcome[NewTask]]:
    return [outcome async for outcome in outcomes]


def place(client: Client) -> WorkspaceContext:
    return client.taskrouter.workspace("WS" + "1" * 32)


async def numbers(workspace: WorkspaceContext) -> Counter[int]:
    return Counter([task.attributes["n"] async for task in workspace.tasks.list(page_size=1000)])


async def test_every_row_becomes_a_task(workspace: WorkspaceContext) -> None:
    outcomes = await end(workspace.tasks.create_many(rows(500)))
    assert all(isinstance(outcome, Created) for outcome in outcomes)
    assert {outcome.row["attributes"]["n"] for outcome in outcomes} == set(range(500))
    assert await numbers(workspace) == Counter(range(500))


async def test_rows_may_come_from_an_async_iterable(workspace: WorkspaceContext) -> None:
    async def slowly() -> AsyncIterator[NewTask]:
        for row in rows(50):
            await asyncio.sleep(0)
            yield row

    assert len(await end(workspace.tasks.create_many(slowly()))) == 50


async def test_a_bad_row_is_rejected_and_the_rest_goes_through(
    sandbox: Sandbox, workspace: WorkspaceContext
) -> None:
    bad: list[Any] = [
        {"priority": -1},
        {"priorty": 1},
        {"attributes": {"a": {1}}},
        ["attributes"],
        None,
        {"task_channel": "unknown"},
    ]
    outcomes = await end(workspace.tasks.create_many([*bad, *rows(3)]))
    rejected = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    assert len(rejected) == len(bad)
    kinds = {type(outcome.error) for outcome in rejected}
    assert kinds == {ValueError, TypeError, aiotask.BadRequestError}
    assert len(sandbox.tasks(workspace.tasks._path.split("/")[-2])) == 3


@pytest.mark.parametrize("awaited", [False, True])
async def test_no_more_rows_are_pulled_than_there_is_room_for(
    serve: Serve, *, awaited: bool
) -> None:
    pulled = 0

    def counted() -> Iterator[NewTask]:
        nonlocal pulled
        for row in rows(100_000):
            pulled += 1
            yield row

    async def slowly() -> AsyncIterator[NewTask]:
        for row in counted():
            yield row

    _, client = await serve(MADE, retry=Clock().policy())
    source = slowly() if awaited else counted()
    outcomes = place(client).tasks.create_many(source, max_in_flight=5)
    for taken in range(1, 3000):
        await anext(outcomes)
        assert pulled <= taken + 1000 + 2 * 512 + 10
    await outcomes.aclose()


async def test_a_slow_consumer_slows_the_creates(serve: Serve) -> None:
    server, client = await serve(MADE, retry=Clock().policy())
    outcomes = place(client).tasks.create_many(rows(100_000), max_in_flight=5)
    await anext(outcomes)
    while len(server.requests) < 1000:
        await asyncio.sleep(0)
    for _ in range(2000):
        await asyncio.sleep(0)
    assert len(server.requests) < 1020
    assert [type(await anext(outcomes)) for _ in range(3000)] == [Created] * 3000
    await outcomes.aclose()


@pytest.mark.virtual_time
@pytest.mark.parametrize(("max_in_flight", "refused"), [(3, False), (4, True)])
async def test_at_most_so_many_creates_are_under_way(max_in_flight: int, *, refused: bool) -> None:
    clock = LoopClock()
    async with Sandbox(in_flight=3, latency=0.1, clock=clock) as sandbox:
        client = Client(
            sandbox.account_sid,
            sandbox.auth_token,
            base_url=sandbox.url,
            retry=clock.policy(longest_wait=0),
        )
        async with client:
            tasks = client.taskrouter.workspace(sandbox.create_workspace("x")).tasks
            await end(tasks.create_many(rows(20), max_in_flight=max_in_flight))
        assert bool(sandbox.refused) is refused


@pytest.mark.virtual_time
async def test_with_a_limit_on_requests_in_flight_nothing_is_lost() -> None:
    clock = LoopClock()
    async with Sandbox(in_flight=3, latency=0.002, clock=clock) as sandbox:
        client = Client(
            sandbox.account_sid,
            sandbox.auth_token,
            base_url=sandbox.url,
            retry=clock.policy(longest_wait=0),
        )
        async with client:
            workspace = client.taskrouter.workspace(sandbox.create_workspace("x"))
            outcomes = await end(workspace.tasks.create_many(rows(300), max_in_flight=20))
            assert sandbox.refused
            assert Counter(map(type, outcomes)) == {Created: 300}
            assert await numbers(workspace) == Counter(range(300))


@pytest.mark.virtual_time
@pytest.mark.parametrize("seed", range(3))
async def test_under_faults_every_row_becomes_exactly_one_task(seed: int) -> None:
    clock = LoopClock()
    async with Sandbox(faults=0.2, seed=seed, clock=clock) as sandbox:
        sid = sandbox.create_workspace("x")
        client = Client(
            sandbox.account_sid,
            sandbox.auth_token,
            base_url=sandbox.url,
            retry=clock.policy(longest_wait=0),
            timeout=0.5,
        )
        async with client:
            tasks = client.taskrouter.workspace(sid).tasks
            outcomes = await end(tasks.create_many(rows(300), max_in_flight=40, settle=0.4))
        made = {task.sid: msgspec.json.decode(task.attributes)["n"] for task in sandbox.tasks(sid)}
    assert sorted(made.values()) == list(range(300))
    assert len(outcomes) == 300
    for outcome in outcomes:
        assert isinstance(outcome, Created)
        assert made[outcome.sid] == outcome.row["attributes"]["n"]


async def test_without_a_key_a_lost_answer_is_an_open_end() -> None:
    kinds: list[FaultKind] = ["after_500", "before_500", "after_reset"]
    async with Sandbox(faults=0.2, fault_kinds=kinds, seed=1) as sandbox:
        sid = sandbox.create_workspace("x")
        client = Client(
            sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url, retry=AT_ONCE
        )
        async with client:
            tasks = client.taskrouter.workspace(sid).tasks
            outcomes = await end(tasks.create_many(rows(100), key_attribute=None))
        made = Counter(task.attributes for task in sandbox.tasks(sid))
    assert all(set(msgspec.json.decode(attributes)) == {"n"} for attributes in made)
    for outcome in outcomes:
        times = made[msgspec.json.encode(outcome.row["attributes"]).decode()]
        match outcome:
            case Created():
                assert times == 1
            case Unresolved(error=aiotask.AiotaskError(maybe_applied=True)):
                assert times <= 1
            case _:
                pytest.fail(f"{outcome} under faults alone")
    assert any(isinstance(outcome, Unresolved) for outcome in outcomes)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("401 Unauthorized", aiotask.AuthenticationError),
        ("403 Forbidden", aiotask.PermissionDeniedError),
        ("404 Not Found", aiotask.NotFoundError),
        ("302 Found", aiotask.UnexpectedRedirectError),
    ],
)
async def test_what_concerns_every_row_stops_the_run_with_the_rows_untouched(
    serve: Serve, status: str, kind: type[Exception]
) -> None:
    server, client = await serve(MADE, MADE, answer(b"{}", status))
    outcomes: list[Outcome[NewTask]] = []
    with pytest.raises(kind):
        async for outcome in place(client).tasks.create_many(rows(1000), max_in_flight=4):
            outcomes.append(outcome)
    assert [type(outcome) for outcome in outcomes] == [Created, Created]
    assert len(server.requests) <= 2 + 4


@pytest.mark.virtual_time
async def test_what_is_under_way_ends_before_a_stopped_run_is_over(serve: Serve) -> None:
    denied = answer(b"{}", "401 Unauthorized")
    _, client = await serve(denied, "hang", timeout=1)
    outcomes: list[Outcome[NewTask]] = []
    with pytest.raises(aiotask.AuthenticationError):
        async for outcome in place(client).tasks.create_many(rows(1000), max_in_flight=3):
            outcomes.append(outcome)
    assert [type(outcome) for outcome in outcomes] == [Unresolved] * (client.counters.requests - 1)


async def test_a_service_that_was_never_reached_stops_the_run(serve: Serve, nowhere: str) -> None:
    _, client = await serve(MADE, base_url=nowhere)
    with pytest.raises(aiotask.ConnectionFailedError):
        await end(place(client).tasks.create_many(rows(10)))


async def test_refusals_are_waited_out_as_long_as_the_service_may_come_back(serve: Serve) -> None:
    clock = Clock()
    busy = answer(b"", "429 Too Many Requests")
    server, client = await serve(MADE, *[busy] * 40, MADE, retry=clock.policy())
    outcomes = await end(place(client).tasks.create_many(rows(3), max_in_flight=1))
    assert Counter(map(type, outcomes)) == {Created: 3}
    assert len(server.requests) == 43


async def test_refusals_without_end_stop_the_run(serve: Serve) -> None:
    clock = Clock()
    _, client = await serve(MADE, answer(b"", "429 Too Many Requests"), retry=clock.policy())
    outcomes: list[Outcome[NewTask]] = []
    with pytest.raises(aiotask.RateLimitError):
        async for outcome in place(client).tasks.create_many(rows(9), max_in_flight=2):
            outcomes.append(outcome)
    assert len(outcomes) == 1
    assert 3600 < clock.now - 1000 < 3700


async def test_a_pause_that_the_service_asks_for_is_kept_by_the_run(serve: Serve) -> None:
    clock = Clock()
    pause = answer(b"", "429 Too Many Requests", "Retry-After: 200")
    _, client = await serve(MADE, pause, MADE, retry=clock.policy())
    outcomes = await end(place(client).tasks.create_many(rows(2), max_in_flight=1))
    assert Counter(map(type, outcomes)) == {Created: 2}
    assert max(clock.waits) == pytest.approx(200)


async def test_a_stop_does_not_wait_for_input_that_does_not_come(serve: Serve) -> None:
    async def silent() -> AsyncIterator[NewTask]:
        yield {}
        await asyncio.Event().wait()

    server, client = await serve(answer(b"{}", "401 Unauthorized"))
    with pytest.raises(aiotask.AuthenticationError):
        await end(place(client).tasks.create_many(silent(), max_in_flight=3))
    assert len(server.requests) == 1


async def test_an_error_of_the_input_is_raised_when_what_came_before_is_done(
    workspace: WorkspaceContext,
) -> None:
    def broken() -> Iterator[NewTask]:
        yield from rows(5)
        raise OSError("the disk is gone")

    outcomes: list[Outcome[NewTask]] = []
    with pytest.raises(OSError, match="the disk is gone"):
        async for outcome in workspace.tasks.create_many(broken()):
            outcomes.append(outcome)
    assert len(outcomes) == 5


async def test_leaving_early_ends_the_creates_under_way(
    client: Client, workspace: WorkspaceContext
) -> None:
    before = asyncio.all_tasks()
    async for _ in workspace.tasks.create_many(rows(1000)):
        break
    # Connections that the sandbox keeps open for a while are its own affair.
    while [task for task in asyncio.all_tasks() - before if "RequestHandler" not in repr(task)]:
        await asyncio.sleep(0)
    assert not client._session.connections.slots.locked()


async def test_cancelling_the_consumer_ends_the_run(serve: Serve) -> None:
    server, client = await serve("hang")
    before = asyncio.all_tasks()
    run = asyncio.ensure_future(end(place(client).tasks.create_many(rows(10), max_in_flight=3)))
    while len(server.requests) < 3:
        await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert len(asyncio.all_tasks() - before) <= 3  # the server's own connections
    assert not client._session.connections.slots.locked()


@pytest.mark.parametrize("wrong", [{"attributes": {}}, "text", b"text", 5, None])
async def test_what_is_not_rows_is_a_type_error_at_the_call(wrong: Any) -> None:
    client = Client(ACCOUNT, "token")
    with pytest.raises(TypeError, match="rows is an iterable of mappings, not"):
        place(client).tasks.create_many(wrong)


async def test_the_number_in_flight_is_at_least_one() -> None:
    client = Client(ACCOUNT, "token")
    with pytest.raises(ValueError, match="max_in_flight: must be at least 1, not 0"):
        place(client).tasks.create_many(rows(1), max_in_flight=0)


async def test_no_rows_give_no_outcomes(workspace: WorkspaceContext) -> None:
    assert await end(workspace.tasks.create_many([])) == []

"""The outcomes of a bulk creation as an asynchronous generator whose waits can be cancelled."""

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest

from aiotask import AuthenticationError, Client, ClientStateError, Created, Outcome
from aiotask.bulk import State, read_summary
from aiotask.taskrouter import NewTask
from tests.bulk.bench import Bench, bench, number_of, rows
from tests.conftest import RawServer, answer
from tests.hostile.scripted_calls import at_rest, elsewhere, tasks_of
from tests.virtual_time import until

Outcomes = AsyncGenerator[Outcome[NewTask], None]
Serve = Callable[..., Awaitable[tuple[RawServer, Client]]]

MADE = answer(b'{"sid":"WT1"}', "201 Created")
DENIED = answer(b"{}", "401 Unauthorized")


async def by_wait_for(outcomes: Outcomes, seconds: float) -> Outcome[NewTask]:
    return await asyncio.wait_for(anext(outcomes), seconds)


async def by_timeout(outcomes: Outcomes, seconds: float) -> Outcome[NewTask]:
    async with asyncio.timeout(seconds):
        return await anext(outcomes)


async def by_loop(outcomes: Outcomes, seconds: float) -> Outcome[NewTask]:
    async with asyncio.timeout(seconds):
        async for outcome in outcomes:
            return outcome
    raise StopAsyncIteration


async def by_cancel(outcomes: Outcomes, seconds: float) -> Outcome[NewTask]:
    waiting = asyncio.ensure_future(anext(outcomes))
    await asyncio.wait([waiting], timeout=seconds)
    if waiting.cancel():
        await asyncio.wait([waiting])
        raise TimeoutError
    return waiting.result()


WAITS = [by_wait_for, by_timeout, by_loop, by_cancel]


@pytest.mark.virtual_time
@pytest.mark.parametrize("wait", WAITS)
async def test_a_wait_that_times_out_changes_nothing(
    tmp_path: Path, wait: Callable[[Outcomes, float], Awaitable[Outcome[NewTask]]]
) -> None:
    async def slowly() -> AsyncIterator[NewTask]:
        for row in rows(20):
            await asyncio.sleep(1)
            yield row

    async with bench(tmp_path) as there:
        told: list[Outcome[NewTask]] = []
        timeouts = 0
        outcomes: Any = there.job(slowly())
        while len(told) < 20:
            try:
                told.append(await wait(outcomes, 0.3))
            except TimeoutError:
                timeouts += 1
        assert timeouts > 40
        with pytest.raises(StopAsyncIteration):
            await anext(outcomes)
        assert {type(each) for each in told} == {Created}
        assert sorted(number_of(each.row) for each in told) == [*range(20)]
        assert read_summary(there.journal).rows[State.CREATED] == 20
        await there.check_all(20)


async def cut(outcomes: Outcomes, turns: int) -> Outcome[NewTask] | None:
    """Wait for an outcome for so many turns of the loop, and cancel the wait then."""
    waiting = asyncio.ensure_future(anext(outcomes))
    while turns and not waiting.done():
        turns -= 1
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    return None if waiting.cancelled() else waiting.result()


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5])
async def test_waits_can_be_cancelled_from_the_beginning_of_a_run_to_its_end(
    there: Bench, turns: int
) -> None:
    await there.some(rows(9), 4)
    told: list[Outcome[NewTask]] = []
    outcomes = there.job(rows(20), max_in_flight=2)
    await cut(outcomes, 2)
    with pytest.raises(StopAsyncIteration):
        while True:
            if (outcome := await cut(outcomes, turns)) is not None:
                told.append(outcome)
            elif not turns:
                turns += 1  # so that anything is begun at all
    assert len(told) == 20 - 3  # the fourth was given, and not taken
    assert len({number_of(each.row) for each in told}) == len(told)
    await there.check_all(20)


@pytest.mark.parametrize("turns", [1, 2, 4])
async def test_what_stopped_a_run_is_raised_once_at_its_end_whatever_is_cancelled(
    serve: Serve, turns: int
) -> None:
    _, client = await serve(MADE, MADE, DENIED)
    outcomes = tasks_of(client).create_many(rows(99), max_in_flight=1)
    told = []
    with pytest.raises(AuthenticationError):
        while True:
            told.append(await cut(outcomes, turns))
    assert len([each for each in told if each is not None]) == 2
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await anext(outcomes)
    await at_rest(client)


async def test_a_run_that_cannot_begin_says_so_though_the_wait_was_cancelled(there: Bench) -> None:
    there.journal.write_bytes(b"something else altogether, and no journal at all")
    outcomes = there.job(rows(3))
    await cut(outcomes, 1)
    with pytest.raises(Exception, match="is not an aiotask journal"):
        await anext(outcomes)
    with pytest.raises(StopAsyncIteration):
        await anext(outcomes)


async def test_it_is_an_asynchronous_generator_that_begins_with_the_first_wait(
    serve: Serve,
) -> None:
    pulled = 0

    async def counted() -> AsyncIterator[NewTask]:
        nonlocal pulled
        for row in rows(3):
            pulled += 1
            yield row

    server, client = await serve(MADE)
    outcomes = tasks_of(client).create_many(counted())
    assert isinstance(outcomes, AsyncGenerator)
    assert aiter(outcomes) is outcomes
    await asyncio.sleep(0)
    assert not pulled
    await outcomes.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(outcomes)
    with pytest.raises(OSError, match="own"):
        await tasks_of(client).create_many(counted()).athrow(OSError("of its own"))
    assert not pulled
    assert not server.requests
    outcomes = tasks_of(client).create_many(counted())
    assert {type(await outcomes.asend(None)) for _ in range(3)} == {Created}
    with pytest.raises(StopAsyncIteration):
        await outcomes.asend(None)


CALLS: dict[str, Callable[[Outcomes], Awaitable[Any]]] = {
    "anext": lambda outcomes: outcomes.asend(None),
    "aclose": lambda outcomes: outcomes.aclose(),
    "athrow": lambda outcomes: outcomes.athrow(OSError),
}


@pytest.mark.parametrize("name", CALLS)
async def test_two_waits_at_once_are_refused(serve: Serve, name: str) -> None:
    server, client = await serve("hang", MADE)
    outcomes = tasks_of(client).create_many(rows(9), max_in_flight=1)
    waiting = asyncio.ensure_future(anext(outcomes))
    await until(lambda: server.requests)
    with pytest.raises(RuntimeError, match=rf"{name}\(\): asynchronous generator is already run"):
        await CALLS[name](outcomes)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
    await outcomes.aclose()
    await at_rest(client)


THROWN: list[tuple[tuple[Any, ...], type[BaseException], str]] = [
    ((OSError("of its own"),), OSError, "of its own"),
    ((OSError, "of its own"), OSError, "of its own"),
    ((OSError, OSError("of its own")), OSError, "of its own"),
    ((OSError,), OSError, ""),
    ((GeneratorExit,), GeneratorExit, ""),
]


@pytest.mark.parametrize(("thrown", "kind", "text"), THROWN)
async def test_what_is_thrown_in_ends_the_run_and_comes_out(
    serve: Serve, thrown: tuple[Any, ...], kind: type[BaseException], text: str
) -> None:
    _, client = await serve(MADE)
    outcomes = tasks_of(client).create_many(rows(99), max_in_flight=3)
    await anext(outcomes)
    with pytest.raises(kind) as caught:
        await outcomes.athrow(*thrown)
    assert str(caught.value) == text
    with pytest.raises(StopAsyncIteration):
        await anext(outcomes)
    await at_rest(client)


async def test_rows_that_raise_the_end_of_an_iteration_do_not_pass_for_one(serve: Serve) -> None:
    def mistaken() -> Any:
        raise StopAsyncIteration

    _, client = await serve(MADE)
    with pytest.raises(RuntimeError, match="raised StopAsyncIteration"):
        await anext(tasks_of(client).create_many(iter(mistaken, None)))


@pytest.mark.virtual_time
async def test_leaving_after_a_wait_that_timed_out_lets_the_rows_under_way_be_done(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, latency=0.2, patience=9) as there:
        async with aclosing(there.job(rows(99), max_in_flight=5)) as outcomes:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(outcomes), 0.1)
        assert there.made().total() == 5
        summary = read_summary(there.journal)
        assert (summary.in_doubt, summary.created) == (0, 5)
        assert not summary.running


async def test_who_is_cancelled_while_waiting_leaves_at_once(serve: Serve) -> None:
    server, client = await serve("hang", timeout=3600)

    async def consume() -> None:
        async with aclosing(tasks_of(client).create_many(rows(9), max_in_flight=3)) as outcomes:
            async for _ in outcomes:
                pass

    consumer = asyncio.ensure_future(consume())
    await until(lambda: len(server.requests) == 3)
    consumer.cancel()
    await asyncio.wait([consumer])
    assert consumer.cancelled()
    await at_rest(client)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    gc.collect()
    return [each.getMessage() for each in caplog.records if each.name == "asyncio"]


@pytest.mark.parametrize("how", ["wait_for", "timeout", "cancelled"])
@pytest.mark.parametrize("circle", [False, True])
async def test_a_stream_that_is_dropped_after_a_cancelled_wait_ends_its_run(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str, *, circle: bool
) -> None:
    server, client = await serve("hang", timeout=3600)
    journal = tmp_path / "journal"

    async def consume() -> None:
        outcomes = tasks_of(client).create_many(rows(9), journal=journal, max_in_flight=3)
        if circle:
            held: list[Any] = [outcomes]
            held.append(held)
        if how == "wait_for":
            await asyncio.wait_for(anext(outcomes), 0.2)
        async with asyncio.timeout(0.2 if how == "timeout" else None):
            async for _ in outcomes:
                pass

    consumer = asyncio.ensure_future(consume())
    if how == "cancelled":
        await until(lambda: server.requests)
        consumer.cancel()
    with pytest.raises((TimeoutError, asyncio.CancelledError)):
        await consumer
    del consumer
    await at_rest(client)
    assert not read_summary(journal).running
    assert not complaints(caplog)


async def test_a_run_is_not_ended_nor_collected_while_its_stream_is_there(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    _, client = await serve(MADE)
    more = asyncio.Event()

    async def slowly() -> AsyncIterator[NewTask]:
        yield {}
        await more.wait()
        yield {}

    outcomes = tasks_of(client).create_many(slowly())
    await anext(outcomes)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(outcomes), 0.05)
    gc.collect()
    more.set()
    assert [type(each) async for each in outcomes] == [Created]
    assert not complaints(caplog)


async def test_another_loop_closes_no_run_and_its_own_does(serve: Serve) -> None:
    _, client = await serve(MADE)
    outcomes = tasks_of(client).create_many(rows(99), max_in_flight=3)
    await anext(outcomes)
    with pytest.raises(ClientStateError, match="another event loop"):
        await elsewhere(outcomes.aclose)
    await elsewhere(outcomes.aclose)  # it is closed now
    with pytest.raises(StopAsyncIteration):
        await anext(outcomes)
    await at_rest(client)


@pytest.mark.parametrize("waits", [False, True])
def test_the_end_of_a_loop_closes_the_runs_in_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, waits: bool
) -> None:
    kept: list[Any] = []

    async def leave(number: int) -> None:
        async with RawServer(*[MADE] * number, "hang") as server:
            client = Client("AC" + "0" * 32, "x", base_url=server.url)
            await client.__aenter__()
            kept.append(client)
            tasks = tasks_of(client)
            outcomes = tasks.create_many(rows(9), journal=tmp_path / "journal", max_in_flight=1)
            kept.append(outcomes)
            await anext(outcomes)
            if waits:
                with suppress(TimeoutError):
                    while True:
                        await asyncio.wait_for(anext(outcomes), 0.05)
        await client.close()

    for _ in range(2):
        asyncio.run(leave(2))
        assert not read_summary(tmp_path / "journal").running
    for outcomes in kept[1::2]:
        asyncio.run(outcomes.aclose())
        with pytest.raises(StopAsyncIteration):
            asyncio.run(outcomes.asend(None))
    kept.clear()
    assert not complaints(caplog)


async def test_a_stream_that_is_dropped_lets_the_rows_under_way_be_done(there: Bench) -> None:
    async for _ in there.job(rows(50)):
        break
    await until(lambda: not read_summary(there.journal).running)
    summary = read_summary(there.journal)
    assert (summary.in_doubt, summary.created) == (0, there.made().total())


@pytest.mark.parametrize("turns", range(12))
async def test_a_run_gives_its_journal_back_though_all_tasks_are_cancelled(
    there: Bench, caplog: pytest.LogCaptureFixture, turns: int
) -> None:
    """As at the end of ``asyncio.run``, which may come while the run is being ended."""
    before = asyncio.all_tasks()
    async for _ in there.job(rows(50), max_in_flight=2):
        break
    for _ in range(turns):
        await asyncio.sleep(0)
    for task in asyncio.all_tasks() - before:
        if "RequestHandler" not in repr(task):  # it is the server's
            task.cancel()
    async with asyncio.timeout(20):
        await until(lambda: not read_summary(there.journal).running)
    await there.finish(rows(50))
    await there.check_all(50)
    assert not complaints(caplog)

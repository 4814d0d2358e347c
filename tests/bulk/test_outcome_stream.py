"""Outcome streams: waits that are cancelled, and the rest of an asynchronous generator."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from aiotask import ClientStateError, Created
from tests.bulk.bench import Bench, number_of, rows


@pytest.fixture
def quiet(there: Bench) -> Bench:
    there.sandbox.faults.share = 0
    return there


@pytest.mark.parametrize("call", ["anext", "asend"])
async def test_after_a_wait_that_timed_out_the_next_one_says_that_the_run_has_ended(
    quiet: Bench, call: str
) -> None:
    outcomes = quiet.job(rows(30))

    async def following() -> Any:
        return await (anext(outcomes) if call == "anext" else outcomes.asend(None))

    first = await anext(outcomes)
    with pytest.raises(TimeoutError):
        while True:
            async with asyncio.timeout(0):
                await following()
    for _ in range(2):
        with pytest.raises(ClientStateError, match=r"cancelled.*the same call goes on"):
            await following()
    await outcomes.aclose()
    told = await quiet.finish(rows(30))
    assert number_of(first.row) not in [number_of(outcome.row) for outcome in told]
    assert quiet.made() == dict.fromkeys(range(30), 1)


async def test_without_a_journal_the_error_leaves_open_what_was_done(quiet: Bench) -> None:
    outcomes = quiet.job(rows(30), journal=None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await anext(outcomes)
    with pytest.raises(ClientStateError, match="rows without an outcome may be done"):
        await anext(outcomes)


async def test_a_wait_by_asyncio_wait_cancels_nothing(quiet: Bench) -> None:
    told = []
    async with aclosing(quiet.job(rows(30))) as outcomes:
        coming = asyncio.ensure_future(anext(outcomes))
        for _ in range(30):
            while not (await asyncio.wait({coming}, timeout=0))[0]:
                pass
            told.append(number_of(coming.result().row))
            coming = asyncio.ensure_future(anext(outcomes))
        with pytest.raises(StopAsyncIteration):
            await coming
    assert sorted(told) == [*range(30)]


@pytest.mark.parametrize(
    ("thrown", "told"),
    [
        ((ValueError,), ()),
        ((ValueError("left"),), ("left",)),
        ((ValueError, "left"), ("left",)),
        ((ValueError, ("left", 2)), ("left", 2)),
        ((ValueError, ValueError("left")), ("left",)),
    ],
)
async def test_an_error_that_is_thrown_in_ends_the_run_and_comes_back(
    quiet: Bench, thrown: Any, told: tuple[object, ...]
) -> None:
    outcomes = quiet.job(rows(30))
    assert isinstance(await anext(outcomes), Created)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its arguments are compared
        await outcomes.athrow(*thrown)
    assert caught.value.args == told
    with pytest.raises(StopAsyncIteration):
        await anext(outcomes)
    # The caller did not come back for the next outcome, so the first one is not delivered either.
    assert len(await quiet.finish(rows(30))) == 30
    assert quiet.made() == dict.fromkeys(range(30), 1)


async def test_an_error_that_is_thrown_in_keeps_the_traceback_that_is_given(quiet: Bench) -> None:
    with pytest.raises(ValueError, match="before") as before:
        raise ValueError("before")
    outcomes = quiet.job(rows(3))
    await anext(outcomes)
    with pytest.raises(ValueError, match="after") as after:
        await outcomes.athrow(ValueError, "after", before.tb)
    assert after.traceback[-1].lineno == before.traceback[-1].lineno

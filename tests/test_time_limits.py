"""Time limits that share one timer."""

import asyncio

import pytest

from aiotask._time_limits import TimeLimit, TimeLimits

pytestmark = pytest.mark.virtual_time


async def limited(limits: TimeLimits, began: float) -> float:
    """Begin after a while, wait for longer than the limit, and return when it ended that."""
    await asyncio.sleep(began)
    with pytest.raises(TimeoutError), TimeLimit(limits):
        await asyncio.sleep(99)
    return asyncio.get_running_loop().time()


async def test_each_block_ends_at_its_own_end() -> None:
    started = asyncio.get_running_loop().time()
    limits = TimeLimits(10)
    ends = await asyncio.gather(*(limited(limits, began) for began in (0, 1, 1, 25)))
    assert [end - started for end in ends] == pytest.approx([10, 11, 11, 35], abs=0.1)


async def test_blocks_that_end_in_time_are_left_alone_and_need_atimer_only_now_and_then() -> None:
    loop = asyncio.get_running_loop()
    limits = TimeLimits(10)
    timers = []
    for _ in range(100):
        with TimeLimit(limits):
            timers.append(limits.timer)
            await asyncio.sleep(1)
    assert len({id(timer) for timer in timers}) <= 12
    assert not limits.running
    later = loop.time()
    assert await limited(limits, 0) - later == pytest.approx(10, abs=0.1)


async def test_a_block_is_cancelled_once_however_long_it_takes_to_end() -> None:
    loop = asyncio.get_running_loop()
    started, limits = loop.time(), TimeLimits(10)

    async def slow() -> float:
        with pytest.raises(TimeoutError), TimeLimit(limits):
            try:
                await asyncio.sleep(99)
            finally:
                await asyncio.sleep(5)
        return loop.time()

    ends = await asyncio.gather(slow(), limited(limits, 2))
    assert [end - started for end in ends] == pytest.approx([15, 12], abs=0.1)


@pytest.mark.parametrize("ours_first", [True, False])
async def test_a_cancellation_that_comes_with_the_end_stays_one(*, ours_first: bool) -> None:
    limits = TimeLimits(10)

    async def block() -> None:
        with TimeLimit(limits):
            await asyncio.sleep(99)

    call = asyncio.ensure_future(block())
    await asyncio.sleep(0)
    (limit,) = limits.running
    for cancel in (limit.expire, call.cancel) if ours_first else (call.cancel, limit.expire):
        cancel()
    await asyncio.wait([call])
    assert call.cancelled()


async def test_an_error_within_a_block_is_not_hidden_by_its_end() -> None:
    with pytest.raises(ValueError, match="ours"), TimeLimit(TimeLimits(1)):
        try:
            await asyncio.sleep(99)
        finally:
            raise ValueError("ours")


async def test_without_seconds_nothing_is_limited() -> None:
    limits = TimeLimits(None)
    with TimeLimit(limits):
        assert limits.timer is None
        await asyncio.sleep(10**6)


async def test_a_limit_is_for_a_task() -> None:
    loop = asyncio.get_running_loop()
    errors: list[object] = []
    loop.set_exception_handler(lambda _, context: errors.append(context.get("exception")))
    loop.call_soon(TimeLimit(TimeLimits(1)).__enter__)
    await asyncio.sleep(1)
    assert [str(error) for error in errors] == ["a request is made by a task of the event loop"]

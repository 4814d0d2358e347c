"""Time limits that share one timer, in a loop whose time passes only while nothing can be done."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from aiotask._time_limits import TimeLimits


class IdleSelector(selectors.SelectSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now += timeout or 0.0
        return super().select(0)


class IdleLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.idle = IdleSelector()
        super().__init__(self.idle)

    def time(self) -> float:
        return self.idle.now


def run(scene: Callable[[IdleLoop], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=IdleLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, IdleLoop)
        runner.run(scene(loop))


async def waiting(limits: TimeLimits, began: float, seconds: float) -> float:
    """Begin after a while, wait within the limit, and return when the limit ended that."""
    await asyncio.sleep(began)
    with pytest.raises(TimeoutError), limits.begin():
        await asyncio.sleep(seconds)
    return asyncio.get_running_loop().time()


def test_each_block_ends_at_its_own_end() -> None:
    async def scene(_: IdleLoop) -> None:
        limits = TimeLimits(10)
        ends = await asyncio.gather(*(waiting(limits, began, 99) for began in (0, 1, 1, 25)))
        assert [round(end, 3) for end in ends] == [10, 11, 11, 35]

    run(scene)


def test_blocks_that_end_in_time_are_left_alone_and_need_a_timer_only_now_and_then() -> None:
    async def scene(loop: IdleLoop) -> None:
        limits = TimeLimits(10)
        timers = []
        for _ in range(100):
            with limits.begin():
                timers.append(limits._timer)
                await asyncio.sleep(1)
        assert loop.time() == pytest.approx(100)
        assert len({id(timer) for timer in timers}) <= 12
        assert not limits.running
        assert (await waiting(limits, 0, 99)) == pytest.approx(110)

    run(scene)


def test_a_block_is_cancelled_once_however_long_it_takes_to_end() -> None:
    async def scene(loop: IdleLoop) -> None:
        limits = TimeLimits(10)

        async def slow() -> float:
            with pytest.raises(TimeoutError), limits.begin():
                try:
                    await asyncio.sleep(99)
                finally:
                    await asyncio.sleep(5)
            return loop.time()

        assert tuple(await asyncio.gather(slow(), waiting(limits, 2, 99))) == (15, 12)

    run(scene)


def test_a_cancellation_at_the_very_end_stays_one() -> None:
    async def scene(loop: IdleLoop) -> None:
        limits = TimeLimits(10)

        async def block() -> None:
            with limits.begin():
                await asyncio.sleep(99)

        call = asyncio.ensure_future(block())
        loop.call_at(10, call.cancel)
        await asyncio.wait([call])
        assert call.cancelled()

    run(scene)


def test_an_error_within_a_block_is_not_hidden_by_its_end() -> None:
    async def scene(_: IdleLoop) -> None:
        with pytest.raises(ValueError, match="ours"), TimeLimits(1).begin():
            try:
                await asyncio.sleep(99)
            finally:
                raise ValueError("ours")

    run(scene)


def test_without_seconds_nothing_is_limited() -> None:
    async def scene(_: IdleLoop) -> None:
        limits = TimeLimits(None)
        with limits.begin():
            assert limits._timer is None
            await asyncio.sleep(10**6)

    run(scene)


def test_a_limit_is_for_a_task() -> None:
    async def scene(loop: IdleLoop) -> None:
        errors: list[object] = []
        loop.set_exception_handler(lambda _, context: errors.append(context.get("exception")))
        loop.call_soon(TimeLimits(1).begin().__enter__)
        await asyncio.sleep(1)
        assert [str(error) for error in errors] == ["a request is made by a task of the event loop"]

    run(scene)

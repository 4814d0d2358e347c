"""The rate limiter among callers, in a loop whose time is virtual."""

import asyncio
import math
from collections.abc import Mapping

import pytest
from servers.simulated import window

from aiotask._rate_limiter import RateLimiter

pytestmark = pytest.mark.virtual_time

NONE: Mapping[str, str] = {}


def clock() -> float:
    return 1000 + asyncio.get_running_loop().time()


def limiter(max_rate: float = math.inf) -> RateLimiter:
    return RateLimiter(clock, asyncio.sleep, max_rate=max_rate)


def test_only_acquiring_needs_a_loop() -> None:
    made = RateLimiter(lambda: 1.0, asyncio.sleep)
    slot = made.enter()
    made.delivered(0.9, NONE)
    made.release(slot)
    assert (made.limited, made.rate, made.refusals, made.in_flight) == (False, 60.0, 0, 0)
    made.refused(0.9, None)
    assert (made.limited, made.refusals) == (True, 1)


async def test_a_highest_rate_is_never_exceeded() -> None:
    slow = limiter(2.5)
    assert slow.limited
    times = []
    for _ in range(26):
        slot = await slow.acquire()
        times.append(clock())
        slow.delivered(clock(), NONE)
        slow.release(slot)
    assert times[0] == pytest.approx(1000, abs=0.01)
    assert times[-1] - times[0] == pytest.approx(10.0, abs=0.02)
    assert slow.rate == 2.5


async def test_a_limiter_finds_a_limit_with_many_callers() -> None:
    admits, asked, delivered = window(200), limiter(), 0

    async def caller() -> None:
        nonlocal delivered
        while clock() < 1010:
            slot = await asked.acquire()
            started_at = clock()
            await asyncio.sleep(0.02)
            if admits(clock(), asked.in_flight):
                delivered += 1
                asked.delivered(started_at, NONE)
            else:
                asked.refused(started_at, None)
            asked.release(slot)

    await asyncio.gather(*(caller() for _ in range(50)))
    assert asked.in_flight == 0
    assert delivered >= 0.9 * 2000
    assert asked.refusals <= 0.04 * delivered


async def test_slots_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    slow, order = limiter(10.0), list[int]()

    async def caller(number: int) -> None:
        await slow.acquire()
        order.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(caller(number))
            await asyncio.sleep(0.03)
    assert order == list(range(20))


@pytest.mark.parametrize("given_up", [1, 2, 5])
async def test_a_caller_that_is_cancelled_costs_the_others_no_slot(given_up: int) -> None:
    slow, times = limiter(10.0), list[float]()

    async def caller() -> None:
        await slow.acquire()
        times.append(round(clock() - 1000, 2))

    callers = [asyncio.create_task(caller()) for _ in range(7)]
    await asyncio.sleep(0.05)
    callers[given_up].cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    assert times == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert slow.in_flight == 6


async def test_a_waiter_starts_when_a_slot_is_released() -> None:
    full = limiter()
    full._adaptive.max_in_flight, full._adaptive._refresh_at = 2, math.inf
    one = await full.acquire()
    other = await full.acquire()
    first, second, third = (asyncio.create_task(full.acquire()) for _ in range(3))
    await asyncio.sleep(0.3)
    assert full.in_flight == 2
    first.cancel()
    await asyncio.sleep(0)
    full.release(one)
    await second
    await asyncio.sleep(0.3)
    assert not third.done()
    full.release(other)
    full.release(await third)
    full.enter()
    assert full.in_flight == 2


async def test_requests_that_never_end_block_no_others() -> None:
    full = limiter()
    full._adaptive.max_in_flight, full._adaptive._refresh_at = 2, math.inf
    hung = [await full.acquire(), await full.acquire()]
    await asyncio.wait_for(full.acquire(), 2)
    assert clock() >= 1001
    assert full.in_flight == 3
    full.release(hung[0])
    full.release(hung[1])
    assert (full.in_flight, full._adaptive.in_flight) == (1, 1)


async def test_a_hung_request_does_not_keep_all_slots_after_it_in_memory() -> None:
    fast = limiter()
    hung = fast.enter()
    for _ in range(3000):
        fast.release(fast.enter())
        await asyncio.sleep(0.001)
    assert len(fast._slots) < 1100
    fast.release(hung)
    assert (fast.in_flight, fast._adaptive.in_flight) == (0, 0)


async def test_no_request_starts_before_the_service_wants_one() -> None:
    refused = limiter()
    slot = await refused.acquire()
    refused.refused(clock(), 20.0)
    refused.release(slot)
    await refused.acquire()
    assert 1020 <= clock() <= 1021


@pytest.mark.parametrize(
    ("stated", "rate"),
    [("20", 19.4), ("1", 0.97), ("100000", 60), ("100001", 60), ("0", 60), ("-5", 60)]
    + [(text, 60) for text in ("unlimited", "20.5", "2e1", "", " 20", "٢٠", "9" * 5000)],
)
async def test_a_limit_is_believed_only_if_it_is_a_number_that_makes_sense(
    stated: str, rate: float
) -> None:
    hinted = limiter()
    for _ in range(2):
        hinted.delivered(clock(), {"X-Rate-Limit-Limit": stated})
    assert hinted.rate == pytest.approx(rate)


async def test_a_start_is_left_out_where_none_is_left_but_not_every_other_one() -> None:
    exhausted = limiter(10.0)
    for _ in range(21):
        slot = await exhausted.acquire()
        await asyncio.sleep(0.05)
        exhausted.delivered(clock(), {"X-Rate-Limit-Remaining": "0"})
        exhausted.release(slot)
    assert 2.2 <= clock() - 1000 <= 2.6

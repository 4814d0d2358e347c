"""The pace of the console: one limiter for all that it asks."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from aiotask.console.history import MINUTES, History
from aiotask.console.pace import SERVICE_RATE, Pace
from aiotask.taskrouter import WorkspaceCumulativeStatistics
from tests.conftest import Clock


async def test_no_ten_seconds_have_more_requests_than_the_rate_allows() -> None:
    clock = Clock()
    pace = Pace(SERVICE_RATE, lambda: clock.now, clock.sleep)
    sent = []
    for number in range(200):
        await pace.turn()
        sent.append(clock.now)
        clock.now += number % 7 / 10
    most = max(sum(at <= other < at + 10 for other in sent) for at in sent)
    assert most == 30  # and no fewer, where more were wanted


async def test_a_burst_passes_at_once() -> None:
    clock = Clock()
    pace = Pace(SERVICE_RATE, lambda: clock.now, clock.sleep)
    for _ in range(30):
        await pace.turn()
    assert clock.waits == []


@pytest.mark.virtual_time
async def test_all_who_ask_share_one_limit_first_come_first_served() -> None:
    order: list[tuple[int, float]] = []
    pace = Pace(0.2, asyncio.get_running_loop().time)

    async def ask(number: int) -> None:
        await pace.turn()
        order.append((number, asyncio.get_running_loop().time()))

    began = asyncio.get_running_loop().time()
    pace = Pace(0.2, asyncio.get_running_loop().time)
    await asyncio.gather(*(ask(number) for number in range(6)))
    assert [number for number, _ in order] == [0, 1, 2, 3, 4, 5]
    assert Counter(round(at - began) for _, at in order) == {0: 2, 10: 2, 20: 2}


class Past:
    """A past of which every minute was read how many times."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.read: Counter[datetime] = Counter()

    async def __call__(
        self, start: datetime, end: datetime | None
    ) -> WorkspaceCumulativeStatistics:
        self.read[start] += 1
        assert start < self.now
        assert end in (None, start + timedelta(seconds=59))
        return WorkspaceCumulativeStatistics(
            tasks_created=start.minute, reservations_accepted=0, end_time=self.now
        )


async def test_each_minute_that_is_over_is_read_once() -> None:
    now = datetime(2026, 11, 26, 10, 30, 17, tzinfo=UTC)
    past = Past(now)
    history = History(past, at_a_time=7)
    assert history.minutes == []
    reads = 0
    while None in history.minutes or not history.minutes:
        assert await history.update(now) == now
        reads += 1
    assert reads == -(-(MINUTES - 1) // 7)
    assert [each.created if each else -1 for each in history.minutes] == [
        *range(31, 60),
        *range(31),
    ]
    assert past.read.pop(now.replace(second=0)) == reads
    assert set(past.read.values()) == {1}
    past.read.clear()
    past.now = now + timedelta(minutes=1)
    await history.update(past.now)
    assert len(past.read) == 2
    assert None not in history.minutes


async def test_a_clock_that_jumps_begins_another_hour() -> None:
    now = datetime(2026, 11, 26, 10, 30, 17, tzinfo=UTC)
    past = Past(now)
    history = History(past, at_a_time=100)
    await history.update(now)
    later = past.now = now + timedelta(hours=5)
    assert await history.update(now) == later
    (first, *_, last) = history.minutes
    assert first is not None
    assert last is not None
    assert (first.began, last.began) == (
        later.replace(second=0) - timedelta(minutes=59),
        later.replace(second=0),
    )
    assert len(history.minutes) == MINUTES

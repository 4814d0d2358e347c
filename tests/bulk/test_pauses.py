"""Pauses of a run: what the log says of them, and how often."""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from aiotask import AiotaskError, Created, RetryPolicy
from tests.bulk.bench import number_of, rows
from tests.bulk.broken_service import (
    SETTLE,
    BrokenService,
    Reply,
    broken_service,
    is_create,
    lose,
    refusal,
)
from tests.conftest import Clock
from tests.virtual_time import LoopClock

pytestmark = pytest.mark.virtual_time

Refuse = Callable[[web.BaseRequest, bytes], Reply | None]
MINUTE = 60.0


class Lines(logging.Handler):
    """The lines of the log, each with the moment by a clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(logging.WARNING)
        self.clock = clock
        self.texts: list[str] = []
        self.moments: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert record.levelno == logging.WARNING
        self.texts.append(record.getMessage())
        self.moments.append(self.clock())

    @property
    def apart(self) -> list[float]:
        return [
            round(later - moment)
            for moment, later in zip(self.moments, self.moments[1:], strict=False)
        ]


@pytest.fixture
async def lines() -> AsyncIterator[Lines]:
    lines, log = Lines(LoopClock()), logging.getLogger("aiotask")
    log.addHandler(lines)
    yield lines
    log.removeHandler(lines)


async def down_for(
    here: BrokenService, seconds: float, refuse: Refuse, count: int = 300
) -> list[object]:
    """Create rows while all that *refuse* refuses is down for so long, after a while."""

    async def pause() -> None:
        here.refuse = refuse
        await asyncio.sleep(seconds)
        here.refuse = lambda _, __: None

    def given() -> object:
        for row in rows(count):
            if number_of(row) == count // 3:
                pausing.append(asyncio.ensure_future(pause()))
            yield row

    pausing: list[asyncio.Task[None]] = []
    outcomes = await here.create(given(), stall_timeout=3600.0)  # type: ignore[arg-type]
    await asyncio.gather(*pausing)
    return [*outcomes]


def everything(status: int) -> Refuse:
    return lambda _, __: refusal(status)


def creates(status: int) -> Refuse:
    return lambda request, _: refusal(status) if is_create(request) else None


def lists(request: web.BaseRequest, _: bytes) -> Reply | None:
    return refusal(503) if request.method == "GET" else None


def cut(_: web.BaseRequest, __: bytes) -> Reply:
    reply = refusal(503)
    reply.lost = True
    return reply


@pytest.mark.parametrize(
    ("refuse", "why"),
    [
        (everything(503), "status 503"),
        (creates(503), "status 503"),
        (cut, "POST"),
        (everything(402), "status 402"),
        (creates(423), "status 423"),
        (creates(429), "status 429"),
    ],
)
async def test_a_service_that_is_down_for_a_minute_is_told_of(
    lines: Lines, refuse: Refuse, why: str
) -> None:
    async with broken_service() as here:
        outcomes = await down_for(here, MINUTE, refuse)
        assert Counter(map(type, outcomes)) == {Created: 300}
        *while_down, end = lines.texts
        assert 2 <= len(while_down) <= 4
        assert lines.apart[:-1] == [30] * (len(while_down) - 1)
        for text in while_down:
            assert text.startswith("the run pauses, because nothing gets through, since 20")
            assert why in text
            (waiting,) = re.findall(r"; (\d+) rows wait", text)
            assert 0 < int(waiting) <= 300
            (left,) = re.findall("ends with this error in ([0-9]+) s$", text)
            assert 3400 < int(left) <= 3600
        (seconds,) = re.findall("^the run goes on, after ([0-9]+) s$", end)
        assert MINUTE - 10 <= int(seconds) <= 3 * MINUTE


async def test_a_pause_that_the_service_asks_for_is_told_of(
    lines: Lines,
) -> None:
    async with broken_service() as here:

        def refuse(request: web.BaseRequest, _: bytes) -> Reply | None:
            if not is_create(request) or here.creates != 5:
                return None
            reply = refusal(429)
            reply.headers["Retry-After"] = "100"
            return reply

        here.refuse = refuse
        await here.create(rows(20))
        assert [text[:14] for text in lines.texts] == ["the run pauses"] * 4 + ["the run goes o"]
        assert lines.apart == [30, 30, 30, pytest.approx(10, abs=2)]


async def test_a_short_pause_is_not_told_of(lines: Lines) -> None:
    async with broken_service() as here:
        seen = set[int]()

        def refuse(request: web.BaseRequest, _: bytes) -> Reply | None:
            if not is_create(request) or here.creates in seen or here.creates % 7:
                return None
            seen.add(here.creates)
            return refusal(429 if here.creates % 2 else 503)

        here.refuse = refuse
        await here.create(rows(100))
        assert len(seen) > 10
        assert lines.texts == []


async def test_rows_in_doubt_that_cannot_be_looked_for_are_told_of(
    lines: Lines,
) -> None:
    async with broken_service() as here:
        here.spoil, here.refuse = lose, lists
        done = asyncio.ensure_future(here.create(rows(9), stall_timeout=7200.0))
        await asyncio.sleep(5 * MINUTE)
        here.refuse = lambda _, __: None
        assert Counter(map(type, await done)) == {Created: 9}
        *while_down, end = lines.texts
        assert lines.apart[:-1] == [30] * (len(while_down) - 1)
        assert len(while_down) >= 6
        for text in while_down:
            assert text.startswith("rows in doubt wait, because they cannot be looked for, since ")
            assert "status 503" in text
            assert "3 rows are in doubt; " in text
            assert "ends with this error in" in text
        assert end.startswith("the run goes on, after ")


async def test_a_run_that_an_outage_ends_does_not_say_that_it_goes_on(
    lines: Lines,
) -> None:
    async with broken_service() as here:
        here.refuse = everything(503)
        with pytest.raises(AiotaskError, match="503"):
            await here.create(rows(30), stall_timeout=600.0)
        told = len(lines.texts)
        assert told >= 15
        assert all("because" in text for text in lines.texts)
        await asyncio.sleep(10 * MINUTE)
        assert len(lines.texts) == told


async def test_what_was_only_in_doubt_ends_a_pause_too(lines: Lines) -> None:
    async with broken_service() as here:

        def lost(request: web.BaseRequest, reply: Reply) -> None:
            reply.lost = is_create(request)

        here.spoil = lost
        outcomes = await here.create(rows(20))
        assert Counter(map(type, outcomes)) == {Created: 20}
        assert here.creates == 20
        assert lines.texts[0].startswith("the run pauses, ")
        assert lines.texts[-1].startswith("the run goes on, ")


@pytest.mark.parametrize("failing", [True, False])
async def test_a_restored_journal_that_is_looked_through_for_long_is_told_of(
    lines: Lines, tmp_path: Path, *, failing: bool
) -> None:
    path = tmp_path / "import.db"
    async with broken_service() as here:
        await here.create(rows(5), journal=path)
        assert lines.texts == []
        if failing:
            here.refuse = lists
        done = asyncio.ensure_future(here.create(rows(8), journal=path, look_first=True))
        await asyncio.sleep(4 * MINUTE)
        here.refuse = lambda _, __: None
        assert Counter(map(type, await done)) == {Created: 3}
        first, *told, end = lines.texts
        assert "its rows are looked for first" in first
        assert len(told) >= (5 if failing else 2)
        assert set(lines.apart[1:-1]) == {30}
        for text in told:
            assert text.startswith("the run pauses, because its rows are looked for first, since ")
            assert "3 rows wait; " in text
        assert any("503" in text for text in told) == failing
        assert end.startswith("the run goes on, after ")


async def test_a_run_without_pauses_says_nothing(lines: Lines, tmp_path: Path) -> None:
    path = tmp_path / "import.db"
    async with broken_service() as here:
        await here.leave_in_doubt(rows(9), path)
        await here.create(rows(12), journal=path)
        assert lines.texts == []


async def test_lines_come_by_the_clock_of_the_run_where_no_timer_knows_of_it(
    lines: Lines,
) -> None:
    async with broken_service() as here:
        clock = Clock()
        lines.clock = lambda: clock.now
        policy: RetryPolicy = clock.policy()
        here.client._session.retry = policy
        here.refuse = lambda request, _: (
            refusal(402) if is_create(request) and here.creates < 40 else None
        )
        await here.create(rows(30), settle=SETTLE)
        assert len(lines.texts) > 3
        assert all(30 <= each <= 50 for each in lines.apart[:-1])

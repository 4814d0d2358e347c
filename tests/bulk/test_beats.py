"""Beats of processes on one journal: each hears what the others are delivered and refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from aiotask import SharedJournal
from aiotask._company import Company
from aiotask._rate_limiter import RateLimiter
from aiotask.bulk.beats import Beats
from tests.bulk.bench import PATIENCE, Bench, rows
from tests.postgres import Postgres

HOST = "https://taskrouter.twilio.com"


@pytest.fixture
def patience() -> float:
    return PATIENCE


class Process:
    """One of several that share a lane."""

    def __init__(self, beats: Beats) -> None:
        self.beats = beats
        self.lanes: dict[str, RateLimiter] = {}
        self.heard: list[Company | None] = []
        self.lane = self.new_lane("create")

    def new_lane(self, name: str) -> RateLimiter:
        lane = RateLimiter(asyncio.get_running_loop().time, asyncio.sleep)
        hear = lane.hear

        def noting(company: Company | None) -> None:
            self.heard.append(company)
            hear(company)

        setattr(lane, "hear", noting)  # noqa: B010 - mypy's rule
        self.lanes[name] = lane
        return lane

    def all_lanes(self) -> dict[str, RateLimiter]:
        return self.lanes

    def work(self, answers: int) -> None:
        for _ in range(answers):
            self.lane.delivered(self.lane.now, {})


@asynccontextmanager
async def processes(url: str, number: int) -> AsyncIterator[list[Process]]:
    async with AsyncExitStack() as stack:
        made: list[Process] = []
        for name in range(number):
            journal = await stack.enter_async_context(SharedJournal(url))
            process = Process(Beats(journal.link(), str(name)))
            stack.push_async_callback(process.beats._link.close)
            # Not begun to beat by themselves: each test says when.
            process.beats._places[HOST] = process.all_lanes
            await process.beats.beat()
            made.append(process)
        yield made


async def test_each_hears_of_all_others_that_have_work(url: str) -> None:
    async with processes(url, 4) as (one, two, three, idle):
        for process in (one, two, three, idle):
            process.work(0 if process is idle else 10)
            await process.beats.beat()
        assert one.heard == [None]
        last = three.heard[-1]
        assert last is not None
        assert last.workers == 3
        assert last.rate > 0
        assert idle.heard == []


async def test_who_joins_hears_of_the_others_before_it_sends_anything(url: str) -> None:
    async with processes(url, 3) as (one, two, three):
        one.work(10)
        await one.beats.beat()
        await two.beats.join(two.lane)
        company = two.heard[-1]
        assert company is not None
        assert company.workers == 2
        await three.beats.join(RateLimiter(asyncio.get_running_loop().time, asyncio.sleep))
        assert three.heard == []  # nobody shares that one
        await three.beats.join(three.lane)
        last = three.heard[-1]
        assert last is not None
        assert last.workers == 3
        assert three.lane.rate <= 60 / 3


async def test_a_limit_that_is_in_use_is_not_joined_again(url: str) -> None:
    async with processes(url, 2) as (one, other):
        one.work(10)
        await one.beats.beat()
        slot = other.lane.enter()
        await other.beats.join(other.lane)
        assert other.heard == []
        other.lane.release(slot)


async def test_a_refusal_anywhere_is_heard_of(url: str) -> None:
    async with processes(url, 2) as (one, other):
        one.work(1)
        one.lane.refused(one.lane.now, None)
        await one.beats.beat()
        one.work(1)
        await one.beats.beat()
        before = other.lane.now
        other.work(1)
        await other.beats.beat()
        (company,) = other.heard
        assert company is not None
        assert abs(before - company.refused_at) < 600


async def test_other_operations_are_other_limits(url: str) -> None:
    async with processes(url, 2) as (one, other):
        one.work(1)
        await one.beats.beat()
        other.lanes["list"] = other.lanes.pop("create")
        await other.beats.beat()
        other.work(1)
        await other.beats.beat()
        assert other.heard == [None]


async def test_beats_that_cannot_be_told_are_left_out(
    there: Bench, url: str, postgres: Postgres
) -> None:
    postgres.execute(url, "DROP TABLE aiotask.beat")
    outcomes: list[Any] = [
        each async for each in there.tasks.create_many(rows(50), journal=url, job="spring")
    ]
    assert len(outcomes) == 50


async def test_workers_beat_while_they_work_and_take_it_back(
    there: Bench, url: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiotask.bulk.beats._APART", 0.01)
    told: list[Any] = []
    async with SharedJournal(url) as journal:
        async for _ in there.tasks.create_many(
            rows(300), journal=journal, job="spring", max_in_flight=2
        ):
            told = told or postgres.execute(url, "SELECT lane FROM aiotask.beat")
    assert told[0][0].startswith("create http")
    assert told[0][0].endswith(there.path)
    assert postgres.execute(url, "SELECT lane FROM aiotask.beat") == []

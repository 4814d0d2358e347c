"""Engines of a shared journal: they lose, repeat and delay, and every row is done once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from aiotask import SharedJournal, Worker
from aiotask.bulk import Keys, Settings, offers, source_of
from aiotask.bulk.keys import KEY_ATTRIBUTE
from aiotask.cli.engines import Engine, engine_of, make_engine_tables
from tests.bulk.bench import PATIENCE, SETTLE, Bench, rows
from tests.bulk.worker_program import TERMS
from tests.postgres import Postgres

LONG = 600.0
Windows = Sequence[tuple[str, int]]


@pytest.fixture
def patience() -> float:
    return PATIENCE


async def load(there: Bench, url: str, number: int) -> str:
    settings = Settings(keys=Keys(KEY_ATTRIBUTE), job="spring")
    run = there.tasks.sharing(source_of(rows(number)), settings, url)
    await run.load()
    return run.job


class Told:
    """What an engine is told, and what workers are: by default, the same."""

    def __init__(self, becomes: Callable[[Windows], Windows] = lambda windows: windows) -> None:
        self.submitted: Counter[int] = Counter()
        self.done: Counter[int] = Counter()
        self._becomes = becomes

    def watch(self, worker: Worker) -> None:
        """Come between a worker and the engine that is to be installed."""
        use, do = worker.use_engine, worker.do

        def use_engine(submit: Any) -> None:
            async def submit_some(windows: Windows) -> None:
                self.submitted.update(first for _, first in windows)
                if some := self._becomes(windows):
                    await submit(some)

            use(submit_some)

        async def do_one(job: str, first: int) -> None:
            await do(job, first)
            self.done[first] += 1

        setattr(worker, "use_engine", use_engine)  # noqa: B010 - mypy's rule
        setattr(worker, "do", do_one)  # noqa: B010


class Plain:
    """An engine in this process, without any machinery."""

    def __init__(self) -> None:
        self.workers: list[Worker] = []
        self._doing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def __call__(self, worker: Worker) -> AsyncIterator[None]:
        self.workers.append(worker)
        worker.use_engine(self._submit)
        yield
        await asyncio.gather(*self._doing)

    async def _submit(self, windows: Windows) -> None:
        for number, (job, first) in enumerate(windows):
            worker = self.workers[number % len(self.workers)]
            self._doing.add(asyncio.create_task(worker.do(job, first)))


@pytest.fixture(params=["plain", "procrastinate", "taskiq"])
def engine(request: pytest.FixtureRequest, url: str) -> Engine:
    """Return an engine: ours, or a real one on a real server."""
    if request.param == "plain":
        return Plain()
    if request.param == "taskiq":
        return engine_of("taskiq", url, request.getfixturevalue("rabbitmq").url)
    make_engine_tables(url)
    return engine_of("procrastinate", url, None)


@asynccontextmanager
async def working(there: Bench, url: str, engine: Engine, told: Told) -> AsyncIterator[Worker]:
    async with SharedJournal(url, terms=TERMS) as journal:
        worker = Worker(journal, there.client, settle=SETTLE, max_in_flight=8)
        told.watch(worker)
        async with engine(worker):
            running = asyncio.create_task(worker.run())
            try:
                yield worker
            finally:
                worker.stop()
                await running


async def two_working(there: Bench, url: str, engine: Engine, told: Told, number: int) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(working(there, url, engine, told))
        await there.until_made(number)
    assert there.made() == dict.fromkeys(range(number), 1)
    result = await there.tasks.audit(url, job="spring")
    assert result.in_order, result


@pytest.fixture
def never_hungry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "_HUNGRY", LONG)


@pytest.mark.usefixtures("never_hungry")
async def test_an_engine_alone_has_all_rows_done(
    there: Bench, url: str, engine: Engine, postgres: Postgres
) -> None:
    told = Told()
    await load(there, url, 500)
    await two_working(there, url, engine, told, 500)
    windows = postgres.execute(url, 'SELECT first FROM aiotask."window"')
    assert told.submitted.keys() == {first for (first,) in windows}
    assert told.done.keys() == told.submitted.keys()


@pytest.mark.usefixtures("never_hungry")
async def test_what_an_engine_repeats_is_done_once(there: Bench, url: str, engine: Engine) -> None:
    told = Told(lambda windows: [*windows, *reversed(windows), *windows])
    await load(there, url, 500)
    await two_working(there, url, engine, told, 500)
    assert told.done.keys() == told.submitted.keys()


async def test_what_an_engine_loses_is_done_all_the_same(
    there: Bench, url: str, engine: Engine
) -> None:
    told = Told(lambda windows: 2 * [each for each in windows if each[1] % 128 < 64])
    await load(there, url, 500)
    await two_working(there, url, engine, told, 500)
    assert told.done.keys() < told.submitted.keys()

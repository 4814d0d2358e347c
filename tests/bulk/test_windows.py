"""Windows of a shared journal: one worker's at a time, and what another one left is looked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from aiotask import Created, SharedJournal
from aiotask.bulk import Keys, Settings, State, source_of
from aiotask.bulk.journal.postgres import driver
from aiotask.bulk.journal.postgres_jobs import Job, Loaded, load, open_jobs
from aiotask.bulk.journal.postgres_windows import (
    Held,
    Taken,
    give_back,
    keep,
    rows_of,
    step,
    take,
)
from aiotask.bulk.journal.records import End
from aiotask.bulk.keys import JOB_ATTRIBUTE, KEY_ATTRIBUTE, derived_key
from tests.bulk.bench import PATIENCE, SETTLE, Bench, number_of, rows
from tests.bulk.worker_program import TERMS
from tests.postgres import Postgres

LONG = 600.0


@pytest.fixture
def patience() -> float:
    return PATIENCE


class Table:
    """The tables of a journal with one job, and a connection to it."""

    def __init__(self, there: Bench, url: str, database: Any) -> None:
        self.there = there
        self.url = url
        self.database = database
        self.job = ""

    async def load(self, number: int) -> None:
        settings = Settings(keys=Keys(KEY_ATTRIBUTE), job="spring")
        run = self.there.tasks.sharing(source_of(rows(number)), settings, self.url)
        await run.load()
        self.job = run.job

    async def take(self, owner: str, length: float = LONG, most: int = 64) -> list[Taken]:
        return await take(self.database, self.job, owner, length, most)

    def held(self, window: Taken) -> Held:
        return Held(self.job, window.first, window.epoch)

    async def write(
        self, window: Taken, number: int, state: State, *, closed: bool = False
    ) -> bool:
        end = End(state, "WT" + "0" * 32 if state is State.CREATED else None, None, number)
        closing = [window.first] if closed else []
        ends = [(window.first, end)]
        return bool(await step(self.database, self.job, [self.held(window)], ends, closing))

    async def states(self, window: Taken) -> dict[int, State | None]:
        return {row.number: row.state for row in await rows_of(self.database, self.job, [window])}

    async def windows(self) -> list[Held]:
        """Return the windows that are not done."""
        cursor = await self.database.execute(
            'SELECT job, first, epoch FROM aiotask."window" WHERE NOT done'
        )
        return [Held(*row) for row in await cursor.fetchall()]

    async def let_pass(self, window: Taken) -> None:
        """Have the lease of a window run out."""
        await self.database.execute(
            """UPDATE aiotask."window" SET lease = now() - interval '1 s' WHERE first = %s""",
            (window.first,),
        )

    async def send(self, number: int) -> None:
        """Create the task of a row, as a worker does that dies then."""
        marks: dict[str, Any] = {
            KEY_ATTRIBUTE: derived_key(self.job, number),
            JOB_ATTRIBUTE: self.job,
        }
        await self.there.tasks.create(attributes={"n": number - 1} | marks)

    async def finish(self, number: int, **settings: Any) -> None:
        """End the job, and see that each row has its task, once."""
        async with SharedJournal(self.url, terms=TERMS) as journal:
            outcomes = [
                outcome
                async for outcome in self.there.tasks.create_many(
                    rows(number), journal=journal, job="spring", **{"settle": SETTLE} | settings
                )
            ]
        assert sorted(number_of(each.row) for each in outcomes) == [*range(number)]
        assert all(isinstance(each, Created) for each in outcomes)
        self.there.check(outcomes)
        assert self.there.made() == dict.fromkeys(range(number), 1)


@pytest.fixture
async def table(there: Bench, url: str) -> AsyncIterator[Table]:
    async with await driver(url).Database.connect(url, autocommit=True) as database:
        yield Table(there, url, database)


async def test_windows_have_at_most_64_rows_and_small_ones_are_taken_together(
    table: Table,
) -> None:
    await table.load(1)
    loaded = 1
    for count in (129, 5, 5, 260):
        some = [Loaded(loaded + n, None, n, None, b"", None) for n in range(1, count + 1)]
        assert await load(table.database, table.job, loaded, some, 64)
        loaded += count
    sizes = []
    while taken := await table.take("a"):
        sizes.append([window.last - window.first + 1 for window in taken])
    assert sizes == [[1], [64], [64], [1, 5, 5], [64], [64], [64], [64], [4]]


async def test_rows_are_loaded_after_those_that_are_there_alone(table: Table) -> None:
    await table.load(10)
    more = [Loaded(11, None, 7, None, b"", None)]
    assert not await load(table.database, table.job, 9, more, 64)
    assert await load(table.database, table.job, 10, more, 64)
    assert not await load(table.database, table.job, 10, more, 64)


async def test_a_window_is_one_workers_until_its_lease_is_over(table: Table) -> None:
    await table.load(10)
    (window,) = await table.take("a")
    assert await table.take("b") == []
    await table.let_pass(window)
    (again,) = await table.take("b", length=0)
    assert (again.first, again.epoch) == (1, 2)


async def test_after_its_start_a_database_takes_no_window_from_anybody(
    table: Table, postgres: Postgres
) -> None:
    await table.load(10)
    (window,) = await table.take("a")
    await table.let_pass(window)
    running = "SELECT extract(epoch FROM now() - pg_postmaster_start_time())::float8"
    ((seconds,),) = postgres.execute(table.url, running)
    assert await table.take("b", length=seconds + LONG) == []
    assert len(await table.take("b", length=0)) == 1


async def test_who_lost_a_window_writes_nothing_to_it_and_cannot_renew_it(table: Table) -> None:
    await table.load(10)
    (old,) = await table.take("a")
    assert await table.write(old, 1, State.CREATED)
    await table.let_pass(old)
    (new,) = await table.take("b", length=0)
    assert not await table.write(old, 2, State.CREATED, closed=True)
    assert await table.states(new) == {1: State.CREATED} | dict.fromkeys(range(2, 11))
    assert await keep(table.database, "a", [table.held(old)], LONG) == set()
    await give_back(table.database, table.job, [table.held(old)])
    assert await keep(table.database, "b", [table.held(new)], LONG) == {table.held(new)}
    assert await table.write(new, 2, State.CREATED)


async def test_a_lease_that_is_over_is_renewed_where_nobody_took_the_window(table: Table) -> None:
    await table.load(10)
    (window,) = await table.take("a")
    await table.let_pass(window)
    assert await keep(table.database, "a", [table.held(window)], LONG) == {table.held(window)}
    assert await table.take("b", length=0) == []


async def test_an_end_is_never_replaced(table: Table) -> None:
    await table.load(10)
    (window,) = await table.take("a")
    for state in (State.PENDING, State.ACCEPTED_WITHOUT_SID, State.CREATED, State.REJECTED):
        assert await table.write(window, 1, state)
    assert (await table.states(window))[1] is State.CREATED


async def test_a_window_that_is_done_is_taken_by_nobody(table: Table) -> None:
    await table.load(1)
    (window,) = await table.take("a")
    assert await table.write(window, 1, State.CREATED, closed=True)
    assert not await table.write(window, 1, State.REJECTED)
    assert await table.take("b", length=0) == []


async def test_jobs_are_listed_for_their_own_account_and_host(table: Table) -> None:
    await table.load(1)
    there = table.there
    host, account = there.sandbox.url, there.sandbox.account_sid
    (job,) = await open_jobs(table.database, ["tasks.create"], host, account)
    assert isinstance(job, Job)
    assert (job.name, job.id) == ("spring", table.job)
    for verb, place, whose in (
        ("tasks.create", host, "AC" + "1" * 32),
        ("tasks.create", "http://localhost:1", account),
        ("tasks.update", host, account),
    ):
        assert await open_jobs(table.database, [verb], place, whose) == []


async def test_rows_that_a_dead_worker_sent_are_found_and_the_others_sent(table: Table) -> None:
    await table.load(20)
    (window,) = await table.take("a")
    for number in range(1, 11):
        await table.send(number)
    await table.let_pass(window)
    await table.finish(20)
    assert table.there.sent == 20


async def test_rows_of_a_dead_worker_are_not_looked_for_before_settle(table: Table) -> None:
    await table.load(100)
    (window,) = await table.take("a")
    await table.let_pass(window)
    others = 100 - (window.last - window.first + 1)
    tasks = table.there.tasks
    async with (
        SharedJournal(table.url, terms=TERMS) as journal,
        aclosing(
            tasks.create_many(rows(100), journal=journal, job="spring", settle=LONG)
        ) as outcomes,
    ):
        for _ in range(others):
            await anext(outcomes)
        while [each.epoch for each in await table.windows()] != [2]:
            await asyncio.sleep(0.05)
        await asyncio.sleep(TERMS.renewed)  # it may look, if it does not wait
    assert table.there.sent == others
    assert table.there.sandbox.requests["GET Tasks"] == 0


async def test_rows_that_were_given_back_are_sent_without_a_look(table: Table) -> None:
    await table.load(5)
    (window,) = await table.take("a")
    for number in range(1, 6):
        assert await table.write(window, number, State.PENDING)
    await give_back(table.database, table.job, [table.held(window)])
    await table.finish(5, max_in_flight=1)
    assert table.there.sandbox.requests["GET Tasks"] == 0


async def test_rows_that_were_given_back_once_may_have_been_sent_by_the_next(
    table: Table,
) -> None:
    await table.load(5)
    (window,) = await table.take("a")
    for number in range(1, 6):
        assert await table.write(window, number, State.PENDING)
    await give_back(table.database, table.job, [table.held(window)])
    (again,) = await table.take("b")
    await table.send(1)
    await table.let_pass(again)
    await table.finish(5)


async def test_a_row_that_was_accepted_is_looked_for_and_never_sent_again(table: Table) -> None:
    await table.load(1)
    (window,) = await table.take("a")
    await table.send(1)
    assert await table.write(window, 1, State.ACCEPTED_WITHOUT_SID)
    await table.let_pass(window)
    await table.finish(1)
    assert table.there.sent == 1


async def test_look_first_finds_rows_that_the_journal_has_forgotten(table: Table) -> None:
    await table.load(100)
    for number in range(1, 51):
        await table.send(number)
    await table.finish(100, look_first=True)
    assert table.there.sent == 100


async def test_look_first_looks_since_the_job_began_whoever_had_the_rows_since(
    table: Table,
) -> None:
    await table.load(50)
    for number in range(1, 51):
        await table.send(number)
    await table.there.end_all()
    await table.database.execute("UPDATE aiotask.job SET begun = begun - interval '500 s'")
    for window in await table.take("dead"):  # more than one where loading took long
        await table.let_pass(window)
    told = await table.there.finish(rows(50), journal=table.url, job="spring", look_first=True)
    assert all(isinstance(each, Created) for each in told)
    assert table.there.sent == 50


async def test_without_look_first_they_are_made_twice(table: Table) -> None:
    await table.load(100)
    await table.send(1)
    with pytest.raises(AssertionError):
        await table.finish(100)
    assert table.there.made()[0] == 2

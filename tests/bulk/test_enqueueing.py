"""Rows put into a job by transactions: both or neither, once for a key, and done at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from aiotask import SharedJournal, Worker, errors
from aiotask.bulk import Keys, Settings, bell, source_of
from aiotask.bulk.journal.postgres import make_tables
from aiotask.bulk.journal.postgres_windows import Held, give_back, take
from aiotask.bulk.keys import KEY_ATTRIBUTE
from tests.bulk.bench import PATIENCE, SETTLE, Bench, number_of, rows
from tests.bulk.worker_program import TERMS
from tests.postgres import Postgres

LONG = 600.0
ORDERS = "CREATE TABLE orders (number integer)"


@pytest.fixture
def patience() -> float:
    return PATIENCE


@pytest.fixture
def url(url: str, postgres: Postgres) -> str:
    postgres.execute(url, ORDERS)
    return url


@pytest.fixture
async def journal(url: str) -> AsyncIterator[SharedJournal]:
    async with SharedJournal(url, terms=TERMS) as journal:
        yield journal


@pytest.fixture
def only_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody look at the journal of its own accord."""
    monkeypatch.setattr(bell, "_HEARD", LONG)
    monkeypatch.setattr(bell, "_UNHEARD", LONG)


def key(row: Any) -> str:
    return f"order{number_of(row)}"


async def enqueue(there: Bench, journal: SharedJournal, some: Any, **settings: Any) -> int:
    chosen: dict[str, Any] = {"row_key": key}
    return await there.tasks.enqueue(journal, "orders", some, **chosen | settings)


def connected(url: str, **settings: Any) -> Any:
    return psycopg.AsyncConnection.connect(url, **settings)


@asynccontextmanager
async def working(there: Bench, journal: SharedJournal) -> AsyncIterator[Worker]:
    worker = Worker(journal, there.client, settle=SETTLE, max_in_flight=8)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await running


async def until_listening(postgres: Postgres, url: str, but: int = 0) -> int:
    """Wait until somebody listens, another one than before, and return the server's name of it."""
    query = """SELECT pid FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'aiotask listens' AND query <> '' AND state = 'idle'"""
    while True:
        for (name,) in await asyncio.to_thread(postgres.execute, url, query):
            if name != but:
                return int(name)
        await asyncio.sleep(0.01)


def written(postgres: Postgres, url: str) -> list[tuple[Any, ...]]:
    """Return the numbers of orders, rows and windows."""
    return postgres.execute(
        url,
        """SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM aiotask.input),
            (SELECT count(*) FROM aiotask."window")""",
    )


@pytest.mark.parametrize("autocommit", [True, False])
async def test_rows_are_there_with_the_order_or_not_at_all(
    there: Bench, journal: SharedJournal, url: str, postgres: Postgres, *, autocommit: bool
) -> None:
    async with await connected(url, autocommit=autocommit, row_factory=dict_row) as connection:
        with pytest.raises(LookupError):
            async with connection.transaction():
                await connection.execute("INSERT INTO orders VALUES (1)")
                assert await enqueue(there, journal, rows(1), connection=connection) == 1
                raise LookupError
        assert written(postgres, url) == [(0, 0, 0)]
        async with connection.transaction():
            await connection.execute("INSERT INTO orders VALUES (1)")
            assert await enqueue(there, journal, rows(1), connection=connection) == 1
            assert written(postgres, url) == [(0, 0, 0)]
        assert written(postgres, url) == [(1, 1, 1)]


async def test_it_does_not_commit_for_the_caller(
    there: Bench, journal: SharedJournal, url: str, postgres: Postgres
) -> None:
    async with await connected(url) as connection:
        await enqueue(there, journal, rows(3), connection=connection)
        assert written(postgres, url) == [(0, 0, 0)]
        await connection.commit()
    assert written(postgres, url) == [(0, 3, 1)]


async def test_a_connection_that_commits_each_command_has_all_of_it_or_nothing(
    there: Bench, journal: SharedJournal, url: str, postgres: Postgres
) -> None:
    postgres.execute(url, 'ALTER TABLE aiotask."window" ADD CHECK (last < 0)')
    async with await connected(url, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.CheckViolation):
            await enqueue(there, journal, rows(3), connection=connection)
    assert written(postgres, url) == [(0, 0, 0)]


async def test_a_key_that_is_there_adds_nothing(there: Bench, journal: SharedJournal) -> None:
    assert await enqueue(there, journal, rows(100) + rows(3)) == 100
    assert await enqueue(there, journal, rows(102)) == 2
    added = await asyncio.gather(*(enqueue(there, journal, rows(103)) for _ in range(8)))
    assert sum(added) == 1
    async with working(there, journal):
        await there.until_made(103)
    assert there.made() == dict.fromkeys(range(103), 1)
    result = await there.tasks.audit(journal, job="orders")
    assert result.in_order, result


async def test_a_transaction_that_is_open_holds_up_nobody(
    there: Bench, journal: SharedJournal, url: str
) -> None:
    async with await connected(url) as one, await connected(url) as other:
        await enqueue(there, journal, rows(3)[:1], connection=one)
        await enqueue(there, journal, rows(3)[1:], connection=other)
        await other.commit()
        async with working(there, journal):
            await there.until_made(2)
            await one.commit()
            await there.until_made(3)
    assert there.made() == dict.fromkeys(range(3), 1)


@pytest.mark.usefixtures("only_rings")
async def test_a_worker_that_waits_is_woken(
    there: Bench, journal: SharedJournal, url: str, postgres: Postgres
) -> None:
    async with working(there, journal):
        await until_listening(postgres, url)
        for number in range(1, 4):
            await enqueue(there, journal, rows(number))
            await there.until_made(number)
        settings = Settings(keys=Keys(KEY_ATTRIBUTE), job="spring")
        await there.tasks.sharing(source_of(rows(5)), settings, url).load()
        await there.until_made(8)


@pytest.mark.usefixtures("only_rings")
async def test_it_is_woken_by_what_came_while_its_connection_was_broken(
    there: Bench, journal: SharedJournal, url: str, postgres: Postgres
) -> None:
    async with working(there, journal):
        listener = 0
        for number in range(1, 4):
            listener = await until_listening(postgres, url, listener)
            postgres.execute(url, f"SELECT pg_terminate_backend({listener})")
            await enqueue(there, journal, rows(number))
            await there.until_made(number)


async def test_where_nothing_is_heard_it_looks_for_itself(
    there: Bench, journal: SharedJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deaf() -> AsyncIterator[None]:
        for _ in range(0):
            yield
        raise OSError

    monkeypatch.setattr(journal.bell, "_listen", deaf)
    async with working(there, journal):
        await enqueue(there, journal, rows(3))
        await there.until_made(3)


@pytest.mark.usefixtures("only_rings")
async def test_windows_that_are_given_back_ring(
    there: Bench, journal: SharedJournal, url: str, postgres: Postgres
) -> None:
    await enqueue(there, journal, rows(3))
    (job,) = postgres.execute(url, "SELECT id FROM aiotask.job")[0]
    waiting = asyncio.create_task(journal.bell.wait(0, LONG))
    await until_listening(postgres, url)
    await waiting  # the first ring
    async with await connected(url, autocommit=True) as database:
        taken = await take(database, job, "a", LONG, 64)
        rung = journal.bell.rung
        await give_back(database, job, [Held(job, each.first, each.epoch) for each in taken])
        await journal.bell.wait(rung, LONG)
        assert journal.bell.rung > rung


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"priority": -1}, ValueError),
        ({"attributes": {"n": 1}, "colour": "red"}, TypeError),
        ("WT", TypeError),
    ],
)
async def test_a_wrong_row_is_told_and_nothing_is_written(
    there: Bench, journal: SharedJournal, url: str, postgres: Postgres, row: Any, kind: type
) -> None:
    with pytest.raises(kind):
        await enqueue(there, journal, [*rows(1), row], row_key=lambda _: "a")
    assert written(postgres, url) == [(0, 0, 0)]
    assert postgres.execute(url, "SELECT * FROM aiotask.job") == []


async def test_no_rows_are_no_job(
    there: Bench, journal: SharedJournal, url: str, postgres: Postgres
) -> None:
    assert await enqueue(there, journal, []) == 0
    assert postgres.execute(url, "SELECT * FROM aiotask.job") == []


async def test_a_job_is_loaded_or_enqueued(there: Bench, journal: SharedJournal) -> None:
    await enqueue(there, journal, rows(1))
    with pytest.raises(errors.ForeignJournalError, match="'orders': its rows are enqueued"):
        async for _ in there.tasks.create_many(rows(1), journal=journal, job="orders", row_key=key):
            pass
    async for _ in there.tasks.create_many(rows(1), journal=journal, job="spring", row_key=key):
        pass
    with pytest.raises(errors.ForeignJournalError, match="its rows are loaded from an input"):
        await there.tasks.enqueue(journal, "spring", rows(1), row_key=key)
    there.workspace = there.sandbox.create_workspace("Sales")
    with pytest.raises(errors.ForeignJournalError, match="its target is "):
        await enqueue(there, journal, rows(1))


async def test_what_is_no_connection_of_the_journal_is_refused(
    there: Bench, journal: SharedJournal, postgres: Postgres
) -> None:
    with pytest.raises(TypeError, match=r"connection: is a psycopg.AsyncConnection, not str"):
        await enqueue(there, journal, rows(1), connection="postgresql://host")
    other = postgres.new_database()
    async with await connected(other) as connection:
        with pytest.raises(errors.JournalAccessError, match="has no tables of aiotask"):
            await enqueue(there, journal, rows(1), connection=connection)
    make_tables(other)
    async with await connected(other) as connection:
        with pytest.raises(errors.JournalAccessError, match="is another database than the one"):
            await enqueue(there, journal, rows(1), connection=connection)


async def test_a_journal_has_to_be_open(there: Bench, url: str) -> None:
    with pytest.raises(errors.ClientStateError, match="the journal is not open"):
        await enqueue(there, SharedJournal(url), rows(1))

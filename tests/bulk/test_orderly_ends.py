"""Orderly ends on a shared journal: they break off no command that the database is carrying out."""

import asyncio

import psycopg
import pytest

from aiotask import LeaseTerms, SharedJournal, Worker
from aiotask.bulk import Keys, Settings, source_of
from aiotask.bulk.keys import KEY_ATTRIBUTE
from tests.bulk.bench import PATIENCE, Bench, rows
from tests.postgres import Postgres

LONG = 600.0
# What is broken off is undone, but for sequences.
HELD_UP = """
    CREATE SEQUENCE begun;
    CREATE SEQUENCE ended;
    CREATE FUNCTION held_up() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN
            PERFORM nextval(''begun'');
            PERFORM pg_advisory_xact_lock_shared(1);
            PERFORM nextval(''ended'');
            RETURN NULL;
        END';
    CREATE TRIGGER held_up AFTER """
COUNTS = "SELECT b.last_value, b.is_called, e.last_value FROM begun b, ended e"
WAITS = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
COMMANDS = {
    "outcomes": "INSERT ON aiotask.outcome",
    "rows": "INSERT ON aiotask.input",
    "beats": "UPDATE ON aiotask.beat FOR EACH ROW",  # not the first one, before the run begins
    "renewals": """UPDATE ON aiotask."window" FOR EACH ROW
        WHEN (OLD.epoch = NEW.epoch AND NEW.owner IS NOT NULL AND NOT NEW.done)""",
}


@pytest.fixture
def patience() -> float:
    return PATIENCE


@pytest.mark.parametrize("what", COMMANDS)
async def test_an_end_breaks_no_command_off(
    there: Bench,
    url: str,
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    what: str,
) -> None:
    postgres.execute(url, f"{HELD_UP}{COMMANDS[what]} EXECUTE FUNCTION held_up()")
    monkeypatch.setattr("aiotask.bulk.beats._APART", 0.01)
    # However long the machine takes to let it go on.
    monkeypatch.setattr("aiotask.bulk.beats._LONGEST", LONG)
    monkeypatch.setattr("aiotask.bulk.journal.postgres_driver._TO_END", LONG)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as holder:
        await holder.execute("SELECT pg_advisory_lock(1)")
        journal = SharedJournal(url, terms=LeaseTerms(length=LONG, renewed=0.05, guard=1.0))
        await journal.open()
        settings = Settings(keys=Keys(KEY_ATTRIBUTE), job="spring", max_in_flight=1)
        run = there.tasks.sharing(source_of(rows(200)), settings, journal)

        async def work() -> None:
            async for _ in run.outcomes():
                pass

        async def end() -> None:
            run.stop()
            await working
            await journal.close()

        working = asyncio.create_task(work())
        while not await (await holder.execute(WAITS)).fetchone():
            await asyncio.sleep(0.01)
        ending = asyncio.create_task(end())
        while not ending.done() and not any(task.cancelling() for task in asyncio.all_tasks()):
            await asyncio.sleep(0.01)
        await holder.execute("SELECT pg_advisory_unlock(1)")
        await ending
    ((begun, is_begun, ended),) = postgres.execute(url, COUNTS)
    assert is_begun
    assert begun == ended
    assert [record for record in caplog.records if record.name == "psycopg"] == []


async def test_a_command_that_does_not_end_is_broken_off(
    url: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiotask.bulk.journal.postgres_driver._TO_END", 0.05)
    async with SharedJournal(url) as journal:
        sleeping = asyncio.create_task(
            journal.call(lambda database: database.execute("SELECT pg_sleep(600)"))
        )
        asleep = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        while not await asyncio.to_thread(postgres.execute, url, asleep):
            await asyncio.sleep(0.01)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        cursor = await journal.call(lambda database: database.execute("SELECT 1"))
        assert await cursor.fetchone() == (1,)


async def test_what_an_engine_names_after_the_end_is_left_to_others(there: Bench, url: str) -> None:
    async with SharedJournal(url) as journal:
        worker = Worker(journal, there.client)
        worker.stop()
        async with asyncio.timeout(LONG):
            await worker.do("job", 1)
            await worker.run()
            await worker.do("job", 1)

"""Databases that forget, poolers in between, roles that can only work, and bodies removed."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aiotask import SharedJournal, Worker, errors
from aiotask.bulk import Keys, Settings, source_of
from aiotask.bulk.journal import postgres_upkeep as upkeep
from aiotask.bulk.journal.postgres_witness import Witness
from aiotask.bulk.keys import KEY_ATTRIBUTE, derived_key
from tests.bulk.bench import PATIENCE, SETTLE, Bench, rows
from tests.bulk.worker_program import TERMS
from tests.postgres import Postgres

README = Path(__file__).parents[2] / "aiotask/bulk/README.md"
BODIES = "SELECT count(body) FROM aiotask.input"
SUSPECT = "SELECT name FROM aiotask.job WHERE suspect_since IS NOT NULL"


@pytest.fixture
def patience() -> float:
    return PATIENCE


async def load(there: Bench, url: str, number: int) -> str:
    settings = Settings(keys=Keys(KEY_ATTRIBUTE), job="spring")
    run = there.tasks.sharing(source_of(rows(number)), settings, url)
    await run.load()
    return run.job


async def finish(there: Bench, url: str, number: int) -> None:
    async with SharedJournal(url, terms=TERMS) as journal:
        async for _ in there.tasks.create_many(
            rows(number), journal=journal, job="spring", settle=SETTLE
        ):
            pass


async def until_done(postgres: Postgres, url: str) -> None:
    left = 'SELECT 1 FROM aiotask."window" WHERE NOT done LIMIT 1'
    while await asyncio.to_thread(postgres.execute, url, left):
        await asyncio.sleep(0.05)


async def test_bodies_of_rows_that_are_done_are_removed_and_their_outcomes_stay(
    there: Bench, postgres: Postgres, url: str
) -> None:
    await load(there, url, 100)
    assert upkeep.purge(url, "spring") == (0, 100)
    await finish(there, url, 100)
    assert upkeep.purge(url, "spring") == (100, 0)
    assert postgres.execute(url, BODIES) == [(0,)]
    await finish(there, url, 100)
    assert there.sent == 100
    result = await there.tasks.audit(url, job="spring")
    assert result.in_order, result


async def test_rows_that_were_made_suspect_by_hand_are_looked_for(there: Bench, url: str) -> None:
    job = await load(there, url, 100)
    for number in range(1, 51):
        attributes: dict[str, Any] = {"n": number - 1, KEY_ATTRIBUTE: derived_key(job, number)}
        await there.tasks.create(attributes=attributes | {"aiotask_job": job})
    upkeep.suspect(url, "spring")
    await finish(there, url, 100)
    assert there.made() == dict.fromkeys(range(100), 1)


def test_a_job_that_is_not_there_is_named(url: str) -> None:
    with pytest.raises(errors.JournalAccessError, match="has no job of the name 'autumn'"):
        upkeep.purge(url, "autumn")


@pytest.mark.parametrize("change", ["system = 1", "timeline = 'FFFFFFFF'"])
async def test_another_server_makes_the_jobs_suspect_that_are_not_done(
    there: Bench, postgres: Postgres, url: str, change: str
) -> None:
    await load(there, url, 10)
    async with SharedJournal(url):
        assert postgres.execute(url, SUSPECT) == []
    postgres.execute(url, f"UPDATE aiotask.origin SET {change}")  # noqa: S608
    async with SharedJournal(url):
        assert postgres.execute(url, SUSPECT) == [("spring",)]
    postgres.execute(url, "UPDATE aiotask.job SET suspect_since = NULL")
    async with SharedJournal(url):
        assert postgres.execute(url, SUSPECT) == []  # it is known by now
    await finish(there, url, 10)
    postgres.execute(url, f"UPDATE aiotask.origin SET {change}")  # noqa: S608
    async with SharedJournal(url):
        assert postgres.execute(url, SUSPECT) == []


async def test_a_database_that_went_back_makes_them_suspect(
    there: Bench, postgres: Postgres, url: str
) -> None:
    await load(there, url, 10)
    witness = Witness()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as database:
        await witness.check(database)
        assert postgres.execute(url, SUSPECT) == []
        witness._seen = "FFFFFFFF/0"
        await witness.check(database)
    assert postgres.execute(url, SUSPECT) == [("spring",)]


def put_back(postgres: Postgres, copy: Path) -> None:
    data = postgres.folder / "data"
    postgres.crash()
    shutil.rmtree(data)
    subprocess.run(["/bin/cp", "-a", copy, data], check=True)
    postgres.start()


def copied(postgres: Postgres) -> Path:
    copy = postgres.folder / "copy"
    postgres.crash()
    shutil.rmtree(copy, ignore_errors=True)
    subprocess.run(["/bin/cp", "-a", postgres.folder / "data", copy], check=True)
    postgres.start()
    return copy


@pytest.mark.campaign
async def test_a_copy_that_is_put_back_under_a_worker_makes_no_row_twice(
    there: Bench, postgres: Postgres, url: str
) -> None:
    await load(there, url, 200)
    copy = await asyncio.to_thread(copied, postgres)
    async with SharedJournal(url, terms=TERMS) as journal:
        worker = Worker(journal, there.client, settle=SETTLE, max_in_flight=8)
        running = asyncio.create_task(worker.run())
        await until_done(postgres, url)
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as database:
            await journal._witness.note(database)
        await asyncio.to_thread(put_back, postgres, copy)
        await until_done(postgres, url)
        worker.stop()
        await running
    assert there.made() == dict.fromkeys(range(200), 1)
    assert there.sent == 200


@pytest.fixture(params=["transaction", "session"])
def pooled(
    request: pytest.FixtureRequest, postgres: Postgres, url: str
) -> Iterator[tuple[str, str]]:
    """Return a mode, and the URL of the database through a pooler in that mode."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("there is no pgbouncer")
    folder, name = postgres.folder, re.findall("/(aiotask_[0-9]+)", url)[0]
    settings = folder / f"{name}.ini"
    settings.write_text(
        f"[databases]\n* = host={folder}\n[pgbouncer]\npool_mode = {request.param}\n"
        f"listen_addr =\nlisten_port = 6543\nunix_socket_dir = {folder}\nauth_type = any\n"
        "ignore_startup_parameters = extra_float_digits,options\n"
        f"[databases]\n{name} = host={folder} user=postgres\n"
    )
    settings.chmod(0o644)
    command = ["runuser", "-u", "postgres", "--", program, "-q", str(settings)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as pooler:
        through = f"{url}&port=6543"
        while pooler.poll() is None:
            with suppress(psycopg.OperationalError):
                postgres.execute(through, "SELECT 1")
                break
        assert pooler.poll() is None
        yield request.param, through
        pooler.terminate()


async def test_a_pooler_of_transactions_is_refused_and_one_of_sessions_is_not(
    there: Bench, pooled: tuple[str, str], url: str
) -> None:
    mode, through = pooled
    await load(there, url, 5)
    if mode == "session":
        await finish(there, through, 5)
        return
    for _ in range(5):
        with pytest.raises(errors.JournalAccessError, match="reached by a pooler of transactions"):
            await finish(there, through, 5)
    assert there.sent == 0


async def test_a_role_can_work_and_do_nothing_else(
    there: Bench, postgres: Postgres, url: str
) -> None:
    (grants,) = re.findall("```sql\n(.*?)```", README.read_text(), re.DOTALL)
    with suppress(psycopg.errors.DuplicateObject):
        postgres.execute(url, "CREATE ROLE worker LOGIN")
    postgres.execute(url, grants)
    theirs = url.replace("postgres@", "worker@")
    await load(there, url, 100)
    async with SharedJournal(theirs, terms=TERMS) as journal:
        worker = Worker(journal, there.client, settle=SETTLE)
        running = asyncio.create_task(worker.run())
        await until_done(postgres, url)
        worker.stop()
        await running
    assert there.made().total() == 100
    with pytest.raises(errors.JournalAccessError, match="gives this user no right to it"):
        upkeep.purge(theirs, "spring")
    with pytest.raises(errors.JournalAccessError, match="gives this user no right to it"):
        await load(there, theirs, 101)

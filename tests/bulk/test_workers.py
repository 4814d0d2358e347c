"""Workers of a shared journal in processes of their own, stopped and killed: 0 lost, 0 twice."""

import asyncio
import random
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from aiotask import SharedJournal
from aiotask.bulk import Keys, Settings, source_of
from aiotask.bulk.keys import KEY_ATTRIBUTE
from tests.bulk.bench import SETTLE, Bench, bench, rows
from tests.bulk.worker_program import TERMS, working
from tests.postgres import Postgres


async def load(there: Bench, url: str, number: int, job: str = "spring") -> int:
    settings = Settings(keys=Keys(KEY_ATTRIBUTE), job=job)
    return await there.tasks.sharing(source_of(rows(number)), settings, url).load()


async def finish(there: Bench, url: str, number: int, **settings: Any) -> None:
    """End the job here, and see that each row has its task, once, and that its outcome says so."""
    async with SharedJournal(url, terms=TERMS) as journal:
        outcomes = [
            outcome
            async for outcome in there.tasks.create_many(
                rows(number), journal=journal, job="spring", settle=SETTLE, **settings
            )
        ]
    assert len(outcomes) == number
    there.sandbox.faults.share = 0
    there.check(outcomes)
    assert there.made() == dict.fromkeys(range(number), 1)


async def until_sent(there: Bench, number: int) -> None:
    while there.sent < number:
        await asyncio.sleep(0.01)


async def test_rows_are_loaded_once_and_nothing_is_sent(there: Bench, url: str) -> None:
    assert await load(there, url, 150) == 150
    assert await load(there, url, 150) == 0
    assert there.sent == 0


async def test_workers_do_all_jobs_and_end_at_sigterm(there: Bench, url: str) -> None:
    await load(there, url, 300)
    await load(there, url, 300, "autumn")
    async with working(there, url) as one, working(there, url) as other:
        await there.until_made(600)
        one.send(signal.SIGTERM)
        other.send(signal.SIGTERM)
        assert (await one.end(), await other.end()) == (0, 0)
    assert there.made() == dict.fromkeys(range(300), 2)


async def test_a_worker_that_ends_at_sigterm_leaves_nothing_in_doubt(
    there: Bench, url: str, postgres: Postgres
) -> None:
    await load(there, url, 2000)
    async with working(there, url) as worker:
        await until_sent(there, 200)
        worker.send(signal.SIGTERM)
        assert await worker.end() == 0
    held = 'SELECT count(*) FROM aiotask."window" WHERE owner IS NOT NULL'
    doubtful = """
        SELECT count(*) FROM aiotask.input i JOIN aiotask."window" w
            ON w.job = i.job AND i.number BETWEEN w.first AND w.last
        LEFT JOIN aiotask.outcome o ON o.job = i.job AND o.number = i.number
        WHERE w.epoch > 0 AND o.state IS NULL"""
    assert postgres.execute(url, held) == [(0,)]
    assert postgres.execute(url, doubtful) == [(0,)]
    there.sandbox.faults.share = 0
    await finish(there, url, 2000)


async def test_a_worker_that_is_killed_loses_no_row_and_makes_none_twice(
    there: Bench, url: str
) -> None:
    await load(there, url, 400)
    async with working(there, url) as worker:
        await until_sent(there, 100)
        worker.send(signal.SIGKILL)
        assert await worker.end() == -signal.SIGKILL
    await finish(there, url, 400)


@pytest.mark.campaign
async def test_workers_amid_faults_that_are_killed_and_stopped(tmp_path: Path, url: str) -> None:
    chance = random.Random(7)
    slow: dict[str, Any] = {"faults": 0.1, "seed": 7, "latency": 0.1}
    async with bench(tmp_path, **slow) as there, AsyncExitStack() as stack:
        await load(there, url, 1500)
        workers = [await stack.enter_async_context(working(there, url)) for _ in range(3)]
        for _ in range(6):
            await until_sent(there, min(there.sent + 100, 1500))
            place = chance.randrange(3)
            if chance.random() < 0.5:
                workers[place].send(signal.SIGKILL)
            else:
                workers[place].send(signal.SIGSTOP)
                await asyncio.sleep(chance.choice([0.3, 1.2 * TERMS.length]))
                workers[place].send(signal.SIGCONT)
            workers[place] = await stack.enter_async_context(working(there, url))
        await finish(there, url, 1500)


async def test_a_worker_outlives_its_leases_while_the_database_is_away(
    tmp_path: Path, url: str, postgres: Postgres
) -> None:
    async with bench(tmp_path, latency=0.05) as there:
        await load(there, url, 600)
        async with working(there, url) as worker:
            await until_sent(there, 50)
            await asyncio.to_thread(postgres.crash)
            await asyncio.sleep(2 * TERMS.length)
            await asyncio.to_thread(postgres.start)
            await there.until_made(600)
            worker.send(signal.SIGTERM)
            assert await worker.end() == 0
        assert there.made() == dict.fromkeys(range(600), 1)


async def stopped_beyond_its_lease(there: Bench, url: str, **settings: Any) -> int:
    """Stop a worker that has rows ready until another one has sent them; return how it ends."""
    await load(there, url, 400)
    async with working(there, url, **settings) as worker:
        await until_sent(there, 30)
        if not settings.get("flaw", "").startswith("stops"):
            worker.send(signal.SIGSTOP)
        await finish(there, url, 400)
        worker.send(signal.SIGCONT)
        await asyncio.sleep(TERMS.renewed)  # it may do what it likes
        worker.send(signal.SIGTERM)
        return await worker.end()


async def test_a_worker_that_was_stopped_is_ended_when_it_goes_on(there: Bench, url: str) -> None:
    assert await stopped_beyond_its_lease(there, url) == -signal.SIGALRM
    assert there.made() == dict.fromkeys(range(400), 1)


async def test_without_the_switch_it_sends_nothing_more(there: Bench, url: str) -> None:
    assert await stopped_beyond_its_lease(there, url, switch=False) == 0
    assert there.made() == dict.fromkeys(range(400), 1)


async def test_if_it_held_its_leases_for_ever_rows_would_be_made_twice(
    there: Bench, url: str
) -> None:
    await stopped_beyond_its_lease(there, url, switch=False, flaw="holds leases for ever")
    assert max(there.made().values()) == 2


async def test_stopped_before_the_first_byte_it_is_ended(there: Bench, url: str) -> None:
    assert await stopped_beyond_its_lease(there, url, flaw="stops in the gap") == -signal.SIGALRM
    assert there.made() == dict.fromkeys(range(400), 1)


async def test_stopped_there_without_the_switch_it_would_make_a_row_twice(
    there: Bench, url: str
) -> None:
    await stopped_beyond_its_lease(there, url, switch=False, flaw="stops in the gap")
    assert there.made().total() == 401

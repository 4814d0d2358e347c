"""The owner of a journal: one run at a time, and any number of readers."""

import asyncio
from contextlib import aclosing, closing, suppress
from pathlib import Path
from threading import Timer

import pytest
from filelock import FileLock

from aiotask import JournalLockedError
from aiotask.bulk import entries_of, read_summary
from aiotask.bulk.journal import read_journal
from aiotask.bulk.journal.records import State
from aiotask.bulk.keys import derived_key
from tests.bulk.bench import Bench, rows
from tests.bulk.importer import importing
from tests.bulk.journal.written_journals import content, journal_at


@pytest.mark.virtual_time
async def test_a_journal_that_a_run_has_is_refused_to_another_one(there: Bench) -> None:
    async with aclosing(there.job(rows(300))) as outcomes:
        await anext(outcomes)  # it cannot end before all are taken, so nobody can wait for that
        with pytest.raises(JournalLockedError, match="is in use by another run"):
            await there.finish(rows(300))
        assert sum([1 async for _ in outcomes]) == 299
    await there.check_all(300)


@pytest.mark.virtual_time
async def test_a_journal_is_one_by_whatever_name(there: Bench, tmp_path: Path) -> None:
    (link := tmp_path / "link").symlink_to(there.journal)
    async with aclosing(there.job(rows(300))) as outcomes:
        await anext(outcomes)
        with pytest.raises(JournalLockedError):
            await there.finish(rows(300), journal=link)
        async for _ in outcomes:
            pass
    assert await there.finish(rows(300), journal=link) == []


async def test_a_journal_of_another_process_is_refused_until_that_is_dead(there: Bench) -> None:
    async with importing(there, 5000) as importer:
        assert await importer.tell(1)
        for paused in (False, True):
            if paused:
                importer.pause()
            with pytest.raises(JournalLockedError):
                await there.finish(rows(5000))
        await importer.kill()
    assert await there.some(rows(5000), 1)


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 10, 20, 40, 80])
@pytest.mark.virtual_time
async def test_whenever_a_run_is_cancelled_its_journal_is_free(there: Bench, steps: int) -> None:
    run = asyncio.ensure_future(there.finish(rows(20)))
    for _ in range(steps):
        await asyncio.sleep(0)
    run.cancel()
    with suppress(asyncio.CancelledError):
        await run
    assert not there.journal.exists() or not read_summary(there.journal).running
    await there.finish(rows(20))
    await there.check_all(20)


@pytest.mark.parametrize("steps", range(12))
@pytest.mark.virtual_time
async def test_also_at_its_end_a_run_that_is_cancelled_leaves_its_journal_free(
    there: Bench, steps: int
) -> None:
    told = asyncio.Event()

    async def hear() -> None:
        async for _ in there.job([{"attributes": {"n": 0}, "priority": -1}]):
            told.set()

    run = asyncio.ensure_future(hear())
    await told.wait()
    for _ in range(steps):
        await asyncio.sleep(0)
    run.cancel()
    with suppress(asyncio.CancelledError):
        await run
    standing = read_summary(there.journal)
    assert not standing.running
    assert standing.rows[State.IN_FLIGHT] == 0


def test_who_looks_whether_a_run_has_a_journal_keeps_nobody_from_it(path: Path) -> None:
    with journal_at(path):
        pass
    look_taken = FileLock(f"{path}.lock", thread_local=False)
    look_taken.acquire()
    over = Timer(0.1, look_taken.release)
    over.start()
    with journal_at(path):
        assert read_summary(path).running
    over.join()


@pytest.mark.virtual_time
async def test_it_is_read_while_a_run_has_it_and_afterwards(there: Bench) -> None:
    async with aclosing(there.job(rows(300))) as outcomes:
        await anext(outcomes)
        during = read_summary(there.journal)
        assert during.running
        assert 0 < during.claimed <= 300
        with closing(read_journal(there.journal)) as reading:
            numbers = [entry.number for entry in reading.rows()]  # more, perhaps, by now
            assert numbers == list(range(1, len(numbers) + 1))
            assert len(numbers) >= during.claimed
        assert sum([1 async for _ in outcomes]) == 299
    before = content(there.journal.parent)
    after = read_summary(there.journal)
    assert not after.running
    assert (after.job, after.target, after.has_row_key) == (during.job, there.path, False)
    assert (after.claimed, after.created, after.in_doubt) == (300, 300, 0)
    assert [*entries_of(there.journal)][6].key == derived_key(after.job, 7)
    assert content(there.journal.parent) == before

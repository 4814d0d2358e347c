"""Journals that say less than the truth: restored, copied, moved, damaged, removed."""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aiotask import (
    Created,
    JournalAccessError,
    JournalDamagedError,
    JournalIOError,
    JournalLockedError,
    Outcome,
)
from aiotask.bulk import read_summary
from aiotask.bulk.journal.records import State
from aiotask.bulk.journal.sqlite import SqliteJournal
from aiotask.taskrouter import NewTask
from tests.bulk.bench import KEYS, SETTLE, Bench, files_of, look, number_of, rows
from tests.bulk.importer import importing
from tests.bulk.journal.written_journals import claim, journal_at
from tests.sweeps import sweep

ROWS = 900
Spoil = Callable[[Path, Path], None]


def without_log(journal: Path, _backup: Path) -> None:
    for suffix in ("-wal", "-shm"):
        Path(f"{journal}{suffix}").unlink()


def moved_without_log(journal: Path, _backup: Path) -> None:
    moved = journal.rename(journal.with_name("moved"))
    for file in files_of(journal):
        file.unlink()
    moved.rename(journal)


def restored(journal: Path, backup: Path) -> None:
    """Put a copy back over the files, the witness among them."""
    without_log(journal, backup)
    for file in files_of(backup / journal.name):
        if file.suffix != ".lock":
            shutil.copy(file, journal.with_name(file.name))


def restored_in_another_place(journal: Path, backup: Path) -> None:
    for file in files_of(journal):
        file.unlink()
    for file in files_of(backup / journal.name):
        shutil.copy2(file, journal.with_name(file.name))


def without_mark(journal: Path) -> None:
    Path(f"{journal}.mark").unlink()


def without_witness(journal: Path, backup: Path) -> None:
    without_log(journal, backup)
    without_mark(journal)


def with_flipped_bits(journal: Path, _backup: Path) -> None:
    log = Path(f"{journal}-wal")
    content = bytearray(log.read_bytes())
    chance = Random(5)
    for _ in range(3):
        content[chance.randrange(len(content) // 2)] ^= 1 << chance.randrange(8)
    log.write_bytes(content)


def with_a_damaged_witness(journal: Path, backup: Path) -> None:
    without_log(journal, backup)
    Path(f"{journal}.mark").write_bytes(b"\xff" * 40)


@pytest.fixture
def quiet(there: Bench) -> Bench:
    there.sandbox.faults.share = 0
    return there


async def killed(there: Bench, backup: Path | None = None) -> None:
    """Have an import that was killed on its way, and a copy of its journal from before that."""
    async with importing(there, ROWS) as importer:
        assert await importer.tell(40)
        if backup is not None:
            importer.pause()
            for file in files_of(there.journal):
                shutil.copy2(file, backup)
            importer.resume()
        assert await importer.tell(450)
    await there.taken()
    assert there.made().total() >= 450


async def finished_by_a_copy(there: Bench, copy: Path) -> None:
    """Have an import that was killed on its way, and was finished with a copy of its journal."""
    async with importing(there, ROWS) as importer:
        assert await importer.tell(100)
    for file in files_of(there.journal):
        shutil.copy2(file, copy / f"copy-of-{file.name}")
    await there.finish(rows(ROWS), journal=copy / f"copy-of-{there.journal.name}")


async def finished(there: Bench) -> list[Outcome[NewTask]]:
    outcomes = await there.finish(rows(ROWS))
    there.check(outcomes)
    made = there.made()
    assert made == dict.fromkeys(range(ROWS), 1), made - Counter(range(ROWS))
    return outcomes


@pytest.mark.parametrize(
    "spoil",
    sweep(
        [
            without_log,
            restored,
            without_witness,
            with_flipped_bits,
            moved_without_log,
            restored_in_another_place,
            with_a_damaged_witness,
        ],
        usual=4,
    ),
)
async def test_a_journal_that_went_backwards_loses_no_row_and_makes_none_twice(
    quiet: Bench, tmp_path: Path, spoil: Spoil, caplog: pytest.LogCaptureFixture
) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    await killed(quiet, backup)
    spoil(quiet.journal, backup)
    await finished(quiet)
    assert "its rows are looked for first" in caplog.text
    caplog.clear()
    assert await quiet.finish(rows(ROWS)) == []
    assert "looked for first" not in caplog.text


async def test_a_journal_that_is_as_its_run_left_it_is_believed(
    quiet: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await killed(quiet)
    assert read_summary(quiet.journal).claimed  # which may write the log into the file
    await finished(quiet)
    assert not caplog.text


async def test_look_first_looks_for_every_row(
    quiet: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await quiet.some(rows(ROWS), 300)
    await quiet.finish(rows(ROWS), look_first=True)
    assert "it was to be looked first" in caplog.text
    assert quiet.made() == dict.fromkeys(range(ROWS), 1)


async def test_a_suspicion_outlives_a_run_that_did_not_come_to_its_end(quiet: Bench) -> None:
    await killed(quiet)
    without_witness(quiet.journal, quiet.journal)
    await quiet.some(rows(ROWS), 300)
    assert look(quiet.journal, "SELECT value FROM meta WHERE name = 'suspicion'") != [(None,)]
    await finished(quiet)
    assert look(quiet.journal, "SELECT value FROM meta WHERE name = 'suspicion'") == [(None,)]


async def test_a_suspicion_ends_with_the_source_though_all_rows_were_written_before(
    quiet: Bench,
) -> None:
    await quiet.finish(rows(3))
    without_mark(quiet.journal)

    async def given() -> AsyncIterator[NewTask]:
        for row in rows(5):
            yield row
        while look(quiet.journal, "SELECT count(*) FROM rows WHERE sid IS NOT NULL") != [(5,)]:
            await asyncio.sleep(0.01)

    outcomes = quiet.tasks.create_many(given(), journal=quiet.journal, settle=SETTLE)
    assert len([outcome async for outcome in outcomes]) == 2
    assert look(quiet.journal, "SELECT value FROM meta WHERE name = 'suspicion'") == [(None,)]


async def test_of_two_copies_the_second_finds_what_the_first_has_made(
    quiet: Bench, tmp_path: Path
) -> None:
    await finished_by_a_copy(quiet, tmp_path)
    await finished(quiet)


async def test_of_two_copies_the_second_finds_what_has_ended_since_by_events(
    quiet: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await finished_by_a_copy(quiet, tmp_path)
    sent = quiet.sent
    await quiet.end_all()
    outcomes = await quiet.finish(rows(ROWS))
    assert all(isinstance(outcome, Created) for outcome in outcomes)
    assert quiet.sent == sent
    assert "rows that it calls untouched exist" in caplog.text


async def test_a_row_that_a_stale_journal_took_for_new_is_looked_for_since_the_job_began(
    quiet: Bench,
) -> None:
    first = await quiet.finish(rows(20))
    await quiet.end_all()
    look(quiet.journal, "DELETE FROM rows")
    sids = {number_of(each.row): each.sid for each in first if isinstance(each, Created)}
    sent = quiet.sent
    for _ in range(2):
        found = await quiet.finish(rows(20))
        assert {
            number_of(each.row): each.sid for each in found if isinstance(each, Created)
        } == sids
        # As if the run was killed before the journal had what it found.
        look(quiet.journal, "UPDATE rows SET state = ?, sid = NULL", State.IN_FLIGHT)
    assert quiet.sent == sent


async def test_rows_after_an_unsent_one_are_looked_for_since_the_job_began(quiet: Bench) -> None:
    def stale(change: str, state: State) -> None:
        """Change a journal, which looks as if an older version had made it: nothing speaks up."""
        look(quiet.journal, change, state)
        look(quiet.journal, "DELETE FROM meta WHERE name IN ('position', 'suspicion')")
        quiet.journal.with_name("journal.mark").unlink()

    refused: NewTask = {"attributes": {"n": 4}, "task_channel": "nowhere"}
    given = [*rows(4), refused, *rows(20)[5:]]
    await quiet.finish(given)
    await quiet.end_all()
    sent = quiet.sent
    look(quiet.journal, "DELETE FROM rows WHERE number > 5")
    stale("UPDATE rows SET state = ?, error = NULL WHERE number = 5", State.PENDING)
    for _ in range(2):
        told = await quiet.finish(given)
        assert sum(isinstance(each, Created) for each in told) == 15
        # As if the run was killed before the journal had what it found.
        stale("UPDATE rows SET state = ?, sid = NULL WHERE number > 5", State.IN_FLIGHT)
    assert quiet.sent == sent + 1  # the refused row, once more


async def test_a_row_whose_key_another_job_has_used_is_looked_for_without_regard_to_its_claim(
    quiet: Bench,
) -> None:
    def job(name: str) -> Any:
        return quiet.finish(
            rows(20),
            journal=quiet.journal.with_name(name),
            row_key=lambda row: f"k{number_of(row)}",
            keys="workspace",
        )

    first = await job("one")
    await quiet.end_all()
    sids = {number_of(each.row): each.sid for each in first if isinstance(each, Created)}
    sent = quiet.sent
    for _ in range(2):
        found = await job("two")
        assert {
            number_of(each.row): each.sid for each in found if isinstance(each, Created)
        } == sids
        other = quiet.journal.with_name("two")
        look(other, "UPDATE rows SET state = ?, sid = NULL", State.IN_FLIGHT)
    assert quiet.sent == sent


async def test_a_journal_that_cannot_be_believed_is_refused_where_rows_have_no_keys(
    quiet: Bench,
) -> None:
    await quiet.some(rows(ROWS), 300, key_attribute=None)
    quiet.journal.with_name("journal.mark").unlink()
    sent = quiet.sent
    with pytest.raises(JournalDamagedError, match="its rows have no keys"):
        await quiet.finish(rows(ROWS), key_attribute=None)
    assert quiet.sent == sent


async def test_two_copies_do_not_run_at_once(quiet: Bench, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    async with aclosing(quiet.job(rows(ROWS))) as outcomes:
        await anext(outcomes)
        copy.mkdir()
        for file in files_of(quiet.journal):
            shutil.copy2(file, copy)
        with pytest.raises(JournalLockedError, match="is a copy of a journal that another run has"):
            await quiet.finish(rows(ROWS), journal=copy / quiet.journal.name)


@pytest.mark.parametrize("left", ["-wal", "-shm", ".mark"])
async def test_what_is_left_of_a_removed_journal_flows_into_no_new_one(
    quiet: Bench, left: str
) -> None:
    await killed(quiet)
    for file in files_of(quiet.journal):
        if not file.name.endswith((left, ".lock")):
            file.unlink()
    sent = quiet.sent
    with pytest.raises(JournalDamagedError, match=f"is missing, but journal{left} is left of it"):
        await quiet.finish(rows(ROWS))
    assert quiet.sent == sent
    assert not quiet.journal.exists()


async def test_a_journal_that_is_removed_or_replaced_in_mid_run_ends_the_run(
    quiet: Bench,
) -> None:
    told = 0
    with pytest.raises(JournalAccessError, match="was moved or removed while a run has it"):
        async with aclosing(quiet.job(rows(5000))) as outcomes:
            async for _ in outcomes:
                told += 1
                if told == 50:
                    quiet.journal.rename(quiet.journal.with_name("elsewhere"))
                    with pytest.raises(JournalLockedError, match="is in use by another run"):
                        await quiet.finish(rows(5000))
    assert quiet.sent < 5000


@pytest.mark.parametrize("how", ["lock removed", "hard link"])
async def test_a_journal_has_one_run_whatever_its_names(quiet: Bench, how: str) -> None:
    async with aclosing(quiet.job(rows(ROWS))) as outcomes:
        await anext(outcomes)
        other = quiet.journal
        if how == "hard link":
            other = quiet.journal.with_name("link")
            os.link(quiet.journal, other)
        else:
            quiet.journal.with_name("journal.lock").unlink()
        with pytest.raises(JournalLockedError, match=r"in use|another run has"):
            await quiet.finish(rows(ROWS), journal=other)
        assert sum([1 async for _ in outcomes]) == ROWS - 1
    assert quiet.made() == dict.fromkeys(range(ROWS), 1)


def test_a_commit_of_another_run_is_noticed_by_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with journal_at(path) as journal:
        journal.commit([claim(1)], [])
        look(path, "UPDATE meta SET value = 'other 7 7' WHERE name = 'position'")
        with pytest.raises(JournalLockedError, match="was taken over by another run"):
            journal.commit([claim(2)], [])
        with pytest.raises(JournalIOError, match="is not written to any more"):
            journal.commit([claim(2)], [])
        assert look(path, "SELECT count(*) FROM rows") == [(1,)]


def test_the_witness_may_be_one_commit_behind(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    mark = Path(f"{path}.mark")
    with journal_at(path) as journal:
        journal.commit([claim(1)], [])
        before = mark.read_bytes()
        journal.commit([claim(2)], [])
        status = path.stat()
        assert journal._witness.objection(journal._position, status) is None
        mark.write_bytes(before)
        assert journal._witness.objection(journal._position, status) is None
        journal.commit([claim(3)], [])
        mark.write_bytes(before)
        objection = journal._witness.objection(journal._position, status)
        assert objection == "its last commit is 3, and 1 were made"


async def test_rows_that_were_not_sent_according_to_a_stale_journal_are_looked_for(
    quiet: Bench,
) -> None:
    outcomes = await quiet.finish(rows(20))
    assert len(outcomes) == 20
    look(quiet.journal, "UPDATE rows SET state = ?, sid = NULL", State.PENDING)
    with closing(SqliteJournal(quiet.journal)) as journal:
        journal.open(quiet.path, "tasks.create", KEYS)
        assert journal.suspicion is not None
    told = await quiet.finish(rows(20))
    assert sorted(number_of(outcome.row) for outcome in told) == list(range(20))
    assert quiet.made() == dict.fromkeys(range(20), 1)

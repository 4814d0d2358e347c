"""Damaged and foreign files in the place of a journal."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aiotask import (
    ForeignJournalError,
    JournalAccessError,
    JournalDamagedError,
    JournalError,
    JournalVersionError,
)
from aiotask.bulk import entries_of, read_summary
from aiotask.bulk.journal import read_journal
from aiotask.bulk.journal.records import End, State
from aiotask.sandbox import Sandbox
from tests.bulk.bench import Bench, look, rows
from tests.bulk.journal.written_journals import NAMED, claim, content, fill, journal_at

pytestmark = pytest.mark.virtual_time

Spoil = Callable[[Bench], Any]
HEADER = 100


def overwrite(path: Path, start: int, what: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(what)


def with_random_bytes(there: Bench) -> None:
    overwrite(there.journal, 4096, Random(1).randbytes(3 * 4096))


def with_a_row_less(there: Bench) -> None:
    look(there.journal, "DELETE FROM rows WHERE number = 3")


def with_a_print_that_is_none(there: Bench) -> None:
    look(there.journal, "UPDATE rows SET print = 'no number' WHERE number = 7")


def with_a_state_that_is_none(there: Bench) -> None:
    look(there.journal, "UPDATE rows SET state = -7 WHERE number = 3")


def without_its_job(there: Bench) -> None:
    look(there.journal, "DELETE FROM meta WHERE name = 'job'")


def as_a_text(there: Bench) -> None:
    there.journal.write_text("n,attributes\n" * 1000)


def as_another_database(there: Bench) -> None:
    there.journal.unlink()
    look(there.journal, "CREATE TABLE rows (number, state)")


def as_the_store_of_a_sandbox(there: Bench) -> None:
    there.journal.unlink()
    store = Sandbox(store=there.journal)
    assert store._archive is not None
    store._archive.open(store._service)
    store._close_archive()


def as_a_directory(there: Bench) -> None:
    there.journal.unlink()
    (there.journal / "within").mkdir(parents=True)


def as_a_circle(there: Bench) -> None:
    there.journal.unlink()
    there.journal.symlink_to(there.journal)


@pytest.mark.parametrize(
    ("spoil", "kind", "why"),
    [
        (with_random_bytes, JournalDamagedError, "damaged"),
        (lambda there: os.truncate(there.journal, 2 * 4096), JournalDamagedError, "damaged"),
        (lambda there: os.truncate(there.journal, 5000), JournalDamagedError, "damaged"),
        (lambda there: os.truncate(there.journal, HEADER), JournalDamagedError, "damaged"),
        (lambda there: os.truncate(there.journal, 16), JournalDamagedError, "damaged"),
        (lambda there: os.truncate(there.journal, 1), ForeignJournalError, "not an aiotask"),
        (lambda there: os.truncate(there.journal, 0), JournalDamagedError, "is empty"),
        (with_a_row_less, JournalDamagedError, "299 rows, the last is 300"),
        (with_a_state_that_is_none, JournalDamagedError, "damaged"),
        (with_a_print_that_is_none, JournalDamagedError, "is no number"),
        (without_its_job, JournalDamagedError, "does not name its job"),
        (
            lambda there: look(there.journal, "PRAGMA user_version = 3"),
            JournalVersionError,
            "newer aiotask",
        ),
        (as_a_text, ForeignJournalError, "not an aiotask"),
        (as_another_database, ForeignJournalError, "some other database"),
        (as_the_store_of_a_sandbox, ForeignJournalError, "some other database"),
        (as_a_directory, JournalAccessError, "is no file"),
        (as_a_circle, JournalAccessError, "cannot be"),
        (lambda there: there.journal.chmod(0o444), JournalAccessError, "is read-only"),
    ],
    ids=[
        "random bytes", "two pages left", "cut in a page", "only a header", "only its first line",
        "one byte", "no byte", "a row less", "a state that is none", "a print that is none",
        "no job", "newer form", "text", "another database", "a sandbox's store", "directory",
        "circle", "read-only",
    ],
)  # fmt: skip
async def test_what_is_no_whole_journal_is_refused_and_left_as_it_is(
    there: Bench, spoil: Spoil, kind: type[JournalError], why: str
) -> None:
    fill(there, 300)
    spoil(there)
    before, sent = content(there.journal.parent), there.sent
    with pytest.raises(JournalError, match=why) as caught:
        await there.finish(rows(301))
    assert type(caught.value) is kind
    assert caught.value.where == str(there.journal)
    assert content(there.journal.parent) == before
    assert there.sent == sent


def test_whatever_is_damaged_a_journal_is_refused_or_read_and_nothing_else(path: Path) -> None:
    with journal_at(path, NAMED) as journal:
        journal.commit([claim(n, key=f"key-{n}") for n in range(1, 200)], [])
        journal.commit([], [End(State.CREATED, f"WT{n}", None, n) for n in range(1, 150)])
    whole, refused = path.read_bytes(), 0
    for seed in range(150):
        random = Random(seed)
        path.write_bytes(whole)
        for _ in range(random.choice([1, 1, 20])):
            wrong = random.randbytes(random.choice([1, 8, 512]))
            overwrite(path, random.randrange(len(whole) - len(wrong)), wrong)
        for attempt in (_opened_and_read, _looked_at):
            try:
                attempt(path)
            except JournalError:
                refused += 1
    assert refused > 100


def _opened_and_read(path: Path) -> None:
    with journal_at(path, NAMED) as journal:
        journal.open_rows()
        journal.existing_keys(["key-1"])
        journal.fingerprints(0, 200)


def _looked_at(path: Path) -> None:
    with closing(read_journal(path)) as reading:
        reading.summary()
        for _ in reading.rows():
            pass


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (as_a_text, ForeignJournalError),
        (as_another_database, ForeignJournalError),
        (as_a_directory, JournalAccessError),
        (lambda there: there.journal.unlink(), JournalAccessError),
        (lambda there: os.truncate(there.journal, 0), JournalDamagedError),
        (with_random_bytes, JournalDamagedError),
        (without_its_job, JournalDamagedError),
        (lambda there: look(there.journal, "PRAGMA user_version = 3"), JournalVersionError),
    ],
)
async def test_who_only_reads_is_refused_for_the_same_reasons(
    there: Bench, spoil: Spoil, kind: type[JournalError]
) -> None:
    fill(there, 300)
    spoil(there)
    before = content(there.journal.parent)
    for read in (read_summary, lambda path: [*entries_of(path)]):
        with pytest.raises(JournalError) as caught:
            read(there.journal)
        assert type(caught.value) is kind
    with pytest.raises(kind):
        await there.tasks.audit(there.journal)
    assert content(there.journal.parent) == before

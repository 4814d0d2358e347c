"""The creation of a journal: whole or not at all."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.bulk.bench import Bench, files_of, rows

pytestmark = pytest.mark.virtual_time


def half_made(folder: Path) -> None:
    """Leave what is left of a journal whose making was killed at the worst moment."""
    part = folder / "journal.new"
    with closing(sqlite3.connect(folder / "other", isolation_level=None)) as other:
        other.execute("CREATE TABLE meta (name, value)")
        other.execute("PRAGMA cache_size = 1")
        other.execute("BEGIN")
        other.executemany("INSERT INTO meta VALUES ('job', ?)", [("x" * 1000,)] * 200)
        shutil.copy(folder / "other", part)
        shutil.copy(folder / "other-journal", f"{part}-journal")
    with closing(sqlite3.connect(folder / "other", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("CREATE TABLE rows (number)")
        shutil.copy(folder / "other-wal", f"{part}-wal")
    (folder / "other").unlink()


async def test_what_a_kill_left_of_the_making_of_a_journal_does_no_harm(there: Bench) -> None:
    half_made(there.journal.parent)
    await there.finish(rows(20))
    await there.check_all(20)
    assert {file.name for file in files_of(there.journal)} == {
        "journal",
        "journal.lock",
        "journal.mark",
    }


async def test_a_journal_is_there_whole_or_not_at_all(
    there: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KilledError):
            await there.finish(rows(20))
    assert not there.journal.exists()
    assert there.sent == 0
    await there.finish(rows(20))
    await there.check_all(20)

"""Temporary SQLite databases, for what must not grow in memory.

Such a database is a file without a name in the folder of temporary files, which SQLITE_TMPDIR or
TMPDIR names.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from aiotask.errors import JournalFullError, JournalIOError

_PRIMARY = 0xFF  # the part of an extended error code of SQLite that is the primary one


def temporary_database(tables: str) -> sqlite3.Connection:
    """Make a database with some tables; it is gone when it is closed."""
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = OFF")
    database.executescript(tables)
    return database


@contextmanager
def temporary_files(where: str, purpose: str) -> Iterator[None]:
    """Turn errors of SQLite into those of the journal *where*, which cannot be *purpose* then."""
    try:
        yield
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", 0) & _PRIMARY == sqlite3.SQLITE_FULL
        kind = JournalFullError if full else JournalIOError
        what = "there is no space left for" if full else "cannot write"
        raise kind(
            f"cannot be {purpose}: {what} temporary files ({error}); SQLITE_TMPDIR or TMPDIR "
            "names another folder for them",
            where,
        ) from error

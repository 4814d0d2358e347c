"""Reading a journal, also while a run has it: where its job stands, and how each row ended."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from aiotask.bulk.journal.records import Entry, JournalSummary, State
from aiotask.bulk.journal.sqlite_file import (
    EMPTY,
    OTHER_FILE,
    entries,
    is_running,
    read_meta,
    translated,
)
from aiotask.bulk.keys import derived_key
from aiotask.errors import ForeignJournalError, JournalAccessError, JournalDamagedError


class Reading:
    """A journal that is only read, also while a run has it."""

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def standing(self) -> JournalSummary:
        """Return where the job stands."""
        with translated(self.path):
            return _standing(self._connection, running=is_running(self.path))

    def rows(self) -> Iterator[Entry]:
        """Yield all rows in their order."""
        return entries(self._connection, self.path)

    def close(self) -> None:
        """Be done."""
        self._connection.close()


def open_to_read(path: str | os.PathLike[str]) -> Reading:
    """Open a journal to read it, and change nothing."""
    real = os.path.realpath(path)
    if not Path(real).is_file():
        reason = "is no file" if os.path.lexists(real) else "is not there"
        raise JournalAccessError(reason, real)
    # Its head is not read here: closing a file lifts the locks that this process has on it, and a
    # run of this process may need them.
    if not Path(real).stat().st_size:
        raise JournalDamagedError(EMPTY, real)
    with translated(real):
        # Not read-only, which cannot make the files that a write-ahead log needs.
        url = f"{Path(real).as_uri()}?mode=rw"
        connection = sqlite3.connect(url, uri=True, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA query_only = ON")
            read_meta(connection, real)
        except sqlite3.DatabaseError as error:
            connection.close()
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_NOTADB:
                raise ForeignJournalError(OTHER_FILE, real) from error
            raise
        except BaseException:
            connection.close()
            raise
    return Reading(real, connection)


def read_summary(path: str | os.PathLike[str]) -> JournalSummary:
    """Return where a journal's job stands, also while a run has it."""
    reading = open_to_read(path)
    try:
        return reading.standing()
    finally:
        reading.close()


def _standing(connection: sqlite3.Connection, *, running: bool) -> JournalSummary:
    meta = dict(connection.execute("SELECT name, value FROM meta"))
    counts = dict(connection.execute("SELECT state, count(*) FROM rows GROUP BY state"))
    return JournalSummary(
        job=meta["job"],
        target=meta["target"],
        key_attribute=meta["key_attribute"],
        named=bool(meta["named"]),
        begun=meta["begun"],
        rows={state: counts.get(state, 0) for state in State},
        running=running,
    )


def entries_of(path: str | os.PathLike[str]) -> Iterator[Entry]:
    """Yield the rows of a journal in their order, each with its key."""
    reading = open_to_read(path)
    try:
        standing = reading.standing()
        for entry in reading.rows():
            if entry.key is None and standing.key_attribute is not None and not standing.named:
                yield entry._replace(key=derived_key(standing.job, entry.number))
            else:
                yield entry
    finally:
        reading.close()

"""Reader of SQLite journals, also while a run has them."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from aiotask.bulk.journal.records import Entry, JournalSummary, State
from aiotask.bulk.journal.sqlite_file import (
    EMPTY,
    OTHER_FILE,
    Meta,
    entries,
    is_running,
    read_meta,
    translated,
)
from aiotask.errors import ForeignJournalError, JournalAccessError, JournalDamagedError


class SqliteReader:
    """Reads one journal."""

    def __init__(self, path: str, connection: sqlite3.Connection, meta: Meta) -> None:
        self.where = path
        self._connection = connection
        self._meta = meta

    def summary(self) -> JournalSummary:
        """Return the progress of the job."""
        counting = "SELECT state, count(*) FROM rows GROUP BY state"
        with translated(self.where):
            counts = dict(self._connection.execute(counting))
        return JournalSummary(
            **self._meta._asdict(),
            rows={state: counts.get(state, 0) for state in State},
            running=is_running(self.where),
        )

    def rows(self) -> Iterator[Entry]:
        """Yield all rows in their order."""
        return entries(self._connection, self.where)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def open_to_read(path: str) -> SqliteReader:
    """Open the journal at *path* to read it."""
    real = os.path.realpath(path)
    if not Path(real).is_file():
        reason = "is no file" if os.path.lexists(real) else "does not exist"
        raise JournalAccessError(reason, real)
    # The head is not read here: closing a file lifts the locks that this process has on it, and a
    # run of this process may need them.
    if not Path(real).stat().st_size:
        raise JournalDamagedError(EMPTY, real)
    with translated(real):
        # Not read-only: SQLite has to make the files that a write-ahead log needs.
        url = f"{Path(real).as_uri()}?mode=rw"
        connection = sqlite3.connect(url, uri=True, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA query_only = ON")
            meta = read_meta(connection, real)
        except sqlite3.DatabaseError as error:
            connection.close()
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_NOTADB:
                raise ForeignJournalError(OTHER_FILE, real) from error
            raise
        except BaseException:
            connection.close()
            raise
    return SqliteReader(real, connection, meta)

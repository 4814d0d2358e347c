"""Reader of SQLite journals, also while a run has them."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from aiotask.bulk.journal.locks import is_running
from aiotask.bulk.journal.records import Entry, JournalSummary, State
from aiotask.bulk.journal.sqlite_file import (
    EMPTY,
    OTHER_FILE,
    Meta,
    entries,
    read_meta,
    translated,
)
from aiotask.bulk.journal.witness import Witness
from aiotask.errors import ForeignJournalError, JournalAccessError, JournalDamagedError


class SqliteReader:
    """Reads one journal."""

    def __init__(
        self, path: str, connection: sqlite3.Connection, meta: Meta, before: os.stat_result
    ) -> None:
        self.where = path
        self._connection = connection
        self._meta = meta
        self._before = before
        self._witness = Witness(path)
        self._objection = self._witness.objection(meta.position, before)

    def summary(self) -> JournalSummary:
        """Return the progress of the job."""
        counting = "SELECT state, count(*) FROM rows GROUP BY state"
        with translated(self.where):
            counts = dict(self._connection.execute(counting))
        meta = self._meta
        return JournalSummary(
            job=meta.job,
            target=meta.target,
            verb=meta.verb,
            key_attribute=meta.key_attribute,
            has_row_key=meta.has_row_key,
            started_at=meta.started_at,
            rows={state: counts.get(state, 0) for state in State},
            running=is_running(self.where),
        )

    def rows(self) -> Iterator[Entry]:
        """Yield all rows in their order."""
        return entries(self._connection, self.where)

    def close(self) -> None:
        """Close the connection.

        After a kill, closing the last connection writes the log into the file. That is no reason
        for the next run to distrust the journal, unless there was one before.
        """
        self._connection.close()
        if self._objection is None and not is_running(self.where):
            with suppress(OSError):
                after = Path(self.where).stat()
                if after.st_ctime_ns != self._before.st_ctime_ns:
                    self._witness.note(self._meta.position, after)
        self._witness.close()


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
    before = Path(real).stat()
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
    return SqliteReader(real, connection, meta, before)

"""SQLite file with one owner; independent of its contents."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aiotask.sandbox.model.changes import StoreError

Statement = tuple[str, Sequence[Any]]
"""An SQL command and the rows to execute it with."""

# "aitR", in the header field that SQLite reserves for applications.
_APPLICATION = 0x61697452
_SCHEMA = 1
_NOT_A_STORE = "is not the store of a sandbox"
_REASONS = {
    sqlite3.SQLITE_NOTADB: _NOT_A_STORE,
    sqlite3.SQLITE_BUSY: "is in use by another sandbox",
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_FULL: "has no space left",
    sqlite3.SQLITE_READONLY: "cannot be written to",
    sqlite3.SQLITE_PERM: "cannot be written to",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_IOERR: "cannot be read or written",
}
_LOG_PAGES = 4_000
"""Pages in the write-ahead log (16 MB) before a checkpoint moves them to the database."""
_SMALLEST = 512
"""The size of an empty database in bytes."""
_PRIMARY = 0xFF
"""The bits of an extended error code that hold the primary one."""


class Database:
    """One file, opened by one process at a time.

    A commit survives ``kill -9``. A power failure may lose the last commits, but does not damage
    the file (write-ahead log with ``synchronous=NORMAL``).

    The lock is SQLite's own, which the system releases however the process ends.
    """

    def __init__(self, path: str | os.PathLike[str], most_pages: int | None = None) -> None:
        self._path = Path(os.path.realpath(path))
        self._most_pages = most_pages

    def open(self, tables: Iterable[str]) -> None:
        """Open the file, and create it with its *tables* if it does not exist."""
        try:
            # Mode 600: the attributes of tasks may be personal data.
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            pass
        except OSError as error:
            raise StoreError(self._saying(f"cannot be made: {error.strerror}")) from error
        # The directory too, as SQLite keeps the log beside the file. Checked by name: opening and
        # closing the file would release the POSIX lock that a sandbox of this process has on it.
        for place in (self._path, self._path.parent):
            if not os.access(place, os.R_OK | os.W_OK):
                raise StoreError(self._saying("cannot be written to"))
        with self._translated():
            connection = sqlite3.connect(self._path, timeout=0, isolation_level=None)
            try:
                self._prepare(connection, tables)
            except BaseException:
                connection.close()
                raise
        self._connection = connection

    def close(self) -> None:
        """Close and release the file."""
        with suppress(sqlite3.Error):  # all commits are in the log already
            self._connection.close()

    def rows(self, query: str) -> Iterator[Any]:
        """Yield the rows of a query."""
        with self._translated():
            cursor = self._connection.execute(query)
            while (row := cursor.fetchone()) is not None:
                yield row

    def commit(self, statements: Iterable[Statement]) -> None:
        """Execute statements in one transaction."""
        with self._translated(), self._connection as connection:
            connection.execute("BEGIN")
            for command, rows in statements:
                connection.executemany(command, rows)

    def damaged(self, how: object) -> StoreError:
        """Return the error for invalid contents."""
        return StoreError(self._saying(f"is damaged: {how}"))

    def refused(self, why: str) -> StoreError:
        """Return the error for a store that may not be used."""
        return StoreError(self._saying(why))

    def _prepare(self, connection: sqlite3.Connection, tables: Iterable[str]) -> None:
        # The lock comes before the first look, and EXCLUSIVE keeps it after COMMIT: of two
        # sandboxes that start at once, only one may find the file free or empty.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        blank = self._check(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        if self._most_pages is not None:
            connection.execute(f"PRAGMA max_page_count = {self._most_pages}")
        if blank:
            with connection:
                connection.execute("BEGIN")
                for table in tables:
                    connection.execute(f"CREATE TABLE {table}")
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                connection.execute(f"PRAGMA user_version = {_SCHEMA}")

    def _check(self, connection: sqlite3.Connection) -> bool:
        """Tell whether the file is empty; refuse one that is damaged or not a store."""
        application, schema, entries = (
            connection.execute(query).fetchone()[0]
            for query in (
                "PRAGMA application_id",
                "PRAGMA user_version",
                "SELECT count(*) FROM sqlite_master",
            )
        )
        # To SQLite, a file shorter than a header is an empty database; here it is a foreign file.
        short = 0 < self._path.stat().st_size < _SMALLEST
        if (application, schema, entries) == (0, 0, 0) and not short:
            return True
        if application != _APPLICATION:
            raise StoreError(self._saying(_NOT_A_STORE))
        if schema != _SCHEMA:
            raise StoreError(self._saying("was made by a newer version of aiotask"))
        # Unlike integrity_check it does not compare indexes with tables, and a start stays quick.
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise self.damaged(found)
        return False

    def _saying(self, what: str) -> str:
        return f"the store {self._path} {what}"

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
            what = _REASONS.get(code)
            said = f"{what} ({error})" if what else f"fails: {error}"
            raise StoreError(self._saying(said)) from error

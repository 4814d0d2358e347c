"""The journal of a bulk creation: which rows may have been sent, and how each ended, on the disk.

One SQLite file with a write-ahead log and ``synchronous=FULL``: what is committed survives the
death of the process and of the machine. Nothing here waits for anything but the disk; it is called
from a thread. It holds no credentials and none of what the rows hold, but for the keys that their
owner gives them, and what the reason of a refusal quotes.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import TypeVar

from aiotask._json import JsonSyntaxError, loads
from aiotask.bulk.journal.records import Claim, End, Entry, State
from aiotask.bulk.journal.sqlite_file import (
    EMPTY,
    OTHER_FILE,
    entries,
    lock_of,
    make,
    meta_of,
    no_state,
    read_meta,
    take,
    translated,
)
from aiotask.bulk.keys import Keys
from aiotask.errors import (
    ForeignJournalError,
    JournalAccessError,
    JournalDamagedError,
    JournalError,
    JournalIOError,
)

_MAGIC = b"SQLite format 3\0"
# Many rows in one command: between two commands the interpreter changes threads, which costs more
# than writing a row. 999 values in one were too many for SQLite once.
_AT_ONCE = 128
_CLAIM = "INSERT INTO rows (number, state, print, place, sent, key) VALUES"
_END = "INSERT INTO rows (state, sid, error, number) SELECT * FROM (VALUES"
_UNLESS_ENDED = (
    ") WHERE column4 IN (SELECT number FROM rows) ON CONFLICT (number) DO UPDATE SET "
    "state = excluded.state, sid = excluded.sid, error = excluded.error WHERE rows.state < 4"
)
# All in one text: it is put together without the interpreter, which works meanwhile.
_PRINTS = """
    SELECT '[' || ifnull(group_concat(ifnull(print, 'null')), '') || ']'
    FROM (SELECT print FROM rows WHERE number > ? AND number <= ? ORDER BY number)"""

Row = TypeVar("Row")


class Journal:
    """The journal of one job, which nobody else can have while this one has it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.realpath(path)
        self.job = ""
        self.begun = 0.0
        self._lock = lock_of(self.path)
        self._broken = False
        self._opened: sqlite3.Connection | None = None

    def open(self, target: str, keys: Keys) -> None:
        """Open the journal of a job, or make it; a JournalError says what is wrong with it.

        *target* is where the tasks go to. What is there is never begun afresh.
        """
        with ExitStack() as unless_all_is_well:
            take(self._lock, self.path)
            unless_all_is_well.callback(self._lock.release)
            if not os.path.lexists(self.path):
                make(self.path, target, keys)
            connection = self._connected()
            unless_all_is_well.callback(connection.close)
            with self._translated():
                connection.execute("PRAGMA synchronous = FULL")
                self._check(connection, target, keys)
            unless_all_is_well.pop_all()
        self._opened, self._broken = connection, False

    def close(self) -> None:
        """Give the journal to others, if it was opened; all that was committed is in it."""
        if (connection := self._opened) is not None:
            self._opened = None
            with suppress(sqlite3.Error):
                connection.close()
            self._lock.release()

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            raise self.error(JournalError, "is not open")
        return self._opened

    def commit(self, claims: Sequence[Claim], ends: Sequence[End]) -> None:
        """Note that rows may be sent, and how others ended: all of it or nothing.

        After a failure of the disk nothing more is written: what it holds is not known then.
        """
        if self._broken:
            raise self.error(JournalIOError, "failed before, and is written to no more")
        try:
            with self._translated(), self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                for some in _portions(claims):
                    values = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(some))
                    connection.execute(f"{_CLAIM} {values}", [*chain(*some)])
                for ended in _portions(ends):
                    values = ", ".join(["(?, ?, ?, ?)"] * len(ended))
                    connection.execute(f"{_END} {values} {_UNLESS_ENDED}", [*chain(*ended)])
        except JournalIOError:
            self._broken = True
            raise

    def taken(self, keys: Sequence[str]) -> dict[str, int]:
        """Return those of *keys* that rows have already, with the rows' numbers."""
        found: dict[str, int] = {}
        with self._translated():
            for key in keys:
                query = "SELECT number FROM rows WHERE key = ?"
                if (row := self._connection.execute(query, (key,)).fetchone()) is not None:
                    found[key] = row[0]
        return found

    def prints(self, after: int, most: int) -> list[int | None]:
        """Return what tells the input's rows, of *most* rows from the one after a number."""
        with self._translated():
            (text,) = self._connection.execute(_PRINTS, (after, after + most)).fetchone()
        try:
            found: list[int | None] = loads(text)
        except JsonSyntaxError as error:
            why = f"is damaged: what it has of the rows after {after} is no number"
            raise self.error(JournalDamagedError, why) from error
        return found

    def open_rows(self) -> list[Entry]:
        """Return the rows that have no end yet."""
        which = f"WHERE state < {State.CREATED:d}"
        return list(entries(self._connection, self.path, which))

    def error(self, kind: type[JournalError], why: str) -> JournalError:
        """Return an error about this journal."""
        return kind(why, self.path)

    def _connected(self) -> sqlite3.Connection:
        try:
            status = Path(self.path).stat()
            if not stat.S_ISREG(status.st_mode):
                raise self.error(JournalAccessError, "is no file")
            # Whoever may write everywhere still means what the mode says.
            if not status.st_mode & stat.S_IWUSR or not os.access(self.path, os.R_OK | os.W_OK):
                raise self.error(JournalAccessError, "is read-only")
            with open(self.path, "rb") as file:  # noqa: PTH123 - no lock is lost yet
                head = file.read(len(_MAGIC))
        except OSError as error:
            raise self.error(JournalAccessError, f"cannot be read: {error.strerror}") from error
        if not head:
            raise self.error(JournalDamagedError, EMPTY)
        if head != _MAGIC:
            raise self.error(ForeignJournalError, OTHER_FILE)
        with self._translated():
            return sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)

    def _check(self, connection: sqlite3.Connection, target: str, keys: Keys) -> None:
        meta = read_meta(connection, self.path)
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise self.error(JournalDamagedError, f"is damaged: {found}")
        wanted = dict(meta_of(target, keys))
        for name, meaning in (
            ("target", "is of another job: its tasks go to {0}, and not to {1}"),
            ("key_attribute", "was begun with key_attribute={0!r}, not {1!r}"),
            ("named", "was begun {2} a row_key"),
        ):
            if meta.get(name) != wanted[name]:
                how = "without" if wanted[name] else "with"
                why = meaning.format(meta.get(name), wanted[name], how)
                raise self.error(ForeignJournalError, why)
        count, last = connection.execute("SELECT count(*), max(number) FROM rows").fetchone()
        if count and count != last:
            raise self.error(JournalDamagedError, f"is damaged: {count} rows, the last is {last}")
        known = f"{min(State):d} AND {max(State):d}"
        query = f"SELECT number, state FROM rows WHERE state NOT BETWEEN {known} LIMIT 1"  # noqa: S608
        if (row := connection.execute(query).fetchone()) is not None:
            raise no_state(self.path, *row)
        self.claimed = count
        self.job, self.begun = meta["job"], meta["begun"]

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with translated(self.path):
            yield


def _portions(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]

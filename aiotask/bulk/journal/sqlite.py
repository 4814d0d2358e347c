"""Journal in one SQLite file: the embedded default.

The file has a write-ahead log and ``synchronous=FULL``: committed records survive the death of the
process and of the machine. It holds no credentials and no fields of the rows, except the keys that
their owner gives them and the values that the reason of a refusal quotes.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from aiotask._json import JsonSyntaxError, loads
from aiotask.bulk.journal.locks import Locks
from aiotask.bulk.journal.records import Claim, End, Entry, State
from aiotask.bulk.journal.sqlite_file import (
    EMPTY,
    OTHER_FILE,
    Meta,
    entries,
    make,
    new_meta,
    read_meta,
    translated,
    unknown_state,
)
from aiotask.bulk.journal.witness import Position, Witness
from aiotask.bulk.keys import Keys
from aiotask.errors import (
    ForeignJournalError,
    JournalAccessError,
    JournalDamagedError,
    JournalError,
    JournalIOError,
    JournalLockedError,
)

_MAGIC = b"SQLite format 3\0"
# All rows in one command if SQLite takes so many values (before 3.32: 999): between two commands
# the interpreter may switch threads, which costs more than writing a row.
_AT_ONCE = 512
_CLAIM = "INSERT INTO rows (number, state, print, place, sent, key) VALUES"
_POSITION = "INSERT OR IGNORE INTO meta VALUES ('position', ?)"
_META = "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
_MOVE = "UPDATE meta SET value = ? WHERE name = 'position' AND value = ?"
_END = "INSERT INTO rows (state, sid, error, number) SELECT * FROM (VALUES"
_UNLESS_ENDED = (
    ") WHERE column4 IN (SELECT number FROM rows) ON CONFLICT (number) DO UPDATE SET "
    "state = excluded.state, sid = excluded.sid, error = excluded.error WHERE rows.state < 4"
)
# All in one text: SQLite puts it together without the interpreter, which works meanwhile.
_FINGERPRINTS = """
    SELECT '[' || ifnull(group_concat(ifnull(print, 'null')), '') || ']'
    FROM (SELECT print FROM rows WHERE number > ? AND number <= ? ORDER BY number)"""

Row = TypeVar("Row", bound=tuple[Any, ...])


class SqliteJournal:
    """A journal in the file at *path*; a lock beside it keeps other runs out."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: str = os.path.realpath(path)
        self.job: str = ""
        self.started_at: float = 0.0
        self.claimed: int = 0
        self.resumes: bool = False
        self.last_sent: float | None = None
        self.service_time: float | None = None
        self.suspicion: str | None = None
        self._locks = Locks(self.path)
        self._witness = Witness(self.path)
        self._position = self._next = Position.first()
        self._noted: tuple[str | None, float | None] | None = None
        self._file: os.stat_result | None = None
        self._broken = False
        self._opened: sqlite3.Connection | None = None

    def open(self, target: str, verb: str, keys: Keys) -> None:
        """Open the journal of a job, or make it: *verb* applied to the collection *target*."""
        wanted = new_meta(target, verb, keys)
        with ExitStack() as unless_all_is_well:
            unless_all_is_well.callback(self._locks.release)
            self._locks.take()
            is_new = not os.path.lexists(self.path)
            if is_new:
                make(self.path, wanted)
            self._check_file()
            self._file = self._locks.take_file()
            with self._translated():
                connection = self._connected()
                unless_all_is_well.callback(connection.close)
                connection.execute("PRAGMA synchronous = FULL")
                meta = self._check(connection, wanted)
            self._locks.take_job(meta.job)
            self.resumes = not is_new
            self.suspicion = meta.suspicion or (None if is_new else self._objection(meta))
            # Another run that opens it now writes first, or is refused at its own first commit.
            self._position, self._next = meta.position, meta.position.begun()
            unless_all_is_well.pop_all()
        self._opened, self._broken = connection, False

    def _objection(self, meta: Meta) -> str | None:
        """Return the reason to believe that the journal says less than the truth, if any."""
        if meta.position == Position.first():  # an older version made it, and left no witness
            return None
        return self._witness.objection(meta.position, self._identity())

    def _identity(self) -> os.stat_result:
        """Return the identity of the file at the journal's path; it has to be the one in use."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 - half the time of Path.stat
        except OSError as error:
            why = f"was moved or removed while a run has it: {error.strerror}"
            raise self.error(JournalAccessError, why) from error
        if self._file is not None and status.st_ino != self._file.st_ino:
            raise self.error(JournalAccessError, "was replaced while a run has it")
        return status

    def _note_position(self) -> None:
        """Tell the witness of the last commit, once a commit says whatever it objected to."""
        if self.suspicion is not None and self._position.run != self._next.run:
            return
        # A witness that cannot be written makes the next run look closely, and no more.
        with suppress(OSError):
            self._witness.note(self._position, self._identity())

    def close(self) -> None:
        """Give the journal to others, if it was opened."""
        if (connection := self._opened) is not None:
            self._opened = None
            with suppress(sqlite3.Error):
                connection.close()
            # Closing may have written the log into the file, which changed that.
            with suppress(JournalError):
                if self._file and self._identity().st_ctime_ns != self._file.st_ctime_ns:
                    self._note_position()
            self._witness.close()
            self._locks.release()

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            raise self.error(JournalError, "is not open")
        return self._opened

    def commit(self, claims: Sequence[Claim], ends: Sequence[End]) -> None:
        """Record claims and ends durably, all of them or none.

        After a failure of the disk nothing more is written, as the state of the file is not known;
        nor if the file is not the one any more that was opened, or another run has written to it.
        """
        if self._broken:
            raise self.error(JournalIOError, "failed before, and is not written to any more")
        self._identity()
        try:
            with self._translated(), self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                self._move(connection)
                most = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
                for some in _portions(claims, most):
                    values = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(some))
                    connection.execute(f"{_CLAIM} {values}", [*chain(*some)])
                for ended in _portions(ends, most):
                    values = ", ".join(["(?, ?, ?, ?)"] * len(ended))
                    connection.execute(f"{_END} {values} {_UNLESS_ENDED}", [*chain(*ended)])
        except (JournalIOError, JournalLockedError):
            self._broken = True
            raise
        self._noted = self.suspicion, self.service_time
        self._position, self._next = self._next, self._next.next()
        self._note_position()

    def _move(self, connection: sqlite3.Connection) -> None:
        """Move to the next position, from the one at which this run has left the journal."""
        if self._position == Position.first():
            connection.execute(_POSITION, (str(self._position),))
        moved = connection.execute(_MOVE, (str(self._next), str(self._position)))
        if moved.rowcount != 1:
            raise self.error(JournalLockedError, "was taken over by another run")
        if (noted := (self.suspicion, self.service_time)) != self._noted:  # by this run
            for name, value in zip(("suspicion", "service_time"), noted, strict=True):
                connection.execute(_META, (name, value))

    def existing_keys(self, keys: Sequence[str]) -> dict[str, int]:
        """Return those of *keys* that rows have already, with the rows' numbers."""
        found: dict[str, int] = {}
        with self._translated():
            for key in keys:
                query = "SELECT number FROM rows WHERE key = ?"
                if (row := self._connection.execute(query, (key,)).fetchone()) is not None:
                    found[key] = row[0]
        return found

    def fingerprints(self, after: int, most: int) -> list[int | None]:
        """Return the fingerprints of at most *most* rows, from the one after a number on."""
        with self._translated():
            (text,) = self._connection.execute(_FINGERPRINTS, (after, after + most)).fetchone()
        try:
            found: list[int | None] = loads(text)
        except JsonSyntaxError as error:
            why = f"is damaged: a fingerprint after row {after} is no number"
            raise self.error(JournalDamagedError, why) from error
        return found

    def open_rows(self) -> list[Entry]:
        """Return the rows that have no final state, in their order."""
        which = f"WHERE state < {State.CREATED:d}"
        return list(entries(self._connection, self.path, which))

    def error(self, kind: type[JournalError], why: str) -> JournalError:
        """Return an error about this journal."""
        return kind(why, self.path)

    def _check_file(self) -> None:
        try:
            status = Path(self.path).stat()
            if not stat.S_ISREG(status.st_mode):
                raise self.error(JournalAccessError, "is no file")
            # The superuser can write to every file, and still means the mode.
            if not status.st_mode & stat.S_IWUSR or not os.access(self.path, os.R_OK | os.W_OK):
                raise self.error(JournalAccessError, "is read-only")
            with open(self.path, "rb") as file:  # noqa: PTH123 - before there is a lock to lose
                head = file.read(len(_MAGIC))
        except OSError as error:
            raise self.error(JournalAccessError, f"cannot be read: {error.strerror}") from error
        if not head:
            raise self.error(JournalDamagedError, EMPTY)
        if head != _MAGIC:
            raise self.error(ForeignJournalError, OTHER_FILE)

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)

    def _check(self, connection: sqlite3.Connection, wanted: Meta) -> Meta:
        meta = read_meta(connection, self.path)
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise self.error(JournalDamagedError, f"is damaged: {found}")
        if (difference := _difference(meta, wanted)) is not None:
            raise self.error(ForeignJournalError, difference)
        count, last = connection.execute("SELECT count(*), max(number) FROM rows").fetchone()
        if count and count != last:
            raise self.error(JournalDamagedError, f"is damaged: {count} rows, the last is {last}")
        known = f"{min(State):d} AND {max(State):d}"
        query = f"SELECT number, state FROM rows WHERE state NOT BETWEEN {known} LIMIT 1"  # noqa: S608
        if (row := connection.execute(query).fetchone()) is not None:
            raise unknown_state(self.path, *row)
        self.claimed = count
        sent = connection.execute("SELECT sent FROM rows WHERE number = ?", (count,)).fetchone()
        self.last_sent = sent[0] if sent else None
        self.job, self.started_at = meta.job, meta.started_at
        self.service_time = meta.service_time
        return meta

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with translated(self.path):
            yield


def _difference(meta: Meta, wanted: Meta) -> str | None:
    """Return what makes a journal another job's, if anything does."""
    if meta.verb != wanted.verb:
        return f"belongs to another job: it is one of {meta.verb}, not of {wanted.verb}"
    if meta.target != wanted.target:
        return f"belongs to another job: it targets {meta.target}, not {wanted.target}"
    if meta.key_attribute != wanted.key_attribute:
        attributes = f"{meta.key_attribute!r}, not {wanted.key_attribute!r}"
        return f"was begun with key_attribute={attributes}"
    if meta.has_row_key != wanted.has_row_key:
        return f"was begun {'with' if meta.has_row_key else 'without'} a row_key"
    return None


def _portions(rows: Sequence[Row], most: int) -> Iterator[Sequence[Row]]:
    """Yield rows, of which a command takes *most* values."""
    if rows:
        at_once = min(_AT_ONCE, most // len(rows[0]))
        for start in range(0, len(rows), at_once):
            yield rows[start : start + at_once]

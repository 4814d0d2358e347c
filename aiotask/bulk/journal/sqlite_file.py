"""The file of a journal: how it is made, locked and known again, and what is wrong with it."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from aiotask._version import __version__
from aiotask.bulk.journal.records import STATES, Entry
from aiotask.bulk.keys import Keys, new_job
from aiotask.errors import (
    ForeignJournalError,
    JournalAccessError,
    JournalDamagedError,
    JournalError,
    JournalFullError,
    JournalIOError,
    JournalLockedError,
    JournalVersionError,
)

EMPTY = "is empty: whatever was in it is lost"
OTHER_FILE = "is no journal, but some other file"

# What marks the file: "aitJ" in the place that SQLite has for it.
_APPLICATION = 0x6169744A
_SCHEMA = 1
_OWNER_ONLY = 0o600
_PRIMARY = 0xFF  # the part of an error's code that says what kind it is
# Seconds; who only looks whether a run has the journal has the lock itself for a moment.
_GLANCE = 0.05
_GLANCES = 0.4
_KINDS: dict[int, type[JournalError]] = {
    sqlite3.SQLITE_FULL: JournalFullError,
    sqlite3.SQLITE_READONLY: JournalAccessError,
    sqlite3.SQLITE_PERM: JournalAccessError,
    sqlite3.SQLITE_CANTOPEN: JournalAccessError,
    sqlite3.SQLITE_CORRUPT: JournalDamagedError,
    sqlite3.SQLITE_NOTADB: JournalDamagedError,
    sqlite3.SQLITE_BUSY: JournalLockedError,
    sqlite3.SQLITE_LOCKED: JournalLockedError,
}
_SAYINGS = {
    JournalFullError: "has no space left",
    JournalAccessError: "cannot be opened or written to",
    JournalDamagedError: "is damaged",
    JournalLockedError: "is in use by another program",
    JournalIOError: "cannot be read or written",
}
_META = {"job": str, "target": str, "key_attribute": str | None, "named": int, "begun": float}
_TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    """CREATE TABLE rows (
        number INTEGER PRIMARY KEY, state INTEGER NOT NULL, print INTEGER, place INTEGER,
        sent REAL, key TEXT, sid TEXT, error TEXT)""",
    "CREATE UNIQUE INDEX rows_by_key ON rows (key) WHERE key IS NOT NULL",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_SCHEMA}",
)


def make(path: str, target: str, keys: Keys) -> None:
    """Make the file beside its place, and move it there whole: a kill leaves all or nothing."""
    part = Path(f"{path}.new")
    try:
        with suppress(FileNotFoundError):
            part.unlink()
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY))
        with translated(path), _closing(sqlite3.connect(part, isolation_level=None)) as new:
            new.execute("PRAGMA synchronous = FULL")
            with new:
                new.execute("BEGIN")
                for table in _TABLES:
                    new.execute(table)
                new.executemany("INSERT INTO meta VALUES (?, ?)", meta_of(target, keys))
            new.execute("PRAGMA journal_mode = WAL")
        part.rename(path)
        _sync(Path(path).parent)
    except OSError as error:
        full = error.errno in {28, 122}  # ENOSPC, EDQUOT
        kind = JournalFullError if full else JournalAccessError
        raise kind(f"cannot be made: {error.strerror}", path) from error


def lock_of(path: str) -> FileLock:
    """Return what one run at a time can have of a journal."""
    return FileLock(f"{path}.lock", mode=_OWNER_ONLY, thread_local=False)


def take(lock: FileLock, path: str) -> None:
    """Take a journal for this run, or say why it cannot be had."""
    folder = Path(path).parent
    if not folder.is_dir():
        raise JournalAccessError(f"cannot be made: there is no directory {folder}", path)
    try:
        lock.acquire(timeout=_GLANCES, poll_interval=_GLANCE / 4)
    except Timeout:
        raise JournalLockedError("is in use by another run", path) from None
    except (OSError, NotImplementedError) as error:
        raise JournalAccessError(f"cannot be locked: {error}", path) from error


def is_running(path: str) -> bool:
    """Whether a run has a journal now."""
    if not os.path.exists(f"{path}.lock"):  # noqa: PTH110 - a name, and nothing else
        return False
    lock = lock_of(path)
    try:
        lock.acquire(timeout=_GLANCE, poll_interval=_GLANCE / 4)
    except (Timeout, OSError):
        return True
    lock.release()
    return False


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn errors of SQLite into those of a journal."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
        unknown = JournalIOError if code == sqlite3.SQLITE_IOERR else JournalDamagedError
        kind = _KINDS.get(code, unknown)
        raise kind(f"{_SAYINGS[kind]} ({error})", path) from error


def meta_of(target: str, keys: Keys) -> list[tuple[str, object]]:
    """Return what a new journal says of its job."""
    return [
        ("job", new_job()),
        ("target", target),
        ("key_attribute", keys.attribute),
        ("named", int(keys.named is not None)),
        ("begun", time.time()),
        ("made_by", f"aiotask {__version__}"),
    ]


def read_meta(connection: sqlite3.Connection, path: str) -> dict[str, Any]:
    """Return what a journal says of its job; refuse what is none, or a newer one."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION:
        raise ForeignJournalError("is no journal, but some other database", path)
    if schema > _SCHEMA:
        raise JournalVersionError(
            f"was made by a newer aiotask (its form is {schema}, known is {_SCHEMA})", path
        )
    meta: dict[str, Any] = dict(connection.execute("SELECT name, value FROM meta"))
    if not all(isinstance(meta.get(name), kind) for name, kind in _META.items()):
        raise JournalDamagedError("is damaged: it does not say which job it is of", path)
    return meta


def entries(connection: sqlite3.Connection, path: str, which: str = "") -> Iterator[Entry]:
    """Yield the rows *which* are meant, in their order."""
    query = (
        "SELECT number, state, print, place, sent, key, sid, error FROM rows "  # noqa: S608
        f"{which} ORDER BY number"
    )
    with translated(path):
        cursor = connection.execute(query)
        while rows := cursor.fetchmany(1000):
            for number, state, *rest in rows:
                if state not in STATES:
                    raise no_state(path, number, state)
                yield Entry(number, STATES[state], *rest)


def no_state(path: str, number: object, state: object) -> JournalDamagedError:
    """Return the error for a row that is in no state that there is."""
    return JournalDamagedError(f"is damaged: row {number} is in state {state!r}", path)


@contextmanager
def _closing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield connection
    finally:
        connection.close()


def _sync(folder: Path) -> None:
    """Have the name of a new file on the disk; some systems know no such thing for a directory."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

"""Files of SQLite journals: making, locking and recognising them; errors of SQLite translated."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from aiotask._version import __version__
from aiotask.bulk.journal.records import STATES, Entry
from aiotask.bulk.journal.witness import Position
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

EMPTY = "is empty: its contents are lost"
OTHER_FILE = "is not an aiotask journal"

# "aitJ", in the field of the header that SQLite has for an application's mark.
_APPLICATION = 0x6169744A
# Version 1 (aiotask 0.1) knew one verb, and does not name it.
_SCHEMA = 2
_VERB_OF_VERSION_1 = "tasks.create"
_OWNER_ONLY = 0o600
_PRIMARY = 0xFF  # the part of an extended error code that is the primary one
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
# "named" and "begun", and "print", "place" and "sent" below, are the names of version 1.
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


class Meta(NamedTuple):
    """The settings that a job was begun with."""

    job: str
    target: str
    verb: str
    key_attribute: str | None
    has_row_key: bool
    started_at: float
    position: Position
    suspicion: str | None = None
    """The reason to believe that the journal says less than the truth."""
    service_time: float | None = None
    """The service's time when the job began, in seconds since 1970."""


def make(path: str, meta: Meta) -> None:
    """Make the file beside its place, and move it there whole: a kill leaves all or nothing."""
    _refuse_remains(path)
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
                new.executemany("INSERT INTO meta VALUES (?, ?)", _rows_of(meta))
            new.execute("PRAGMA journal_mode = WAL")
        part.rename(path)
        _sync(Path(path).parent)
    except OSError as error:
        full = error.errno in {28, 122}  # ENOSPC, EDQUOT
        kind = JournalFullError if full else JournalAccessError
        raise kind(f"cannot be made: {error.strerror}", path) from error


def _refuse_remains(path: str) -> None:
    """Refuse a place where files of a journal lie that is gone: a log would flow into a new one."""
    for suffix in ("-wal", "-shm", ".mark"):
        if os.path.lexists(f"{path}{suffix}"):
            raise JournalDamagedError(
                f"is missing, but {Path(path).name}{suffix} is left of it; restore the journal to "
                "resume its job, or remove that file to begin a new one",
                path,
            )


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


def new_meta(target: str, verb: str, keys: Keys) -> Meta:
    """Return the settings of a job that begins now."""
    return Meta(
        job=new_job(),
        target=target,
        verb=verb,
        key_attribute=keys.attribute,
        has_row_key=keys.row_key is not None,
        started_at=time.time(),
        position=Position.first(),
    )


def _rows_of(meta: Meta) -> list[tuple[str, object]]:
    return [
        ("job", meta.job),
        ("target", meta.target),
        ("verb", meta.verb),
        ("key_attribute", meta.key_attribute),
        ("named", int(meta.has_row_key)),
        ("begun", meta.started_at),
        ("position", str(meta.position)),
        ("made_by", f"aiotask {__version__}"),
    ]


def read_meta(connection: sqlite3.Connection, path: str) -> Meta:
    """Return the settings of a journal's job; refuse other databases and newer journals."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION:
        raise ForeignJournalError("is not an aiotask journal, but some other database", path)
    if schema > _SCHEMA:
        raise JournalVersionError(
            f"was made by a newer aiotask (format {schema}; this one knows up to {_SCHEMA})", path
        )
    meta: dict[str, Any] = dict(connection.execute("SELECT name, value FROM meta"))
    if not all(isinstance(meta.get(name), kind) for name, kind in _META.items()):
        raise JournalDamagedError("is damaged: it does not name its job", path)
    try:
        position = Position.of(meta["position"]) if "position" in meta else Position.first()
    except (ValueError, AttributeError) as error:
        raise JournalDamagedError("is damaged: it does not name its last commit", path) from error
    return Meta(
        job=meta["job"],
        target=meta["target"],
        verb=meta.get("verb", _VERB_OF_VERSION_1),
        key_attribute=meta["key_attribute"],
        has_row_key=bool(meta["named"]),
        started_at=meta["begun"],
        position=position,
        suspicion=meta.get("suspicion"),
        service_time=meta.get("service_time"),
    )


def entries(connection: sqlite3.Connection, path: str, which: str = "") -> Iterator[Entry]:
    """Yield the rows of an SQL condition *which*, by default all, in their order."""
    query = (
        "SELECT number, state, print, place, sent, key, sid, error FROM rows "  # noqa: S608
        f"{which} ORDER BY number"
    )
    with translated(path):
        cursor = connection.execute(query)
        while rows := cursor.fetchmany(1000):
            for number, state, *rest in rows:
                if state not in STATES:
                    raise unknown_state(path, number, state)
                yield Entry(number, STATES[state], *rest)


def unknown_state(path: str, number: object, state: object) -> JournalDamagedError:
    """Return the error for a row whose state is unknown."""
    return JournalDamagedError(f"is damaged: row {number} is in state {state!r}", path)


@contextmanager
def _closing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield connection
    finally:
        connection.close()


def _sync(folder: Path) -> None:
    """Sync a directory, so that a new file keeps its name; some systems cannot."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

"""Names of a bulk run: what the service has by name, and the rows that name it.

They lie in a temporary database, so that their number is no matter of memory.
"""

import weakref
from collections.abc import Iterable, Sequence
from functools import cached_property
from sqlite3 import Connection

import attrs
import msgspec

from aiotask.bulk.temporary import temporary_database, temporary_files
from aiotask.taskrouter._shown import Texts

_TABLES = """
    CREATE TABLE there (name TEXT, sid TEXT, texts BLOB, created REAL, updated REAL);
    CREATE INDEX there_by_name ON there (name);
    CREATE TABLE rows (name TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID;
"""
_PURPOSE = "compared with the service"


@attrs.frozen
class Known:
    """A resource as it was last read; *is_fresh* tells whether that was for the row at hand.

    *created* and *updated* are by the service's clock, in seconds since 1970.
    """

    sid: str
    texts: Texts
    created: float | None
    updated: float | None
    etag: str | None = None
    is_fresh: bool = False


class KnownNames:
    """Resources by name, and the first row of each name; *where* is the collection, for errors."""

    def __init__(self, where: str) -> None:
        self._where = where

    @cached_property
    def _database(self) -> Connection:
        database = temporary_database(_TABLES)
        weakref.finalize(self, database.close)
        return database

    def first(self, name: str, number: int) -> int:
        """Return the row that was the first to have a name: this one, if none was before."""
        with temporary_files(self._where, _PURPOSE):
            self._database.execute("INSERT OR IGNORE INTO rows VALUES (?, ?)", (name, number))
            found = self._database.execute("SELECT number FROM rows WHERE name = ?", (name,))
            return int(found.fetchone()[0])

    def clear(self) -> None:
        """Forget the resources."""
        with temporary_files(self._where, _PURPOSE):
            self._database.execute("DELETE FROM there")

    def add(self, named: Iterable[tuple[str, Known]]) -> None:
        """Add resources, each with its name."""
        rows = [
            (name, each.sid, msgspec.json.encode(each.texts), each.created, each.updated)
            for name, each in named
        ]
        with temporary_files(self._where, _PURPOSE):
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO there VALUES (?, ?, ?, ?, ?)", rows)
            self._database.execute("COMMIT")

    def of(self, name: str) -> Sequence[Known]:
        """Return the resources of a name."""
        with temporary_files(self._where, _PURPOSE):
            query = "SELECT sid, texts, created, updated FROM there WHERE name = ?"
            found = self._database.execute(query, (name,)).fetchall()
        return [
            Known(sid, msgspec.json.decode(texts), created, updated)
            for sid, texts, created, updated in found
        ]

"""Recount of a job: its rows and its resources side by side, in a temporary SQLite database.

Memory stays bounded whatever the size of the job. All methods run in one thread.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from aiotask.bulk.journal.records import STATES, Entry, State
from aiotask.bulk.lookup import Found
from aiotask.bulk.temporary import temporary_database, temporary_files

_PORTION = 1000

# A key has at least one character, so that the empty text stands for none.
_TABLES = """
    CREATE TABLE listed (key TEXT NOT NULL, sid TEXT NOT NULL, created REAL);
    CREATE TABLE told (key TEXT NOT NULL, sid TEXT NOT NULL, created REAL);
    CREATE TABLE copies (sid TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE rows (number INTEGER PRIMARY KEY, key TEXT, state INTEGER, sid TEXT);
    CREATE TABLE seen (key TEXT, sid TEXT, created REAL, listed INTEGER, PRIMARY KEY (key, sid))
        WITHOUT ROWID;
"""
# What was claimed or sent since the first reading is under way; all other rows are as they were.
_ROW = """
    INSERT INTO rows VALUES (?, ?, ?, ?)
    ON CONFLICT (number) DO UPDATE SET state = 1 WHERE rows.state = 0 AND excluded.state > 0"""
# The key of a resource is the one that it was created with, which events tell: its attributes
# may be others by now.
_SEEN = """
    CREATE INDEX listed_by_sid ON listed (sid);
    CREATE INDEX told_by_sid ON told (sid);
    INSERT INTO seen SELECT key, sid, min(created), max(listed) FROM (
        SELECT key, sid, created, sid IN (SELECT sid FROM listed) AS listed FROM told
        UNION ALL
        SELECT key, sid, created, 1 FROM listed WHERE sid NOT IN (SELECT sid FROM told)
    ) GROUP BY key, sid;
    CREATE INDEX rows_by_key ON rows (key);
    CREATE INDEX rows_by_sid ON rows (sid);
"""
# The rows that have not exactly the resource that the journal says.
_DEVIATING = f"""
    SELECT rows.number, rows.key, rows.state, rows.sid
    FROM rows LEFT JOIN seen ON seen.key = rows.key
    GROUP BY rows.number HAVING CASE
        WHEN rows.state IN ({State.UNDELIVERED:d}, {State.CREATED:d})
            THEN count(seen.sid) <> 1 OR total(seen.sid = rows.sid) = 0
        WHEN rows.state IN ({State.PENDING:d}, {State.REJECTED:d}, {State.UNRESOLVED:d})
            THEN count(seen.sid) > 0
        WHEN rows.state = {State.EXISTING:d} THEN count(seen.sid) > total(seen.sid = rows.sid)
        ELSE count(seen.sid) > 1 END"""  # noqa: S608 - numbers of ours
_FOREIGN = """
    SELECT key, sid FROM seen WHERE NOT EXISTS (SELECT 1 FROM rows WHERE rows.key = seen.key)
    AND NOT EXISTS (SELECT 1 FROM rows WHERE rows.sid = seen.sid)"""
_UNLISTED = f"""
    SELECT count(*) FROM rows WHERE state IN ({State.UNDELIVERED:d}, {State.CREATED:d})
    AND NOT EXISTS (
        SELECT 1 FROM seen WHERE seen.key = rows.key AND seen.sid = rows.sid AND seen.listed)
    """  # noqa: S608 - numbers of ours


class Deviation(NamedTuple):
    """A row that has not exactly the resource that the journal says.

    *named* is the sid that the journal has, and *seen* are those of all resources that were created
    with the row's key: the named one first, then listed ones, the oldest first. *astray* tells that
    the named one is another row's.
    """

    number: int
    key: str | None
    state: State
    named: str | None
    seen: tuple[str, ...]
    astray: bool


class Recount:
    """The rows and the resources of one job; *where* is its journal, for errors."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._database = temporary_database(_TABLES)

    def close(self) -> None:
        """Close the database, which is gone then."""
        self._database.close()

    def add_rows(self, entries: Iterable[Entry]) -> None:
        """Add the rows of the journal; a second time, those that were claimed meanwhile."""
        again = self._number("SELECT count(*) FROM rows") > 0
        portion: list[tuple[object, ...]] = []
        for entry in entries:
            # What ended since then was created since then, perhaps, and is not seen yet.
            state = min(entry.state, State.IN_FLIGHT) if again else entry.state
            portion.append((entry.number, entry.key, state, entry.sid))
            if len(portion) >= _PORTION:
                self._insert(_ROW, portion)
                portion = []
        self._insert(_ROW, portion)

    def add_listed(self, found: Iterable[Found]) -> None:
        """Add resources that a list shows."""
        found = [*found]
        self._insert("INSERT INTO listed VALUES (?, ?, ?)", [_values(each) for each in found])
        self.add_copies(each.sid for each in found if each.is_copy)

    def add_told(self, found: Iterable[Found]) -> None:
        """Add resources of whose creation events tell."""
        self._insert("INSERT INTO told VALUES (?, ?, ?)", [_values(each) for each in found])

    def add_copies(self, sids: Iterable[str]) -> None:
        """Add resources that an audit has canceled: they do not count."""
        self._insert("INSERT OR IGNORE INTO copies VALUES (?)", [(sid,) for sid in sids])

    def first_listed(self) -> float | None:
        """Return the creation of the oldest resource that is listed."""
        return self._value("SELECT min(created) FROM listed")

    def sum_up(self) -> bool:
        """Bring together all that was seen, and return whether a row has several resources."""
        with self._translated():
            self._database.executescript(_SEEN)
        several = "SELECT 1 FROM seen WHERE key <> '' GROUP BY key HAVING count(*) > 1 LIMIT 1"
        return self._value(several) is not None

    def leave_out_copies(self) -> None:
        """Count no more what an audit has canceled."""
        with self._translated():
            self._database.execute("DELETE FROM seen WHERE sid IN (SELECT sid FROM copies)")

    def last_untold(self, since: float, until: float) -> float | None:
        """Return the latest creation between two moments of which no event tells."""
        query = (
            "SELECT max(created) FROM seen WHERE listed AND key <> '' "
            "AND created BETWEEN ? AND ? AND sid NOT IN (SELECT sid FROM told)"
        )
        return self._value(query, since, until)

    @property
    def states(self) -> dict[State, int]:
        """The numbers of rows by state."""
        with self._translated():
            query = "SELECT state, count(*) FROM rows GROUP BY state"
            counts = dict(self._database.execute(query))
        return {state: counts.get(state, 0) for state in State}

    @property
    def listed(self) -> int:
        """The number of resources that are listed."""
        return self._number("SELECT count(*) FROM seen WHERE listed")

    @property
    def unlisted(self) -> int:
        """The number of resources that events alone tell of."""
        return self._number("SELECT count(*) FROM seen WHERE NOT listed")

    @property
    def unlisted_rows(self) -> int:
        """The number of rows that were created, and whose resource is not listed."""
        return self._number(_UNLISTED)

    def deviations(self) -> Iterator[list[Deviation]]:
        """Yield in portions the rows that have not exactly the resource that they should."""
        with self._translated():
            cursor = self._database.execute(_DEVIATING)
            while rows := cursor.fetchmany(_PORTION):
                yield [self._deviation(*row) for row in rows]

    def foreign(self) -> Iterator[tuple[str | None, str]]:
        """Yield key and sid of the resources that belong to no row."""
        with self._translated():
            for key, sid in self._database.execute(_FOREIGN):
                yield key or None, sid

    def _deviation(self, number: int, key: str | None, state: int, named: str | None) -> Deviation:
        query = "SELECT sid FROM seen WHERE key = ? ORDER BY sid IS NOT ?, NOT listed, created, sid"
        sids = [sid for (sid,) in self._database.execute(query, (key, named))]
        # Attributes that were copied from one task to another must not make it a second task.
        seen = tuple(sid for sid in sids if sid == named or not self._is_named(sid, number))
        astray = named is not None and named not in seen and self._is_astray(named, number)
        return Deviation(number, key, STATES[state], named, seen, astray)

    def _is_named(self, sid: str, number: int) -> bool:
        """Whether the journal names a resource for another row than this one."""
        query = "SELECT 1 FROM rows WHERE sid = ? AND number <> ? LIMIT 1"
        return self._value(query, sid, number) is not None

    def _is_astray(self, sid: str, number: int) -> bool:
        query = (
            "SELECT 1 FROM copies WHERE sid = ? "
            "UNION ALL SELECT 1 FROM told WHERE sid = ? AND key <> '' "
            "UNION ALL SELECT 1 FROM listed WHERE sid = ? AND key <> '' LIMIT 1"
        )
        return self._is_named(sid, number) or self._value(query, sid, sid, sid) is not None

    def _insert(self, command: str, values: Sequence[Sequence[object]]) -> None:
        with self._translated():
            self._database.execute("BEGIN")
            self._database.executemany(command, values)
            self._database.execute("COMMIT")

    def _number(self, query: str) -> int:
        return int(self._value(query) or 0)

    def _value(self, query: str, *values: object) -> float | None:
        with self._translated():
            row = self._database.execute(query, values).fetchone()
        value: float | None = None if row is None else row[0]
        return value

    def _translated(self) -> AbstractContextManager[None]:
        return temporary_files(self._where, "audited")


def _values(found: Found) -> tuple[object, ...]:
    created = None if found.created is None else found.created.timestamp()
    return found.key or "", found.sid, created

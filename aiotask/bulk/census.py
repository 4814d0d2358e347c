"""Census: what exists of a job, or of an attribute's keys, in lists and in events.

It is taken where a journal may say less than the truth, and where keys name a resource for ever. It
lies in a temporary database, so that its size is no matter of memory.
"""

from datetime import datetime

from aiotask.bulk.item import Item
from aiotask.bulk.lookup import Found, Lookup, portions
from aiotask.bulk.temporary import temporary_database, temporary_files

_TABLES = """
    CREATE TABLE found (key TEXT, sid TEXT, row INTEGER, created REAL);
    CREATE INDEX found_by_key ON found (key);
"""
_PURPOSE = "compared with the service"


class Census:
    """Resources by key; *job* restricts them to one job, whose rows have numbers.

    *where* is the journal, for errors.
    """

    def __init__(self, where: str, job: str | None) -> None:
        self._where = where
        self._job = job
        self._database = temporary_database(_TABLES)

    async def take(self, lookup: Lookup, since: datetime) -> None:
        """Collect what lists show of the job, and the events of creation since a date."""
        if self._job is not None:
            async for portion in portions(lookup.of_job(self._job)):
                self._add(portion)
        async for found in lookup.created_since(since):
            self._add(found)

    def _add(self, found: list[Found]) -> None:
        # In the loop's own thread, for some milliseconds: a run that is cancelled closes the
        # database, which no other thread may be using then.
        rows = [
            (each.key, each.sid, each.row, each.created.timestamp() if each.created else None)
            for each in found
            if each.key is not None and (self._job is None or each.job in (None, self._job))
        ]
        with temporary_files(self._where, _PURPOSE):
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO found VALUES (?, ?, ?, ?)", rows)
            self._database.execute("COMMIT")

    def sid_of(self, item: Item) -> str | None:
        """Return the oldest resource of a row, if it has any."""
        number = None if self._job is None else item.number
        with temporary_files(self._where, _PURPOSE):
            found = self._database.execute(
                "SELECT sid FROM found WHERE key = ? AND (row IS NULL OR ? IS NULL OR row = ?) "
                "ORDER BY created IS NULL, created LIMIT 1",
                (item.key, number, number),
            ).fetchone()
        return None if found is None else str(found[0])

    def close(self) -> None:
        """Drop the database."""
        self._database.close()

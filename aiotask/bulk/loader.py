"""Loader of a shared journal: the rows of a source, appended to a job in windows."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiotask.bulk.claims import Prepared, first_changed, prepared
from aiotask.bulk.item import Item
from aiotask.bulk.journal.postgres_jobs import (
    Ended,
    Job,
    Loaded,
    count,
    ended,
    existing_keys,
    load,
    prints,
)
from aiotask.bulk.journal.writer import LONGEST_ERROR
from aiotask.bulk.leases import Link
from aiotask.bulk.operation import Operation
from aiotask.bulk.rows import Source
from aiotask.bulk.settings import Settings
from aiotask.bulk.windows import ROWS
from aiotask.errors import InputChangedError

_AT_ONCE = 16 * ROWS


class Loader:
    """Loads the rows of a source into a job, and goes past those that it has already.

    Each portion of rows waits for *room*; *expect* is called with it before it is loaded, and
    *known* with the ends that its rows have.
    """

    def __init__(
        self,
        source: Source[Any],
        operation: Operation,
        settings: Settings,
        where: str,
        room: Callable[[], Awaitable[None]],
        expect: Callable[[list[Prepared]], None],
        known: Callable[[list[Ended]], None],
    ) -> None:
        self.loaded: int = 0
        """Rows that this loader has added."""
        self._source = source
        self._operation = operation
        self._settings = settings
        self._where = where
        self._room = room
        self._expect = expect
        self._known = known
        self._pulled = 0
        self._has_row_key = settings.keys.has_own

    async def run(self, link: Link, job: Job) -> None:
        """Load all rows."""
        rows = job.rows  # as far as is known: another import may load the same ones

        def prepare(row: Any) -> Prepared:
            self._pulled += 1
            if self._pulled <= job.rows and (found := self._settings.fingerprint_of(row)):
                line = self._settings.source_line_of(row)
                return Prepared(Item(self._pulled, row, None, b"", found, line), None)
            return prepared(
                self._pulled, row, job.id, self._operation, self._settings, printed=True
            )

        last = 0
        while True:
            await self._room()
            portion = await self._source.take(_AT_ONCE, prepare)
            if not portion:
                break
            last += len(portion)
            portion = await self._checked(link, job, portion, rows)
            self._expect(portion)
            rows = await self._load(link, job, portion, rows)
            for row in portion:
                row.item.body = b""  # the journal has it
        if last < rows:
            raise self._changed(
                f"has {rows:,} rows, but the input has {last:,}: "
                "it is not the input that the job was begun with"
            )

    async def _checked(
        self, link: Link, job: Job, portion: list[Prepared], rows: int
    ) -> list[Prepared]:
        """Refuse rows whose keys others have."""
        if not self._has_row_key:
            return portion
        new = [row for row in portion if row.item.number > rows and row.error is None]
        keys = [row.item.key for row in new if row.item.key is not None]
        if not keys:
            return portion
        owners = await link.call(lambda db: existing_keys(db, job.id, keys))
        checked: list[Prepared] = []
        for row in portion:
            key, error = row.item.key, row.error
            if key is not None and error is None and row.item.number > rows:
                owner = owners.setdefault(key, row.item.number)
                if owner != row.item.number:
                    error = self._settings.keys.taken(row.item.row, key, owner)
            checked.append(Prepared(row.item, error))
        return checked

    async def _load(self, link: Link, job: Job, portion: list[Prepared], rows: int) -> int:
        """Load a portion into a job that has so many *rows*; return how many it has then."""
        first, last = portion[0].item.number, portion[-1].item.number
        while True:
            await self._compare(link, job, portion, rows)
            new = portion[max(rows + 1 - first, 0) :]
            if not new or await self._loads(link, job, new):
                break
            rows = await link.call(lambda db: count(db, job.id))
        if len(new) < len(portion):
            numbers = [row.item.number for row in portion]
            self._known(await link.call(lambda db: ended(db, job.id, numbers)))
        return max(rows, last)

    async def _loads(self, link: Link, job: Job, new: list[Prepared]) -> bool:
        """Append rows to the job, unless it has some of them already."""
        after = new[0].item.number - 1
        loaded = [self._loaded(row) for row in new]
        done = await link.call(lambda db: load(db, job.id, after, loaded, ROWS))
        self.loaded += len(new) if done else 0
        return done

    def _loaded(self, row: Prepared) -> Loaded:
        item, error = row
        if error is not None:
            reason = str(error)[:LONGEST_ERROR].replace("\0", "")
            return Loaded(item.number, item.source_line, item.fingerprint, None, None, reason)
        key = item.key if self._has_row_key else None
        return Loaded(item.number, item.source_line, item.fingerprint, key, item.body, None)

    async def _compare(self, link: Link, job: Job, portion: list[Prepared], rows: int) -> None:
        """See that the rows which the job has are those of the input."""
        after = portion[0].item.number - 1
        until = min(rows, portion[-1].item.number)
        if until <= after:
            return
        known = await link.call(lambda db: prints(db, job.id, after, until))
        found = [row.item.fingerprint for row in portion[: until - after]]
        if (number := first_changed(found, known)) is not None:
            row = f"row {after + number:,}"
            raise self._changed(f"was begun with another input: {row} has changed")

    def _changed(self, difference: str) -> InputChangedError:
        return InputChangedError(difference, self._where)

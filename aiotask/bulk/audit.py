"""Audit of a job: its resources on the service against its journal. Nothing is changed."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import attrs

from aiotask.bulk.journal import Where, read_journal
from aiotask.bulk.journal.records import Entry, State
from aiotask.bulk.keys import derived_key
from aiotask.bulk.lookup import Found, Lookup
from aiotask.errors import ForeignJournalError

_PORTION = 1000
# Events are read from a day before the journal was begun: this machine's clock may be wrong.
_MARGIN = 86_400.0  # seconds


@attrs.frozen
class Copy:
    """One of the tasks of a row: ``canceled`` where the audit has canceled it."""

    sid: str
    canceled: bool = False


@attrs.frozen
class Finding:
    """A row, by its number and key, and the tasks that it has."""

    row: int | None
    key: str | None
    copies: tuple[Copy, ...]


@attrs.frozen
class Audit:
    """The result of an audit; ``in_order`` where the service agrees with the journal.

    *rows* counts the journal's rows by state, *found* the tasks that are listed, and *ended* those
    that only the service's events still tell of. *missing* are rows that the journal calls created
    and that have no task, *twice* rows with several tasks (the first one is the row's: the one that
    the journal names, else the oldest), *unexpected* rows with a task that the journal does not
    tell of, and *foreign* tasks of the job that belong to no row.
    """

    rows: dict[State, int]
    found: int = 0
    ended: int = 0
    missing: list[Finding] = attrs.field(factory=list)
    twice: list[Finding] = attrs.field(factory=list)
    unexpected: list[Finding] = attrs.field(factory=list)
    foreign: list[Finding] = attrs.field(factory=list)

    @property
    def open(self) -> int:
        """The number of rows without an end: the import has to be resumed."""
        return sum(self.rows[state] for state in State if state < State.CREATED)

    @property
    def in_order(self) -> bool:
        """Whether each row has the task that the journal names, once; canceled copies aside."""
        twice = [each for each in self.twice if not all(c.canceled for c in each.copies[1:])]
        return not (self.missing or twice or self.unexpected or self.foreign or self.open)


async def audit(where: Where, path: str, lookup_of: Callable[[str], Lookup]) -> Audit:
    """Compare the tasks of a job with its journal, in bounded memory.

    *path* is the collection that the journal has to target, and *lookup_of* finds its resources by
    the attribute that holds their keys. A JournalError says why the journal cannot be read. It may
    be in use: then rows under way are *open*, and nothing else is different.
    """
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "aiotask-audit") as thread:
        recount = await loop.run_in_executor(thread, lambda: _Recount(where, path))
        lookup = lookup_of(recount.summary.key_attribute or "")
        try:
            async for found in _portions(lookup, recount.summary.job):
                await loop.run_in_executor(thread, recount.add, found)
            result, unseen = await loop.run_in_executor(thread, recount.compare)
            if unseen:
                keys = {each.key for each in unseen}
                seen = await _in_events(lookup, recount.summary.started_at, keys)
                for finding in unseen:
                    if finding.key in seen:
                        continue
                    # A list may not show yet what was created a moment ago.
                    if await lookup.is_there(finding.copies[0].sid):
                        result = attrs.evolve(result, found=result.found + 1)
                    else:
                        result.missing.append(finding)
                result = attrs.evolve(result, ended=len(seen))
            return result
        finally:
            await loop.run_in_executor(thread, recount.close)


async def _portions(lookup: Lookup, job: str) -> AsyncIterator[list[Found]]:
    portion: list[Found] = []
    async for found in lookup.of_job(job):
        portion.append(found)
        if len(portion) >= _PORTION:
            yield portion
            portion = []
    yield portion


async def _in_events(lookup: Lookup, started_at: float, keys: set[str | None]) -> set[str]:
    seen: set[str] = set()
    since = datetime.fromtimestamp(max(0.0, started_at - _MARGIN), UTC)
    async for found in lookup.created_since(since):
        seen.update(each.key for each in found if each.key is not None and each.key in keys)
    return seen


class _Recount:
    """The tasks found, in a temporary database of its own."""

    def __init__(self, where: Where, path: str) -> None:
        self._reader = read_journal(where)
        try:
            self.summary = self._reader.summary()
            self._check(path)
        except BaseException:
            self._reader.close()
            raise
        self._found = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._found.execute("CREATE TABLE found (key TEXT, sid TEXT, created REAL)")

    def _check(self, path: str) -> None:
        if self.summary.target != path:
            raise ForeignJournalError(
                f"belongs to another job: it targets {self.summary.target}, not {path}",
                self._reader.where,
            )
        if self.summary.key_attribute is None:
            raise ForeignJournalError(
                "was begun with key_attribute=None: its tasks cannot be told from others",
                self._reader.where,
            )

    def close(self) -> None:
        self._found.close()
        self._reader.close()

    def add(self, found: list[Found]) -> None:
        self._found.execute("BEGIN")
        self._found.executemany(
            "INSERT INTO found VALUES (?, ?, ?)",
            [
                (each.key, each.sid, each.created.timestamp() if each.created else None)
                for each in found
            ],
        )
        self._found.execute("COMMIT")

    def compare(self) -> tuple[Audit, list[Finding]]:
        """Return the differences, and rows that were created and are not listed."""
        execute = self._found.execute
        execute("CREATE INDEX found_by_key ON found (key)")
        execute("CREATE TABLE known (key TEXT PRIMARY KEY) WITHOUT ROWID")
        (count,) = execute("SELECT count(DISTINCT sid) FROM found").fetchone()
        result = Audit(self.summary.rows, count)
        unseen: list[Finding] = []
        for entry in self._reader.rows():
            key = entry.key
            if key is None and not self.summary.has_row_key:
                key = derived_key(self.summary.job, entry.number)
            copies = self._copies(key, entry.sid)
            finding = Finding(entry.number, key, copies)
            if key is not None:
                execute("INSERT OR IGNORE INTO known VALUES (?)", (key,))
            self._judge(result, unseen, entry, finding)
        foreign = execute("SELECT key, sid FROM found WHERE key IS NULL OR key NOT IN known")
        result.foreign.extend(Finding(None, key, (Copy(sid),)) for key, sid in foreign)
        return result, unseen

    def _judge(self, result: Audit, unseen: list[Finding], entry: Entry, finding: Finding) -> None:
        if len(finding.copies) > 1:
            result.twice.append(finding)
        elif entry.state in (State.CREATED, State.UNDELIVERED):
            if not finding.copies:
                unseen.append(attrs.evolve(finding, copies=(Copy(entry.sid or ""),)))
        elif finding.copies and entry.state in (State.REJECTED, State.UNRESOLVED):
            result.unexpected.append(finding)

    def _copies(self, key: str | None, known: str | None) -> tuple[Copy, ...]:
        """Return the tasks of a row, the one that the journal names first."""
        query = "SELECT DISTINCT sid FROM found WHERE key = ? ORDER BY sid IS NOT ?, created, rowid"
        return tuple(Copy(sid) for (sid,) in self._found.execute(query, (key, known)))

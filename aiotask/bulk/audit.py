"""A recount: what there is of a job, held against what its journal says. Changes nothing itself."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import attrs

from aiotask.bulk.journal.reader import open_to_read
from aiotask.bulk.journal.records import Entry, JournalSummary, State
from aiotask.bulk.keys import JOB_ATTRIBUTE, derived_key
from aiotask.bulk.target import Found, Target
from aiotask.errors import ForeignJournalError

_PORTION = 1000
_MARGIN = 86_400.0  # seconds before the journal was begun, by a clock that may be wrong


@attrs.frozen
class Copy:
    """One of the tasks of a row: ``canceled`` where the audit has canceled it."""

    sid: str
    canceled: bool = False


@attrs.frozen
class Finding:
    """A row, by its number and key, and the tasks that are there of it."""

    row: int | None
    key: str | None
    copies: tuple[Copy, ...]


@attrs.frozen
class Audit:
    """What a recount found; ``in_order`` where each row of the journal has what it says.

    *rows* counts those of the journal by how they ended, *found* the tasks that are listed and
    *ended* those that are not any more although the service's events tell of them. *missing* are
    rows that the journal has as created and that are nowhere, *twice* rows with several tasks (the
    first one is the row's: the one that the journal names, else the oldest), *unexpected* rows that
    have a task although the journal does not say so, and *foreign* tasks of the job that are of no
    row.
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
        """How many rows have no end yet: the import has to be gone on with."""
        return sum(self.rows[state] for state in State if state < State.CREATED)

    @property
    def in_order(self) -> bool:
        """Whether each row has what the journal says, once, now that copies are canceled."""
        twice = [each for each in self.twice if not all(c.canceled for c in each.copies[1:])]
        return not (self.missing or twice or self.unexpected or self.foreign or self.open)


async def audit(target: Target, path: str | os.PathLike[str]) -> Audit:
    """Recount a job's tasks against its journal, in bounded memory.

    A JournalError says why the journal cannot be read. It may be in use: then rows under way are
    *open*, and nothing else is different.
    """
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "aiotask-audit") as thread:
        recount = await loop.run_in_executor(thread, lambda: _Recount(path, target.path))
        try:
            async for found in _portions(target, recount.standing):
                await loop.run_in_executor(thread, recount.add, found)
            result, unseen = await loop.run_in_executor(thread, recount.compare)
            if unseen:
                seen = await _in_events(target, recount.standing, {each.key for each in unseen})
                for finding in unseen:
                    if finding.key in seen:
                        continue
                    # A list may not show yet what was made a moment ago.
                    if await target.is_there(finding.copies[0].sid):
                        result = attrs.evolve(result, found=result.found + 1)
                    else:
                        result.missing.append(finding)
                result = attrs.evolve(result, ended=len(seen))
            return result
        finally:
            await loop.run_in_executor(thread, recount.close)


async def _portions(target: Target, standing: JournalSummary) -> AsyncIterator[list[Found]]:
    attribute = standing.key_attribute or ""
    portion: list[Found] = []
    async for found in target.of_job(JOB_ATTRIBUTE, standing.job, attribute):
        portion.append(found)
        if len(portion) >= _PORTION:
            yield portion
            portion = []
    yield portion


async def _in_events(target: Target, standing: JournalSummary, keys: set[str | None]) -> set[str]:
    seen: set[str] = set()
    since = datetime.fromtimestamp(max(0.0, standing.begun - _MARGIN), UTC)
    async for found in target.created_since(standing.key_attribute or "", since):
        seen.update(each.key for each in found if each.key is not None and each.key in keys)
    return seen


class _Recount:
    """What was found, in a database of its own that is gone when it is closed."""

    def __init__(self, path: str | os.PathLike[str], target: str) -> None:
        self._reading = open_to_read(path)
        try:
            self.standing = self._reading.standing()
            self._check(target)
        except BaseException:
            self._reading.close()
            raise
        self._found = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._found.execute("CREATE TABLE found (key TEXT, sid TEXT, created REAL)")

    def _check(self, target: str) -> None:
        if self.standing.target != target:
            raise ForeignJournalError(
                f"is of another job: its tasks go to {self.standing.target}, not to {target}",
                self._reading.path,
            )
        if self.standing.key_attribute is None:
            raise ForeignJournalError(
                "was begun with key_attribute=None: its tasks cannot be told from others",
                self._reading.path,
            )

    def close(self) -> None:
        self._found.close()
        self._reading.close()

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
        """Return what differs, and rows that were created and are not listed."""
        execute = self._found.execute
        execute("CREATE INDEX found_by_key ON found (key)")
        execute("CREATE TABLE known (key TEXT PRIMARY KEY) WITHOUT ROWID")
        (count,) = execute("SELECT count(DISTINCT sid) FROM found").fetchone()
        result = Audit(self.standing.rows, count)
        unseen: list[Finding] = []
        for entry in self._reading.rows():
            key = entry.key
            if key is None and not self.standing.named:
                key = derived_key(self.standing.job, entry.number)
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
        elif entry.state in (State.CREATED, State.UNTOLD):
            if not finding.copies:
                unseen.append(attrs.evolve(finding, copies=(Copy(entry.sid or ""),)))
        elif finding.copies and entry.state in (State.REJECTED, State.UNRESOLVED):
            result.unexpected.append(finding)

    def _copies(self, key: str | None, known: str | None) -> tuple[Copy, ...]:
        """Return the tasks of a row, first of all the one that the caller was told of."""
        query = "SELECT DISTINCT sid FROM found WHERE key = ? ORDER BY sid IS NOT ?, created, rowid"
        return tuple(Copy(sid) for (sid,) in self._found.execute(query, (key, known)))

"""Audit of a job: its resources on the service against its journal. Nothing is changed."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from math import isfinite
from typing import TypeVar

import attrs

from aiotask._service_time import date_of
from aiotask.bulk.journal import JournalReader, Where, read_journal
from aiotask.bulk.journal.records import Entry, JournalSummary, State
from aiotask.bulk.keys import derived_key
from aiotask.bulk.lookup import Lookup, newest_date, portions
from aiotask.bulk.reach import Reach
from aiotask.bulk.recount import Deviation, Recount
from aiotask.errors import (
    BadRequestError,
    ForeignJournalError,
    NotFoundError,
    PermissionDeniedError,
)

T = TypeVar("T")

_AT_ONCE = 20  # looks at single resources
_NO_EVENTS = (BadRequestError, NotFoundError, PermissionDeniedError)


@attrs.frozen
class Copy:
    """One of the tasks of a row: ``canceled`` where the audit has canceled it."""

    sid: str
    """SID of the task."""
    canceled: bool = False
    """Whether the audit has canceled it."""


@attrs.frozen
class Finding:
    """A row, by its number and key, and the tasks that it has."""

    row: int | None
    """Number of the row, None where the journal has none."""
    key: str | None
    """Key of the row."""
    copies: tuple[Copy, ...]
    """Tasks of the row, the one that counts first."""


@attrs.frozen
class Audit:
    """The result of an audit; ``in_order`` where the service agrees with the journal.

    *rows* counts the journal's rows by state, *found* the tasks that are listed under the name of
    the job, and *ended* those that only the service's events tell of: they have ended, or their
    attributes were replaced. A row's tasks are all that were created with its key, whatever became
    of them since; those that an audit has canceled do not count.

    *missing* are rows that the journal calls created and that have no task. *twice* are rows with
    several tasks (the first one is the row's: the one that the journal names, else the oldest that
    is listed).
    *wrong* are rows whose task is another than the journal names, which is no task of theirs; it
    stands first. *unexpected* are rows with a task that the journal does not tell of, and *foreign*
    are tasks of the job that belong to no row.

    Events tell of all tasks that were created since *seen_since*, by the service's clock; it is
    None where the service gives no events. They reach back thirty days at the most. Of tasks that
    were created before, only those are seen that are listed still: the service takes tasks off its
    lists five minutes after their end. *unseen* counts the created rows whose task is not listed,
    where the job began before *seen_since*.
    """

    rows: dict[State, int]
    """Numbers of the journal's rows, by state."""
    found: int = 0
    """Number of tasks that are listed under the name of the job."""
    ended: int = 0
    """Number of tasks that only events tell of."""
    missing: list[Finding] = attrs.field(factory=list)
    """Rows that the journal calls created, and that have no task."""
    twice: list[Finding] = attrs.field(factory=list)
    """Rows with several tasks."""
    unexpected: list[Finding] = attrs.field(factory=list)
    """Rows with a task that the journal does not tell of."""
    foreign: list[Finding] = attrs.field(factory=list)
    """Tasks of the job that belong to no row."""
    wrong: list[Finding] = attrs.field(factory=list)
    """Rows whose task is another than the journal names."""
    seen_since: datetime | None = None
    """Moment since which events tell of all tasks; None where there are none."""
    unseen: int = 0
    """Number of created rows whose task is not listed, from before ``seen_since``."""

    @property
    def open(self) -> int:
        """The number of rows without an end: the import has to be resumed."""
        return sum(self.rows[state] for state in State if state < State.CREATED)

    @property
    def in_order(self) -> bool:
        """Whether each row has the task that the journal names, once; canceled copies aside.

        Where the job began before *seen_since*, each created row's task has to be listed still. It
        is assumed then that no other task of a row was created before, and ended or lost its
        attributes: nothing on the service shows it any more.
        """
        twice = [each for each in self.twice if not all(c.canceled for c in each.copies[1:])]
        findings = [self.missing, twice, self.wrong, self.unexpected, self.foreign]
        return not (any(findings) or self.open or self.unseen)


async def audit(where: Where, path: str, lookup_of: Callable[[str], Lookup]) -> Audit:
    """Compare the tasks of a job with its journal, in bounded memory.

    *path* is the collection that the journal has to target, and *lookup_of* finds its resources by
    the attribute that holds their keys. A JournalError says why the journal cannot be read, or that
    there is no space for temporary files. The journal may be in use: then rows under way are
    *open*, and nothing else is different.
    """
    with ThreadPoolExecutor(1, "aiotask-audit") as thread:
        auditor = _Auditor(where, path, thread)
        try:
            return await auditor.result(lookup_of)
        finally:
            await auditor.in_thread(auditor.close)


class _Auditor:
    """Brings the journal and the service's answers together, and judges what they show.

    Journal and recount belong to one thread.
    """

    reader: JournalReader
    recount: Recount
    summary: JournalSummary

    def __init__(self, where: Where, path: str, thread: ThreadPoolExecutor) -> None:
        self._where = where
        self._path = path
        self._thread = thread
        self._opened = ExitStack()

    def in_thread(self, act: Callable[[], T]) -> asyncio.Future[T]:
        """Begin to do something in the thread."""
        return asyncio.get_running_loop().run_in_executor(self._thread, act)

    def close(self) -> None:
        """Close what was opened."""
        self._opened.close()

    async def result(self, lookup_of: Callable[[str], Lookup]) -> Audit:
        """Ask the service, and return the result."""
        first_sent = await self.in_thread(self._open)
        recount, job = self.recount, self.summary.job
        lookup = lookup_of(self.summary.key_attribute or "")
        latest = await newest_date(lookup)
        newest = latest if isfinite(latest) else None
        async for portion in portions(lookup.of_job(job)):
            await self.in_thread(partial(recount.add_listed, portion))
        first_listed = await self.in_thread(recount.first_listed)
        reach = Reach(self.summary.started_at, first_sent, first_listed, newest)
        seen_since = await self._read_events(lookup, reach)
        # By now the journal has each row that was found: it is there before it is sent.
        await self.in_thread(self._read_rows)
        if await self.in_thread(recount.sum_up):
            await self._read_copies(lookup, reach)
        result = await self.in_thread(partial(self._begin, reach, seen_since))
        deviations = recount.deviations()
        while some := await self.in_thread(lambda: next(deviations, [])):
            result = await self._judge(lookup, result, some)
        return result

    def _open(self) -> float | None:
        """Open the journal, take its rows, and return a time when one of the first was sent."""
        self.reader = read_journal(self._where)
        self._opened.callback(self.reader.close)
        self.summary = self.reader.summary()
        self._check()
        self.recount = Recount(self.reader.where)
        self._opened.callback(self.recount.close)
        self._read_rows()
        sent = (each.sent_at for each in self.reader.rows() if each.sent_at is not None)
        return next(sent, None)

    def _check(self) -> None:
        if self.summary.target != self._path:
            raise ForeignJournalError(
                f"belongs to another job: it targets {self.summary.target}, not {self._path}",
                self.reader.where,
            )
        if self.summary.key_attribute is None:
            raise ForeignJournalError(
                "was begun with key_attribute=None: its tasks cannot be told from others",
                self.reader.where,
            )

    def _read_rows(self) -> None:
        self.recount.add_rows(map(self._with_key, self.reader.rows()))

    def _with_key(self, entry: Entry) -> Entry:
        if entry.key is None and not self.summary.has_row_key:
            return entry._replace(key=derived_key(self.summary.job, entry.number))
        return entry

    async def _read_events(self, lookup: Lookup, reach: Reach) -> datetime | None:
        """Take what events tell; return the date since which they do, None if they are refused."""
        job = self.summary.job
        with suppress(*_NO_EVENTS):
            async for found in lookup.created_since(reach.since):
                told = [each for each in found if each.job == job]
                await self.in_thread(partial(self.recount.add_told, told))
            return reach.seen_since
        return None

    async def _read_copies(self, lookup: Lookup, reach: Reach) -> None:
        with suppress(*_NO_EVENTS):
            async for sids in lookup.copies_canceled_since(reach.since):
                await self.in_thread(partial(self.recount.add_copies, sids))

    def _begin(self, reach: Reach, seen_since: datetime | None) -> Audit:
        """Return the result as far as it needs no more look."""
        recount = self.recount
        recount.leave_out_copies()
        if seen_since is not None:
            # A log of events may be shorter than it should be.
            untold = recount.last_untold(seen_since.timestamp(), reach.settled.timestamp())
            seen_since = seen_since if untold is None else date_of(untold + 1)
        return Audit(
            recount.states,
            found=recount.listed,
            ended=recount.unlisted,
            foreign=[Finding(None, key, (Copy(sid),)) for key, sid in recount.foreign()],
            seen_since=seen_since,
            unseen=0 if reach.covers_job(seen_since) else recount.unlisted_rows,
        )

    async def _judge(self, lookup: Lookup, result: Audit, rows: Sequence[Deviation]) -> Audit:
        """Add the findings of some rows."""
        sought = [row.named for row in rows if _is_sought(row)]
        there = await _existing(lookup, [sid for sid in sought if sid is not None])
        found = 0
        for row in rows:
            sids = row.seen
            if row.named in there and row.named not in sids:
                # Lists do not show yet what was created a moment ago, nor without its attributes.
                sids = (row.named, *sids)
                found += 1
            _add(result, row, sids)
        return attrs.evolve(result, found=result.found + found)


def _is_sought(row: Deviation) -> bool:
    return _is_created(row) and not row.astray and row.named not in row.seen


def _is_created(row: Deviation) -> bool:
    return row.state in {State.CREATED, State.UNDELIVERED}


def _add(result: Audit, row: Deviation, sids: tuple[str, ...]) -> None:
    """Add the finding of a row that has these tasks."""
    named = row.named or ""
    if _is_created(row) and named not in sids:
        kind = result.wrong if sids or row.astray else result.missing
        kind.append(_finding(row, (named, *sids)))
        return
    if row.state is State.EXISTING and named not in sids:
        sids = (named, *sids)
    if len(sids) > 1:
        result.twice.append(_finding(row, sids))
    if sids and row.state in {State.PENDING, State.REJECTED, State.UNRESOLVED}:
        result.unexpected.append(_finding(row, sids))


def _finding(row: Deviation, sids: Sequence[str]) -> Finding:
    return Finding(row.number, row.key, tuple(map(Copy, sids)))


async def _existing(lookup: Lookup, sids: Sequence[str]) -> set[str]:
    """Return those of *sids* that exist."""
    there: set[str] = set()
    for start in range(0, len(sids), _AT_ONCE):
        some = sids[start : start + _AT_ONCE]
        answers = await asyncio.gather(*map(lookup.is_there, some), return_exceptions=True)
        for sid, answer in zip(some, answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            if answer:
                there.add(sid)
    return there

"""Windows of a job in a shared journal: their rows come in, and their ends are written."""

import math
from collections.abc import Callable
from typing import Any

from aiotask.bulk.bell import Bell
from aiotask.bulk.delivery import Delivery
from aiotask.bulk.feeder import rows_wanted
from aiotask.bulk.item import Item
from aiotask.bulk.journal.postgres_jobs import Job
from aiotask.bulk.journal.postgres_windows import (
    Row,
    Taken,
    next_free,
    rows_of,
    take,
)
from aiotask.bulk.journal.records import State
from aiotask.bulk.keys import derived_key
from aiotask.bulk.lease import Lease, lease_clock
from aiotask.bulk.offers import Offer, Offers
from aiotask.bulk.outcomes import Rejected, unresolved
from aiotask.bulk.resolver import Resolver
from aiotask.bulk.service_clock import ServiceClock
from aiotask.bulk.shared_journal import SharedJournal
from aiotask.bulk.wait_queue import StopSignal
from aiotask.bulk.window_writer import WindowWriter
from aiotask.bulk.work_queue import WorkQueue
from aiotask.errors import JournalIOError

# All rows of a dead worker's windows have to be looked for, also those that it had not come to: so
# windows are small, and the next one is taken late.
ROWS = 64
_WANTED = 32
_SOONEST = 0.05  # seconds until a worker without rows asks again


class JobWindows:
    """The windows of one job, for one run of a worker.

    The run ends when *is_loaded* says that no more rows will come, and all are done, by whomever.
    """

    wanted: int = _WANTED

    def __init__(
        self,
        journal: SharedJournal,
        job: Job,
        is_loaded: Callable[[], bool],
        written: Callable[[list[tuple[Item, Any]]], None],
        offers: Offers | None = None,
        *,
        repeats: bool = False,
    ) -> None:
        self.writer: WindowWriter = WindowWriter(journal, job, written, repeats=repeats)
        self._journal = journal
        self._job = job
        self._is_loaded = is_loaded
        self._offers = offers

    def feeder(
        self,
        queue: WorkQueue,
        delivery: Delivery[Any],
        service: ServiceClock,
        stop: StopSignal,
        resolver: Resolver | None,
        fail: Callable[[Exception], None],
    ) -> "WindowFeeder":
        """Return the feeder of the run."""
        self.writer.stop = stop
        return WindowFeeder(
            self.writer,
            self._journal.bell,
            self._job,
            self._is_loaded,
            self._offers,
            queue,
            delivery,
            service,
            stop,
            resolver,
            fail,
        )


class WindowFeeder:
    """Takes windows, no faster than their rows are sent."""

    def __init__(  # noqa: PLR0917 - the parts of a run, each of another type
        self,
        writer: WindowWriter,
        bell: Bell,
        job: Job,
        is_loaded: Callable[[], bool],
        offers: Offers | None,
        queue: WorkQueue,
        delivery: Delivery[Any],
        service: ServiceClock,
        stop: StopSignal,
        resolver: Resolver | None,
        fail: Callable[[Exception], None],
    ) -> None:
        self.error: BaseException | None = None
        self._writer = writer
        self._bell = bell
        self._leases = writer.leases
        self._job = job
        self._opened_at = lease_clock()
        self._is_loaded = is_loaded
        self._offers = offers
        self._queue = queue
        self._delivery = delivery
        self._service = service
        self._stop = stop
        self._resolver = resolver
        self._fail = fail

    async def run(self, unsent: list[Item]) -> None:
        """Feed the queue until all rows of the job are done, or the run stops."""
        del unsent
        self._leases.watch(self._fail)
        try:
            while await rows_wanted(self._queue, self._delivery, self._stop):
                loaded, rung = self._is_loaded(), self._bell.rung  # before the look
                offer = await self._next_offer()
                if await self._take(offer) or offer is not None:
                    continue
                free_in = await self._writer.link.call(self._next_free)
                if loaded and free_in is None:
                    break
                if self._offers is None:
                    wait = math.inf if free_in is None else max(free_in, _SOONEST)
                    await self._stop.cancels(self._bell.wait(rung, wait))
        finally:
            self._leases.unwatch(self._fail)
        self._queue.close()
        self._delivery.changed.set()

    async def _next_free(self, database: Any) -> float | None:
        return await next_free(database, self._job.id, self._leases.terms.length)

    async def _next_offer(self) -> Offer | None:
        """Wait a moment for what an engine offers, where there is one."""
        return None if self._offers is None else await self._stop.cancels(self._offers.next())

    async def _take(self, offer: Offer | None) -> bool:
        """Take the window of an offer, or else any one or several small ones; False for none."""
        leases: list[Lease] = []
        try:
            leases = await self._taken(None if offer is None else offer.first)
        finally:
            if offer is not None:
                offer.answer(leases[0] if leases else None)
        return bool(leases)

    async def _taken(self, only: int | None) -> list[Lease]:
        asked_at = 0.0

        async def act(database: Any) -> list[Taken]:
            nonlocal asked_at
            asked_at = lease_clock()
            length = self._leases.terms.length
            return await take(database, self._job.id, self._leases.owner, length, ROWS, only)

        # Not broken off by a stop: what was taken unawares would be in doubt.
        windows = await self._writer.link.call(act)
        # Before this moment, as the database knows, no other worker's lease was over.
        taken_at = self._service.now()
        leases = [self._leases.add(self._job.id, each, asked_at, self._lost) for each in windows]
        self._writer.held.update(leases)
        if not windows:
            return []
        rows = await self._writer.link.call(lambda db: rows_of(db, self._job.id, windows))
        by_number = {row.number: row for row in rows}
        self._date_job(taken_at)
        for window, lease in zip(windows, leases, strict=True):
            numbers = range(window.first, window.last + 1)
            self._sort(window, lease, [by_number[number] for number in numbers], taken_at)
        return leases

    def _date_job(self, now: float) -> None:
        if self._service.job_started_at is None:
            age = self._job.age + lease_clock() - self._opened_at
            self._service.job_started_at = self._service.earliest(now - age)

    def _sort(self, window: Taken, lease: Lease, rows: list[Row], taken_at: float) -> None:
        """Pass on the rows of a window: fresh ones to be sent, the others to be looked for."""
        fresh: list[Item] = []
        for row in rows:
            if row.state is not None and row.state >= State.CREATED:
                lease.left -= 1
                continue
            item = self._item(row, lease)
            self._delivery.expect([item])
            if self._is_fresh(row, window):
                fresh.append(item)
            elif (again := self._look_for(item, row, window, taken_at)) is not None:
                fresh.append(again)
        if not lease.left:
            self._writer.complete(lease)
        if self._stop.is_set():
            for item in fresh:
                self._writer.release(item)
        else:
            self._queue.add(fresh)

    def _is_fresh(self, row: Row, window: Taken) -> bool:
        """Whether a row was certainly not sent: nobody had it, or its last owner says so."""
        if window.suspect_for is not None:
            return False
        if row.state is State.PENDING:
            return row.epoch == window.epoch - 1
        return window.epoch == 1

    def _look_for(self, item: Item, row: Row, window: Taken, taken_at: float) -> Item | None:
        """Have a row in doubt looked for, or return it where it is simply sent again."""
        since = taken_at
        if window.suspect_for is None:
            item.sent_at = self._service.earliest(taken_at - window.age)
        else:
            # Whoever had it before the journal forgot that may have sent it at any time.
            item.sent_at = self._service.job_started_at
            if window.epoch == 1:
                since -= window.suspect_for
        item.accepted = row.state is State.ACCEPTED_WITHOUT_SID
        if item.invalid is not None:
            self._delivery.put(item, Rejected(None, item.invalid))
        elif self._writer.repeats:
            item.from_earlier_run, item.failed_at = True, since
            return item
        elif self._resolver is None:
            self._delivery.put(item, unresolved(item))
        else:
            self._resolver.add(item, None, since, from_earlier_run=True)
        return None

    def _item(self, row: Row, lease: Lease) -> Item:
        key = row.key
        if key is None and self._job.key_attribute is not None:
            key = derived_key(self._job.id, row.number)
        item = Item(row.number, None, key, row.body or b"", row.print, row.line, lease=lease)
        if row.body is None:
            item.invalid = JournalIOError("has no body of the row", "")
        return item

    def _lost(self, lease: Lease) -> None:
        """Leave the rows of a window to the worker that has it now."""
        self._writer.held.discard(lease)
        if self._resolver is not None:
            self._resolver.forget(lease)
        for item in [*self._delivery.waiting.values()]:
            if item.lease is lease:
                self._delivery.forget(item)

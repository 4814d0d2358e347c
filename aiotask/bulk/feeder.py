"""Feeder of a bulk run: claims rows as workers need them."""

from collections.abc import Callable
from typing import Any

from aiotask.bulk.claims import Claims, InvalidRow
from aiotask.bulk.delivery import Delivery
from aiotask.bulk.journal.records import State
from aiotask.bulk.journal.writer import JournalWriter
from aiotask.bulk.wait_queue import StopSignal
from aiotask.bulk.work_queue import WorkQueue
from aiotask.errors import JournalError


class Feeder:
    """Takes rows from the claims into the work queue, no faster than they are sent.

    ``error`` is what the caller's source raised: it is raised when all rows before it are done.
    """

    def __init__(
        self,
        claims: Claims,
        queue: WorkQueue,
        delivery: Delivery[Any],
        writer: JournalWriter,
        stop: StopSignal,
        reject: Callable[[InvalidRow], None],
    ) -> None:
        self.error: BaseException | None = None
        self._claims = claims
        self._queue = queue
        self._delivery = delivery
        self._writer = writer
        self._stop = stop
        self._reject = reject

    async def run(self) -> None:
        """Feed the queue to the end of the source, or until the run stops."""
        while await self._rows_wanted():
            try:
                claimed = await self._claims.claim()
            except (JournalError, KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:
                if self._stop.is_set():
                    raise
                self.error = error
                break
            if claimed is None:
                break
            items, invalid = claimed
            if self._stop.is_set():
                for item in (*items, *(each.item for each in invalid)):
                    self._writer.note(item, State.PENDING)
                break
            self._delivery.expect([*items, *(each.item for each in invalid)])
            for each in invalid:
                self._reject(each)
            self._queue.add(items)
        self._queue.close()
        self._delivery.changed.set()

    async def _rows_wanted(self) -> bool:
        """Wait until rows are wanted; return False when the run stops."""
        while not self._stop.is_set():
            if not self._queue.is_low:
                self._queue.low.clear()
                await self._queue.low.wait()
            elif self._delivery.is_full:
                await self._delivery.wait_for_space()
            else:
                return True
        return False

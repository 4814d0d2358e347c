"""Feeder of a bulk run: claims rows as workers need them."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiotask.bulk.claims import Claims
from aiotask.bulk.delivery import Delivery
from aiotask.bulk.item import Item
from aiotask.bulk.journal.writer import JournalWriter
from aiotask.bulk.outcomes import Rejected
from aiotask.bulk.wait_queue import StopSignal
from aiotask.bulk.work_queue import WorkQueue
from aiotask.errors import JournalError

Screen = Callable[[list[Item]], Awaitable[list[Item]]]
"""Passes on claimed rows that are to be sent; the others are settled."""


async def rows_wanted(queue: WorkQueue, delivery: Delivery[Any], stop: StopSignal) -> bool:
    """Wait until rows are wanted; return False when the run stops."""
    while not stop.is_set():
        if not queue.is_low:
            queue.low.clear()
            await queue.low.wait()
        elif delivery.is_full:
            await delivery.wait_for_space()
        else:
            return True
    return False


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
        screen: Screen | None,
    ) -> None:
        self.error: BaseException | None = None
        self._claims = claims
        self._queue = queue
        self._delivery = delivery
        self._writer = writer
        self._stop = stop
        self._screen = screen

    async def run(self, unsent: list[Item]) -> None:
        """Feed the queue to the end of the source, or until the run stops.

        *unsent* are rows that an earlier run claimed and did not send.
        """
        await self._pass_on(unsent)
        while await rows_wanted(self._queue, self._delivery, self._stop):
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
                # Whatever rows the journal may have hidden are claimed by now.
                self._writer.suspicion = None
                break
            items, invalid = claimed
            if self._stop.is_set():
                self._release([*items, *(each.item for each in invalid)])
                break
            self._delivery.expect([*items, *(each.item for each in invalid)])
            for item, reason in invalid:
                self._delivery.put(item, Rejected(item.row, reason))
            await self._pass_on(items)
        self._queue.close()
        self._delivery.changed.set()

    async def _pass_on(self, items: list[Item]) -> None:
        """Put rows into the queue, unless they exist already."""
        if self._screen is not None:
            try:
                items = await self._stop.cancels(self._screen(items))
            except BaseException:
                self._release(items)
                raise
        if self._stop.is_set():
            self._release(items)
        else:
            self._queue.add(items)

    def _release(self, items: list[Item]) -> None:
        """Note that claimed rows were not sent."""
        for item in items:
            self._writer.release(item)

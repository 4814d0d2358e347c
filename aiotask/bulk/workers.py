"""Workers of a bulk run: so many rows are sent at once."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiotask.bulk.delivery import Delivery
from aiotask.bulk.item import Item
from aiotask.bulk.sender import Fate, Sender
from aiotask.bulk.work_queue import WorkQueue


class Workers:
    """Send rows from the queue; *settle* handles the fate of each, *fail* an unforeseen error."""

    def __init__(
        self,
        queue: WorkQueue,
        sender: Sender,
        delivery: Delivery[Any],
        settle: Callable[[Item, Fate], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self.tasks: list[asyncio.Task[None]] = []
        self.running: int = 0
        self._queue = queue
        self._sender = sender
        self._delivery = delivery
        self._settle = settle
        self._fail = fail

    def start(self, number: int) -> None:
        """Start so many workers."""
        self.running = number
        start = asyncio.get_running_loop().create_task
        self.tasks = [start(self._work()) for _ in range(number)]

    async def _work(self) -> None:
        queue, send, settle = self._queue, self._sender.send, self._settle
        try:
            while (item := await queue.take()) is not None:
                try:
                    settle(item, await send(item))
                finally:
                    queue.sent()
                    if queue.complete:
                        self._delivery.changed.set()
                if self._delivery.is_full:
                    await self._delivery.wait_for_space()
        except Exception as error:  # noqa: BLE001 - raised again when every row under way is done
            self._fail(error)
        finally:
            self.running -= 1
            self._delivery.changed.set()

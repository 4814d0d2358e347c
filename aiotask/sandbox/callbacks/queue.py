"""Work that waits its turn in the background of a loop, within bounds; knows no callbacks."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

Running = set[asyncio.Task[None]]


class Queue(Generic[T]):
    """Items that are worked on in their order, *at_once* at a time; *running* is kept up.

    Of what waits, only the latest *most* are kept; *lost* is told how many are not, also when what
    runs is canceled, which gives up all that waits.
    """

    def __init__(
        self,
        work: Callable[[T], Awaitable[None]],
        running: Running,
        lost: Callable[[int], None],
        *,
        at_once: int,
        most: int,
    ) -> None:
        self._work = work
        self._running = running
        self._count_dropped = lost
        self._at_once = at_once
        self._most = most
        self._mine = 0
        self._waiting: deque[T] = deque()

    def put(self, item: T, loop: asyncio.AbstractEventLoop) -> None:
        """Have an item worked on in a loop, as soon as it is its turn."""
        if len(self._waiting) >= max(self._most, 1):
            self._waiting.popleft()
            self._count_dropped(1)
        self._waiting.append(item)
        if self._mine < self._at_once:
            self._begin(loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._mine += 1
        task = loop.create_task(self._drain())
        self._running.add(task)
        task.add_done_callback(self._ended)

    async def _drain(self) -> None:
        while self._waiting:
            await self._work(self._waiting.popleft())

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._mine -= 1
        if task.cancelled():
            self._count_dropped(len(self._waiting))
            self._waiting.clear()
        elif self._waiting:
            # It came after the last look, and found this one still counted.
            self._begin(task.get_loop())

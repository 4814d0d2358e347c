"""Bounded background queue."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

Running = set[asyncio.Task[None]]


class Queue(Generic[T]):
    """Processes items in order, *at_once* at a time; its tasks are in the shared set *running*.

    At most *most* items wait: the oldest is dropped for a new one. Cancelling a task drops all
    waiting items. *lost* is called with the number of dropped items.
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
        """Add an item, to be processed in *loop*."""
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
            # An item that came after the end of _drain, and before this callback, found this task
            # still counted and started none.
            self._begin(task.get_loop())

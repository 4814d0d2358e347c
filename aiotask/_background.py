"""Background tasks that end with their owner."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class BackgroundTasks:
    """Tasks that run until they are done, abandoned, or all cancelled."""

    def __init__(self) -> None:
        # The loop holds only weak references: without others, a task could vanish in the middle.
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task that runs *work*."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def abandon(self, task: asyncio.Task[Any]) -> None:
        """Cancel one task, if this is its loop."""
        with suppress(RuntimeError):  # no loop is running
            if task.get_loop() is asyncio.get_running_loop():
                task.cancel()

    async def cancel(self) -> None:
        """Cancel all tasks, and wait until they have ended."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def forget(self) -> None:
        """Forget all tasks, whose loop is closed."""
        self._running.clear()

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved here, because no consumer may be left to do it

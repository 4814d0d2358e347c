"""Waiting in a run: a FIFO wait queue that wakes n waiters, and a graceful stop."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class WaitQueue:
    """A FIFO wait queue."""

    def __init__(self) -> None:
        self._waiters: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Wait until woken."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def wake(self, count: float = math.inf) -> None:
        """Wake *count* waiters, by default all; cancelled ones do not count."""
        while count > 0 and self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                count -= 1


class StopSignal:
    """Graceful stop: cancels waiters and lets workers finish; ``error`` is its reason, if any."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self._set = False
        self._waiting: set[asyncio.Task[Any] | None] = set()

    def set(self, error: Exception | None) -> bool:
        """Stop the run, and return whether this was the first call; the first error is kept."""
        self.error = self.error or error
        if self._set:
            return False
        self._set = True
        for task in self._waiting:
            if task is not None:
                task.cancel()
        return True

    def is_set(self) -> bool:
        """Whether the run is to send nothing more."""
        return self._set

    async def cancels(self, waiting: Awaitable[T]) -> T:
        """Await something that may take long, which the stop cancels."""
        task = asyncio.current_task()
        self._waiting.add(task)
        try:
            return await waiting
        finally:
            self._waiting.discard(task)


async def guarded(work: Callable[[], Awaitable[None]], fail: Callable[[Exception], None]) -> None:
    """Do *work*, and tell *fail* the error that ends it, to be raised when all is done.

    The coroutine is made in here: a task that is cancelled at once would never await it.
    """
    try:
        await work()
    except Exception as error:  # noqa: BLE001 - any
        fail(error)


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Run *work* to its end even if the caller is cancelled: a journal has to be closed."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()


async def let_end(work: Coroutine[Any, Any, T], patience: float) -> T:
    """Do *work*, which has *patience* seconds to come to its end by itself where it is cancelled.

    It is for commands that cannot be broken off without harm, as their effect is not known then.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    finally:
        if not task.done():
            try:
                await asyncio.wait([task], timeout=patience)
            finally:
                task.cancel()  # of no effect where it has ended
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # retrieved: a caller that was cancelled does not

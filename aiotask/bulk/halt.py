"""The end of a run before its time: who waits is woken, who works may finish."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class StopSignal:
    """Tells that a run is to send nothing more; ``error`` says why, if there is a reason."""

    def __init__(self) -> None:
        self._called = False
        self.error: Exception | None = None
        self._waiting: set[asyncio.Task[Any] | None] = set()

    def call(self, error: Exception | None) -> bool:
        """Halt the run, and return whether this was the first call; the first error is kept."""
        self.error = self.error or error
        if self._called:
            return False
        self._called = True
        for task in self._waiting:
            if task is not None:
                task.cancel()
        return True

    def called(self) -> bool:
        """Whether nothing more is to be sent."""
        return self._called

    async def interrupts(self, coming: Awaitable[T]) -> T:
        """Wait for what may be long in coming; the halt cancels who does."""
        task = asyncio.current_task()
        self._waiting.add(task)
        try:
            return await coming
        finally:
            self._waiting.discard(task)


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do it, whether or not who waits for it is cancelled meanwhile: a journal has to be closed."""
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

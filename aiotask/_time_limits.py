"""Time limits of one length, watched by a single timer."""

import asyncio
import math
from types import TracebackType
from typing import Any


class TimeLimits:
    """Limits how long blocks may run: ``with TimeLimit(limits): ...`` ends with a TimeoutError.

    It belongs to the event loop of its first block. Without *seconds* nothing is limited.

    ``asyncio.timeout`` does the same with a timer for each block: that took a tenth of the CPU of
    a request. Blocks of one length end in the order in which they began, so one timer, set to the
    earliest end, serves all of them and seldom has to be set.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds: float = math.inf if seconds is None else seconds
        self.loop: asyncio.AbstractEventLoop | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.running: dict[TimeLimit, None] = {}

    def watch(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        """Set the timer, which is not set, to the earliest end."""
        if due < math.inf:
            self.timer = loop.call_at(due, self._expire, loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        self.timer = None
        now = loop.time()
        for limit in self.running:
            if limit.due > now:
                self.watch(loop, limit.due)
                return
            limit.expire()


class TimeLimit:
    """The limit of one block: it cancels the block's task, and turns that into a TimeoutError."""

    __slots__ = ("_cancelling", "_expired", "_limits", "_task", "due")

    def __init__(self, limits: TimeLimits) -> None:
        self.due = math.inf
        self._limits = limits
        self._expired = False

    def __enter__(self) -> None:
        limits = self._limits
        task = asyncio.current_task(limits.loop)
        if task is None:
            raise RuntimeError("a request is made by a task of the event loop")
        loop = limits.loop = limits.loop or task.get_loop()
        self._task: asyncio.Task[Any] = task
        self._cancelling = task.cancelling()
        self.due = loop.time() + limits.seconds
        limits.running[self] = None
        if limits.timer is None:
            limits.watch(loop, self.due)

    def expire(self) -> None:
        """Cancel the block's task, once."""
        if not self._expired:
            self._expired = True
            self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del self._limits.running[self]
        # A cancellation by the caller in the same turn of the loop counts too, and has to stay one.
        if (
            self._expired
            and self._task.uncancel() <= self._cancelling
            and isinstance(error, asyncio.CancelledError)
        ):
            raise TimeoutError from error

"""Alarm: runs due timers in real time while a sandbox serves."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

from aiotask.sandbox.clock.scheduler import Scheduler

_LONGEST = 3600.0  # seconds between looks at the clock, which may be set meanwhile


class Alarm:
    """Wakes the scheduler when its next timer is due; must be made in a running loop."""

    def __init__(
        self, scheduler: Scheduler, during: Callable[[], AbstractContextManager[object]]
    ) -> None:
        self._scheduler = scheduler
        self._during = during
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        scheduler.on_next_changed = self.set
        self.set()

    def set(self) -> None:
        """Wait for the timer that is next now."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        due = self._scheduler.next
        if due is not None:
            left = (due - self._scheduler.timeline.milliseconds()) / 1000
            self._handle = self._loop.call_later(min(max(left, 0), _LONGEST), self._ring)

    def close(self) -> None:
        """Stop waiting."""
        self._scheduler.on_next_changed = None
        if self._handle is not None:
            self._handle.cancel()

    def _ring(self) -> None:
        with self._during():  # runs the due timers
            pass
        self.set()

"""Delayed requests: executed after their clients have given up."""

from collections.abc import Callable
from itertools import count

from aiotask.sandbox.clock.scheduler import Scheduler


class DelayedRequests:
    """Requests that wait for their time by the sandbox's clock."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._numbers = count()
        self._waiting: dict[str, Callable[[], object]] = {}

    def put(self, act: Callable[[], object], seconds: float) -> None:
        """Call *act* in so many seconds."""
        # Timers are keyed by sid, and no sid has a blank.
        name = f"late {next(self._numbers)}"
        self._waiting[name] = act
        self._scheduler.set_after(name, seconds, self)

    def drop(self) -> None:
        """Discard all waiting requests."""
        self._scheduler.forget(self)
        self._waiting.clear()

    def due(self, sid: str) -> None:
        """Run the request scheduled as *sid*."""
        self._waiting.pop(sid)()

    def settle(self) -> None:
        """Do nothing: the workspaces settle what a request changed."""

"""What is carried out late, when nobody waits for it any longer; knows nothing of requests."""

from collections.abc import Callable
from itertools import count

from aiotask.sandbox.clock.scheduler import Scheduler


class DelayedRequests:
    """Things to do that wait for their time, which is that of the sandbox."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._numbers = count()
        self._waiting: dict[str, Callable[[], object]] = {}

    def put(self, act: Callable[[], object], seconds: float) -> None:
        """Have something done in so many seconds."""
        name = f"late {next(self._numbers)}"
        self._waiting[name] = act
        self._scheduler.set_after(name, seconds, self)

    def drop(self) -> None:
        """Do nothing any longer of what waits."""
        self._scheduler.forget(self)
        self._waiting.clear()

    def due(self, sid: str) -> None:
        """Do what goes by that name."""
        self._waiting.pop(sid)()

    def settle(self) -> None:
        """Have nothing left to settle: workspaces do what follows."""

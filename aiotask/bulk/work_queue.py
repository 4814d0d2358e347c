"""Work queue of a bulk run: claimed rows, ready to be sent."""

from asyncio import Event
from collections import deque
from collections.abc import Callable, Iterable

from aiotask.bulk.claims import WINDOW
from aiotask.bulk.item import Item
from aiotask.bulk.wait_queue import StopSignal, WaitQueue


class WorkQueue:
    """Rows ready to be sent, first in, first out; fewer than *wanted* are low.

    ``low`` is set when rows are wanted, and ``complete`` is True when the source has no more. The
    last row there is goes alone, and so does each one while ``is_held``: *hold_last* tells whether
    such a row has to wait.
    """

    def __init__(
        self, stop: StopSignal, hold_last: Callable[[], bool], wanted: int = WINDOW
    ) -> None:
        self.low: Event = Event()
        self.complete: bool = False
        self.is_held = False
        self.sending: int = 0
        self._wanted = wanted
        self._stop = stop
        self._hold_last = hold_last
        self._ready: deque[Item] = deque()
        self._workers = WaitQueue()

    @property
    def is_low(self) -> bool:
        """Whether rows are wanted."""
        return len(self._ready) < self._wanted

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is being sent, or will be before doubts are settled."""
        return not self.sending and (self.is_held or not self._ready)

    def add(self, items: Iterable[Item]) -> None:
        """Add claimed rows."""
        before = len(self._ready)
        self._ready.extend(items)
        self._workers.wake(len(self._ready) - before)

    def close(self) -> None:
        """Note that the source has no more rows."""
        self.complete = True
        self._workers.wake()

    def look_again(self) -> None:
        """Wake workers that waited for a change, or for time to pass."""
        self._workers.wake(len(self._ready))

    async def take(self) -> Item | None:
        """Take the next row to send, as soon as there is one; None when the run stops."""
        while not self._stop.is_set():
            ready = self._ready
            goes_alone = self.is_held or (len(ready) == 1 and self.complete)
            if ready and not (goes_alone and self._holds_last()):
                if len(ready) <= self._wanted:
                    self.low.set()
                self.sending += 1
                return ready.popleft()
            await self._workers.wait()
        return None

    def _holds_last(self) -> bool:
        return bool(self.sending) or self._hold_last()

    def sent(self) -> None:
        """Note that a row taken is not being sent any more."""
        self.sending -= 1
        if self.complete or not self._ready:
            self.look_again()

    def drain(self) -> list[Item]:
        """Take all rows that were not sent, and wake everything that waits."""
        items = [*self._ready]
        self._ready.clear()
        self._workers.wake()
        self.low.set()
        return items

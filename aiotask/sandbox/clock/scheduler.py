"""The sandbox's clock and timers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Protocol

from aiotask.sandbox._sorted import SortedList
from aiotask.sandbox.clock.rate_window import Clock


class Timeline:
    """A clock that can be advanced, and held at the time of a timer that runs late."""

    def __init__(self, clock: Clock) -> None:
        self.offset: int = 0
        """The total advance, in milliseconds."""
        self._clock = clock
        self._held: int | None = None

    def __call__(self) -> float:
        """Return the time in seconds since 1970."""
        if self._held is not None:
            return self._held / 1000
        return self._clock() + self.offset / 1000

    def milliseconds(self) -> int:
        """Return the time in milliseconds since 1970."""
        return round(self() * 1000)

    def advance_to(self, moment: int) -> None:
        """Advance to *moment*, unless it has passed."""
        self.offset += max(0, moment - self.milliseconds())

    @contextmanager
    def held(self, moment: int) -> Iterator[None]:
        """Hold the time at *moment* within the block."""
        self._held = moment
        try:
            yield
        finally:
            self._held = None


class Owner(Protocol):
    """Callback interface of a timer."""

    def due(self, sid: str) -> None:
        """Run the timer of one of the owner's resources."""

    def settle(self) -> None:
        """Process all changes."""


class Scheduler:
    """The timers of all workspaces, at most one per sid, and the owners with unsettled changes.

    Timers are derived from resources, and set again whenever those change.
    """

    def __init__(self, timeline: Timeline | None = None) -> None:
        self.timeline: Timeline = timeline or Timeline(time.time)
        self.on_next_changed: Callable[[], None] | None = None
        """Called when `next` has changed."""
        self._numbers = count()  # breaks ties, so that timers of one moment run in order of setting
        self._timers: SortedList[tuple[int, int, str, Owner]] = SortedList()
        self._by_sid: dict[str, tuple[int, int, str, Owner]] = {}
        self._unsettled: dict[Owner, None] = {}

    @property
    def next(self) -> int | None:
        """The time of the next timer, in milliseconds since 1970."""
        return self._timers[0][0] if self._timers else None

    def set(self, sid: str, moment: int | None, owner: Owner) -> None:
        """Set the timer of a resource; None removes it."""
        old = self._by_sid.get(sid)
        if old is not None:
            if old[0] == moment:
                return  # most changes leave the deadline alone, and sorting is the cost
            self._timers.remove(old)
            del self._by_sid[sid]
        if moment is not None:
            timer = self._by_sid[sid] = (moment, next(self._numbers), sid, owner)
            self._timers.add(timer)

    def set_after(self, sid: str, seconds: float, owner: Owner) -> None:
        """Set a timer outside of `settle`."""
        self.set(sid, self.timeline.milliseconds() + round(1000 * seconds), owner)
        self._notify()

    def forget(self, owner: Owner) -> None:
        """Remove all timers of an owner."""
        for sid in [sid for sid, timer in self._by_sid.items() if timer[3] is owner]:
            self.set(sid, None, owner)
        self._unsettled.pop(owner, None)

    def wake(self, owner: Owner) -> None:
        """Add an owner with unsettled changes."""
        self._unsettled[owner] = None

    def settle(self) -> None:
        """Let all owners process their changes."""
        before = self.next
        # Settling one owner may wake another, or the same one again.
        while self._unsettled:
            owner = next(iter(self._unsettled))
            del self._unsettled[owner]
            owner.settle()
        if self.next != before:
            self._notify()

    def advance_to(self, moment: int) -> None:
        """Advance the clock to *moment*, and run the timers due by then."""
        self.timeline.advance_to(moment)
        self.catch_up()
        self._notify()

    def catch_up(self) -> None:
        """Run all due timers in order, each at its own time."""
        self.settle()
        now = self.timeline.milliseconds()
        while (due := self.next) is not None and due <= now:
            _, _, sid, owner = self._timers.pop(0)
            del self._by_sid[sid]
            with self.timeline.held(due):
                owner.due(sid)
                self.settle()
            # An alarm that was set while time was held computed its delay from the held time.
            self._notify()

    def _notify(self) -> None:
        if self.on_next_changed is not None:
            self.on_next_changed()

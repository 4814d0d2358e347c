"""What time it is in a sandbox, and what is due when; knows nothing of what that is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Protocol

from sortedcontainers import SortedList

from aiotask.sandbox.clock.rate_window import Clock


class Timeline:
    """What a clock says, and how far it was advanced; while something late is done, it stands."""

    def __init__(self, clock: Clock) -> None:
        self.offset = 0
        """How far it was advanced, in milliseconds."""
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
        """Make it at least *moment*."""
        self.offset += max(0, moment - self.milliseconds())

    @contextmanager
    def held(self, moment: int) -> Iterator[None]:
        """Let it be *moment* for as long as the block lasts."""
        self._held = moment
        try:
            yield
        finally:
            self._held = None


class Owner(Protocol):
    """Whose timers they are."""

    def due(self, sid: str) -> None:
        """Do what is due of one of the owner's resources."""

    def settle(self) -> None:
        """Do what follows from all that has changed."""


class Scheduler:
    """The timers of all workspaces, at most one for each sid, and who has changes to settle.

    Timers are kept in order, and set anew when a resource changes: they follow from the resources.
    """

    def __init__(self, timeline: Timeline | None = None) -> None:
        self.timeline = timeline or Timeline(time.time)
        self.on_next_changed: Callable[[], None] | None = None
        """What is told when another moment has become the next one."""
        self._numbers = count()
        self._timers: SortedList[tuple[int, int, str, Owner]] = SortedList()
        self._by_sid: dict[str, tuple[int, int, str, Owner]] = {}
        self._unsettled: dict[Owner, None] = {}

    @property
    def next(self) -> int | None:
        """The moment at which something is due next, in milliseconds since 1970."""
        return self._timers[0][0] if self._timers else None

    def set(self, sid: str, moment: int | None, owner: Owner) -> None:
        """Set the timer of a resource, or with None take it back."""
        old = self._by_sid.get(sid)
        if old is not None:
            if old[0] == moment:
                return
            self._timers.remove(old)
            del self._by_sid[sid]
        if moment is not None:
            timer = self._by_sid[sid] = (moment, next(self._numbers), sid, owner)
            self._timers.add(timer)

    def set_after(self, sid: str, seconds: float, owner: Owner) -> None:
        """Set a timer from outside of all that is settled."""
        self.set(sid, self.timeline.milliseconds() + round(1000 * seconds), owner)
        self._notify()

    def forget(self, owner: Owner) -> None:
        """Take back all timers of an owner."""
        for sid in [sid for sid, timer in self._by_sid.items() if timer[3] is owner]:
            self.set(sid, None, owner)
        self._unsettled.pop(owner, None)

    def wake(self, owner: Owner) -> None:
        """Note that an owner has changes to settle."""
        self._unsettled[owner] = None

    def settle(self) -> None:
        """Let everyone settle what has changed."""
        before = self.next
        while self._unsettled:
            owner = next(iter(self._unsettled))
            del self._unsettled[owner]
            owner.settle()
        if self.next != before:
            self._notify()

    def advance_to(self, moment: int) -> None:
        """Make it at least *moment*, and do what is due by then."""
        self.timeline.advance_to(moment)
        self.catch_up()
        self._notify()

    def catch_up(self) -> None:
        """Do what is due by now, in order, each thing as if at its own time."""
        self.settle()
        now = self.timeline.milliseconds()
        while (due := self.next) is not None and due <= now:
            _, _, sid, owner = self._timers.pop(0)
            del self._by_sid[sid]
            with self.timeline.held(due):
                owner.due(sid)
                self.settle()
            # What was told while time stood was told of another time.
            self._notify()

    def _notify(self) -> None:
        if self.on_next_changed is not None:
            self.on_next_changed()

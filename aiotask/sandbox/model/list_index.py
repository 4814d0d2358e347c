"""Index lag: lists that show new tasks and events late, or stand still."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import NamedTuple


class _Entry(NamedTuple):
    moment: int
    freezes: int
    """The number of freezes before this entry."""
    number: int


class ListIndex:
    """The lag of all lists of tasks and events, in seconds.

    Tasks and events that were loaded from a store are listed at once.
    """

    def __init__(self, lag: float = 0.0) -> None:
        if not 0 <= lag < inf:
            raise ValueError(f"the index lag must be a finite number of seconds >= 0, not {lag}")
        self.freezes: int = 0
        """The number of freezes so far."""
        self.bypassed: bool = False
        """Whether lists show everything, regardless of lag."""
        self._lag = round(1000 * lag)
        self._frozen: int | None = None

    @property
    def behind(self) -> bool:
        """Whether lists would not yet show a task that is created now."""
        return self._lag > 0 or self._frozen is not None

    def freeze(self, now: int) -> None:
        """Stop the index; a second freeze changes nothing."""
        if self._frozen is None:
            self.freezes += 1
            self._frozen = now

    def thaw(self) -> None:
        """Let the index catch up, up to its lag."""
        self._frozen = None

    @contextmanager
    def bypass(self) -> Iterator[None]:
        """Show everything in lists within the block."""
        self.bypassed = True
        try:
            yield
        finally:
            self.bypassed = False

    def holds(self, entry: _Entry, now: int) -> bool:
        """Tell whether lists show an entry by now."""
        if self._frozen is None:
            return entry.moment + self._lag <= now
        # An entry from the very millisecond of the freeze may have come before or after it, so the
        # moment alone is not enough.
        return entry.freezes < self.freezes and entry.moment + self._lag <= self._frozen


class Unlisted:
    """The part of an event log, or of a workspace's tasks, that lists do not show yet.

    Entries are numbered in order, so the part is everything from one number on. Without lag it
    records nothing.
    """

    def __init__(self, index: ListIndex) -> None:
        self._index = index
        self._waiting: deque[_Entry] = deque()

    def add(self, number: int, now: int) -> None:
        """Record that the entries from this number on are new."""
        if self._index.behind:
            self.first(now)  # drops old entries, which would pile up while no client lists anything
            self._waiting.append(_Entry(now, self._index.freezes, number))

    def first(self, now: int) -> int | None:
        """Return the first number that is not listed yet; None if all are."""
        if self._index.bypassed:
            return None
        waiting = self._waiting
        while waiting and self._index.holds(waiting[0], now):
            waiting.popleft()
        return waiting[0].number if waiting else None

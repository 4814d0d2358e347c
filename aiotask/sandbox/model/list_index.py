"""What lists show: an index that may lag behind what has happened, or stand still."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import NamedTuple


class _Entry(NamedTuple):
    moment: int
    freezes: int
    """How often the index had been frozen by then."""
    number: int


class ListIndex:
    """What lists of tasks and events are read from, in all workspaces; *lag* is in seconds.

    What a sandbox reads from its store is in it at once.
    """

    def __init__(self, lag: float = 0.0) -> None:
        if not 0 <= lag < inf:
            raise ValueError(f"the lag of the index is {lag}, not from 0 on")
        self.freezes = 0
        """How often it was frozen."""
        self.bypassed = False
        """Whether lists show everything, whatever is in it."""
        self._lag = round(1000 * lag)
        self._frozen: int | None = None

    @property
    def behind(self) -> bool:
        """Whether something that is new now has to wait."""
        return self._lag > 0 or self._frozen is not None

    def freeze(self, now: int) -> None:
        """Let it stand still, if it does not already."""
        if self._frozen is None:
            self.freezes += 1
            self._frozen = now

    def thaw(self) -> None:
        """Let it go on, and catch up at once."""
        self._frozen = None

    @contextmanager
    def bypass(self) -> Iterator[None]:
        """Let lists show everything for as long as the block lasts."""
        self.bypassed = True
        try:
            yield
        finally:
            self.bypassed = False

    def holds(self, entry: _Entry, now: int) -> bool:
        """Tell whether it has got to what is new since some time."""
        if self._frozen is None:
            return entry.moment + self._lag <= now
        # The moment alone does not tell what came just before it was frozen from what came after.
        return entry.freezes < self.freezes and entry.moment + self._lag <= self._frozen


class Unlisted:
    """What of one log, or of the tasks of one workspace, is not in the index yet.

    Both are numbered as they come, so that it is all from one number on. Where the index is up to
    date nothing is noted.
    """

    def __init__(self, index: ListIndex) -> None:
        self._index = index
        self._waiting: deque[_Entry] = deque()

    def add(self, number: int, now: int) -> None:
        """Note that something with this number, or several from it on, is new."""
        if self._index.behind:
            self.first(now)  # so that they do not pile up where nothing is listed
            self._waiting.append(_Entry(now, self._index.freezes, number))

    def first(self, now: int) -> int | None:
        """Return the number from which on nothing is listed, None where all is."""
        if self._index.bypassed:
            return None
        waiting = self._waiting
        while waiting and self._index.holds(waiting[0], now):
            waiting.popleft()
        return waiting[0].number if waiting else None

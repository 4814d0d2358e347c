"""Sentinels: resources known to exist. A list that shows none of them may be stale."""

import math
from collections import deque
from collections.abc import Container, Iterable
from datetime import datetime
from typing import NamedTuple

# A few of them, spread over a settle time: a look needs one that is newer than its rows, and
# each costs one more key in the expression of every look.
_KEPT = 8


class Sentinel(NamedTuple):
    """A resource: the start of its create by the run's clock, its key, its date."""

    started_at: float
    key: str
    created: datetime | None


class Sentinels:
    """Resources of this run: a sample, and the newest.

    Those of the sample are an eighth of *settle* (seconds) apart.
    """

    def __init__(self, settle: float) -> None:
        self.newest: Sentinel | None = None
        self._apart = settle / _KEPT
        self._sample: deque[Sentinel] = deque(maxlen=_KEPT)

    def note(self, sentinel: Sentinel) -> None:
        """Note a resource that exists."""
        if not self._sample or sentinel.started_at >= self._sample[-1].started_at + self._apart:
            self._sample.append(sentinel)
        if self.newest is None or sentinel.started_at >= self.newest.started_at:
            self.newest = sentinel

    @property
    def keys(self) -> list[str]:
        """The keys to look for."""
        return [sentinel.key for sentinel in self._known()]

    def latest_in(self, there: Container[str]) -> float:
        """Return the start of the latest one that a look found."""
        found = (each.started_at for each in self._known() if each.key in there)
        return max(found, default=-math.inf)

    def _known(self) -> Iterable[Sentinel]:
        known = dict.fromkeys(self._sample)
        if self.newest is not None:
            known[self.newest] = None
        return known

"""Sentinels: resources known to exist. A list that shows none of them may be stale."""

import math
from collections import deque
from collections.abc import Container, Iterable

# A few of them, spread over a settle time: a look needs one that is newer than its rows, and
# each costs one more key in the expression of every look.
_KEPT = 8


class Sentinels:
    """Resources of this run by key and start of their create: a sample, and the newest.

    Those of the sample are an eighth of *settle* (seconds) apart.
    """

    def __init__(self, settle: float) -> None:
        self.newest: tuple[float, str] | None = None
        self._apart = settle / _KEPT
        self._sample: deque[tuple[float, str]] = deque(maxlen=_KEPT)

    def note(self, key: str, started_at: float) -> None:
        """Note a resource that exists, whose create started then."""
        if not self._sample or started_at >= self._sample[-1][0] + self._apart:
            self._sample.append((started_at, key))
        if self.newest is None or started_at >= self.newest[0]:
            self.newest = started_at, key

    def forget(self, deleted: Container[str | None]) -> None:
        """Drop the sentinels that were deleted."""
        self._sample = deque((each for each in self._sample if each[1] not in deleted), _KEPT)
        if self.newest is not None and self.newest[1] in deleted:
            self.newest = self._sample[-1] if self._sample else None

    @property
    def keys(self) -> list[str]:
        """The keys to look for."""
        return [key for _, key in self._known()]

    @property
    def oldest(self) -> float:
        """The start of the first of them; infinite without any."""
        return min((started_at for started_at, _ in self._known()), default=math.inf)

    def latest_in(self, there: Container[str]) -> float:
        """Return the start of the latest one that a look found."""
        return max((at for at, key in self._known() if key in there), default=-math.inf)

    def newest_in(self, there: Container[str]) -> bool:
        """Whether a look found the newest of them, if there is any."""
        return self.newest is None or self.newest[1] in there

    def _known(self) -> Iterable[tuple[float, str]]:
        known = dict.fromkeys(self._sample)
        if self.newest is not None:
            known[self.newest] = None
        return known

"""Figures of a run in bounded memory: a histogram of durations, and counts over time."""

import math
from collections.abc import Sequence

_FINEST = 1e-4  # seconds
_STEPS = 8  # buckets for each doubling: a percentile is at most nine hundredths too high
_BUCKETS = 24 * _STEPS  # up to 1,678 seconds


class Durations:
    """A histogram of durations, with buckets that grow by nine hundredths."""

    def __init__(self) -> None:
        self.counts: list[int] = [0] * (_BUCKETS + 1)
        self.total: int = 0
        self.longest: float = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration."""
        place = int(math.log2(seconds / _FINEST) * _STEPS) + 1 if seconds > _FINEST else 0
        self.counts[min(place, _BUCKETS)] += 1
        self.total += 1
        self.longest = max(self.longest, seconds)

    def percentile(self, share: float) -> float:
        """Return the duration that a *share* of all does not exceed, from 0 to 1."""
        left = share * self.total
        for place, count in enumerate(self.counts):
            left -= count
            if count and left <= 0:
                return min(end_of_bucket(place), self.longest)
        return self.longest


def end_of_bucket(place: int) -> float:
    """Return the longest duration of a bucket, in seconds."""
    return _FINEST * math.exp2(place / _STEPS)


class Slot:
    """Counts of a while; of ``limit`` and ``in_doubt`` there is a sample for each first slot."""

    __slots__ = ("ended", "failed", "in_doubt", "limit", "refused", "requests", "samples")

    def __init__(self) -> None:
        self.requests: int = 0
        self.refused: int = 0
        self.failed: int = 0
        self.ended: dict[str, int] = {}
        self.limit: float = 0.0
        """The sum of the limits that were found, in requests a second; *samples* is their count."""
        self.samples: int = 0
        self.in_doubt: int = 0

    def merge(self, other: "Slot") -> None:
        """Add the counts of the while after this one."""
        self.requests += other.requests
        self.refused += other.refused
        self.failed += other.failed
        for kind, count in other.ended.items():
            self.ended[kind] = self.ended.get(kind, 0) + count
        self.limit += other.limit
        self.samples += other.samples
        self.in_doubt = max(self.in_doubt, other.in_doubt)


class Timeline:
    """Slots of equal length since *began*; when all are used, each two become one."""

    def __init__(self, began: float, width: float = 0.25, most: int = 240) -> None:
        self.width: float = width
        self.began: float = began
        self._most = most
        self._slots: list[Slot] = [Slot()]
        self.ends_at: float = began + width
        """The end of the last slot: what is later needs another one."""

    @property
    def slots(self) -> Sequence[Slot]:
        """The slots so far; the last one may go on."""
        return self._slots

    @property
    def last(self) -> Slot:
        """The slot of now."""
        return self._slots[-1]

    def go_on(self, now: float) -> Slot:
        """Return the slot of a moment that is no earlier than the last one."""
        while (place := int((now - self.began) / self.width)) >= self._most:
            self._halve()
        missing = place + 1 - len(self._slots)
        in_doubt = self._slots[-1].in_doubt
        for _ in range(missing):
            self._slots.append(Slot())
            self._slots[-1].in_doubt = in_doubt  # nothing was told of a while that was skipped
        self.ends_at = self.began + self.width * len(self._slots)
        return self._slots[-1]

    def _halve(self) -> None:
        slots = self._slots
        for one, other in zip(slots[::2], slots[1::2], strict=False):
            one.merge(other)
        self._slots = slots[::2]
        self.width *= 2

"""Company of processes that share one limit. Pure: time is a parameter, in seconds.

Each alone finds the limit, and they share it well while they are few. What grows with their number
is the share of requests that is refused, since each one probes. So each takes its turn to probe as
seldom as they are many, and later where it has more than its share.
"""

import math
from collections import deque
from typing import NamedTuple

import attrs


class _Sharing(NamedTuple):
    """Tuned in simulation: 1 to 16 processes at limits of 50 to 1,000 a second."""

    believed: float = 3.0  # seconds that others' word holds
    calm: float = 10.0  # seconds without a refusal anywhere, after which there is room
    cap: float = 1.15  # times the equal share, until then
    spare: float = 0.5  # requests a second more: a small share is not known so well
    remembered: float = 3.0  # seconds; after a refusal all are slow at once, and leave room
    beginning: float = 2.0  # seconds in which those who begin together tell of less than there is
    sooner: float = 0.8  # times the time after which one alone would probe
    decrease: float = 0.03  # after a refusal; the others' rates fall by themselves as well
    most: float = 16.0  # times sooner or later than others a turn comes


SHARING = _Sharing()


@attrs.frozen
class Company:
    """What is known of all who share a limit: *workers*, oneself included, have work.

    *rate* is what is delivered to all of them in a second, and *refused_at* when the last one was
    refused something. It was heard at a time.
    """

    heard_at: float
    workers: int
    rate: float
    refused_at: float

    @property
    def share(self) -> float:
        """The requests a second that each would have."""
        return max(self.rate / self.workers, 1.0)

    def lateness(self, rate: float) -> float:
        """Return how many times later than alone one that has *rate* takes its turn to probe."""
        return SHARING.sooner * min(max((rate / self.share) ** 2, 1 / SHARING.most), SHARING.most)

    def is_calm(self, now: float, refused_at: float) -> bool:
        """Whether nobody was refused anything for long, oneself last at a moment."""
        return now - max(refused_at, self.refused_at) > SHARING.calm

    def is_believed(self, now: float) -> bool:
        """Whether it was heard of lately."""
        return now - self.heard_at <= SHARING.believed


class Totals:
    """What was delivered to all together in a second, as heard of lately."""

    def __init__(self) -> None:
        self._heard: deque[tuple[float, float]] = deque()
        self._known_at = math.inf

    def add(self, company: Company | None) -> None:
        """Note what was heard; None forgets all."""
        if company is None:
            self._heard.clear()
            return
        now = company.heard_at
        if not self._heard:
            self._known_at = now if company.rate else now + SHARING.beginning
        while self._heard and self._heard[0][0] < now - SHARING.remembered:
            self._heard.popleft()
        self._heard.append((now, company.rate))

    def are_known(self, now: float) -> bool:
        """Whether they say what there is: not so while all have just begun."""
        return now >= self._known_at

    def best(self) -> float:
        """Return the highest."""
        return max(rate for _, rate in self._heard)

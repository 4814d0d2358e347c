"""Company of processes that share one limit. Pure: time is a parameter, in seconds.

Each alone finds the limit, and they share it well while they are few. What grows with their number
is the share of requests that is refused, since each one probes. So each takes its turn to probe as
seldom as they are many, and later where it has more than its share.
"""

from typing import NamedTuple

import attrs


class _Sharing(NamedTuple):
    """Tuned in simulation: 1 to 16 processes at limits of 50 to 1,000 a second."""

    believed: float = 3.0  # seconds that others' word holds
    calm: float = 8.0  # seconds without a refusal anywhere, after which there is room
    cap: float = 1.3  # times the equal share, until then
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
        return min(max((rate / self.share) ** 2, 1 / SHARING.most), SHARING.most)

    def is_calm(self, now: float, refused_at: float) -> bool:
        """Whether nobody was refused anything for long, oneself last at a moment."""
        return now - max(refused_at, self.refused_at) > SHARING.calm

    def is_believed(self, now: float) -> bool:
        """Whether it was heard of lately."""
        return now - self.heard_at <= SHARING.believed

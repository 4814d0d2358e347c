"""How many requests are let in: the mean over a window of time."""

from collections import deque
from collections.abc import Callable
from math import floor

Clock = Callable[[], float]


class SlidingWindow:
    """A limit on the mean *rate* (per second) over any *seconds*; what it refuses does not count.

    Exact: no span of *seconds* ever holds more than *rate* times *seconds* requests, and those may
    come all at once.
    """

    def __init__(self, rate: float, seconds: float, clock: Clock) -> None:
        if rate <= 0:
            raise ValueError(f"a rate is {rate}, not above 0")
        # A rate below one in the window is one in a longer window.
        self.seconds = max(seconds, 1 / rate)
        self.limit = floor(rate * self.seconds + 1e-9)
        self._clock = clock
        self._accepted: deque[float] = deque()

    def accept(self) -> bool:
        """Count one request, unless it is one too many."""
        now = self._clock()
        if not self._left(now):
            return False
        self._accepted.append(now)
        return True

    @property
    def remaining(self) -> int:
        """How many more would be accepted now."""
        return self._left(self._clock())

    def _left(self, now: float) -> int:
        horizon = now - self.seconds
        while self._accepted and self._accepted[0] <= horizon:
            self._accepted.popleft()
        return self.limit - len(self._accepted)

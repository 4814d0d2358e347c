"""Sliding-window rate limit."""

from collections import deque
from collections.abc import Callable
from math import floor

Clock = Callable[[], float]


class SlidingWindow:
    """A limit on the mean *rate* (per second) over any *seconds*; refused requests do not count.

    Exact: no span of *seconds* holds more than *rate* times *seconds* requests, which may come all
    at once.
    """

    def __init__(self, rate: float, seconds: float, clock: Clock) -> None:
        if rate <= 0:
            raise ValueError(f"a rate must be above 0, not {rate}")
        # A rate below one request per window becomes one request in a longer window.
        self.seconds: float = max(seconds, 1 / rate)
        # The epsilon keeps 0.29 * 100 at 29, which is 28.999999999999996 in floats.
        self.limit: int = floor(rate * self.seconds + 1e-9)
        self._clock = clock
        self._accepted: deque[float] = deque()

    def accept(self) -> bool:
        """Admit and count one request; return False if it is above the limit."""
        now = self._clock()
        if not self._left(now):
            return False
        self._accepted.append(now)
        return True

    @property
    def remaining(self) -> int:
        """The number of requests that would be admitted now."""
        return self._left(self._clock())

    def _left(self, now: float) -> int:
        horizon = now - self.seconds
        while self._accepted and self._accepted[0] <= horizon:
            self._accepted.popleft()
        return self.limit - len(self._accepted)

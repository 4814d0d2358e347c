"""Circuit breaker: stops sending while the service is down. Pure: time is a parameter, in seconds.

Its states are those of the pattern (M. Nygard, Release It!): closed, open, and half-open, in which
one request probes the service.
"""

import math
from collections import deque

# Each lost answer leaves a row in doubt, which costs a lookup later, so the thresholds are low: an
# outage is noticed after 20 requests. Fewer in the window than that tell nothing about a share.
_WINDOW = 10  # seconds
_CONSECUTIVE_LOSSES = 20
_FEWEST_REQUESTS = 20
_LOST_SHARE = 0.5
# A restart takes seconds, and a longer outage is no worse for a probe every minute.
_FIRST_PAUSE = 5.0  # seconds
_LONGEST_PAUSE = 60.0


class CircuitBreaker:
    """Opens when too many requests end without an answer that tells their outcome.

    Open, it admits one probe after 5 s, the next after 10 s more, and so on up to one every 60 s.
    The first request that is answered closes it.
    """

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque()  # second, requests ended in it, and lost
        self._consecutive_losses = 0
        self._pause = 0.0
        self._probe_at = math.inf

    @property
    def open(self) -> bool:
        """Whether only probes are admitted."""
        return self._pause > 0

    def wait(self, now: float) -> float:
        """Return the seconds until a request may be sent; a caller that gets 0 sends the probe."""
        if not self.open:
            return 0.0
        if now < self._probe_at:
            return self._probe_at - now
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._probe_at = now + self._pause
        return 0.0

    def answered(self, now: float) -> None:
        """Note a request whose answer tells its outcome."""
        self._consecutive_losses = 0
        if self.open:
            self._pause = 0.0
            self._seconds.clear()
        self._note(now, 0)

    def lost(self, now: float) -> None:
        """Note a request whose outcome is unknown: its answer does not tell, or never came."""
        self._consecutive_losses += 1
        self._note(now, 1)
        if self.open:
            return
        ends = sum(ends for _, ends, _ in self._seconds)
        lost = sum(lost for _, _, lost in self._seconds)
        if self._consecutive_losses >= _CONSECUTIVE_LOSSES or (
            ends >= _FEWEST_REQUESTS and lost >= _LOST_SHARE * ends
        ):
            self._pause = _FIRST_PAUSE
            self._probe_at = now + self._pause

    def _note(self, now: float, lost: int) -> None:
        second = int(now)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0, 0])
            while self._seconds[0][0] <= second - _WINDOW:
                self._seconds.popleft()
        last = self._seconds[-1]
        last[1] += 1
        last[2] += lost

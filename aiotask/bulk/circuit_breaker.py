"""When the service is down: nothing is sent but a probe now and then. Pure: the time comes in."""

import math
from collections import deque

_WINDOW = 10  # seconds
_IN_A_ROW = 20
_FEWEST = 20  # requests in the window, before a share of them says anything
_SHARE = 0.5
_FIRST_PAUSE = 5.0  # seconds
_LONGEST_PAUSE = 60.0


class CircuitBreaker:
    """Opens where too many requests end without telling what came of them.

    Each of those makes a row that has to be looked up, so that an outage must not meet more of
    them than it takes to notice it. Open, it lets one request through after 5 s, after 10 s more,
    and so on up to every 60 s; the first one that is answered closes it.
    """

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque()  # of each second: which, its ends, those lost
        self._in_a_row = 0
        self._pause = 0.0
        self._probe_at = math.inf

    @property
    def open(self) -> bool:
        """Whether only probes go through."""
        return self._pause > 0

    def wait(self, now: float) -> float:
        """Return for how many seconds nothing may be sent; whoever gets 0 sends, as the probe."""
        if not self.open:
            return 0.0
        if now < self._probe_at:
            return self._probe_at - now
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._probe_at = now + self._pause
        return 0.0

    def answered(self, now: float) -> None:
        """Note a request whose answer says what came of it."""
        self._in_a_row = 0
        if self.open:
            self._pause = 0.0
            self._seconds.clear()
        self._note(now, 0)

    def lost(self, now: float) -> None:
        """Note a request whose answer leaves open what came of it, or never came."""
        self._in_a_row += 1
        self._note(now, 1)
        if self.open:
            return
        ends = sum(ends for _, ends, _ in self._seconds)
        lost = sum(lost for _, _, lost in self._seconds)
        if self._in_a_row >= _IN_A_ROW or (ends >= _FEWEST and lost >= _SHARE * ends):
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

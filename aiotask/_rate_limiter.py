"""Turns at the pace that a service is found to bear, shared by all calls of one operation."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from multidict import istr

from aiotask._adaptive_rate import AdaptiveRate

# Documented by name, not by format: each is believed only where it makes sense, and only as far as
# it agrees with what the service does.
_REMAINING = istr("X-Rate-Limit-Remaining")
_LIMIT = istr("X-Rate-Limit-Limit")
_AT_ONCE = istr("Twilio-Concurrent-Requests")
_LARGEST = 100_000  # a larger number is no limit
_SHORTEST_SLEEP = 0.001  # seconds; the loop's clock is no finer
# A request without an answer for so long waits for none, rather, and keeps nobody else waiting.
_OVERDUE = 1.0  # seconds at least ...
_OVERDUE_TRIPS = 10  # ... and so many times what an answer takes
_LOOK_AGAIN = 0.25  # seconds, while there is no room
_REMEMBERED = 1000  # requests, after which those that are overdue are looked for in any case


class Slot:
    """A request that has started, by the clock of its lane."""

    __slots__ = ("began", "left", "overdue")

    def __init__(self, began: float) -> None:
        self.began = began
        self.left = False
        self.overdue = False


class RateLimiter:
    """The way to one operation of one workspace: who calls it starts when it is their turn.

    *clock* gives monotonic seconds and *sleep* waits them. *max_rate* (requests a second) is for an
    operation with a documented limit. ``limited`` says whether every call has to take turns: it has
    to once the service has refused one. Nothing here needs a running loop but ``turn``.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        *,
        max_rate: float = math.inf,
    ) -> None:
        self.limited = max_rate < math.inf
        self._clock = clock
        self._sleep = sleep
        self._pace = AdaptiveRate(clock(), max_rate=max_rate)
        self._limit: str | None = None  # as last stated
        self._waiting: deque[asyncio.Future[Slot]] = deque()
        self._sleeper: asyncio.Task[None] | None = None
        self._look_again: asyncio.TimerHandle | None = None
        self._under_way: deque[Slot] = deque()
        self._overdue = 0

    @property
    def rate(self) -> float:
        """How many requests may start in a second, as found so far."""
        self._pace.wait(self._clock())
        return self._pace.rate

    @property
    def refusals(self) -> int:
        """How many requests were refused since the beginning."""
        return self._pace.refusals

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return self._pace.in_flight + self._overdue

    @property
    def in_use(self) -> bool:
        """Whether a request is under way, or waits for its turn."""
        return bool(self._waiting or self.in_flight)

    async def acquire(self) -> Slot:
        """Wait until a request may start, first come first served; it is under way then."""
        now = self._clock()
        if not self._waiting and self._pace.wait(now) <= _SHORTEST_SLEEP:
            return self._started(now)
        waiter: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._serve()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release(waiter.result())
            else:
                self._serve()
            raise

    def _serve(self) -> None:
        """Give turns to those who wait, as many as there are now."""
        waiting, now = self._waiting, self._clock()
        while waiting:
            if waiting[0].done():  # who waited has given up
                waiting.popleft()
                continue
            wait = self._pace.wait(now)
            if wait <= _SHORTEST_SLEEP:
                waiting.popleft().set_result(self._started(now))
            elif wait < math.inf:
                if self._sleeper is None:
                    self._sleeper = asyncio.create_task(self._serve_later(wait))
                return
            elif not self._sweep(now):
                if self._look_again is None:
                    loop = asyncio.get_running_loop()
                    self._look_again = loop.call_later(_LOOK_AGAIN, self._serve_again)
                return
        if self._sleeper is not None and self._sleeper is not asyncio.current_task():
            self._sleeper.cancel()
            self._sleeper = None

    async def _serve_later(self, wait: float) -> None:
        await self._sleep(wait)
        self._sleeper = None
        self._serve()

    def _serve_again(self) -> None:
        self._look_again = None
        self._serve()

    def enter(self) -> Slot:
        """Count a request as under way that did not wait for its turn."""
        self._pace.in_flight += 1
        return self._remembered(self._clock())

    def release(self, start: Slot) -> None:
        """Note that a request is no longer under way."""
        start.left = True
        if start.overdue:
            self._overdue -= 1
        else:
            self._pace.in_flight -= 1
        under_way = self._under_way
        while under_way and under_way[0].left:
            under_way.popleft()
        if len(under_way) > _REMEMBERED:
            self._sweep(self._clock())
        if self._waiting:
            self._serve()

    def _started(self, now: float) -> Slot:
        self._pace.start(now)
        return self._remembered(now)

    def _remembered(self, now: float) -> Slot:
        start = Slot(now)
        self._under_way.append(start)
        return start

    def _sweep(self, now: float) -> bool:
        """Count out what is overdue, and return whether there was anything."""
        before = self._overdue
        latest = now - max(_OVERDUE, _OVERDUE_TRIPS * self._pace.trip)
        while self._under_way and self._under_way[0].began < latest:
            start = self._under_way.popleft()
            if not start.left:
                start.overdue = True
                self._overdue += 1
                self._pace.in_flight -= 1
        return self._overdue > before

    def delivered(self, began: float, headers: Mapping[str, str]) -> None:
        """Note an answer that is no refusal, to a request that began then by the clock."""
        now = self._clock()
        self._pace.delivered(now, began)
        limit = headers.get(_LIMIT)
        if limit is not None and limit != self._limit:
            self._limit = limit
            stated = _number(limit)
            if stated is not None:
                self._pace.stated(stated)
        if headers.get(_REMAINING) == "0":
            self._pace.exhausted(now)

    def refused(self, retry_after: float | None, headers: Mapping[str, str]) -> None:
        """Note a refusal (429), and the seconds that it asks to wait."""
        self.limited = True
        self._pace.refused(self._clock(), retry_after, _number(headers.get(_AT_ONCE, "")))


def _number(text: str) -> int | None:
    """Return a whole number from 1 that is small enough to be a limit; None for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST))):
        return None
    return int(text) if 1 <= int(text) <= _LARGEST else None

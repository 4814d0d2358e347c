"""Adaptive rate limiter: one per operation, shared by all its callers."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from multidict import istr

from aiotask._adaptive_rate import AdaptiveRate
from aiotask._company import Company

# Documented by name, not by format: each is believed only where it makes sense, and only as far as
# it agrees with what the service does.
_REMAINING = istr("X-Rate-Limit-Remaining")
_LIMIT = istr("X-Rate-Limit-Limit")
_LARGEST_LIMIT = 100_000
_SHORTEST_SLEEP = 0.001  # seconds; an event loop's clock is no finer
# A request that hangs until its timeout must not keep its slot from others: after ten times the
# mean round trip its answer is not worth waiting for.
_OVERDUE = 1.0  # seconds at least
_OVERDUE_ROUND_TRIPS = 10
_SWEEP_INTERVAL = 0.25  # seconds, while every slot is taken
# A hung request would keep all slots after it in memory; so many are swept in any case.
_MOST_SLOTS = 1000


class Slot:
    """A request in flight, by the clock of its rate limiter."""

    __slots__ = ("overdue", "released", "started_at")

    def __init__(self, started_at: float) -> None:
        self.started_at: float = started_at
        self.released: bool = False
        self.overdue: bool = False


class RateLimiter:
    """Admits requests of one operation of one workspace at the rate that the service bears.

    *clock* returns monotonic seconds and *sleep* waits them. *max_rate* (requests a second) is for
    an operation with a documented limit. ``limited`` tells whether every call has to ``acquire`` a
    slot, as it does after the first refusal; before, ``enter`` takes one without waiting. Only
    ``acquire`` needs a running loop.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        *,
        max_rate: float = math.inf,
    ) -> None:
        self.limited: bool = max_rate < math.inf
        self._clock = clock
        self._sleep = sleep
        self._adaptive = AdaptiveRate(clock(), max_rate=max_rate)
        self._limit: str | None = None  # as last stated
        self._waiters: deque[asyncio.Future[Slot]] = deque()
        self._sleeper: asyncio.Task[None] | None = None
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._slots: deque[Slot] = deque()  # the first is in flight; later ones may be released
        self._overdue = 0

    @property
    def rate(self) -> float:
        """The requests that may start in a second, as found so far."""
        self._adaptive.wait(self._clock())
        return self._adaptive.rate

    def found(self) -> float | None:
        """Return the rate that refusals, or the service's headers, have led to; None before."""
        return self.rate if self.limited else None

    @property
    def refusals(self) -> int:
        """The number of refused requests since the beginning."""
        return self._adaptive.refusals

    @property
    def now(self) -> float:
        """The time by its clock."""
        return self._clock()

    @property
    def answers(self) -> int:
        """The number of answers that were no refusals, since the beginning."""
        return self._adaptive.answers

    def hear(self, company: Company | None) -> None:
        """Note what is known of all processes that share the limit; None for nobody else."""
        self._adaptive.hear(company)

    @property
    def in_flight(self) -> int:
        """The number of requests in flight."""
        return self._adaptive.in_flight + self._overdue

    @property
    def in_use(self) -> bool:
        """Whether a request is in flight or waits for a slot."""
        return bool(self._waiters or self.in_flight)

    def try_acquire(self) -> Slot | None:
        """Take a slot if a request may start at once, and nobody waits."""
        now = self._clock()
        if not self._waiters and self._adaptive.wait(now) <= _SHORTEST_SLEEP:
            return self._take(now)
        return None

    async def acquire(self) -> Slot:
        """Wait until a request may start, first come first served, and take a slot for it."""
        if (slot := self.try_acquire()) is not None:
            return slot
        waiter: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._wake()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release(waiter.result())
            else:
                self._wake()
            raise

    def enter(self) -> Slot:
        """Take a slot without waiting."""
        self._adaptive.in_flight += 1
        slot = Slot(self._clock())
        self._slots.append(slot)
        return slot

    def release(self, slot: Slot) -> None:
        """Give back the slot of a request that has ended."""
        slot.released = True
        if slot.overdue:
            self._overdue -= 1
        else:
            self._adaptive.in_flight -= 1
        slots = self._slots
        while slots and slots[0].released:
            slots.popleft()
        if len(slots) > _MOST_SLOTS:
            self._sweep(self._clock())
        if self._waiters:
            self._wake()

    def delivered(self, started_at: float, headers: Mapping[str, str]) -> None:
        """Note an answer that is no refusal, to a request that started then by the clock."""
        now = self._clock()
        self._adaptive.delivered(now, started_at)
        limit = headers.get(_LIMIT)
        if limit is not None and limit != self._limit:
            self._limit = limit
            number = _limit_number(limit)
            if number is not None:
                self._adaptive.limit_hint(number)
        if headers.get(_REMAINING) == "0":
            self._adaptive.exhausted(now)

    def refused(self, started_at: float, retry_after: float | None) -> None:
        """Note a refusal (429) of a request that started then, and the seconds to wait after it."""
        self.limited = True
        self._adaptive.refused(self._clock(), started_at, retry_after)

    def _take(self, now: float) -> Slot:
        self._adaptive.start(now)
        slot = Slot(now)
        self._slots.append(slot)
        return slot

    def _wake(self) -> None:
        """Give slots to waiters, as many as there are now, and see that the others get theirs."""
        waiters, now = self._waiters, self._clock()
        while waiters:
            if waiters[0].done():  # cancelled
                waiters.popleft()
                continue
            wait = self._adaptive.wait(now)
            if wait <= _SHORTEST_SLEEP:
                waiters.popleft().set_result(self._take(now))
            elif wait < math.inf:
                if self._sleeper is None:
                    self._sleeper = asyncio.create_task(self._wake_after(wait))
                return
            elif not self._sweep(now):
                if self._sweep_timer is None:
                    loop = asyncio.get_running_loop()
                    self._sweep_timer = loop.call_later(_SWEEP_INTERVAL, self._wake_again)
                return
        if self._sleeper is not None and self._sleeper is not asyncio.current_task():
            self._sleeper.cancel()
            self._sleeper = None

    async def _wake_after(self, wait: float) -> None:
        await self._sleep(wait)
        self._sleeper = None
        self._wake()

    def _wake_again(self) -> None:
        self._sweep_timer = None
        self._wake()

    def _sweep(self, now: float) -> bool:
        """Take overdue requests out of the count, and return whether there was one."""
        before = self._overdue
        latest = now - max(_OVERDUE, _OVERDUE_ROUND_TRIPS * self._adaptive.round_trip)
        while self._slots and self._slots[0].started_at < latest:
            slot = self._slots.popleft()
            if not slot.released:
                slot.overdue = True
                self._overdue += 1
                self._adaptive.in_flight -= 1
        return self._overdue > before


def _limit_number(text: str) -> int | None:
    """Return a whole number from 1 that is small enough to be a limit; None for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST_LIMIT))):
        return None
    return int(text) if 1 <= int(text) <= _LARGEST_LIMIT else None

"""Turns at the pace that a service is found to bear, shared by all calls of one operation."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping

from multidict import istr

from aiotask._pace import Pace

# Documented by name, not by format: each is believed only where it makes sense, and only as far as
# it agrees with what the service does.
_REMAINING = istr("X-Rate-Limit-Remaining")
_LIMIT = istr("X-Rate-Limit-Limit")
_AT_ONCE = istr("Twilio-Concurrent-Requests")
_LARGEST = 100_000  # a larger number is no limit
_SHORTEST_SLEEP = 0.001  # seconds; the loop's clock is no finer


class Lane:
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
        self._pace = Pace(clock(), max_rate=max_rate)
        self._limit: str | None = None  # as last stated
        self._waiting = 0
        self._line = asyncio.Lock()
        self._room = asyncio.Event()

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
        return self._pace.in_flight

    async def turn(self) -> None:
        """Wait until a request may start, first come first served, and count it as under way."""
        now = self._clock()
        if self._waiting or self._pace.wait(now) > _SHORTEST_SLEEP:
            now = await self._wait()
        self._pace.start(now)

    async def _wait(self) -> float:
        # Nothing is taken before the end, so that a caller who gives up leaves nothing behind.
        self._waiting += 1
        try:
            async with self._line:
                while (wait := self._pace.wait(now := self._clock())) > _SHORTEST_SLEEP:
                    if wait < math.inf:
                        await self._sleep(wait)
                    else:
                        self._room.clear()
                        await self._room.wait()
        finally:
            self._waiting -= 1
        return now

    def enter(self) -> None:
        """Count a request as under way that did not wait for its turn."""
        self._pace.in_flight += 1

    def leave(self) -> None:
        """Note that a request is no longer under way."""
        self._pace.in_flight -= 1
        if self._waiting:
            self._room.set()

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

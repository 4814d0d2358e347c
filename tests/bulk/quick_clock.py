"""A clock for a client and its service alike, whose time passes by itself."""

import asyncio
from heapq import heappop, heappush
from itertools import count
from typing import Any

from aiotask import RetryPolicy

BEGIN = 1_800_000_000.0
_TURNS = 20  # of the loop, in which whatever can be done without waiting is done


class IdleClock:
    """A clock that stands still while something is done, and then is at the next moment awaited.

    It knows of nothing that comes from outside the loop.
    """

    def __init__(self) -> None:
        self._now = BEGIN
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        """Return the time, in seconds since 1970."""
        return self._now

    @property
    def passed(self) -> float:
        return self._now - BEGIN

    def policy(self, **settings: Any) -> RetryPolicy:
        return RetryPolicy(clock=self, sleep=self.sleep, **settings)

    async def sleep(self, seconds: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (self._now + max(seconds, 0), next(self._order), waiter))
        if len(self._sleepers) == 1:
            self._go_on(_TURNS)
        await waiter

    def _go_on(self, turns: int) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self._go_on, turns - 1)
            return
        due, _, waiter = heappop(self._sleepers)
        if not waiter.done():
            self._now = due
            waiter.set_result(None)
        if self._sleepers:
            self._go_on(_TURNS)

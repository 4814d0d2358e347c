"""Beats of one process: once a second it tells what it is delivered, and hears of all others."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from aiotask._company import Company
from aiotask._rate_limiter import RateLimiter
from aiotask.bulk.journal.postgres_beats import Beat, Others, beat, forget
from aiotask.bulk.leases import Link
from aiotask.errors import JournalError

_APART = 1.0  # seconds
_LONGEST = 1.0  # seconds for one beat, also while the database is away

Lanes = Callable[[], Mapping[str, RateLimiter]]


class Beats:
    """The rate limiters of one process, on their way to and from all others of a journal.

    What cannot be told or heard is left out: each finds the limit by itself as well.
    """

    def __init__(self, link: Link, worker: str) -> None:
        self._link = link
        self._worker = worker
        self._places: dict[str, Lanes] = {}
        self._told: dict[str, tuple[int, int]] = {}
        self._told_at = time.monotonic()
        self._beating: asyncio.Task[None] | None = None

    def add(self, host: str, lanes: Lanes) -> None:
        """Share the lanes of a client, which leads to a host."""
        self._places[host] = lanes
        if self._beating is None:
            self._beating = asyncio.get_running_loop().create_task(self._keep_beating())

    async def close(self) -> None:
        """Tell nothing more."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
            await self._forget()
            for lane in self._lanes().values():
                lane.hear(None)

    async def beat(self) -> None:
        """Tell of all lanes that have work, and pass on what others tell."""
        now, lanes = time.monotonic(), self._lanes()
        passed, self._told_at = max(now - self._told_at, 0.001), now
        told, self._told = self._told, {}
        beats: list[Beat] = []
        for name, lane in lanes.items():
            self._told[name] = lane.answers, lane.refusals
            answers, refusals = told.get(name, self._told[name])
            if lane.in_use or lane.answers > answers:
                rate = (lane.answers - answers) / passed
                beats.append(Beat(name, rate, lane.refusals > refusals))
        if beats:
            await self._tell(beats)

    async def join(self, limiter: RateLimiter) -> None:
        """Tell of a limiter before it is used, so that many who begin together begin slowly."""
        lanes = self._lanes().items()
        beats = [Beat(name, 0.0, False) for name, lane in lanes if lane is limiter]
        if beats and not limiter.in_use:
            with suppress(JournalError, TimeoutError):
                async with asyncio.timeout(_LONGEST):
                    await self._tell(beats)

    async def _tell(self, beats: list[Beat]) -> None:
        lanes = self._lanes()
        heard = await self._link.call(lambda db: beat(db, self._worker, beats))
        for each in beats:
            lanes[each.lane].hear(_company(lanes[each.lane], each, heard.get(each.lane)))

    def _lanes(self) -> dict[str, RateLimiter]:
        return {name: lane for lanes in self._places.values() for name, lane in lanes().items()}

    async def _keep_beating(self) -> None:
        await self._forget()
        while True:
            await asyncio.sleep(_APART)
            # Leases are renewed on the same connection, and come first where it is slow.
            with suppress(JournalError, TimeoutError):
                async with asyncio.timeout(_LONGEST):
                    await self.beat()

    async def _forget(self) -> None:
        with suppress(JournalError, TimeoutError):
            async with asyncio.timeout(_LONGEST):
                await self._link.call(lambda db: forget(db, self._worker))


def _company(lane: RateLimiter, mine: Beat, others: Others | None) -> Company | None:
    """Return what is known of all together, by the clock of a lane; None for one alone."""
    if others is None:
        return None
    now = lane.now
    refused_for = 0.0 if mine.refused else others.refused_for
    refused_at = -math.inf if refused_for is None else now - refused_for
    return Company(now, 1 + others.workers, mine.rate + others.rate, refused_at)

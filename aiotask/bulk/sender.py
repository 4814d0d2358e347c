"""Sending one row: in its turn, again where certainly nothing came of it, and what came of it."""

import asyncio
from itertools import count
from typing import NamedTuple

from aiotask._rate_limiter import Start
from aiotask.bulk.circuit_breaker import CircuitBreaker
from aiotask.bulk.halt import StopSignal
from aiotask.bulk.item import Item
from aiotask.bulk.resolver import FATAL
from aiotask.bulk.settings import Settings
from aiotask.bulk.target import Found, ServiceClock, Target
from aiotask.errors import (
    AiotaskError,
    AnswerError,
    ConnectionFailedError,
    RateLimitError,
    StatusError,
    TLSError,
)

_SLICE = 0.25  # seconds; who waits for the service looks so often whether it is back
_CATCH_UP = 0.01  # seconds of requests that may go at once, as in a lane
_MISDIRECTED = 421


class Made(NamedTuple):
    """The row's resource was made, by a create that began then."""

    found: Found
    began: float


class Lost(NamedTuple):
    """The row was sent, and no answer tells what came of it."""

    error: AiotaskError


class Refused(NamedTuple):
    """The service refused the row, and would again."""

    error: AiotaskError


class Unsent(NamedTuple):
    """Nothing came of the row; the error is about every row, and None where the run halts."""

    error: AiotaskError | None


Fate = Made | Lost | Refused | Unsent


class Sender:
    """Sends the rows of one run."""

    def __init__(
        self, target: Target, settings: Settings, service: ServiceClock, halt: StopSignal
    ) -> None:
        self.breaker = CircuitBreaker()
        self._target = target
        self._settings = settings
        self._attribute = settings.keys.attribute or ""
        self._service = service
        self._halt = halt
        self._retry = target.retry
        self._clock = target.retry.clock
        self._reached = False
        self._failures = 0
        self._hold_until = 0.0
        self._next_start = 0.0
        self._one_by_one = asyncio.Lock()
        self._last_progress = self._clock()

    async def send(self, item: Item) -> Fate:
        """Send a row until something is known of it, or in doubt."""
        for attempt in count(1):
            try:
                start = await self._halt.interrupts(self._admitted())
            except asyncio.CancelledError:
                if not self._halt.called():
                    raise
                return Unsent(None)
            began = self._clock()
            try:
                found = await self._target.create(item.body, self._attribute, item.key)
            except AiotaskError as error:
                failure = error
            else:
                self._service.note(found.created, self._clock())
                self.progress()
                self.breaker.answered(self._clock())
                return Made(found, began)
            finally:
                self._target.lane.leave(start)
            if (fate := self._fate(failure)) is not None:
                return fate
            if self._halt.called():
                break
            delay = max(self._hold_until - self._clock(), 0.0)
            if isinstance(failure, AnswerError):
                delay = max(delay, failure.retry_after or 0.0)
            self._target.hooks.retrying(attempt, delay, failure)
        return Unsent(None)

    def progress(self) -> None:
        """Note that the run goes forward."""
        self._reached = True
        self._failures = 0
        self._last_progress = self._clock()

    async def _admitted(self) -> Start:
        """Wait until a request may be sent, and take a turn."""
        while True:
            now = self._clock()
            probe = self.breaker.open
            wait = max(self.breaker.wait(now), self._hold_until - now)
            if wait > 0:
                await self._retry.sleep(min(wait, _SLICE))
                continue
            turn = await self._turn()
            if probe or not self.breaker.open:
                return turn
            # The service went down while this one waited for its turn.
            self._target.lane.leave(turn)

    async def _turn(self) -> Start:
        """Take a turn, no sooner than the highest rate allows; a delay is not made up for."""
        if (most := self._settings.max_rate) is None:
            return await self._target.lane.turn()
        async with self._one_by_one:
            if (wait := self._next_start - self._clock()) > 0:
                await self._retry.sleep(wait)
            turn = await self._target.lane.turn()
            self._next_start = max(self._next_start, self._clock() - _CATCH_UP) + 1 / most
            return turn

    def _fate(self, error: AiotaskError) -> Fate | None:
        """Return what a failure means for its row; None where the row is to be sent again."""
        self._reached = self._reached or isinstance(error, AnswerError)
        if error.maybe_applied:
            self.breaker.lost(self._clock())
            return Lost(error)
        if isinstance(error, RateLimitError):
            return self._patiently(error)
        if isinstance(error, ConnectionFailedError) or _misdirected(error):
            self._failures += 1
            self._hold_until = self._clock() + self._retry.wait(error, self._failures)
            # An address where nothing ever answered is rather a wrong one.
            nobody = not self._reached and self._failures >= self._retry.attempts
            return (
                Unsent(error) if nobody or isinstance(error, TLSError) else (self._patiently(error))
            )
        if isinstance(error, StatusError) and not isinstance(error, FATAL):
            self.progress()
            self.breaker.answered(self._clock())
            return Refused(error)
        return Unsent(error)

    def _patiently(self, error: AiotaskError) -> Fate | None:
        waited = self._clock() - self._last_progress
        return Unsent(error) if waited > self._settings.patience else None


def _misdirected(error: AiotaskError) -> bool:
    return isinstance(error, StatusError) and error.status == _MISDIRECTED

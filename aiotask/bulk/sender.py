"""Sends one row: waits for the rate limiter, retries what is safe, classifies the result."""

import asyncio
import math
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from aiotask._rate_limiter import Slot
from aiotask._retry import WithheldError, refused_by_proxy
from aiotask.bulk.circuit_breaker import CircuitBreaker
from aiotask.bulk.item import Item
from aiotask.bulk.operation import Done, Failed, Operation
from aiotask.bulk.pause import Pause, Trouble
from aiotask.bulk.service_clock import ServiceClock
from aiotask.bulk.settings import Settings
from aiotask.bulk.verdicts import FATAL
from aiotask.bulk.wait_queue import StopSignal
from aiotask.bulk.watch import Watch
from aiotask.errors import (
    AiotaskError,
    AnswerError,
    ConnectionFailedError,
    RateLimitError,
    StatusError,
    TLSError,
)

# A run goes on long after a call would end: a policy that never waits must not make its pause a
# busy loop.
_SHORTEST_PAUSE = 0.25  # seconds
_WHY = "the run pauses, because nothing gets through"
# A run in which nothing gets through for so long tells of it.
_NOTABLE = 5.0  # seconds
# Sleeps end late. So much of a delay may be made up for by requests that start at once, as in the
# rate limiter; more would exceed the caller's rate.
_CATCH_UP = 0.01  # seconds
_MISDIRECTED = 421

# These statuses are about what was sent: the row is wrong, in conflict, too large, or of another
# form than the service takes (RFC 9110, section 15.5). The other 4xx are about the account or the
# way there (402, 407, 423, 451, ...), and may pass: the run waits, and the row is sent again.
_ABOUT_THE_ROW = frozenset({400, 405, 406, 409, 410, 411, 412, 413, 414, 415, 416, 417, 422})

MAX_TRIES = 16
"""Attempts at one row whose effect, if any, was lost each time."""


class Made(NamedTuple):
    """The row was carried out by a request that started then, by the run's clock."""

    done: Done
    started_at: float


class Lost(NamedTuple):
    """The row was sent, and its effect is unknown."""

    error: AiotaskError


class Refused(NamedTuple):
    """The row had no effect, and would have none again; that is *certain*, or nothing can tell."""

    error: Exception
    certain: bool = True


class Unsent(NamedTuple):
    """The row had no effect; the error concerns every row, and is None where the run stops."""

    error: AiotaskError | None


class Gone(NamedTuple):
    """The row is another worker's by now, and was not sent by this attempt."""


Fate = Made | Lost | Refused | Unsent | Gone


class Sender:
    """Sends the rows of one run; *waiting* says how many wait.

    ``pause`` is on while nothing gets through.
    """

    def __init__(
        self,
        operation: Operation,
        settings: Settings,
        service: ServiceClock,
        stop: StopSignal,
        waiting: Callable[[], str],
    ) -> None:
        self.pause: Pause = Pause(_WHY, operation.retry.clock, waiting)
        self.breaker: CircuitBreaker = CircuitBreaker()
        self.begun: bool = False
        self.watch: Watch | None = None
        self._operation = operation
        self._settings = settings
        self._service = service
        self._stop = stop
        self._retry = operation.retry
        self._clock = operation.retry.clock
        self._reached = False
        self._failures = 0
        self._hold_until = 0.0
        self._next_start = 0.0
        self._one_by_one = asyncio.Lock()
        self._failing_since = math.inf
        self._sleeper: asyncio.Task[None] | None = None

    async def send(self, item: Item) -> Fate:
        """Send a row until its fate is known, or in doubt."""
        for attempt in count(1):
            try:
                start = self._at_once(item) or await self._stop.cancels(self._admitted(item))
            except asyncio.CancelledError:
                if not self._stop.is_set():
                    raise
                return Unsent(None)
            if start is None:
                return Gone()
            started_at = self._clock()
            item.sent = self.begun = True
            try:
                done = await self._operation.send(item)
            except AiotaskError as error:
                failure = error
            else:
                return self._fate_of(done, started_at)
            finally:
                self._operation.limiter.release(start)
            if (fate := self._fate(item, failure)) is not None:
                return fate
            if self._stop.is_set():
                break
            delay = max(self._hold_until - self._clock(), 0.0)
            if isinstance(failure, AnswerError):
                delay = max(delay, failure.retry_after or 0.0)
            self._operation.hooks.retrying(attempt, delay, failure)
        return Unsent(None)

    def _fate_of(self, done: Done | Failed, started_at: float) -> Fate:
        """Return the fate of a row that the service has answered."""
        if self.watch is not None:
            self.watch.answered(started_at)
        self._answered()
        if isinstance(done, Failed):
            return Refused(*done)
        self._service.created(done.created, self._clock())
        return Made(done, started_at)

    @property
    def is_stalled(self) -> bool:
        """Whether all that was sent has failed for longer than the run's patience."""
        return self._clock() - self._failing_since > self._settings.stall_timeout

    def progress(self) -> None:
        """Note that the run makes progress."""
        self._reached = True
        self._failures = 0
        self._failing_since = math.inf

    def close(self) -> None:
        """Stop waiting, and tell nothing more."""
        self.pause.close()
        if self._sleeper is not None:
            self._sleeper.cancel()

    def _answered(self) -> None:
        """Note that the service tells the fate of a row again, if it did not."""
        self.progress()
        self.breaker.answered(self._clock())
        if self.pause.is_on:
            if self._sleeper is not None:
                self._sleeper.cancel()
            self.pause.end()

    def _at_once(self, item: Item) -> Slot | None:
        """Take a slot for a row for which there is nothing to wait."""
        waits = self._settings.max_rate is not None or self.breaker.open or self._stop.is_set()
        if waits or self._hold_until > self._clock():
            return None
        if item.lease is not None and not item.lease.is_good():
            return None
        return self._operation.limiter.try_acquire()

    async def _admitted(self, item: Item) -> Slot | None:
        """Wait until a row may be sent, and take a slot of the limiter.

        None tells that the row is another worker's.
        """
        while item.lease is None or await item.lease.usable():
            now = self._clock()
            probe = self.breaker.open
            if (wait := self._hold_until - now) <= 0:
                wait = self.breaker.wait(now)
            if wait > 0:
                await self._wait(wait)
                continue
            start = await self._acquired()
            if probe or not self.breaker.open:
                return start
            # The circuit opened while this request waited for the limiter.
            self._operation.limiter.release(start)
        return None

    async def _wait(self, seconds: float) -> None:
        """Wait for so long, together with all other workers, or until the circuit closes."""
        if self._sleeper is None or self._sleeper.done():
            seconds = min(seconds, self.pause.left())
            self._sleeper = asyncio.create_task(self._asleep(seconds))
        sleeper = self._sleeper
        await asyncio.wait([sleeper])
        if not sleeper.cancelled():
            sleeper.result()

    async def _asleep(self, seconds: float) -> None:
        await self._retry.sleep(seconds)
        self.pause.tell()

    async def _acquired(self) -> Slot:
        """Take a slot of the limiter, no sooner than the caller's maximum rate allows."""
        limiter = self._operation.limiter
        if (most := self._settings.max_rate) is None:
            return await limiter.acquire()
        async with self._one_by_one:
            if (wait := self._next_start - self._clock()) > 0:
                await self._retry.sleep(wait)
            start = await limiter.acquire()
            self._next_start = max(self._next_start, self._clock() - _CATCH_UP) + 1 / most
            return start

    def _fate(self, item: Item, error: AiotaskError) -> Fate | None:
        """Return the fate of a row whose attempt failed, or None where it is to be sent again."""
        if isinstance(error, WithheldError):
            return None  # its lease ran out, and may be renewed
        if self.watch is not None:
            self.watch.failed(error)
        self._reached = self._reached or isinstance(error, AnswerError)
        self._failing_since = min(self._failing_since, self._clock())
        fate = self._judged(item, error)
        if (fate is None or isinstance(fate, Lost)) and self._is_notable(error):
            ends_at = self._failing_since + self._settings.stall_timeout
            self.pause.begin(self._failing_since, Trouble(error, ends_at))
        return fate

    def _is_notable(self, error: AiotaskError) -> bool:
        """Whether the run is held up by more than what a single call would put up with."""
        if self.breaker.open or self._failures > self._retry.attempts or _about_the_account(error):
            return True
        now = self._clock()
        asked = error.retry_after or 0.0 if isinstance(error, AnswerError) else 0.0
        return max(now - self._failing_since, self._hold_until - now, asked) >= _NOTABLE

    def _judged(self, item: Item, error: AiotaskError) -> Fate | None:
        if error.maybe_applied:
            self.breaker.lost(self._clock())
            return self._lost(item, error)
        if isinstance(error, RateLimitError):
            return self._patiently(error)
        if isinstance(error, ConnectionFailedError) or _misdirected(error):
            self._hold(error)
            # An address that never answered is probably a wrong one.
            vain = self._tried_enough and (not self._reached or refused_by_proxy(error))
            if vain or isinstance(error, TLSError):
                return Unsent(error)
            return self._patiently(error)
        if isinstance(error, StatusError) and not isinstance(error, FATAL):
            return self._refused(error)
        return self._unread(error)

    def _unread(self, error: AiotaskError) -> Fate | None:
        """Return the fate of a row about which a read has failed, or all requests will."""
        if isinstance(error, FATAL) or not self._operation.idempotent:
            return Unsent(error)
        self._hold(error)
        return self._patiently(error)

    def _refused(self, error: StatusError) -> Fate | None:
        """Return the fate of a row after a 4xx."""
        if _about_the_account(error):
            self._hold(error)
            if self._tried_enough and refused_by_proxy(error):
                return Unsent(error)
            return self._patiently(error)
        self._answered()
        return Refused(error)

    def _lost(self, item: Item, error: AiotaskError) -> Fate | None:
        """Return the fate of a row whose answer was lost: an idempotent one is sent again."""
        item.tries += 1
        if not self._operation.idempotent or item.tries >= MAX_TRIES:
            return Lost(error)
        self._hold(error)
        return self._patiently(error)

    @property
    def _tried_enough(self) -> bool:
        return self._failures >= self._retry.attempts

    def _hold(self, error: AiotaskError) -> None:
        """Send nothing for a while that grows with each failure in a row."""
        self._failures += 1
        wait = self._retry.wait(error, self._failures)
        if self._failures > self._retry.attempts:
            wait = max(wait, _SHORTEST_PAUSE)
        self._hold_until = self._clock() + wait

    def _patiently(self, error: AiotaskError) -> Fate | None:
        return Unsent(error) if self.is_stalled else None


def _misdirected(error: AiotaskError) -> bool:
    return isinstance(error, StatusError) and error.status == _MISDIRECTED


def _about_the_account(error: AiotaskError) -> bool:
    """Whether a refusal (a 4xx) is about the account or the way there, and not about the row."""
    if not isinstance(error, StatusError) or isinstance(error, RateLimitError):
        return False
    return not error.maybe_applied and error.status not in _ABOUT_THE_ROW | {_MISDIRECTED}

"""Pauses of a run in the log: why it does not get on, since when, and what ends that."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from aiotask._service_time import date_of
from aiotask.bulk.watch import Held, Watch
from aiotask.errors import AiotaskError

_log = logging.getLogger("aiotask")

_APART = 30.0  # seconds between two lines
_NEARLY = 0.01  # seconds that a timer may be early


class Trouble(NamedTuple):
    """What a pause comes from: its last error, and the moment at which the run ends with it."""

    error: AiotaskError | None = None
    ends_at: float | None = None


class Pause:
    """One way in which a run can be held up, and its lines in the log while it is.

    *what* says that in words, *waiting* how many rows wait, *is_silent* whether another pause
    speaks for this one. Moments are by *clock*. A timer writes lines, so that none is late where an
    answer is, and ``tell`` after a sleep: the clock may be ahead of all timers then.
    """

    def __init__(
        self,
        what: str,
        clock: Callable[[], float],
        waiting: Callable[[], str],
        is_silent: Callable[[], bool] = bool,
    ) -> None:
        self.is_on: bool = False
        self._what = what
        self._clock = clock
        self._waiting = waiting
        self._is_silent = is_silent
        self.trouble: Trouble = Trouble()
        self.watch: Watch | None = None
        self._held: Held | None = None
        self._began = self._next_line = 0.0
        self._since = ""
        self._told = False
        self._timer: asyncio.TimerHandle | None = None

    def inner(self, what: str) -> "Pause":
        """Return a pause that this one speaks for while both are on."""
        return Pause(what, self._clock, self._waiting, lambda: self.is_on)

    def begin(self, since: float, trouble: Trouble, *, first_line_after: float = 0.0) -> None:
        """Note that the run is held up since a moment, or is so still, and why."""
        self.trouble = trouble
        if not self.is_on:
            now = self._clock()
            self.is_on, self._told, self._began = True, False, since
            self._since = date_of(time.time() - (now - since)).isoformat(timespec="seconds")
            self._next_line = now + first_line_after
            if self.watch is not None:
                self._held = self.watch.pause(self._what, since, trouble.error)
        elif not self._told and trouble.error is not None:
            self._next_line = self._clock()
        self.tell()

    def tell(self) -> None:
        """Write the next line, if it is time for one."""
        if not self.is_on or self._is_silent():
            return
        now = self._clock()
        if now >= self._next_line - _NEARLY:
            self._told, self._next_line = True, now + _APART
            error, ends_at = self.trouble
            _log.warning(
                "%s, since %s, for %.0f s%s; %s; %s",
                self._what,
                self._since,
                now - self._began,
                "" if error is None else f": {error}",
                self._waiting(),
                "the run goes on when that is over"
                + (
                    f", or ends with this error in {ends_at - now:.0f} s"
                    if ends_at is not None
                    else ""
                ),
            )
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._next_line - now, self._ring)

    def left(self) -> float:
        """Return the seconds until the next line is due."""
        return max(self._next_line - self._clock(), _NEARLY) if self.is_on else _APART

    def end(self) -> None:
        """Note that the run gets on."""
        if self.is_on and self._told:
            _log.warning("the run goes on, after %.0f s", self._clock() - self._began)
        self.close()

    def close(self) -> None:
        """Write nothing more."""
        self.is_on = False
        if self._held is not None:
            self._held.ended_at, self._held = self._clock(), None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self.tell()

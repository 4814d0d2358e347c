"""The service's clock, as the ``Date`` of its answers shows it.

Only this clock is compared with dates of the service. The local ones may be wrong by years, and a
monotonic one stands still while a machine is suspended. The nodes of a service do not agree either,
so its time is known between two bounds.
"""

import time
from collections.abc import Callable
from datetime import datetime

from aiotask._service_time import Offsets, date_of

# Events go back for thirty days, and tell of no attributes by then; this much is certain.
_LONGEST_HISTORY = 29 * 86_400.0  # seconds


class ServiceClock:
    """Converts moments of the run's clock into the service's time, in seconds since 1970.

    *offsets* gives the bounds of the difference between the two; *clock* is the run's.
    """

    def __init__(self, offsets: Offsets, clock: Callable[[], float]) -> None:
        self.job_started_at: float | None = None
        """The begin of the job by this clock, where it is known."""
        self._resumes = False
        # Whether the job began longer ago than events go back, by the local clock.
        self._job_is_old = False
        self._offsets = offsets
        self._clock = clock
        self._wall = time.time()
        self._begun = clock()

    def resume(self, job_started_at: float | None, by_local_clock: float) -> None:
        """Note when the job of a resumed run began, by this clock and by the local one."""
        self._resumes = True
        self.job_started_at = job_started_at
        self._job_is_old = time.time() - by_local_clock > _LONGEST_HISTORY

    def now(self) -> float:
        """Return this moment by the run's clock."""
        return self._clock()

    def earliest(self, moment: float) -> float | None:
        """Return a lower bound of the service's time at a moment of this run; None if unknown."""
        return None if self._offsets.low is None else self._offsets.low + moment

    def latest(self, moment: float) -> float | None:
        """Return an upper bound of the service's time at a moment of this run."""
        return None if self._offsets.high is None else self._offsets.high + moment

    def created(self, date: datetime | None, now: float) -> None:
        """Note the date of a resource that was created just now: it may be of another clock."""
        if date is not None:
            self._offsets.note(date.timestamp(), now)

    def job_began(self) -> float | None:
        """Return the begin of a job that began with this run, once an answer tells the time."""
        if self._resumes:
            return self.job_started_at
        if self.job_started_at is None and (now := self.earliest(self._clock())) is not None:
            # The machine may have been suspended meanwhile, or its clock put back.
            passed = max(self._clock() - self._begun, time.time() - self._wall)
            self.job_started_at = now - passed
        return self.job_started_at

    def since(self, moment: float | None) -> datetime:
        """Return a date from which events are asked for; None is as far as they go back.

        The moment may be by a node of the service whose clock is ahead of the others'.
        """
        low, high = self._offsets.low, self._offsets.high
        if low is None or high is None:
            return date_of(moment or 0.0)
        first = high + self._clock() - _LONGEST_HISTORY
        return date_of(first if moment is None else max(moment - (high - low), first))

    def is_out_of_reach(self, moment: float | None) -> bool:
        """Whether events no longer tell of a service's time; None is the begin of the job."""
        if moment is None:
            return self._job_is_old
        now = self.latest(self._clock())
        return now is not None and now - moment > _LONGEST_HISTORY

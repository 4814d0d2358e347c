"""Reach of the service's events: the time since which they tell of every creation of a job."""

import time
from datetime import datetime

import attrs

from aiotask._service_time import date_of

# The service redacts the attributes of tasks, and with them the keys, in events that are older than
# thirty days (https://www.twilio.com/docs/taskrouter/api/event).
_REACH = 30 * 86_400.0  # seconds
# Events are asked for from a day before the job began: this machine's clock may have been wrong.
_MARGIN = 86_400.0
# Events do not show yet what was created a moment ago.
_LAG = 300.0


@attrs.frozen
class Reach:
    """The part of a job's time that events tell of, by moments in seconds since 1970.

    *started_at* is the beginning of the job by this machine's clock. All others are by the
    service's clock, and None where they are not known: *first_sent* is when a row was sent early in
    the job, *first_listed* the creation of the oldest resource of the job that is listed, and
    *newest* the latest creation that any list shows.
    """

    started_at: float
    first_sent: float | None
    first_listed: float | None
    newest: float | None

    @property
    def since(self) -> datetime:
        """The date from which events are asked for."""
        now = time.time() if self.newest is None else self.newest
        # This machine's clock may have been ahead of the service's when the job began.
        began = min(self._began(self.started_at), now)
        return date_of(max(began - _MARGIN, now - _REACH))

    @property
    def seen_since(self) -> datetime:
        """The date since which events tell of keys, if they tell of everything."""
        return max(self.since, date_of(max(time.time(), self.newest or 0.0) - _REACH))

    @property
    def settled(self) -> datetime:
        """The date until which events have to tell of everything that is listed."""
        return date_of((self.newest or 0.0) - _LAG)

    def covers_job(self, seen_since: datetime | None) -> bool:
        """Whether the job began after *seen_since*."""
        # A resource that was created in this machine's future shows that its clock is behind.
        behind = max(0.0, (self.newest or 0.0) - time.time())
        return seen_since is not None and seen_since <= date_of(
            self._began(self.started_at + behind)
        )

    def _began(self, started_at: float) -> float:
        """Return the beginning of the job, which the service's clock may know to be earlier."""
        moments = (started_at, self.first_sent, self.first_listed)
        return min(each for each in moments if each is not None)

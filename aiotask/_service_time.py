"""Difference between the service's clock and a monotonic one, by the ``Date`` of answers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from multidict import istr

_DATE = istr("Date")
_LAST_DATE = 253_402_214_400.0  # seconds since 1970: the last day of the year 9999


class Offsets:
    """Bounds of the service's time minus the monotonic time, in seconds; None before an answer.

    Both stay bounds when an answer is read late, when nodes disagree, and when a suspended machine
    made the monotonic clock stand still.
    """

    def __init__(self) -> None:
        self.low: float | None = None
        self.high: float | None = None
        self._latest: str | None = None

    def read(self, headers: Mapping[str, str], now: float) -> None:
        """Note an answer that came now, by the monotonic clock; one a second is parsed."""
        date = headers.get(_DATE)
        if date is None or date == self._latest:
            return
        self._latest = date
        try:
            self.note(parsedate_to_datetime(date).timestamp(), now)
        except (ValueError, OverflowError):
            return  # whatever that is, it is no date

    def note(self, seconds: float, now: float) -> None:
        """Note the service's time, in seconds since 1970."""
        offset = seconds - now
        self.low = offset if self.low is None else min(self.low, offset)
        self.high = offset if self.high is None else max(self.high, offset)


def date_of(moment: float) -> datetime:
    """Return a moment as a date; a clock, or a damaged file, may show any time."""
    return datetime.fromtimestamp(min(max(moment, 0.0), _LAST_DATE), UTC)

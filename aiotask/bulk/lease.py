"""Lease of a window of rows: until when nobody else sends them, by this process's own clock."""

import time
from collections.abc import Callable

import attrs

from aiotask.bulk.wait_queue import WaitQueue


def lease_clock() -> float:
    """Return monotonic seconds that also pass while the machine is suspended, where it can tell."""
    if (boot_time := getattr(time, "CLOCK_BOOTTIME", None)) is None:
        return time.monotonic()
    return time.clock_gettime(boot_time)


@attrs.frozen(kw_only=True)
class LeaseTerms:
    """The lengths of leases, in seconds.

    A lease lasts for *length* and is renewed every *renewed*. Nothing is sent in the last *guard*
    seconds, which cover clocks that do not run alike.
    """

    length: float = 10.0
    """Seconds that a lease lasts; 10 by default."""
    renewed: float = 2.0
    """Seconds from one renewal to the next; 2 by default."""
    guard: float = 2.0
    """Seconds at the end of a lease in which nothing is sent; 2 by default."""

    def __attrs_post_init__(self) -> None:
        """Refuse a lease that would end before it can be renewed."""
        if not 0 < self.renewed < self.length - self.guard or self.guard <= 0:
            raise ValueError(
                "lease: its length has to exceed its guard and the time until it is renewed, not "
                f"{self.length!r}, {self.guard!r} and {self.renewed!r}"
            )


class Lease:
    """The right to send the rows of one window, from one take of it to the next.

    It is good until a moment, and is renewed; a lease that nobody else took can be renewed however
    late. ``is_over`` tells that the window was given back, closed, or taken over; *lost* is called
    if it was taken over.
    """

    def __init__(
        self,
        job: str,
        first: int,
        last: int,
        epoch: int,
        good_until: float,
        lost: Callable[["Lease"], None],
    ) -> None:
        self.job: str = job
        self.first: int = first
        self.last: int = last
        self.epoch: int = epoch
        self.left: int = last - first + 1
        """Rows that have no end yet."""
        self.is_over: bool = False
        self.good_until: float = good_until
        self._lost = lost
        self._renewed = WaitQueue()

    def is_good(self) -> bool:
        """Whether a row may be sent in this moment."""
        return not self.is_over and lease_clock() < self.good_until

    async def usable(self) -> bool:
        """Wait until the lease is good; False if it is over."""
        while not self.is_over and not self.is_good():
            await self._renewed.wait()
        return not self.is_over

    async def over(self) -> None:
        """Wait until it is over."""
        while not self.is_over:
            await self._renewed.wait()

    def renew(self, good_until: float) -> None:
        """Note a renewal."""
        self.good_until = max(self.good_until, good_until)
        self._renewed.wake()

    def end(self, *, lost: bool) -> None:
        """Note that the window is no longer this worker's."""
        self.is_over = True
        self._renewed.wake()
        if lost:
            self._lost(self)

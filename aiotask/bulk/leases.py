"""Leases of one worker, all renewed together; and the switch that ends a process without them."""

import asyncio
import signal
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from aiotask.bulk.journal.postgres_windows import Held, Taken, keep
from aiotask.bulk.journal.postgres_witness import Witness
from aiotask.bulk.lease import Lease, LeaseTerms, lease_clock

T = TypeVar("T")


class Link(Protocol):
    """One connection to the database, made anew whenever it breaks."""

    @abstractmethod
    async def open(self) -> None:
        """Connect."""

    @abstractmethod
    async def call(self, act: Callable[[Any], Awaitable[T]]) -> T:
        """Do something on the connection until it is done."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connection."""


class Leases:
    """The windows that one worker has; *owner* is its name, in each of its jobs."""

    def __init__(
        self,
        link: Link,
        owner: str,
        terms: LeaseTerms,
        switch: "DeadMansSwitch | None",
        witness: Witness,
    ) -> None:
        self._witness = witness
        self.owner: str = owner
        self.terms: LeaseTerms = terms
        self._link = link
        self._switch = switch
        self._held: dict[Held, Lease] = {}
        self._failed: list[Callable[[Exception], None]] = []
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to renew leases."""
        self._keeping = asyncio.get_running_loop().create_task(self._keep_renewing())

    async def close(self) -> None:
        """Renew nothing more."""
        if self._keeping is not None:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
        if self._switch is not None:
            self._switch.stop()

    def watch(self, failed: Callable[[Exception], None]) -> None:
        """Call *failed* with the error if leases cannot be renewed any more."""
        self._failed.append(failed)

    def unwatch(self, failed: Callable[[Exception], None]) -> None:
        """Call *failed* no more."""
        self._failed.remove(failed)

    def good_until(self, asked_at: float) -> float:
        """Return until when a lease is good that was asked for at a moment."""
        return asked_at + self.terms.length - self.terms.guard

    def add(self, job: str, window: Taken, asked_at: float, lost: Callable[[Lease], None]) -> Lease:
        """Note a window that was taken by a command begun at a moment."""
        until = self.good_until(asked_at)
        lease = Lease(job, window.first, window.last, window.epoch, until, lost)
        self._held[Held(job, window.first, window.epoch)] = lease
        self._set_switch()
        return lease

    def drop(self, lease: Lease) -> None:
        """Note that a window was closed or given back."""
        self._end(lease, lost=False)

    def lose(self, lease: Lease) -> None:
        """Note that a window is another worker's."""
        if not lease.is_over:
            self._end(lease, lost=True)

    def _end(self, lease: Lease, *, lost: bool) -> None:
        self._held.pop(held(lease), None)
        lease.end(lost=lost)
        self._set_switch()

    async def renew(self) -> None:
        """Renew all leases, as soon as the database can be reached."""
        asked: list[Lease] = []

        async def act(database: Any) -> tuple[float, set[Held]]:
            asked[:] = self._held.values()
            asked_at = lease_clock()
            if not asked:
                return asked_at, set()  # the last one was given back while this waited
            # A connection that is silent is given up in time for another attempt.
            async with asyncio.timeout(self.terms.length / 2):
                names = [held(lease) for lease in asked]
                found = await keep(database, self.owner, names, self.terms.length)
                await self._witness.note(database)
            return asked_at, found

        if not self._held:
            return
        asked_at, found = await self._link.call(act)
        for lease in asked:
            if held(lease) in found:
                lease.renew(self.good_until(asked_at))
            else:
                self.lose(lease)
        self._set_switch()

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(self.terms.renewed)
            try:
                await self.renew()
            except Exception as error:  # noqa: BLE001 - it ends the runs that need the leases
                for failed in [*self._failed]:
                    failed(error)

    def _set_switch(self) -> None:
        if self._switch is not None:
            self._switch.set(
                min((lease.good_until for lease in self._held.values()), default=None),
                self.terms.guard / 2,
            )


def held(lease: Lease) -> Held:
    """Return a lease's name in the journal."""
    return Held(lease.job, lease.first, lease.epoch)


class DeadMansSwitch:
    """A timer of the kernel that ends this process if it stands still beyond its leases.

    Between the look at a lease and the first byte a process can be stopped, and continued when the
    row is another worker's. SIGALRM, at its default action, ends it then before it does anything.
    While the process is alive, its leases may well run out: then nothing is sent, and the timer is
    stopped, by a timer of the loop, which does not wait for the database.
    """

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._until: float | None = None

    def set(self, good_until: float | None, grace: float) -> None:
        """Have the process ended some *grace* seconds after a moment; not at all for None."""
        if good_until == self._until:
            return
        self.stop()
        self._until = good_until
        if good_until is not None and (left := good_until - lease_clock()) > 0:
            signal.setitimer(signal.ITIMER_REAL, left + grace)
            loop = asyncio.get_running_loop()
            # What has passed the look in this turn of the loop has sent its bytes two turns later.
            self._timer = loop.call_later(
                left, lambda: loop.call_soon(lambda: loop.call_soon(self._disarm))
            )

    def stop(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._until = None, None
        self._disarm()

    @staticmethod
    def _disarm() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

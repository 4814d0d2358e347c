"""Offers of an engine: windows that it names, for the run of their job to take."""

import asyncio
from collections import deque
from contextlib import suppress

from aiotask.bulk.lease import Lease

# An engine that loses everything costs a worker so much of its time.
_HUNGRY = 1.0  # seconds


class Offer:
    """A window by its first row, and the lease under which it was taken, if it was."""

    def __init__(self, first: int) -> None:
        self.first: int = first
        self.taken: asyncio.Future[Lease | None] = asyncio.get_running_loop().create_future()

    def answer(self, lease: Lease | None) -> None:
        """Tell who made the offer what became of it."""
        if not self.taken.done():  # an engine may have cancelled it
            self.taken.set_result(lease)


class Offers:
    """Windows of one job that an engine has named, and that nobody has come to yet."""

    def __init__(self) -> None:
        self._waiting: deque[Offer] = deque()
        self._given = asyncio.Event()
        self._is_closed = False

    async def give(self, first: int) -> Lease | None:
        """Offer a window, and return its lease once it was taken; None if it could not be."""
        offer = Offer(first)
        if self._is_closed:
            return None
        self._waiting.append(offer)
        self._given.set()
        return await offer.taken

    async def next(self) -> Offer | None:
        """Return the first offer; None if there is none for a second."""
        if not self._waiting:
            self._given.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_HUNGRY):
                    await self._given.wait()
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """Take no more."""
        self._is_closed = True
        for offer in self._waiting:
            offer.answer(None)

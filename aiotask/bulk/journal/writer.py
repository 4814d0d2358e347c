"""The journal as a bulk creation uses it: in a thread of its own, so that no disk blocks a loop."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from aiotask.bulk.journal.records import Claim, End, Entry
from aiotask.bulk.journal.sqlite import Journal
from aiotask.bulk.keys import Keys, new_job

T = TypeVar("T")


class Ledger:
    """Keeps what must not be forgotten; without a journal, nothing.

    ``job`` is the job's name and ``claimed`` how many rows an earlier run took.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self.job = ""
        self.begun = 0.0
        self.claimed = 0
        self.kept = path is not None
        self._journal = None if path is None else Journal(path)
        self._thread: ThreadPoolExecutor | None = None
        # One transaction at a time, in the order in which they were asked for.
        self._turn = asyncio.Lock()

    async def open(self, target: str, keys: Keys) -> list[Entry]:
        """Open or make the journal, and return the rows that have no end yet.

        It has to be closed also where this fails or is cancelled: the thread goes on then.
        """
        if (journal := self._journal) is None:
            self.job, self.begun = new_job(), time.time()
            return []
        self._thread = ThreadPoolExecutor(1, "aiotask-journal")
        await self._call(lambda: journal.open(target, keys))
        self.job, self.begun, self.claimed = journal.job, journal.begun, journal.claimed
        return await self._call(journal.open_rows)

    async def commit(self, claims: Sequence[Claim], ends: Sequence[End]) -> None:
        """Have it on the disk that rows may be sent, and how others ended."""
        if (journal := self._journal) is not None and (claims or ends):
            async with self._turn:
                await self._call(lambda: journal.commit(claims, ends))

    def prints(self, after: int, most: int) -> asyncio.Future[list[int | None]]:
        """Begin to read what tells the rows after a number, of a journal."""
        journal = self._journal
        return self._begin(lambda: [] if journal is None else journal.prints(after, most))

    async def taken(self, keys: Sequence[str]) -> dict[str, int]:
        """Return those of *keys* that rows have already; without a journal nobody knows."""
        if (journal := self._journal) is None:
            return {}
        return await self._call(lambda: journal.taken(keys))

    async def close(self) -> None:
        """Give the journal to others, when all that was begun is in it."""
        if (journal := self._journal) is not None and (thread := self._thread) is not None:
            self._thread = None
            closing = asyncio.get_running_loop().run_in_executor(thread, journal.close)
            thread.shutdown(wait=False)  # which still does what it was given
            try:
                await asyncio.shield(closing)
            except asyncio.CancelledError:
                await asyncio.wait([closing])  # so that the journal is free for whoever comes next
                raise

    async def _call(self, act: Callable[[], T]) -> T:
        return await self._begin(act)

    def _begin(self, act: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, act)

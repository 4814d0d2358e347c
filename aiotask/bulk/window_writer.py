"""Writer of windows: the ends of their rows go to a shared journal, each under its epoch."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from aiotask.bulk.item import Item
from aiotask.bulk.journal.postgres_jobs import Job
from aiotask.bulk.journal.postgres_windows import give_back, step
from aiotask.bulk.journal.records import Claim, End, Entry, State
from aiotask.bulk.journal.writer import JournalWriter, end_of
from aiotask.bulk.keys import Keys
from aiotask.bulk.lease import Lease
from aiotask.bulk.leases import Leases, Link, held
from aiotask.bulk.outcomes import AnyOutcome
from aiotask.bulk.shared_journal import SharedJournal
from aiotask.bulk.wait_queue import StopSignal, to_its_end
from aiotask.errors import JournalError


class WindowWriter(JournalWriter):
    """Writes the ends of rows to a shared journal, under the epochs of their windows.

    What was written is told to *written*, with the outcomes themselves.
    """

    def __init__(
        self,
        journal: SharedJournal,
        job: Job,
        written: Callable[[list[tuple[Item, Any]]], None],
        *,
        repeats: bool,
    ) -> None:
        super().__init__(None, repeats=repeats)
        self.durable: bool = True
        self.stop: StopSignal = StopSignal()
        self.link: Link = journal.link(lambda: self.stop.is_set())  # noqa: PLW0108 - it changes
        self.leases: Leases = journal.leases
        self.held: set[Lease] = set()
        self._record = job
        self._written = written
        self._told: dict[Item, tuple[End, AnyOutcome[Any] | None]] = {}
        self._complete: set[Lease] = set()
        self._broken = False

    async def open(self, target: str, verb: str, keys: Keys) -> list[Entry]:
        """Connect; rows come with their windows."""
        del target, verb, keys  # begin() has compared them
        await self.link.open()
        self.job: str = self._record.id
        self.started_at: float = time.time() - self._record.age
        self.resumes: bool = True
        return []

    def note(self, item: Item, state: State, sid: str | None = None) -> None:
        """Note a row's new state, for the next write."""
        self._told[item] = End(state, sid, None, item.number), None

    def delivered(self, item: Item, outcome: AnyOutcome[Any]) -> None:
        """Note a row's end."""
        self._told[item] = end_of(item, outcome), outcome
        self._delivered.set()

    def undelivered(self, item: Item, outcome: AnyOutcome[Any]) -> None:
        """Note a row's end: whoever wants its outcome reads it in the journal."""
        self.delivered(item, outcome)

    def complete(self, lease: Lease) -> None:
        """Note a window all of whose rows have ended before."""
        self._complete.add(lease)
        self._delivered.set()

    async def write(self, claims: Sequence[Claim] = ()) -> None:
        """Write everything noted so far; what belongs to another worker by now is dropped.

        A stop lets it end: what was written unawares would look like another worker's.
        """
        del claims  # taking a window claims its rows
        await to_its_end(self._write_all())

    async def _write_all(self) -> None:
        async with self._turn:
            told, self._told = self._told, {}
            complete, self._complete = self._complete, set()
            try:
                await self._write(told, complete)
            except BaseException as error:
                self._told, self._complete = told | self._told, complete | self._complete
                self._broken = isinstance(error, JournalError)
                raise

    async def _write(
        self, told: dict[Item, tuple[End, AnyOutcome[Any] | None]], complete: set[Lease]
    ) -> None:
        ends: list[tuple[int, End]] = []
        left = {lease: lease.left for lease in complete if not lease.is_over}
        for item, (end, _) in told.items():
            if (lease := item.lease) is not None and not lease.is_over:
                ends.append((lease.first, end))
                left.setdefault(lease, lease.left)
                left[lease] -= end.state >= State.CREATED
        if not left:
            return
        leases = {lease.first: lease for lease in left}
        closing = [lease.first for lease, rows in left.items() if not rows]
        names = [held(lease) for lease in left]
        mine = await self.link.call(lambda db: step(db, self.job, names, ends, closing))
        for first, lease in leases.items():
            if first not in mine:
                self.leases.lose(lease)
                continue
            lease.left = left[lease]
            if not lease.left:
                self.held.discard(lease)
                self.leases.drop(lease)
        self._written(
            [
                (item, outcome)
                for item, (_, outcome) in told.items()
                if outcome is not None and item.lease and item.lease.first in mine
            ]
        )

    async def close(self) -> None:
        """Let others take what is left of this run's windows."""
        mine = [lease for lease in self.held if not lease.is_over]
        try:
            if mine and not self._broken:
                names = [held(lease) for lease in mine]
                await self.link.call(lambda db: give_back(db, self.job, names))
        except JournalError:
            pass  # their leases end by themselves
        finally:
            for lease in mine:
                self.leases.drop(lease)
            self.held.clear()
            await self.link.close()

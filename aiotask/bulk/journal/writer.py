"""Journal writer: runs a journal in a worker thread, and writes outcomes in batches."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from aiotask.bulk.item import Item
from aiotask.bulk.journal import Journal, Where, open_journal
from aiotask.bulk.journal.records import Claim, End, Entry, State
from aiotask.bulk.keys import Keys, new_job
from aiotask.bulk.outcomes import (
    EFFECT_OF,
    AnyOutcome,
    Created,
    Existing,
    Rejected,
    Unchanged,
    Unresolved,
)
from aiotask.errors import JournalDamagedError

T = TypeVar("T")

# An outcome may be known for so long before it is in the journal: losing it costs one look for
# the row, while a commit for every outcome would cost a sync of the disk each.
_DELAY = 0.25  # seconds
LONGEST_ERROR = 300  # characters


class JournalWriter:
    """Writes the journal of a run; without one (*where* is None), nothing is kept.

    ``job`` is the job's name and ``claimed`` the number of rows that earlier runs took; ``resumes``
    tells whether there were any. ``suspicion`` and ``service_time`` are the journal's, and what is
    set here goes into it with the next write. ``believed`` tells whether rows that the journal does
    not have were certainly not sent; a journal that is resumed has to be checked for that.
    ``repeats`` tells whether rows are sent again before it is known what became of them.
    """

    def __init__(self, where: Where | None, *, repeats: bool = False) -> None:
        self.job: str = ""
        self.started_at: float = 0.0
        self.claimed: int = 0
        self.resumes: bool = False
        self.believed: bool = True
        self.repeats: bool = repeats
        self.suspicion: str | None = None
        self.last_sent: float | None = None
        self.service_time: float | None = None
        self.job_began: Callable[[], float | None] = _unknown
        self.durable: bool = where is not None
        self._where = where
        self._journal: Journal | None = None if where is None else open_journal(where)
        self._thread: ThreadPoolExecutor | None = None
        # One transaction at a time, in the order of the calls.
        self._turn = asyncio.Lock()
        self._ends: list[End] = []
        self._delivered = asyncio.Event()

    async def open(self, target: str, verb: str, keys: Keys) -> list[Entry]:
        """Open or make the journal, and return its rows without a final state.

        It has to be closed even if this fails or is cancelled, as the thread goes on then.
        """
        if (journal := self._journal) is None:
            self.job, self.started_at = new_job(), time.time()
            return []
        self._thread = ThreadPoolExecutor(1, "aiotask-journal")
        await self._call(lambda: journal.open(target, verb, keys))
        self.job, self.started_at, self.claimed = journal.job, journal.started_at, journal.claimed
        self.resumes, self.suspicion = journal.resumes, journal.suspicion
        self.believed = not journal.resumes
        self.last_sent = journal.last_sent
        self.service_time = journal.service_time
        return await self._call(journal.open_rows)

    @property
    def is_suspect(self) -> bool:
        """Whether rows may have been sent that look untouched."""
        return self.suspicion is not None

    def refuse_if_suspect(self) -> None:
        """Refuse a journal that cannot be believed, where rows have no keys to look for."""
        if self.suspicion is not None:
            why = f"cannot be believed ({self.suspicion}), and its rows have no keys to look for"
            raise JournalDamagedError(why, str(self._where))

    def fingerprints(self, after: int, most: int) -> asyncio.Future[list[int | None]]:
        """Begin to read the fingerprints of the rows after a number."""
        journal = self._journal
        return self._begin(lambda: [] if journal is None else journal.fingerprints(after, most))

    async def existing_keys(self, keys: Sequence[str]) -> dict[str, int]:
        """Return those of *keys* that rows have already; none is known without a journal."""
        if (journal := self._journal) is None:
            return {}
        return await self._call(lambda: journal.existing_keys(keys))

    def note(self, item: Item, state: State, sid: str | None = None) -> None:
        """Note a row's new state, for the next write."""
        self._ends.append(End(state, sid, None, item.number))

    def release(self, item: Item) -> None:
        """Note that a row is not sent now; it may have been before, where rows are sent again."""
        unseen = self.repeats and item.may_be_done
        self.note(item, State.IN_FLIGHT if unseen else State.PENDING)

    def delivered(self, item: Item, outcome: AnyOutcome[Any]) -> None:
        """Note an outcome that the caller has received: the row's end."""
        if self.durable:
            self._ends.append(end_of(item, outcome))
            if not self._delivered.is_set():
                self._delivered.set()

    def undelivered(self, item: Item, outcome: AnyOutcome[Any]) -> None:
        """Note an outcome that the caller has not received: the next run delivers it."""
        if isinstance(outcome, Existing | Rejected | Unchanged):
            self.release(item)
        elif not isinstance(outcome, Unresolved):
            effect = None if isinstance(outcome, Created) else type(outcome).__name__
            self._ends.append(End(State.UNDELIVERED, outcome.sid, effect, item.number))

    async def keep_writing(self) -> None:
        """Write what was delivered, a batch at a time, until cancelled."""
        while True:
            await self._delivered.wait()
            self._delivered.clear()
            await asyncio.sleep(_DELAY)
            await self.write()

    async def write(self, claims: Sequence[Claim] = ()) -> None:
        """Write *claims* and everything noted so far, in one transaction."""
        ends, self._ends = self._ends, []
        if (journal := self._journal) is None:
            return
        if not (claims or ends) and journal.suspicion == self.suspicion:
            return
        if self.service_time is None:
            self.service_time = self.job_began()
        try:
            async with self._turn:
                journal.suspicion, journal.service_time = self.suspicion, self.service_time
                await self._call(lambda: journal.commit(claims, ends))
        except BaseException:
            self._ends = ends + self._ends  # writing some of them twice does no harm
            raise

    async def close(self) -> None:
        """Give the journal to others, after everything begun is in it."""
        if (journal := self._journal) is not None and (thread := self._thread) is not None:
            self._thread = None
            closing = asyncio.get_running_loop().run_in_executor(thread, journal.close)
            thread.shutdown(wait=False)  # which still does what it was given
            try:
                await asyncio.shield(closing)
            except asyncio.CancelledError:
                await asyncio.wait([closing])  # so that the journal is free for the next owner
                raise

    async def _call(self, act: Callable[[], T]) -> T:
        return await self._begin(act)

    def _begin(self, act: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, act)


def _unknown() -> None:
    return None


_STATES: Mapping[type, State] = {effect: state for state, effect in EFFECT_OF.items()}


def end_of(item: Item, outcome: AnyOutcome[Any]) -> End:
    """Return a row's end, as its outcome says."""
    if isinstance(outcome, Rejected | Unresolved):
        state = State.REJECTED if isinstance(outcome, Rejected) else State.UNRESOLVED
        return End(state, None, str(outcome.error)[:LONGEST_ERROR], item.number)
    return End(_STATES[type(outcome)], outcome.sid, None, item.number)

"""How rows ended, on its way into the journal: soon, many at once, and with the next claims."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiotask.bulk.item import Item
from aiotask.bulk.journal.records import Claim, End, State
from aiotask.bulk.journal.writer import Ledger
from aiotask.bulk.outcomes import Created, Outcome, Rejected

_LAZY = 0.25  # seconds that the end of a row may be known before it is in the journal
_LONGEST_ERROR = 300


class Ends:
    """What the journal does not have yet. To lose it costs a look at the rows, and no more."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._ends: list[End] = []
        self._told = asyncio.Event()

    def note(self, item: Item, state: State, sid: str | None = None) -> None:
        """Note where a row stands."""
        self._ends.append(End(state, sid, None, item.number))

    def told(self, item: Item, outcome: Outcome[Any]) -> None:
        """Note what the caller has been told of a row, which is its end."""
        if self._ledger.kept:
            self._ends.append(_end_of(item, outcome))
            if not self._told.is_set():
                self._told.set()

    def untold(self, item: Item, outcome: Outcome[Any]) -> None:
        """Note what the caller has not been told: the next run tells what was created."""
        if isinstance(outcome, Created):
            self.note(item, State.UNTOLD, outcome.sid)
        elif isinstance(outcome, Rejected):
            self.note(item, State.PENDING)

    async def keep(self) -> None:
        """Write from time to time, until cancelled."""
        while True:
            await self._told.wait()
            self._told.clear()
            await asyncio.sleep(_LAZY)
            await self.write()

    async def write(self, claims: Sequence[Claim] = ()) -> None:
        """Have *claims*, and all that is noted, in the journal."""
        written, self._ends = self._ends, []
        try:
            await self._ledger.commit(claims, written)
        except BaseException:
            self._ends = written + self._ends  # some of them twice is no harm
            raise


def _end_of(item: Item, outcome: Outcome[Any]) -> End:
    match outcome:
        case Created(sid=sid):
            return End(State.CREATED, sid, None, item.number)
        case Rejected(error=error):
            return End(State.REJECTED, None, str(error)[:_LONGEST_ERROR], item.number)
    return End(State.UNRESOLVED, None, str(outcome.error)[:_LONGEST_ERROR], item.number)

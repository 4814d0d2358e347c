"""Delivery of a bulk run: outcomes on their way to the caller."""

from asyncio import Event
from collections import deque
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from aiotask._hooks import Hooks
from aiotask.bulk.item import Item
from aiotask.bulk.outcomes import AnyOutcome, Existing, Outcome
from aiotask.bulk.wait_queue import StopSignal
from aiotask.bulk.watch import Watch

Row = TypeVar("Row")

# A slow caller slows down the sending once so many outcomes wait for it.
_MOST = 1000


class Delivery(Generic[Row]):
    """Outcomes in the order in which they became known; ``changed`` wakes their receiver."""

    def __init__(self, stop: StopSignal, hooks: Hooks, verb: str) -> None:
        self.changed: Event = Event()
        self.space: Event = Event()
        self.waiting: dict[int, Item] = {}
        """Claimed rows whose outcome the caller does not have yet, by number."""
        self.watch: Watch | None = None
        self._stop = stop
        self._hooks = hooks
        self._verb = verb
        self._outcomes: deque[tuple[Item, Any]] = deque()

    @property
    def is_empty(self) -> bool:
        """Whether no outcome waits for the caller."""
        return not self._outcomes

    @property
    def is_full(self) -> bool:
        """Whether nothing is to be sent until the caller takes outcomes."""
        return len(self._outcomes) >= _MOST

    def expect(self, items: Iterable[Item]) -> None:
        """Note rows that will have an outcome."""
        for item in items:
            self.waiting[item.number] = item

    def forget(self, item: Item) -> None:
        """Note that a row will have its outcome elsewhere."""
        self.waiting.pop(item.number, None)

    def put(self, item: Item, outcome: AnyOutcome[Any]) -> None:
        """Add an outcome."""
        self._outcomes.append((item, outcome))
        for told in self._hooks.outcomes:
            told(self._verb, outcome)
        if self.watch is not None:
            self.watch.outcome(item.number, item.source_line, outcome)
        if not self.changed.is_set():
            self.changed.set()

    def exists(self, item: Item, sid: str) -> None:
        """Add the outcome of a row whose key had a resource already."""
        self.put(item, Existing(item.row, sid))

    @property
    def first(self) -> Outcome[Row]:
        """The next outcome."""
        outcome: Outcome[Row] = self._outcomes[0][1]
        return outcome

    def pop(self) -> tuple[Item, Outcome[Row]]:
        """Remove the next outcome, which the caller has received."""
        item, outcome = self._outcomes.popleft()
        self.waiting.pop(item.number, None)
        if len(self._outcomes) == _MOST - 1:
            self.space.set()
        return item, outcome

    async def wait_for_space(self) -> None:
        """Wait until the caller has taken outcomes, or the run stops."""
        while len(self._outcomes) >= _MOST and not self._stop.is_set():
            self.space.clear()
            await self.space.wait()

    def drain(self) -> list[tuple[Item, Outcome[Row]]]:
        """Return the outcomes that the caller did not receive."""
        return [*self._outcomes]

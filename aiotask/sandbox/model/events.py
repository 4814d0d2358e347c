"""Event log of a workspace: the source of event lists and statistics.

An event is a small tuple that shares its strings with the resource. The log keeps 30 days, the
reach of Twilio's statistics, and at most half a million events.
"""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.changes import RecordedEvents
from aiotask.sandbox.model.list_index import Unlisted

# A new task records four events, so this is enough for the creation of 125,000 tasks.
MOST_EVENTS = 500_000
DAYS = 30

_KEPT = DAYS * 86_400_000
_NUMBER_DIGITS = 8


Fact = tuple[str, str]
"""A name of event_data and its text."""


class Facts(NamedTuple):
    """The subject of an event, under the names of event_data; *more* holds the rare ones.

    The first thirteen fields are those of every task, given by position.
    """

    task_sid: str | None = None
    task_attributes: str | None = None
    task_priority: int | None = None
    task_assignment_status: str | None = None
    task_reason: str | None = None
    task_created: int | None = None
    task_queue_entered: int | None = None
    task_channel_sid: str | None = None
    task_channel_unique_name: str | None = None
    workflow_sid: str | None = None
    workflow_name: str | None = None
    task_queue_sid: str | None = None
    task_queue_name: str | None = None
    reservation_sid: str | None = None
    worker_sid: str | None = None
    worker_name: str | None = None
    worker_attributes: str | None = None
    worker_activity_sid: str | None = None
    worker_activity_name: str | None = None
    task_version: int | None = None
    task_virtual_start: int | None = None
    task_ignore_capacity: bool | None = None
    task_routing_target: str | None = None
    task_queue_target_expression: str | None = None
    reservation_version: int | None = None
    worker_version: int | None = None
    more: tuple[Fact, ...] = ()


NO_FACTS = Facts()


class Event(NamedTuple):
    """One event of one resource, *at* milliseconds since 1970."""

    at: int
    type: str
    resource_sid: str
    facts: Facts


class EventLog:
    """The events of one workspace; a sid is computed from the workspace's and the number."""

    def __init__(self, account: Account, workspace_sid: str, most: int = MOST_EVENTS) -> None:
        self._account = account
        self._salt = workspace_sid[2:26]
        self._events: deque[Event] = deque(maxlen=most)
        self._recorded = 0
        self.unlisted: Unlisted = Unlisted(account.index)
        """The events that lists do not show yet."""
        self.listener: Callable[[int, Event], None] | None = None
        """Called with each event and its number while the change is still under way."""

    def record(self, resource_sid: str, facts: Facts, *types: str) -> None:
        """Append one event of each type, in order, at the present time."""
        at = self._account.milliseconds()
        self.unlisted.add(self._recorded, at)
        recorded = RecordedEvents(self._recorded + len(types) - 1, at, resource_sid, types, facts)
        self.restore(recorded)
        self._account.changes.record_events(recorded, self._first)
        if self.listener is not None:
            for number, name in enumerate(types, recorded.last - len(types) + 1):
                self.listener(number, Event(at, name, resource_sid, facts))

    def restore(self, recorded: RecordedEvents) -> None:
        """Append events, new or saved ones."""
        last, at, resource_sid, types, facts = recorded
        events = self._events
        for name in types:
            events.append(Event(at, name, resource_sid, facts))
        self._recorded = last + 1
        # Each event is dropped once, so the cost of a new one stays constant.
        while events[0].at < at - _KEPT:
            events.popleft()

    def newest_first(self, before: int | None = None) -> Iterator[tuple[int, Event]]:
        """Yield events and their numbers, from below the number *before*."""
        last = self._recorded if before is None else before
        # islice steps over skipped events in C; deque has no slices.
        skipped = islice(reversed(self._events), self._recorded - last, None)
        return zip(range(last - 1, -1, -1), skipped, strict=False)

    def oldest_first(self, after: int | None = None) -> Iterator[tuple[int, Event]]:
        """Yield events and their numbers, from above the number *after*."""
        first = self._first if after is None else after + 1
        kept = islice(self._events, first - self._first, None)
        return zip(range(first, self._recorded), kept, strict=False)

    def since(self, seconds: int) -> Iterator[Event]:
        """Yield the events since *seconds*, the newest first."""
        for _, event in self.newest_first():
            if event.at // 1000 < seconds:
                return
            yield event

    def get(self, number: int | None) -> Event | None:
        """Return the event with this number; None once it has been dropped."""
        if number is None or not self._first <= number < self._recorded:
            return None
        return self._events[number - self._first]

    def sid(self, number: int) -> str:
        """Return the sid of the event with this number."""
        return f"EV{self._salt}{number:0{_NUMBER_DIGITS}x}"

    def number(self, sid: str) -> int | None:
        """Return the number of the event with this sid, also of a dropped one."""
        try:
            number = int(sid[-_NUMBER_DIGITS:], 16)
        except ValueError:
            return None
        return number if self.sid(number) == sid else None

    @property
    def _first(self) -> int:
        return self._recorded - len(self._events)

"""In-memory stores: the only way to add, change and remove resources of one kind.

A store is small enough for a linear search; tasks have a store of their own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.events import NO_FACTS, EventLog, Facts
from aiotask.sandbox.model.refusals import invalid


@dataclass(slots=True, kw_only=True)
class Resource:
    """The fields of every resource; the version grows with each change."""

    sid: str
    created: int
    updated: int
    version: int = 0


R = TypeVar("R", bound=Resource)


class Store(Generic[R]):
    """Resources by sid in order of creation; changes are recorded in an event log."""

    make: Callable[..., R]
    """The resource class."""
    noun: ClassVar[str]
    """The name in refusals."""
    prefix: ClassVar[str]
    """The sid prefix."""
    kind: ClassVar[str] = ""
    """The prefix of event types."""
    most: ClassVar[int] = 2**31
    """The documented limit."""

    def __init__(self, account: Account, log: EventLog | None = None) -> None:
        self.account = account
        self.log = log
        self.items: dict[str, R] = {}

    def __iter__(self) -> Iterator[R]:
        return iter(self.items.values())

    def __len__(self) -> int:
        return len(self.items)

    def get(self, sid: str | None) -> R | None:
        """Return the resource with this sid."""
        return self.items.get(sid or "")

    def new(self, values: Mapping[str, Any]) -> R:
        """Create an item; values that are None get their defaults."""
        if len(self) >= self.most:
            raise invalid(f"There can be no more than {self.most} {self.noun} resources")
        item = self.built(values)
        self.add(item)
        return item

    def built(self, values: Mapping[str, Any]) -> R:
        """Return a new item without adding it."""
        now = self.account.now()
        given = {name: value for name, value in values.items() if value is not None}
        sid = self.account.new_sid(self.prefix)
        return self.make(sid=sid, created=now, updated=now, **given)

    def begin(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add the items of a new workspace, without events."""
        for values in rows:
            item = self.built(values)
            self.hold(item)
            self.mark_unsaved(item)

    def add(self, item: R) -> None:
        """Add a new item."""
        self.hold(item)
        self.mark_unsaved(item)
        self.record(item, "created")

    def hold(self, item: R) -> None:
        """Keep a new or loaded item."""
        self.items[item.sid] = item

    def restore(self, item: R) -> None:
        """Keep a loaded item, and compute its derived fields."""
        self.hold(item)

    def mark_unsaved(self, item: R) -> None:
        """Save an item with the next commit."""
        self.account.changes.put(item)

    def change(self, item: R, changes: Mapping[str, Any]) -> None:
        """Set the values that are not None."""
        old = {
            name: getattr(item, name)
            for name, value in changes.items()
            if value is not None and value != getattr(item, name)
        }
        for name in old:
            setattr(item, name, changes[name])
        item.version += 1
        item.updated = self.account.now()
        self.mark_unsaved(item)
        self.changed(item, old)

    def changed(self, item: R, old: Mapping[str, Any]) -> None:  # noqa: ARG002 - for overriders
        """Record the events of a change; *old* holds the former values."""
        self.record(item, "updated")

    def remove(self, item: R) -> None:
        """Remove an item."""
        del self.items[item.sid]
        self.account.changes.add_tombstone(item)
        self.record(item, "deleted")

    def facts(self, _item: R) -> Facts:
        """Return the event facts of an item."""
        return NO_FACTS

    def record(self, item: R, *verbs: str) -> None:
        """Record one event of an item for each verb."""
        self.log_event(item.sid, self.facts(item), *(f"{self.kind}.{verb}" for verb in verbs))

    def log_event(self, sid: str, facts: Facts, *types: str) -> None:
        """Record events, if the store has a log."""
        if self.log is not None:
            self.log.record(sid, facts, *types)

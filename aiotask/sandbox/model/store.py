"""Resources of one kind in memory; all that adds, changes or removes one passes through its store.

Stores stay small enough to be searched from end to end; tasks have a store of their own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.events import NO_FACTS, EventLog, Facts
from aiotask.sandbox.model.refusals import invalid


@dataclass(slots=True, kw_only=True)
class Resource:
    """What every resource has; the version grows with each change."""

    sid: str
    created: int
    updated: int
    version: int = 0


R = TypeVar("R", bound=Resource)


class Store(Generic[R]):
    """Resources by sid, in the order of their creation; what happens to them goes to a log."""

    make: Callable[..., R]
    """What makes one, of keywords."""
    noun: ClassVar[str]
    """What refusals call one."""
    prefix: ClassVar[str]
    """How its sids begin."""
    kind: ClassVar[str] = ""
    """How the types of its events begin."""
    most: ClassVar[int] = 2**31
    """How many there may be."""

    def __init__(self, account: Account, log: EventLog | None = None) -> None:
        self.account = account
        self.log = log
        self.items: dict[str, R] = {}

    def __iter__(self) -> Iterator[R]:
        return iter(self.items.values())

    def __len__(self) -> int:
        return len(self.items)

    def get(self, sid: str | None) -> R | None:
        """Return an item by its sid."""
        return self.items.get(sid or "")

    def new(self, values: Mapping[str, Any]) -> R:
        """Add an item with these values, where they are not None, and defaults."""
        if len(self) >= self.most:
            raise invalid(f"There can be no more than {self.most} {self.noun} resources")
        item = self.built(values)
        self.add(item)
        return item

    def built(self, values: Mapping[str, Any]) -> R:
        """Return an item that is not kept yet."""
        now = self.account.now()
        given = {name: value for name, value in values.items() if value is not None}
        sid = self.account.new_sid(self.prefix)
        return self.make(sid=sid, created=now, updated=now, **given)

    def begin(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Keep what there is from the beginning, which no event tells of."""
        for values in rows:
            item = self.built(values)
            self.hold(item)
            self.mark_unsaved(item)

    def add(self, item: R) -> None:
        """Keep a new item."""
        self.hold(item)
        self.mark_unsaved(item)
        self.record(item, "created")

    def hold(self, item: R) -> None:
        """Keep an item, which need not be new."""
        self.items[item.sid] = item

    def restore(self, item: R) -> None:
        """Keep an item that was saved, and compute what was not."""
        self.hold(item)

    def mark_unsaved(self, item: R) -> None:
        """Have an item saved."""
        self.account.changes.put(item)

    def change(self, item: R, changes: Mapping[str, Any]) -> None:
        """Set what is not None."""
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
        """Tell the log of a change; *old* has what was there before."""
        self.record(item, "updated")

    def remove(self, item: R) -> None:
        """Forget an item."""
        del self.items[item.sid]
        self.account.changes.add_tombstone(item)
        self.record(item, "deleted")

    def facts(self, _item: R) -> Facts:
        """Return what events say about an item."""
        return NO_FACTS

    def record(self, item: R, *verbs: str) -> None:
        """Tell the log what happened to an item."""
        self.log_event(item.sid, self.facts(item), *(f"{self.kind}.{verb}" for verb in verbs))

    def log_event(self, sid: str, facts: Facts, *types: str) -> None:
        """Tell the log what happened, where there is one."""
        if self.log is not None:
            self.log.record(sid, facts, *types)

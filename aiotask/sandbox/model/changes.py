"""Unsaved changes (unit of work); independent of the storage."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

DERIVED: Mapping[str, Any] = {"derived": True}
"""Metadata of a field that is not saved, because it follows from saved ones."""


class StoreError(Exception):
    """A store cannot be opened or written to."""


class Item(Protocol):
    """A resource that is saved as one row."""

    @property
    @abstractmethod
    def sid(self) -> str:
        """The key of the row."""


class RecordedEvents(NamedTuple):
    """Events of one moment and one resource; *last* is the number of the last of them."""

    last: int
    at: int
    resource_sid: str
    types: tuple[str, ...]
    facts: Any


class Entry(NamedTuple):
    """A row to write; without an item, a row to delete.

    A *tombstone* is the row of a deleted item that others may still refer to.
    """

    holder: str
    item: Item | None
    tombstone: bool = False


@dataclass(slots=True)
class Batch:
    """The changes of one commit."""

    entries: dict[str, Entry] = field(default_factory=dict)
    recorded_events: list[tuple[str, RecordedEvents]] = field(default_factory=list)
    forgotten: dict[str, int] = field(default_factory=dict)
    """The number below which the events of a holder are dropped, by holder."""
    emptied: list[str] = field(default_factory=list)
    """Workspaces that were deleted with all their contents."""

    def __bool__(self) -> bool:
        return bool(self.entries or self.recorded_events)

    def empty(self, holder: str) -> None:
        """Delete a holder and all its contents."""
        self.entries = {sid: entry for sid, entry in self.entries.items() if entry.holder != holder}
        self.entries[holder] = Entry("", None)
        self.recorded_events = [pair for pair in self.recorded_events if pair[0] != holder]
        self.forgotten.pop(holder, None)
        self.emptied.append(holder)


@dataclass(slots=True)
class _Shared:
    kept: bool
    save: Callable[[Batch], None] | None = None
    batch: Batch = field(default_factory=Batch)


class UnsavedChanges:
    """The unsaved changes of one holder: the account, a workspace or an assistant.

    All holders share one batch. Without a store (*kept* is false) every method does nothing.
    """

    __slots__ = ("_deleted", "_holder", "_shared")

    def __init__(self, *, kept: bool = False) -> None:
        self._shared = _Shared(kept)
        self._holder = ""
        self._deleted = False

    def within(self, holder: str) -> "UnsavedChanges":
        """Return the changes of another holder, which share this batch."""
        changes = UnsavedChanges()
        changes._shared, changes._holder = self._shared, holder
        return changes

    def open(self, save: Callable[[Batch], None]) -> None:
        """Start to record changes, and pass them to *save* at each commit."""
        self._shared.save, self._shared.batch = save, Batch()

    def close(self) -> None:
        """Stop recording; unsaved changes are dropped, as no client was told of them."""
        self._shared.save = None

    def put(self, item: Item) -> None:
        """Write a new or changed item."""
        if self._recording:
            self._shared.batch.entries[item.sid] = Entry(self._holder, item)

    def add_tombstone(self, item: Item) -> None:
        """Mark an item as deleted, and keep it for those that refer to it."""
        if self._recording:
            self._shared.batch.entries[item.sid] = Entry(self._holder, item, tombstone=True)

    def drop(self, sid: str) -> None:
        """Delete an item that nothing refers to."""
        if self._recording:
            self._shared.batch.entries[sid] = Entry(self._holder, None)

    def record_events(self, recorded: RecordedEvents, first: int) -> None:
        """Append events; earlier ones below the number *first* are dropped."""
        if self._recording:
            self._shared.batch.recorded_events.append((self._holder, recorded))
            self._shared.batch.forgotten[self._holder] = first

    def empty(self) -> None:
        """Delete the holder and its contents; ignore later changes in it."""
        if self._recording:
            self._shared.batch.empty(self._holder)
            self._deleted = True

    def commit(self) -> None:
        """Save the changes of all holders; after a StoreError, the next commit tries them again.

        Requests commit before they are answered; any other code that changes resources has to
        commit when it is done.
        """
        shared = self._shared
        # The batch is replaced after a successful save only.
        if shared.batch and shared.save is not None:
            shared.save(shared.batch)
            shared.batch = Batch()

    @property
    def _recording(self) -> bool:
        if self._shared.kept and self._shared.save is None:
            raise RuntimeError("the store is not open: use async with, or await start()")
        return self._shared.kept and not self._deleted

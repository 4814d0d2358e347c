"""What has changed since it was last saved; knows nothing of where that is, nor of what it is."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

DERIVED: Mapping[str, Any] = {"derived": True}
"""The metadata of a field that is not saved, because it follows from what is."""


class StoreError(Exception):
    """A store that cannot be opened, or that nothing can be written to."""


class Item(Protocol):
    """What is saved as a whole."""

    @property
    @abstractmethod
    def sid(self) -> str:
        """What it is found by."""


class RecordedEvents(NamedTuple):
    """Events that were recorded at once; *last* is the number of the last of them."""

    last: int
    at: int
    resource_sid: str
    types: tuple[str, ...]
    facts: Any


class Entry(NamedTuple):
    """An item as it is to be saved: without one it is deleted.

    One that is *gone* is not there any longer, and others may still refer to it.
    """

    holder: str
    item: Item | None
    tombstone: bool = False


@dataclass(slots=True)
class Batch:
    """What is to be saved at once."""

    entries: dict[str, Entry] = field(default_factory=dict)
    recorded_events: list[tuple[str, RecordedEvents]] = field(default_factory=list)
    forgotten: dict[str, int] = field(default_factory=dict)
    """Below which number the events of a holder are not kept any longer."""
    emptied: list[str] = field(default_factory=list)
    """Holders that are gone with all that they held."""

    def __bool__(self) -> bool:
        return bool(self.entries or self.recorded_events)

    def empty(self, holder: str) -> None:
        """Note that a holder is gone with all that it held."""
        self.entries = {sid: entry for sid, entry in self.entries.items() if entry.holder != holder}
        self.entries[holder] = Entry("", None)
        self.recorded_events = [pair for pair in self.recorded_events if pair[0] != holder]
        self.forgotten.pop(holder, None)
        self.emptied.append(holder)


@dataclass(slots=True)
class _Book:
    kept: bool
    save: Callable[[Batch], None] | None = None
    batch: Batch = field(default_factory=Batch)


class UnsavedChanges:
    """What has changed in one holder, and is not saved yet.

    Where nothing is *kept*, nothing is noted.
    """

    __slots__ = ("_book", "_gone", "_holder")

    def __init__(self, *, kept: bool = False) -> None:
        self._book = _Book(kept)
        self._holder = ""
        self._gone = False

    def within(self, holder: str) -> "UnsavedChanges":
        """Return the changes in another holder, which are saved together with these."""
        changes = UnsavedChanges()
        changes._book, changes._holder = self._book, holder
        return changes

    def open(self, save: Callable[[Batch], None]) -> None:
        """Begin to note what changes, for *save*."""
        self._book.save, self._book.batch = save, Batch()

    def close(self) -> None:
        """Note nothing any longer; what is not saved has never been acknowledged."""
        self._book.save = None

    def put(self, item: Item) -> None:
        """Note that an item is new, or has changed."""
        if self._noted:
            self._book.batch.entries[item.sid] = Entry(self._holder, item)

    def add_tombstone(self, item: Item) -> None:
        """Note that an item is gone; what refers to it goes on doing so."""
        if self._noted:
            self._book.batch.entries[item.sid] = Entry(self._holder, item, tombstone=True)

    def drop(self, sid: str) -> None:
        """Note that an item is gone, and that nothing refers to it."""
        if self._noted:
            self._book.batch.entries[sid] = Entry(self._holder, None)

    def record_events(self, recorded: RecordedEvents, first: int) -> None:
        """Note that something has happened; of earlier events those from *first* on are kept."""
        if self._noted:
            self._book.batch.recorded_events.append((self._holder, recorded))
            self._book.batch.forgotten[self._holder] = first

    def empty(self) -> None:
        """Note that the holder is gone with all that it held; what follows is not noted."""
        if self._noted:
            self._book.batch.empty(self._holder)
            self._gone = True

    def commit(self) -> None:
        """Save what has changed, in all holders; what cannot be saved is tried again next time.

        Requests do so before they are answered. Whatever else changes something has to call this
        once when it is done, and may get a StoreError.
        """
        book = self._book
        if book.batch and book.save is not None:
            book.save(book.batch)
            book.batch = Batch()

    @property
    def _noted(self) -> bool:
        if self._book.kept and self._book.save is None:
            raise RuntimeError("the store is not open: use async with, or await start()")
        return self._book.kept and not self._gone

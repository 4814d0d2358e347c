"""Sort orders of task lists, kept up so that a page costs no more than its length."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from heapq import merge
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from aiotask.sandbox._sorted import SortedKeyList
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.task import Task

Key = Callable[[Task], Any]
Sorted: TypeAlias = "SortedKeyList[Task, Any]"
Wanted = Mapping[str, Collection[object]]
"""Filters of a list: field names and the accepted values."""

ENTERED = "TaskQueueEnteredDate"
"""A column for statistics only; requests cannot order by it."""

_COLUMNS: dict[str, Callable[[Task], int]] = {
    # The number is finer than the date and unique, so it breaks ties at the end of every ordering.
    "DateCreated": attrgetter("number"),
    "Priority": attrgetter("priority"),
    "VirtualStartTime": attrgetter("virtual_start"),
    ENTERED: lambda task: task.entered or 0,
}


class Ordering(NamedTuple):
    """Columns and signs, the first one ascending; *reverse* reads the list from its end."""

    columns: tuple[tuple[str, int], ...]
    reverse: bool = False

    @classmethod
    def parse(cls, text: str) -> "Ordering":
        """Parse Twilio's ``Attribute:Order[,Attribute:Order]``."""
        signs: dict[str, int] = {}
        for part in text.split(","):
            name, _, direction = part.strip().partition(":")
            known = name in _COLUMNS and name != ENTERED and name not in signs
            if not known or direction.lower() not in ("asc", "desc"):
                raise invalid(f"Invalid Ordering {text!r}: {part!r} is not Attribute:asc or :desc")
            signs[name] = 1 if direction.lower() == "asc" else -1
        if {"DateCreated", "VirtualStartTime"} <= signs.keys():
            raise invalid("Invalid Ordering: DateCreated and VirtualStartTime cannot be combined")
        signs.setdefault("DateCreated", 1)
        names = list(signs)
        names = names[: names.index("DateCreated") + 1]
        first = signs[names[0]]
        # An order and its opposite share one list, read from either end.
        return cls(tuple((name, signs[name] * first) for name in names), first < 0)

    def key(self) -> Key:
        """Return the sort key of the order."""
        if len(self.columns) == 1:
            return _COLUMNS["DateCreated"]
        columns = [(_COLUMNS[name], sign) for name, sign in self.columns]
        return lambda task: tuple(sign * column(task) for column, sign in columns)


class Order:
    """All tasks in one sort order, also divided by each field that a list has filtered by."""

    def __init__(self, key: Key, tasks: Iterable[Task]) -> None:
        self.key = key
        self._whole: Sorted = SortedKeyList(tasks, key=key)
        self._parts: dict[str, dict[object, Sorted]] = {}

    def place(self, task: Task) -> tuple[Any, ...]:
        """Return the sort key of a task and its values of the fields that divide the order."""
        return self.key(task), *(getattr(task, field) for field in self._parts)

    def add(self, task: Task) -> None:
        """Insert a task."""
        self._whole.add(task)
        for field, parts in self._parts.items():
            value = getattr(task, field)
            part = parts.get(value)
            if part is None:
                part = parts[value] = SortedKeyList(key=self.key)
            part.add(task)

    def remove(self, task: Task) -> None:
        """Remove a task; call it before the task changes, as its place is looked up by value."""
        self._whole.remove(task)
        for field, parts in self._parts.items():
            value = getattr(task, field)
            parts[value].remove(task)
            if not parts[value]:
                del parts[value]

    def narrow(self, wanted: Wanted) -> tuple[list[Sorted], Wanted]:
        """Return the shortest lists that hold all *wanted* tasks, and the filters left to check."""
        if not wanted:
            return [self._whole], wanted
        choices = {field: self._of(field, values) for field, values in wanted.items()}
        # The most selective filter is the source; the others are checked task by task.
        best = min(choices, key=lambda field: sum(map(len, choices[field])))
        rest = {field: values for field, values in wanted.items() if field != best}
        return choices[best], rest

    def stream(
        self, sources: Iterable[Sorted], after: Task | None, below: int | None, *, reverse: bool
    ) -> Iterator[Task]:
        """Yield the tasks of *sources* in order, starting after *after*.

        In the order of creation, tasks whose number is not *below* are skipped without a look.
        """
        edge = None if after is None else self.key(after)
        low, high = (None, edge) if reverse else (edge, None)
        if below is not None and self.key is _COLUMNS["DateCreated"]:
            high = below if high is None else min(high, below)
        streams = [
            source.irange_key(low, high, inclusive=(False, False), reverse=reverse)
            for source in sources
        ]
        return streams[0] if len(streams) == 1 else merge(*streams, key=self.key, reverse=reverse)

    def _of(self, field: str, values: Iterable[object]) -> list[Sorted]:
        parts = self._parts.get(field)
        if parts is None:
            parts = self._parts[field] = self._divided(field)
        return [parts[value] for value in values if value in parts]

    def _divided(self, field: str) -> dict[object, Sorted]:
        groups: dict[object, list[Task]] = {}
        for task in self._whole:
            groups.setdefault(getattr(task, field), []).append(task)
        return {value: SortedKeyList(group, key=self.key) for value, group in groups.items()}

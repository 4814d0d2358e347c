"""Task store: tasks by sid, in sort orders, and by attribute value.

Creating a task is O(log n). Orders, their divisions and the indexes of attributes are built when a
list first needs them, and kept up from then on.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from aiotask.sandbox._json import loads
from aiotask.sandbox._sorted import SortedKeyList
from aiotask.sandbox.expressions.language import Attributes, Expression, Lookup
from aiotask.sandbox.expressions.values import COMPOUND, NULL, identity
from aiotask.sandbox.model.changes import UnsavedChanges
from aiotask.sandbox.model.list_index import ListIndex, Unlisted
from aiotask.sandbox.model.task import Status, Task
from aiotask.sandbox.model.task_orders import Order, Ordering, Wanted

# Each index costs every create and update an insertion; more attributes are searched linearly.
_MAX_INDEXES = 16


class Query(NamedTuple):
    """The filters and the order of a list."""

    ordering: Ordering
    wanted: Wanted
    expression: Expression | None
    below: int | None = None
    """The first number that lists do not show yet."""

    def matches(self, task: Task) -> bool:
        """Tell whether the filters accept a task."""
        return (
            (self.below is None or task.number < self.below)
            and _has(task, self.wanted)
            and (self.expression is None or self.expression.test(loads(task.attributes)))
        )


class Group(NamedTuple):
    """The fields by which tasks are counted."""

    workflow_sid: str
    task_queue_sid: str | None
    task_channel_sid: str
    assignment_status: Status
    priority: int

    @classmethod
    def of(cls, task: Task) -> "Group":
        """Return the group of a task."""
        return cls(
            task.workflow.sid,
            task.task_queue_sid,
            task.channel.sid,
            task.assignment_status,
            task.priority,
        )


class _AttributeIndex:
    """The tasks by the value of one attribute."""

    def __init__(self, name: str, tasks: Iterable[Task]) -> None:
        self._name = name
        self._tasks: dict[Hashable, Task | set[Task]] = {}
        for task in tasks:
            self.add(task, loads(task.attributes))

    def add(self, task: Task, attributes: Attributes) -> None:
        key = identity(attributes.get(self._name))
        if key is COMPOUND or key == NULL:
            return
        # Most values are those of one task alone, for which a set would waste 200 bytes.
        found = self._tasks.setdefault(key, task)
        if isinstance(found, set):
            found.add(task)
        elif found is not task:
            self._tasks[key] = {found, task}

    def remove(self, task: Task, attributes: Attributes) -> None:
        key = identity(attributes.get(self._name))
        found = self._tasks.get(key)
        if isinstance(found, set):
            found.remove(task)
        elif found is task:
            del self._tasks[key]

    def find(self, keys: Iterable[Hashable], most: int) -> list[Task] | None:
        """Return the tasks with these values; None if there are more than *most*."""
        tasks: list[Task] = []
        for key in keys:
            found = self._tasks.get(key)
            if isinstance(found, set):
                tasks.extend(islice(found, most + 1))
            elif found is not None:
                tasks.append(found)
            if len(tasks) > most:
                return None
        return tasks


class TaskStore:
    """The tasks of one workspace."""

    def __init__(self, changes: UnsavedChanges, index: ListIndex) -> None:
        self._changes = changes
        self.created: int = 0
        """The number of tasks created so far."""
        self.unlisted: Unlisted = Unlisted(index)
        """The tasks that lists do not show yet."""
        self._tasks: dict[str, Task] = {}
        self._orders: dict[tuple[tuple[str, int], ...], Order] = {}
        self._indexes: dict[str, _AttributeIndex] = {}
        self._counts: Counter[Group] = Counter()

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks.values())

    def get(self, sid: str) -> Task | None:
        """Return a task by its sid."""
        return self._tasks.get(sid)

    def add(self, task: Task, attributes: Attributes) -> None:
        """Add a new task with its decoded *attributes*."""
        self.restore(task)
        self.unlisted.add(task.number, task.began)
        self._changes.put(task)
        for order in self._orders.values():
            order.add(task)
        self._index(task, attributes)

    def restore(self, task: Task) -> None:
        """Keep a new or loaded task, before any order or index is built."""
        self.created = task.number + 1
        self._tasks[task.sid] = task
        self._counts[Group.of(task)] += 1

    def change(self, task: Task, changes: Mapping[str, Any], now: int) -> None:
        """Set fields of a task, and increase its version."""
        changes = {**changes, "version": task.version + 1, "updated": now}
        moved, rewrites = self._moved(task, changes), "attributes" in changes
        self._uncount(task)
        for order in moved:
            order.remove(task)
        if rewrites:
            self._unindex(task)
        for name, value in changes.items():
            setattr(task, name, value)
        self._changes.put(task)
        self._counts[Group.of(task)] += 1
        for order in moved:
            order.add(task)
        if rewrites and self._indexes:
            self._index(task, loads(task.attributes))

    def remove(self, task: Task) -> None:
        """Remove a task."""
        self._uncount(task)
        for order in self._orders.values():
            order.remove(task)
        self._unindex(task)
        del self._tasks[task.sid]
        self._changes.drop(task.sid)

    def counts(self, wanted: Wanted) -> list[tuple[Group, int]]:
        """Count the *wanted* tasks by group."""
        return [
            (group, count)
            for group, count in self._counts.items()
            if all(getattr(group, field) in values for field, values in wanted.items())
        ]

    def first(self, ordering: Ordering, wanted: Wanted) -> Task | None:
        """Return the first *wanted* task of an order."""
        found = self.find(Query(ordering, wanted, None), None, 1)
        return found[0] if found else None

    def find(
        self, query: Query, after: Task | None, count: int, *, backwards: bool = False
    ) -> list[Task]:
        """Return the next *count* tasks after *after*, in the order or against it."""
        order = self._order(query.ordering)
        reverse = query.ordering.reverse != backwards
        sources, rest = order.narrow(query.wanted)
        if query.expression:
            # A lookup by attribute pays while its n candidates are fewer to sort than the tasks to
            # walk for a page, total / n * count: hence the square root.
            most = int((count * sum(map(len, sources))) ** 0.5)
            found = self._looked_up(query.expression.lookups, most)
            if found is not None:
                sources, rest = [SortedKeyList(found, key=order.key)], query.wanted
        narrowed = query._replace(wanted=rest)
        stream = order.stream(sources, after, query.below, reverse=reverse)
        return list(islice(filter(narrowed.matches, stream), count))

    def _looked_up(self, lookups: Iterable[Lookup], most: int) -> list[Task] | None:
        for lookup in lookups:
            index = self._indexes.get(lookup.name)
            if index is None:
                if len(self._indexes) == _MAX_INDEXES:
                    continue
                index = self._indexes[lookup.name] = _AttributeIndex(lookup.name, self)
            found = index.find(lookup.keys, most)
            if found is not None:
                return found
        return None

    def _order(self, ordering: Ordering) -> Order:
        order = self._orders.get(ordering.columns)
        if order is None:
            order = self._orders[ordering.columns] = Order(ordering.key(), self)
        return order

    def _uncount(self, task: Task) -> None:
        group = Group.of(task)
        self._counts[group] -= 1
        if not self._counts[group]:
            del self._counts[group]

    def _moved(self, task: Task, changes: Mapping[str, Any]) -> list[Order]:
        """Return the orders in which *changes* move a task."""
        if not self._orders:
            return []
        # Many of the fields that orders are divided by are computed from others, so the places
        # themselves are compared: a list of what moves a task would have to be kept by hand.
        changed = replace(task, **changes)
        return [
            order for order in self._orders.values() if order.place(task) != order.place(changed)
        ]

    def _index(self, task: Task, attributes: Attributes) -> None:
        for index in self._indexes.values():
            index.add(task, attributes)

    def _unindex(self, task: Task) -> None:
        if self._indexes:
            attributes = loads(task.attributes)
            for index in self._indexes.values():
                index.remove(task, attributes)


def _has(task: Task, wanted: Wanted) -> bool:
    return all(getattr(task, field) in values for field, values in wanted.items())

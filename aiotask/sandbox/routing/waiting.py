"""Waiting tasks in groups whose tasks fit the same workers.

A group shares its queue, channel, target and the task values that the target's expression reads. So
a free worker is tested once per group, not once per task.
"""

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

from aiotask.sandbox._json import dumps, loads
from aiotask.sandbox._sorted import SortedList
from aiotask.sandbox.expressions.language import Attributes, Path, Scope, reader
from aiotask.sandbox.expressions.values import COMPOUND, identity
from aiotask.sandbox.model.task import Task
from aiotask.sandbox.model.task_queue import TaskQueue
from aiotask.sandbox.model.worker import Worker, WorkerView
from aiotask.sandbox.model.workflow_configuration import Target

Position = tuple[Any, ...]
"""The sort key of a task in its queue, and the task itself at the end."""
Person = tuple[str, Hashable]
"""A worker, by "sid" or by "name"."""


class WaitingGroup:
    """Tasks that fit the same workers, in the order of service."""

    __slots__ = ("_attributes", "channel", "direct", "key", "person", "queue", "target", "tasks")

    def __init__(self, queue: TaskQueue, target: Target, task: Task, key: "Key") -> None:
        self.queue: TaskQueue = queue
        self.channel: str = task.channel.sid
        self.target: Target = target
        self.key: Key = key
        self.person: Person | None = key.person
        self.direct: bool = is_direct(task)
        self.tasks: SortedList[Position] = SortedList()
        self._attributes: Attributes = loads(task.attributes) if key.values else {}

    def admits(self, worker: Worker) -> bool:
        """Tell whether a worker fits the target's expression; direct tasks ignore it."""
        expression = self.target.expression
        if expression is None or self.direct:
            return True
        return expression.test(Scope(task=self._attributes, worker=WorkerView(worker)))


class Key(NamedTuple):
    """The identity of a group."""

    queue: str
    channel: str
    target: int
    person: Person | None
    direct: bool
    ignores_capacity: bool
    values: tuple[Hashable, ...]

    @classmethod
    def of(cls, task: Task, queue: TaskQueue, target: Target) -> "Key":
        """Return the key of a task's group."""
        direct = is_direct(task)
        paths = () if direct or target.expression is None else sorted_paths(target.expression.paths)
        known = None if direct else target.known
        decoded = loads(task.attributes) if paths or known else {}
        scope = Scope(task=decoded)
        person: Person | None = ("sid", task.routing_target) if direct else None
        if known is not None:
            value = None if known.path is None else reader(known.path)(scope)
            person = _person(value, by_name=known.by_name)
        return cls(
            queue.sid,
            task.channel.sid,
            # Targets have no equality: the group keeps its target alive, so the id stays unique.
            id(target),
            person,
            direct,
            direct and task.ignore_capacity is not False,
            tuple(_hashable(reader(path)(scope)) for path in paths),
        )


class WaitingTasks:
    """All waiting tasks of a workspace."""

    def __init__(self) -> None:
        self._groups: dict[Key, WaitingGroup] = {}
        self._by_channel: dict[str, dict[Key, WaitingGroup]] = {}
        self._by_person: dict[Person, dict[Key, WaitingGroup]] = {}
        self._positions: dict[str, tuple[WaitingGroup, Position]] = {}

    def put(self, task: Task, queue: TaskQueue, target: Target) -> WaitingGroup | None:
        """Insert a waiting task, or move it to its present position; return its group if new."""
        before = self._positions.get(task.sid)
        self.take(task.sid)
        key = Key.of(task, queue, target)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = WaitingGroup(queue, target, task, key)
            self._neighbours(group)[key] = group
        position = _position(task, queue)
        group.tasks.add(position)
        self._positions[task.sid] = group, position
        return None if before is not None and before[0].key == key else group

    def take(self, sid: str) -> None:
        """Remove a task, if it waits."""
        found = self._positions.pop(sid, None)
        if found is None:
            return
        group, position = found
        group.tasks.remove(position)
        if not group.tasks:
            del self._groups[group.key]
            neighbours = self._neighbours(group)
            del neighbours[group.key]
            if not neighbours and group.person is not None:
                del self._by_person[group.person]

    def find(self, sid: str) -> tuple[WaitingGroup, Position] | None:
        """Return the group and position of a task, if it waits."""
        return self._positions.get(sid)

    def for_channel(self, channel: str) -> Iterator[WaitingGroup]:
        """Yield the groups of a channel that are not for a particular worker."""
        return iter(self._by_channel.get(channel, {}).values())

    def for_worker(self, worker: Worker) -> Iterator[WaitingGroup]:
        """Yield the groups for one particular worker."""
        for person in (("sid", worker.sid), ("name", worker.friendly_name.casefold())):
            yield from self._by_person.get(person, {}).values()

    def __bool__(self) -> bool:
        return bool(self._groups)

    def _neighbours(self, group: WaitingGroup) -> dict[Key, WaitingGroup]:
        if group.person is None:
            return self._by_channel.setdefault(group.channel, {})
        return self._by_person.setdefault(group.person, {})


def is_direct(task: Task) -> bool:
    """Tell whether the RoutingTarget of a task is a worker."""
    return (task.routing_target or "").startswith("WK")


def sorted_paths(paths: frozenset[Path]) -> list[Path]:
    """Return the paths into the task, in a stable order."""
    return sorted((path for path in paths if path[0] == "task"), key=str)


def _person(value: Any, *, by_name: bool) -> Person:
    """Return the worker that a value names; a value that is no text names none."""
    if by_name:
        return "name", value.casefold() if isinstance(value, str) else None
    return "sid", value if isinstance(value, str) else None


def _hashable(value: Any) -> Hashable:
    key = identity(value)
    return dumps(value) if key is COMPOUND else key


def _position(task: Task, queue: TaskQueue) -> Position:
    if queue.task_order == "LIFO":
        return -task.virtual_start, -task.number, task
    return -task.priority, task.virtual_start, task.number, task

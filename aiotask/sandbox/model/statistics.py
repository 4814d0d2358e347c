"""Figures of real-time and cumulative statistics.

Undocumented by Twilio; the sandbox: real-time statistics count tasks that are not closed, a task
waits until a worker accepts it, and a wait that equals a threshold is below it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aiotask.sandbox.model.events import Event
from aiotask.sandbox.model.task import Task
from aiotask.sandbox.model.task_channel import TaskChannel
from aiotask.sandbox.model.task_orders import ENTERED, Ordering
from aiotask.sandbox.model.task_store import TaskStore

_STATUSES = ("pending", "reserved", "assigned", "wrapping")
_BY_CREATION = Ordering((("DateCreated", 1),))
_BY_ENTRY = Ordering(((ENTERED, 1), ("DateCreated", 1)))

_RESERVATIONS: Mapping[str, str] = {
    "reservation.created": "reservations_created",
    "reservation.accepted": "reservations_accepted",
    "reservation.rejected": "reservations_rejected",
    "reservation.timeout": "reservations_timed_out",
    "reservation.canceled": "reservations_canceled",
    "reservation.rescinded": "reservations_rescinded",
}
_TASKS: Mapping[str, str] = {
    **_RESERVATIONS,
    "task.canceled": "tasks_canceled",
    "task.completed": "tasks_completed",
    "task.deleted": "tasks_deleted",
    "task.system-deleted": "tasks_deleted",
    "task-queue.moved": "tasks_moved",
}
OF_WORKSPACE = {
    **_TASKS,
    "task.created": "tasks_created",
    "workflow.timeout": "tasks_timed_out_in_workflow",
}
OF_WORKFLOW = {
    **_TASKS,
    "workflow.entered": "tasks_entered",
    "workflow.timeout": "tasks_timed_out_in_workflow",
}
OF_QUEUE = {**_TASKS, "task-queue.entered": "tasks_entered"}
OF_WORKERS = _RESERVATIONS


class Window(NamedTuple):
    """A span of time in seconds since 1970, both ends included."""

    start: int
    end: int

    def within(self, events: Iterable[Event]) -> list[Event]:
        """Return the events up to the end; *events* begin no earlier than the start."""
        return [event for event in events if event.at // 1000 <= self.end]


def count_events(events: Iterable[Event], names: Mapping[str, str]) -> dict[str, int]:
    """Count events by type, under the field names in *names*."""
    found = Counter(names[event.type] for event in events if event.type in names)
    return {name: found[name] for name in names.values()}


def waits(events: Sequence[Event], split: Sequence[int], *, queue: bool = False) -> dict[str, Any]:
    """Return the waits until acceptance and cancelation; for a *queue*, also since entry."""
    accepted = _since(events, "reservation.accepted", "task_created")
    canceled = _since(events, "task.canceled", "task_created")
    figures: dict[str, Any] = {
        "avg_task_acceptance_time": summary(accepted)["avg"],
        "wait_duration_until_accepted": summary(accepted),
        "wait_duration_until_canceled": summary(canceled),
        "split_by_wait_time": _split(split, accepted, canceled) if split else None,
    }
    if queue:
        entered = _since(events, "reservation.accepted", "task_queue_entered")
        figures["wait_duration_in_queue_until_accepted"] = summary(entered)
    return figures


def _since(events: Iterable[Event], type_: str, field: str) -> list[int]:
    return [
        event.at // 1000 - getattr(event.facts, field) for event in events if event.type == type_
    ]


def _split(
    split: Iterable[int], accepted: Iterable[int], canceled: Iterable[int]
) -> dict[str, dict[str, dict[str, int]]]:
    return {
        str(threshold): {
            side: {
                "tasks_canceled": sum((wait > threshold) is above for wait in canceled),
                "reservations_accepted": sum((wait > threshold) is above for wait in accepted),
            }
            for side, above in (("above", True), ("below", False))
        }
        for threshold in split
    }


def summary(durations: Sequence[int]) -> dict[str, int]:
    """Return mean, minimum, maximum and sum of durations in seconds."""
    total = sum(durations)
    return {
        "avg": total // len(durations) if durations else 0,
        "min": min(durations, default=0),
        "max": max(durations, default=0),
        "total": total,
    }


def tasks_now(
    store: TaskStore, field: str | None, sid: str | None, channel: TaskChannel | None, now: int
) -> dict[str, Any]:
    """Count the open tasks with *sid* in *field* by status and priority; find the oldest."""
    place = {} if field is None else {field: frozenset([sid])}
    statuses, priorities = Counter[str](), Counter[int]()
    for group, count in store.counts({**place, **_on(channel)}):
        if group.assignment_status in _STATUSES:
            statuses[group.assignment_status] += count
            priorities[group.priority] += count
    oldest = _oldest(store, _BY_CREATION, field, sid, channel)
    return {
        "tasks_by_status": {status: statuses[status] for status in _STATUSES},
        "tasks_by_priority": {str(level): priorities[level] for level in sorted(priorities)},
        "total_tasks": statuses.total(),
        "longest_task_waiting_age": 0 if oldest is None else now - oldest.created,
        "longest_task_waiting_sid": None if oldest is None else oldest.sid,
    }


def longest_in_queue(
    store: TaskStore, sid: str, channel: TaskChannel | None, now: int
) -> dict[str, Any]:
    """Return the task that has been in a queue for longest, and for how long."""
    oldest = _oldest(store, _BY_ENTRY, "task_queue_sid", sid, channel)
    entered = None if oldest is None else oldest.entered
    return {
        "longest_relative_task_age_in_queue": 0 if entered is None else now - entered,
        "longest_relative_task_sid_in_queue": None if oldest is None else oldest.sid,
    }


def _on(channel: TaskChannel | None) -> dict[str, frozenset[str]]:
    return {} if channel is None else {"task_channel_sid": frozenset([channel.sid])}


def _oldest(
    store: TaskStore,
    ordering: Ordering,
    field: str | None,
    sid: str | None,
    channel: TaskChannel | None,
) -> Task | None:
    """Return the first waiting task of an order."""
    # One combined field (`waiting_task_queue_sid`) makes this a look at one sorted list.
    waiting = "waiting" if field is None else f"waiting_{field}"
    wanted: dict[str, Collection[object]] = {waiting: [True if field is None else sid]}
    return store.first(ordering, {**wanted, **_on(channel)})

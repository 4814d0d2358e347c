"""Contents of events, shared by the list of events and the callbacks.

Names and values are those of events that users have recorded, and of the schema of Event Streams.
"""

from collections.abc import Mapping
from typing import NamedTuple

from aiotask.sandbox.model.events import Event


class Kind(NamedTuple):
    """A kind of resource in events."""

    type: str
    noun: str
    path: str


KINDS: Mapping[str, Kind] = {
    "WA": Kind("activity", "Activity", "Activities"),
    "WR": Kind("reservation", "Reservation", "Reservations"),
    "WT": Kind("task", "Task", "Tasks"),
    "TC": Kind("taskchannel", "TaskChannel", "TaskChannels"),
    "WQ": Kind("taskqueue", "TaskQueue", "TaskQueues"),
    "WK": Kind("worker", "Worker", "Workers"),
    "WW": Kind("workflow", "Workflow", "Workflows"),
    "WS": Kind("workspace", "Workspace", ""),
}
"""Kinds of resources by sid prefix; a recorded event of a queue has the type ``taskqueue``."""

# Statistics need these raw values; event_data writes them in another form.
_HIDDEN = frozenset(
    ["more", "task_created", "task_queue_entered", "task_reason", "task_virtual_start"]
)


def kind_of(event: Event) -> Kind:
    """Return the kind of the resource of an event."""
    return KINDS[event.resource_sid[:2]]


def operating_unit(account_sid: str) -> str:
    """Return the sid of the account's only operating unit."""
    return f"OU{account_sid[2:]}"


def content(event: Event) -> dict[str, str]:
    """Return event_data, whose values are strings whatever their type."""
    facts = event.facts
    data = {
        name: _text(value)
        for name, value in facts._asdict().items()
        if value is not None and name not in _HIDDEN
    }
    if facts.task_created is not None:
        data["task_age"] = str(event.at // 1000 - facts.task_created)
        data["task_date_created"] = str(facts.task_created)
    if facts.task_virtual_start is not None:
        data["task_virtual_start_time"] = str(facts.task_virtual_start)
    if facts.task_queue_entered is not None:
        data["task_queue_entered_date"] = str(facts.task_queue_entered)
    if facts.task_reason is not None and event.type in ("task.canceled", "task.completed"):
        data[f"{event.type.replace('.', '_')}_reason"] = facts.task_reason
    return {**data, **dict(facts.more)}


def description(event: Event) -> str:
    """Return the description for people, in the form of recorded ones."""
    facts, (own, noun, _) = event.facts, kind_of(event)
    if event.type == "worker.activity.update":
        return f"Worker {facts.worker_name} updated to {facts.worker_activity_name} Activity"
    if event.type == "task-queue.expression.updated":
        updated = f"expression updated to '{facts.task_queue_target_expression}'"
        return f"TaskQueue {event.resource_sid} {updated}"
    kind, _, what = event.type.partition(".")
    # A task's way through workflow and queue is told of the task.
    place = "" if kind.replace("-", "") == own else f"{kind.replace('-', ' ')} "
    return f"{noun} {event.resource_sid} {place}{what.replace('.', ' ').replace('-', ' ')}"


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

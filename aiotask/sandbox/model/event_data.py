"""Contents of events, shared by the list of events and the callbacks."""

from collections.abc import Mapping

from aiotask.sandbox.model.events import Event

KINDS: Mapping[str, tuple[str, str]] = {
    "WA": ("activity", "Activities"),
    "WR": ("reservation", "Reservations"),
    "WT": ("task", "Tasks"),
    "TC": ("task-channel", "TaskChannels"),
    "WQ": ("task-queue", "TaskQueues"),
    "WK": ("worker", "Workers"),
    "WW": ("workflow", "Workflows"),
}
"""Resource type and collection name, by sid prefix."""

# Statistics need these raw values; event_data writes them in another form.
_HIDDEN = frozenset(["more", "task_created", "task_queue_entered", "task_reason"])


def content(event: Event) -> dict[str, str]:
    """Return event_data, whose values are strings whatever their type."""
    facts = event.facts
    data = {
        name: str(value)
        for name, value in facts._asdict().items()
        if value is not None and name not in _HIDDEN
    }
    if facts.task_created is not None:
        data["task_age"] = str(event.at // 1000 - facts.task_created)
        data["task_date_created"] = str(facts.task_created)
    if facts.task_queue_entered is not None:
        data["task_queue_entered_date"] = str(facts.task_queue_entered)
    if facts.task_reason is not None and event.type in ("task.canceled", "task.completed"):
        data[f"{event.type.replace('.', '_')}_reason"] = facts.task_reason
    return {**data, **dict(facts.more)}


def description(event: Event) -> str:
    """Return the description for people."""
    facts = event.facts
    if event.type == "worker.activity.update":
        return f"Worker {facts.worker_name} updated to {facts.worker_activity_name} Activity"
    kind, _, what = event.type.replace("-", " ").partition(".")
    return f"{kind.capitalize()} {what.replace('.', ' ')}: {event.resource_sid}"

"""When something is due of a task, as its fields say.

After Twilio's pages on limits and on the lifecycle of tasks. That wrapping has no limit, as nothing
says that it has one, is decided here.
"""

from aiotask.sandbox.model.task import CLOSED, WAITING, Task

ASSIGNED_MS = 86_400_000
"""How long a task may be assigned."""


def lifetime(task: Task) -> int:
    """Return when a task must have been assigned, in milliseconds since 1970."""
    return task.began + task.timeout * 1000


def due(task: Task, closed_for: int) -> int | None:
    """Return when its status ends by itself; closed tasks stay for so many seconds."""
    if task.assignment_status == "pending" and task.deadline is not None:
        return min(task.deadline, lifetime(task))
    if task.assignment_status in WAITING:
        return lifetime(task)
    if task.assignment_status == "assigned":
        return task.moved + ASSIGNED_MS
    return task.moved + closed_for * 1000 if task.assignment_status in CLOSED else None

"""Deadlines of tasks.

Source: Twilio's pages on limits and on the lifecycle of tasks. Undocumented by Twilio; the sandbox:
wrapping has no limit.
"""

from aiotask.sandbox.model.task import CLOSED, WAITING, Task

ASSIGNED_MS = 86_400_000
"""The longest time that a task stays assigned."""


def lifetime(task: Task) -> int:
    """Return when the task times out unless assigned, in milliseconds since 1970."""
    return task.began + task.timeout * 1000


def due(task: Task, closed_for: int) -> int | None:
    """Return the end of the present status; *closed_for* is the seconds that closed tasks stay."""
    if task.assignment_status == "pending" and task.deadline is not None:
        return min(task.deadline, lifetime(task))
    if task.assignment_status in WAITING:
        return lifetime(task)
    if task.assignment_status == "assigned":
        return task.moved + ASSIGNED_MS
    return task.moved + closed_for * 1000 if task.assignment_status in CLOSED else None

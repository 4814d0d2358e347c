"""Tasks, and the status changes that updates may make."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from aiotask.sandbox.model.events import Facts
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.task_channel import TaskChannel
from aiotask.sandbox.model.task_queue import TaskQueue
from aiotask.sandbox.model.workflow import Workflow

Status = Literal["pending", "reserved", "assigned", "canceled", "completed", "wrapping"]

STATUSES: tuple[Status, ...] = get_args(Status)
WAITING = frozenset(["pending", "reserved"])
CLOSED = frozenset(["canceled", "completed"])


@dataclass(slots=True, eq=False, kw_only=True)
class Task:
    """A unit of work; *number* counts the tasks of a workspace in order of creation."""

    number: int
    sid: str
    attributes: str
    assignment_status: Status
    priority: int
    timeout: int
    created: int
    updated: int
    virtual_start: int
    entered: int | None
    workflow: Workflow
    queue: TaskQueue | None
    channel: TaskChannel
    routing_target: str | None
    ignore_capacity: bool | None
    began: int
    """Time of creation; this and the following are in milliseconds since 1970."""
    moved: int
    """Time of the last change of status."""
    routed: int
    """Time at which it entered its present filter."""
    deadline: int | None = None
    """Time at which its target times out."""
    rule: int | None = None
    """Its filter in the workflow's configuration; None if the request chose the queue."""
    step: int = 0
    """Its target within the filter."""
    rounds: int = 0
    """How often it went from pending to reserved."""
    reason: str | None = None
    version: int = 0

    @property
    def workflow_sid(self) -> str:
        """The sid of its workflow."""
        return self.workflow.sid

    @property
    def task_queue_sid(self) -> str | None:
        """The sid of its queue."""
        return None if self.queue is None else self.queue.sid

    @property
    def task_channel_sid(self) -> str:
        """The sid of its task channel."""
        return self.channel.sid

    @property
    def waiting_workflow_sid(self) -> str | None:
        """The sid of its workflow, while it waits."""
        return self.workflow.sid if self.assignment_status in WAITING else None

    @property
    def waiting_task_queue_sid(self) -> str | None:
        """The sid of its queue, while it waits."""
        return self.task_queue_sid if self.assignment_status in WAITING else None

    @property
    def waiting(self) -> bool:
        """Whether it is pending or reserved."""
        return self.assignment_status in WAITING

    @property
    def has_addons(self) -> bool:
        """Whether it has add-ons; the sandbox has none."""
        return False

    def facts(self) -> Facts:
        """Return the event facts of the task."""
        # Mostly by position, which is faster than by keyword: every new task records events.
        queue, channel, workflow = self.queue, self.channel, self.workflow
        return Facts(
            self.sid,
            self.attributes,
            self.priority,
            self.assignment_status,
            self.reason,
            self.created,
            self.entered,
            channel.sid,
            channel.unique_name,
            workflow.sid,
            workflow.friendly_name,
            None if queue is None else queue.sid,
            None if queue is None else queue.friendly_name,
            task_version=self.version,
            task_virtual_start=self.virtual_start,
            task_ignore_capacity=self.ignore_capacity,
            task_routing_target=self.routing_target,
            task_queue_target_expression=None if queue is None else queue.target_workers,
        )


class StoredTask(NamedTuple):
    """A task as a sandbox shows it to a test."""

    sid: str
    """SID of the task."""
    attributes: str
    """Attributes as JSON text."""
    assignment_status: str
    """Status of the task."""
    priority: int
    """Priority of the task."""
    reason: str | None
    """Why it was canceled or completed, None before that."""
    workflow_sid: str
    """SID of the workflow that routes it."""
    task_queue_sid: str | None
    """SID of the queue that it is in, None where it is in none."""
    task_channel_unique_name: str
    """Unique name of its task channel."""
    version: int
    """Number that grows with each change."""

    @classmethod
    def of(cls, task: Task) -> "StoredTask":
        """Return a snapshot of a task."""
        return cls(
            sid=task.sid,
            attributes=task.attributes,
            assignment_status=task.assignment_status,
            priority=task.priority,
            reason=task.reason,
            workflow_sid=task.workflow_sid,
            task_queue_sid=task.task_queue_sid,
            task_channel_unique_name=task.channel.unique_name,
            version=task.version,
        )


class _Move(NamedTuple):
    origins: frozenset[Status]
    refusal: str


# The messages are the service's own, as users have reported them.
_MOVES: dict[str, _Move] = {
    "canceled": _Move(
        frozenset(["pending", "reserved"]),
        "Cannot cancel task {} because it is not pending or reserved.",
    ),
    "completed": _Move(
        frozenset(["assigned", "wrapping"]),
        "Cannot complete task {} because it is not currently assigned.",
    ),
    "wrapping": _Move(
        frozenset(["assigned"]),
        "Cannot wrap up a task {} because it's not currently assigned",
    ),
}


def check_move(task: Task, status: Status, workspace_sid: str, account_sid: str) -> None:
    """Refuse a status that an update may not set now.

    Only reservations make a task pending, reserved or assigned.
    """
    named = f"{task.sid} in workspace {workspace_sid} for account {account_sid}"
    move = _MOVES.get(status)
    if move is None:
        raise invalid(f"Cannot set task {named} to {status}: its reservations do that")
    if task.assignment_status not in move.origins:
        raise invalid(move.refusal.format(named))

"""Tasks as they are kept, and the statuses that updates may set."""

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
    """A unit of work; *number* counts the tasks of a workspace in the order of their creation."""

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
    """When it was created, in milliseconds since 1970, as all that follows."""
    moved: int
    """When it came to its status."""
    routed: int
    """When it came to the filter whose targets it goes through."""
    deadline: int | None = None
    """When its target has had enough time."""
    rule: int | None = None
    """Its filter in its workflow's configuration, None for one whose queue the request chose."""
    step: int = 0
    """Its target in the filter."""
    rounds: int = 0
    """How often it was reserved after it had been pending."""
    reason: str | None = None
    version: int = 0

    @property
    def workflow_sid(self) -> str:
        """The workflow that routes it."""
        return self.workflow.sid

    @property
    def task_queue_sid(self) -> str | None:
        """The queue that it is in."""
        return None if self.queue is None else self.queue.sid

    @property
    def task_channel_sid(self) -> str:
        """The kind of work that it is."""
        return self.channel.sid

    @property
    def waiting_workflow_sid(self) -> str | None:
        """The workflow, while the task waits."""
        return self.workflow.sid if self.assignment_status in WAITING else None

    @property
    def waiting_task_queue_sid(self) -> str | None:
        """The queue, while the task waits."""
        return self.task_queue_sid if self.assignment_status in WAITING else None

    @property
    def waiting(self) -> bool:
        """Whether no worker has it yet."""
        return self.assignment_status in WAITING

    @property
    def has_addons(self) -> bool:
        """Whether add-ons ran on it: the sandbox has none."""
        return False

    def facts(self) -> Facts:
        """Return what events say about it; by position, for every new task has some."""
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
        )


class StoredTask(NamedTuple):
    """What a sandbox tells a test about one of its tasks."""

    sid: str
    attributes: str
    assignment_status: str
    priority: int
    reason: str | None
    workflow_sid: str
    task_queue_sid: str | None
    task_channel_unique_name: str
    version: int

    @classmethod
    def of(cls, task: Task) -> "StoredTask":
        """Return *task* as it is now."""
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


# The messages are those that users of the service have reported.
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

    Reservations alone make a task pending, reserved or assigned, so an update never does.
    """
    named = f"{task.sid} in workspace {workspace_sid} for account {account_sid}"
    move = _MOVES.get(status)
    if move is None:
        raise invalid(f"Cannot set task {named} to {status}: its reservations do that")
    if task.assignment_status not in move.origins:
        raise invalid(move.refusal.format(named))

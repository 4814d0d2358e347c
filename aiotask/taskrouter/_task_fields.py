"""Fields that tasks are created, changed and listed with."""

from collections.abc import Sequence
from typing import Annotated, Literal, Required, TypedDict

from aiotask._checks import Between
from aiotask._paging import Paging
from aiotask.taskrouter._fields import (
    Amount,
    Attributes,
    PastMoment,
    RoutingTargetSid,
    TaskChannelName,
    TaskQueueSid,
    WorkflowSid,
)

TaskStatus = Literal["pending", "reserved", "assigned", "canceled", "completed", "wrapping"]


class TaskFields(TypedDict, total=False):
    """Fields that a task is created or changed with."""

    attributes: Attributes
    """JSON object of at most 4,096 characters; a change replaces all attributes."""
    priority: Amount
    """Number from 0, that of a new task, to 2,147,483,647; higher is assigned first."""
    task_channel: TaskChannelName
    """Task channel, by SID or unique name; ``default`` for a new task."""
    virtual_start_time: PastMoment
    """Past moment, with its time zone, that a queue orders the task by."""


class NewTask(TaskFields, total=False):
    """Fields that a task is created with."""

    workflow_sid: WorkflowSid
    """SID of the workflow that routes it; may be left out if the workspace has only one."""
    timeout: Annotated[int, Between(0, 1_209_600)]
    """Seconds that it may live unassigned, at most 1,209,600 (two weeks); 86,400 by default."""
    routing_target: RoutingTargetSid
    """SID of the worker, queue or workflow that the task is for."""
    ignore_capacity: bool
    """With a worker as ``routing_target``: beyond their capacity, too; true by default."""
    task_queue_sid: TaskQueueSid
    """SID of the queue that the task is put into."""


class TaskChanges(TaskFields, total=False):
    """Fields that a task is changed with; completing or canceling it requires a *reason*."""

    assignment_status: TaskStatus
    """New status: canceled (if pending or reserved), wrapping or completed (if assigned)."""
    reason: str
    """Why the task is canceled or completed; required with these two."""


class TaskUpdateRow(TaskChanges):
    """A row of :meth:`Tasks.update_many`: the sid of a task, and its changes."""

    sid: Required[str]
    """SID of the task that is changed."""


class TaskFilter(Paging, total=False):
    """Filters and order of the list of tasks."""

    priority: Amount
    """Only tasks of exactly this priority."""
    assignment_status: Sequence[TaskStatus]
    """Only tasks in one of these statuses."""
    workflow_sid: WorkflowSid
    """Only tasks of the workflow with this SID."""
    workflow_name: str
    """Only tasks of the workflow with this name."""
    task_queue_sid: TaskQueueSid
    """Only tasks in the queue with this SID."""
    task_queue_name: str
    """Only tasks in the queue with this name."""
    evaluate_task_attributes: str
    """Only tasks whose attributes make this expression true
    (https://www.twilio.com/docs/taskrouter/expression-syntax); answered three times a second.
    """
    routing_target: RoutingTargetSid
    """Only tasks for this worker, queue or workflow, by SID."""
    ordering: str
    """DateCreated, Priority or VirtualStartTime with :asc or :desc, or several with commas
    between; DateCreated:asc by default.
    """
    has_addons: bool
    """Only tasks with results of add-ons (true), or without any (false)."""

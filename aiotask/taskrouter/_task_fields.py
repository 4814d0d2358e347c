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
    """Fields that a task is created or changed with.

    ``attributes`` replace all that were there; they have at most 4,096 characters as JSON.
    ``priority`` is 0 to 2,147,483,647, higher first. ``task_channel`` is a sid or a unique name.
    ``virtual_start_time``, by which a queue orders its tasks, is an aware datetime of the past.
    """

    attributes: Attributes
    priority: Amount
    task_channel: TaskChannelName
    virtual_start_time: PastMoment


class NewTask(TaskFields, total=False):
    """Fields that a task is created with.

    ``workflow_sid`` may be left out in a workspace that has one workflow. ``timeout`` is how many
    seconds the task may wait for a worker, at most 1,209,600 (two weeks); the service's default
    is 86,400. ``routing_target`` is the sid of a worker, queue or workflow, and
    ``ignore_capacity`` goes with a worker's.
    """

    workflow_sid: WorkflowSid
    timeout: Annotated[int, Between(0, 1_209_600)]
    routing_target: RoutingTargetSid
    ignore_capacity: bool
    task_queue_sid: TaskQueueSid


class TaskChanges(TaskFields, total=False):
    """Fields that a task is changed with; completing or canceling it requires a *reason*."""

    assignment_status: TaskStatus
    reason: str


class TaskUpdateRow(TaskChanges):
    """A row of :meth:`Tasks.update_many`: the sid of a task, and its changes."""

    sid: Required[str]


class TaskFilter(Paging, total=False):
    """Filters and order of the list of tasks.

    ``evaluate_task_attributes`` is an expression over the attributes
    (https://www.twilio.com/docs/taskrouter/expression-syntax), which the service answers three
    times a second. ``ordering`` is one or more of ``DateCreated``, ``Priority`` and
    ``VirtualStartTime`` with ``:asc`` or ``:desc``, separated by commas.
    """

    priority: Amount
    assignment_status: Sequence[TaskStatus]
    workflow_sid: WorkflowSid
    workflow_name: str
    task_queue_sid: TaskQueueSid
    task_queue_name: str
    evaluate_task_attributes: str
    routing_target: RoutingTargetSid
    ordering: str
    has_addons: bool

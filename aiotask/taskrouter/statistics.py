"""Statistics: cumulative ones of a window of time, and real-time ones.

Durations and ages are in seconds. A field that the service leaves out is None.
"""

import attrs

from aiotask._decoding import AwareDatetime
from aiotask._resource import Resource

__all__ = [
    "ActivityCount",
    "ActivityDuration",
    "TaskQueueBulkRealTimeStatistics",
    "TaskQueueCumulativeStatistics",
    "TaskQueueRealTimeStatistics",
    "TaskQueueStatistics",
    "TaskQueuesStatistics",
    "WaitDuration",
    "WaitTimeCounts",
    "WaitTimeSplit",
    "WorkerStatistics",
    "WorkersCumulativeStatistics",
    "WorkersRealTimeStatistics",
    "WorkersStatistics",
    "WorkflowCumulativeStatistics",
    "WorkflowRealTimeStatistics",
    "WorkflowStatistics",
    "WorkspaceCumulativeStatistics",
    "WorkspaceRealTimeStatistics",
    "WorkspaceStatistics",
]


@attrs.frozen(kw_only=True, weakref_slot=False)
class ActivityCount:
    """Number of workers in an activity."""

    sid: str | None = None
    """SID of the activity."""
    friendly_name: str | None = None
    """Name of the activity."""
    workers: int | None = None
    """Number of workers in it now."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class ActivityDuration:
    """Time that workers spent in an activity, in seconds."""

    sid: str | None = None
    """SID of the activity."""
    friendly_name: str | None = None
    """Name of the activity."""
    avg: float | None = None
    """Average time in it."""
    min: float | None = None
    """Shortest time in it."""
    max: float | None = None
    """Longest time in it."""
    total: float | None = None
    """Time in it, taken together."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class WaitDuration:
    """Time that tasks waited, in seconds."""

    avg: float | None = None
    """Average wait."""
    min: float | None = None
    """Shortest wait."""
    max: float | None = None
    """Longest wait."""
    total: float | None = None
    """All waits together."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class WaitTimeCounts:
    """Numbers of tasks on one side of a waiting-time threshold, by how they ended."""

    tasks_canceled: int | None = None
    """Number of tasks that were canceled."""
    reservations_accepted: int | None = None
    """Number of reservations that were accepted."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class WaitTimeSplit:
    """Tasks that waited longer than a threshold, and the others."""

    above: WaitTimeCounts | None = None
    """Numbers of those that waited longer."""
    below: WaitTimeCounts | None = None
    """Numbers of the others."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class _Statistics(Resource):
    account_sid: str | None = None
    """SID of the account that it belongs to."""
    workspace_sid: str | None = None
    """SID of its workspace."""
    url: str | None = None
    """Absolute URL of it in the API."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class _Reservations(_Statistics):
    start_time: AwareDatetime | None = None
    """Beginning of the window that is counted."""
    end_time: AwareDatetime | None = None
    """End of the window that is counted."""
    reservations_created: int | None = None
    """Number of reservations that were made."""
    reservations_accepted: int | None = None
    """Number of reservations that were accepted."""
    reservations_rejected: int | None = None
    """Number of reservations that were rejected."""
    reservations_timed_out: int | None = None
    """Number of reservations that were not answered in time."""
    reservations_canceled: int | None = None
    """Number of reservations that were canceled, as with their task."""
    reservations_rescinded: int | None = None
    """Number of reservations that were taken back because another was accepted."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class _Cumulative(_Reservations):
    avg_task_acceptance_time: float | None = None
    """Average seconds from the creation of a task to its acceptance."""
    split_by_wait_time: dict[int, WaitTimeSplit] | None = None
    """Tasks by how long they waited, by threshold in seconds as ``split_by_wait_time`` asks for."""
    wait_duration_until_accepted: WaitDuration | None = None
    """How long tasks waited until they were accepted, since their creation."""
    wait_duration_until_canceled: WaitDuration | None = None
    """How long tasks waited until they were canceled."""
    tasks_canceled: int | None = None
    """Number of tasks that were canceled."""
    tasks_completed: int | None = None
    """Number of tasks that were completed."""
    tasks_deleted: int | None = None
    """Number of tasks that were deleted."""
    tasks_moved: int | None = None
    """Number of tasks that moved to another queue."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class _RealTime(_Statistics):
    longest_task_waiting_age: int | None = None
    """Age of the task that has waited longest, in seconds."""
    longest_task_waiting_sid: str | None = None
    """SID of the task that has waited longest."""
    tasks_by_priority: dict[int, int] | None = None
    """Number of tasks by their priority, a number."""
    tasks_by_status: dict[str, int] | None = None
    """Number of tasks by their status."""
    total_tasks: int | None = None
    """Number of tasks."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkspaceCumulativeStatistics(_Cumulative):
    """Cumulative statistics of a workspace."""

    tasks_created: int | None = None
    """Number of tasks that were created."""
    tasks_timed_out_in_workflow: int | None = None
    """Number of tasks whose workflow ended without a worker."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkspaceRealTimeStatistics(_RealTime):
    """Real-time statistics of a workspace."""

    activity_statistics: list[ActivityCount] | None = None
    """Number of workers in each activity."""
    total_workers: int | None = None
    """Number of workers."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkspaceStatistics(_Statistics):
    """Cumulative and real-time statistics of a workspace."""

    cumulative: WorkspaceCumulativeStatistics | None = None
    """What happened in the window of time."""
    realtime: WorkspaceRealTimeStatistics | None = None
    """What there is now."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkflowCumulativeStatistics(_Cumulative):
    """Cumulative statistics of a workflow."""

    tasks_entered: int | None = None
    """Number of tasks that came to it."""
    tasks_timed_out_in_workflow: int | None = None
    """Number of tasks whose workflow ended without a worker."""
    workflow_sid: str | None = None
    """SID of the workflow."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkflowRealTimeStatistics(_RealTime):
    """Real-time statistics of a workflow."""

    workflow_sid: str | None = None
    """SID of the workflow."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkflowStatistics(_Statistics):
    """Cumulative and real-time statistics of a workflow."""

    cumulative: WorkflowCumulativeStatistics | None = None
    """What happened in the window of time."""
    realtime: WorkflowRealTimeStatistics | None = None
    """What there is now."""
    workflow_sid: str | None = None
    """SID of the workflow."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class TaskQueueCumulativeStatistics(_Cumulative):
    """Cumulative statistics of a task queue."""

    task_queue_sid: str | None = None
    """SID of the queue."""
    tasks_entered: int | None = None
    """Number of tasks that came to it."""
    wait_duration_in_queue_until_accepted: WaitDuration | None = None
    """How long tasks waited until they were accepted, since they came to this queue."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class TaskQueueRealTimeStatistics(_RealTime):
    """Real-time statistics of a task queue and of the workers eligible for it."""

    activity_statistics: list[ActivityCount] | None = None
    """Number of eligible workers in each activity."""
    longest_relative_task_age_in_queue: int | None = None
    """Longest wait of a task since it came to this queue, in seconds."""
    longest_relative_task_sid_in_queue: str | None = None
    """SID of the task that has waited longest in this queue."""
    task_queue_sid: str | None = None
    """SID of the queue."""
    total_available_workers: int | None = None
    """Number of eligible workers in an activity in which they get tasks."""
    total_eligible_workers: int | None = None
    """Number of workers who may have its tasks, in any activity."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class TaskQueuesStatistics(Resource):
    """Cumulative and real-time statistics of one of the task queues: a row of their list."""

    account_sid: str | None = None
    """SID of the account that it belongs to."""
    workspace_sid: str | None = None
    """SID of its workspace."""
    cumulative: TaskQueueCumulativeStatistics | None = None
    """What happened in the window of time."""
    realtime: TaskQueueRealTimeStatistics | None = None
    """What there is now."""
    task_queue_sid: str | None = None
    """SID of the queue."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class TaskQueueStatistics(TaskQueuesStatistics):
    """Cumulative and real-time statistics of a task queue."""

    url: str | None = None
    """Absolute URL of it in the API."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class TaskQueueBulkRealTimeStatistics(_Statistics):
    """Real-time statistics of several task queues."""

    task_queue_data: list[TaskQueueRealTimeStatistics] | None = None
    """Statistics of each queue that was asked about."""
    task_queue_response_count: int | None = None
    """Number of queues in the answer."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkersCumulativeStatistics(_Reservations):
    """Cumulative statistics of workers."""

    activity_durations: list[ActivityDuration] | None = None
    """Time that was spent in each activity."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkersRealTimeStatistics(_Statistics):
    """Real-time statistics of workers."""

    activity_statistics: list[ActivityCount] | None = None
    """Number of workers in each activity."""
    total_workers: int | None = None
    """Number of workers."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkersStatistics(_Statistics):
    """Cumulative and real-time statistics of workers."""

    cumulative: WorkersCumulativeStatistics | None = None
    """What happened in the window of time."""
    realtime: WorkersRealTimeStatistics | None = None
    """What there is now."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkerStatistics(_Statistics):
    """Cumulative statistics of one worker."""

    cumulative: WorkersCumulativeStatistics | None = None
    """What happened in the window of time."""
    worker_sid: str | None = None
    """SID of the worker."""

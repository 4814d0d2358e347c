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
    friendly_name: str | None = None
    workers: int | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class ActivityDuration:
    """Time that workers spent in an activity, in seconds."""

    sid: str | None = None
    friendly_name: str | None = None
    avg: float | None = None
    min: float | None = None
    max: float | None = None
    total: float | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class WaitDuration:
    """Time that tasks waited, in seconds."""

    avg: float | None = None
    min: float | None = None
    max: float | None = None
    total: float | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class WaitTimeCounts:
    """Numbers of tasks on one side of a waiting-time threshold, by how they ended."""

    tasks_canceled: int | None = None
    reservations_accepted: int | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class WaitTimeSplit:
    """Tasks that waited longer than a threshold, and the others."""

    above: WaitTimeCounts | None = None
    below: WaitTimeCounts | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class _Statistics(Resource):
    account_sid: str | None = None
    workspace_sid: str | None = None
    url: str | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class _Reservations(_Statistics):
    start_time: AwareDatetime | None = None
    end_time: AwareDatetime | None = None
    reservations_created: int | None = None
    reservations_accepted: int | None = None
    reservations_rejected: int | None = None
    reservations_timed_out: int | None = None
    reservations_canceled: int | None = None
    reservations_rescinded: int | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class _Cumulative(_Reservations):
    avg_task_acceptance_time: float | None = None
    # By threshold in seconds, as ``split_by_wait_time`` asked for.
    split_by_wait_time: dict[int, WaitTimeSplit] | None = None
    wait_duration_until_accepted: WaitDuration | None = None
    wait_duration_until_canceled: WaitDuration | None = None
    tasks_canceled: int | None = None
    tasks_completed: int | None = None
    tasks_deleted: int | None = None
    tasks_moved: int | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class _RealTime(_Statistics):
    longest_task_waiting_age: int | None = None
    longest_task_waiting_sid: str | None = None
    tasks_by_priority: dict[int, int] | None = None
    tasks_by_status: dict[str, int] | None = None
    total_tasks: int | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkspaceCumulativeStatistics(_Cumulative):
    """Cumulative statistics of a workspace; ``split_by_wait_time`` is by threshold in seconds."""

    tasks_created: int | None = None
    tasks_timed_out_in_workflow: int | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkspaceRealTimeStatistics(_RealTime):
    """Real-time statistics of a workspace; ``tasks_by_priority`` is by the priority, a number."""

    activity_statistics: list[ActivityCount] | None = None
    total_workers: int | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkspaceStatistics(_Statistics):
    """Cumulative and real-time statistics of a workspace."""

    cumulative: WorkspaceCumulativeStatistics | None = None
    realtime: WorkspaceRealTimeStatistics | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkflowCumulativeStatistics(_Cumulative):
    """Cumulative statistics of a workflow; ``split_by_wait_time`` is by threshold in seconds."""

    tasks_entered: int | None = None
    tasks_timed_out_in_workflow: int | None = None
    workflow_sid: str | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkflowRealTimeStatistics(_RealTime):
    """Real-time statistics of a workflow; ``tasks_by_priority`` is by the priority, a number."""

    workflow_sid: str | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkflowStatistics(_Statistics):
    """Cumulative and real-time statistics of a workflow."""

    cumulative: WorkflowCumulativeStatistics | None = None
    realtime: WorkflowRealTimeStatistics | None = None
    workflow_sid: str | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class TaskQueueCumulativeStatistics(_Cumulative):
    """Cumulative statistics of a task queue; ``split_by_wait_time`` is by threshold in seconds."""

    task_queue_sid: str | None = None
    tasks_entered: int | None = None
    wait_duration_in_queue_until_accepted: WaitDuration | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class TaskQueueRealTimeStatistics(_RealTime):
    """Real-time statistics of a task queue and of the workers eligible for it.

    ``longest_relative_task_age_in_queue`` counts from the moment when the task entered this queue.
    """

    activity_statistics: list[ActivityCount] | None = None
    longest_relative_task_age_in_queue: int | None = None
    longest_relative_task_sid_in_queue: str | None = None
    task_queue_sid: str | None = None
    total_available_workers: int | None = None
    total_eligible_workers: int | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class TaskQueuesStatistics(Resource):
    """Cumulative and real-time statistics of one of the task queues: a row of their list."""

    account_sid: str | None = None
    workspace_sid: str | None = None
    cumulative: TaskQueueCumulativeStatistics | None = None
    realtime: TaskQueueRealTimeStatistics | None = None
    task_queue_sid: str | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class TaskQueueStatistics(TaskQueuesStatistics):
    """Cumulative and real-time statistics of a task queue."""

    url: str | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class TaskQueueBulkRealTimeStatistics(_Statistics):
    """Real-time statistics of several task queues."""

    task_queue_data: list[TaskQueueRealTimeStatistics] | None = None
    task_queue_response_count: int | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkersCumulativeStatistics(_Reservations):
    """Cumulative statistics of workers."""

    activity_durations: list[ActivityDuration] | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkersRealTimeStatistics(_Statistics):
    """Real-time statistics of workers."""

    activity_statistics: list[ActivityCount] | None = None
    total_workers: int | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkersStatistics(_Statistics):
    """Cumulative and real-time statistics of workers."""

    cumulative: WorkersCumulativeStatistics | None = None
    realtime: WorkersRealTimeStatistics | None = None


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkerStatistics(_Statistics):
    """Cumulative statistics of one worker."""

    cumulative: WorkersCumulativeStatistics | None = None
    worker_sid: str | None = None

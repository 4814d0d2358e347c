"""TaskRouter's tree: what lies below the account, below one workspace, and further down.

What stands at a place is loaded when the place is first looked at.
"""

from __future__ import annotations

from functools import cached_property

from aiotask._checks import checked
from aiotask._session import Session
from aiotask.taskrouter import _lazy as taskrouter
from aiotask.taskrouter._fields import TASK, TASK_QUEUE, WORKER, WORKFLOW, WORKSPACE

__all__ = [
    "TaskContext",
    "TaskQueueContext",
    "TaskRouter",
    "WorkerContext",
    "WorkflowContext",
    "WorkspaceContext",
]


class _Place:
    """A place in the tree; no access to anything here does I/O."""

    def __init__(self, session: Session, path: str) -> None:
        self._session = session
        self._path = path


class TaskRouter(_Place):
    """TaskRouter v1; no access to anything here does I/O."""

    def __init__(self, session: Session, base: str) -> None:
        super().__init__(session, f"{base}/v1")

    @cached_property
    def workspaces(self) -> taskrouter.Workspaces:
        """The workspaces of the account."""
        return taskrouter.Workspaces(self._session, self._path)

    def workspace(self, sid: str) -> WorkspaceContext:
        """Return the context of one workspace in the tree; a ValueError if *sid* is none."""
        return WorkspaceContext(self._session, f"{self._path}/Workspaces/{checked(WORKSPACE, sid)}")


class WorkspaceContext(_Place):
    """One workspace's place in the tree: the way to what lies below it."""

    @cached_property
    def tasks(self) -> taskrouter.Tasks:
        """The tasks of the workspace."""
        return taskrouter.Tasks(self._session, self._path)

    def task(self, sid: str) -> TaskContext:
        """Return the context of one task in the tree; a ValueError if *sid* is none."""
        return TaskContext(self._session, f"{self._path}/Tasks/{checked(TASK, sid)}")

    @cached_property
    def workflows(self) -> taskrouter.Workflows:
        """The workflows of the workspace."""
        return taskrouter.Workflows(self._session, self._path)

    def workflow(self, sid: str) -> WorkflowContext:
        """Return the context of one workflow in the tree; a ValueError if *sid* is none."""
        return WorkflowContext(self._session, f"{self._path}/Workflows/{checked(WORKFLOW, sid)}")

    @cached_property
    def task_queues(self) -> taskrouter.TaskQueues:
        """The task queues of the workspace."""
        return taskrouter.TaskQueues(self._session, self._path)

    def task_queue(self, sid: str) -> TaskQueueContext:
        """Return the context of one task queue in the tree; a ValueError if *sid* is none."""
        return TaskQueueContext(
            self._session, f"{self._path}/TaskQueues/{checked(TASK_QUEUE, sid)}"
        )

    @cached_property
    def workers(self) -> taskrouter.Workers:
        """The workers of the workspace."""
        return taskrouter.Workers(self._session, self._path)

    def worker(self, sid: str) -> WorkerContext:
        """Return the context of one worker in the tree; a ValueError if *sid* is none."""
        return WorkerContext(self._session, f"{self._path}/Workers/{checked(WORKER, sid)}")

    @cached_property
    def activities(self) -> taskrouter.Activities:
        """The activities of the workspace."""
        return taskrouter.Activities(self._session, self._path)

    @cached_property
    def task_channels(self) -> taskrouter.TaskChannels:
        """The task channels of the workspace."""
        return taskrouter.TaskChannels(self._session, self._path)

    @cached_property
    def events(self) -> taskrouter.Events:
        """The events of the workspace."""
        return taskrouter.Events(self._session, self._path)

    @cached_property
    def statistics(self) -> taskrouter.Statistics[taskrouter.WorkspaceStatistics]:
        """What happened in the workspace, and what it holds now."""
        return taskrouter.Statistics(self._session, self._path, taskrouter.WorkspaceStatistics)

    @cached_property
    def real_time_statistics(
        self,
    ) -> taskrouter.RealTimeStatistics[taskrouter.WorkspaceRealTimeStatistics]:
        """What the workspace holds now."""
        return taskrouter.RealTimeStatistics(
            self._session, self._path, taskrouter.WorkspaceRealTimeStatistics
        )

    @cached_property
    def cumulative_statistics(
        self,
    ) -> taskrouter.CumulativeStatistics[taskrouter.WorkspaceCumulativeStatistics]:
        """What happened in the workspace."""
        return taskrouter.CumulativeStatistics(
            self._session, self._path, taskrouter.WorkspaceCumulativeStatistics
        )


class TaskContext(_Place):
    """One task's place in the tree."""

    @cached_property
    def reservations(self) -> taskrouter.TaskReservations:
        """The reservations of the task."""
        return taskrouter.TaskReservations(self._session, self._path)


class WorkflowContext(_Place):
    """One workflow's place in the tree."""

    @cached_property
    def statistics(self) -> taskrouter.Statistics[taskrouter.WorkflowStatistics]:
        """What happened in the workflow, and what it holds now."""
        return taskrouter.Statistics(self._session, self._path, taskrouter.WorkflowStatistics)

    @cached_property
    def real_time_statistics(
        self,
    ) -> taskrouter.RealTimeStatistics[taskrouter.WorkflowRealTimeStatistics]:
        """What the workflow holds now."""
        return taskrouter.RealTimeStatistics(
            self._session, self._path, taskrouter.WorkflowRealTimeStatistics
        )

    @cached_property
    def cumulative_statistics(
        self,
    ) -> taskrouter.CumulativeStatistics[taskrouter.WorkflowCumulativeStatistics]:
        """What happened in the workflow."""
        return taskrouter.CumulativeStatistics(
            self._session, self._path, taskrouter.WorkflowCumulativeStatistics
        )


class TaskQueueContext(_Place):
    """One task queue's place in the tree."""

    @cached_property
    def statistics(self) -> taskrouter.Statistics[taskrouter.TaskQueueStatistics]:
        """What happened in the task queue, and what it holds now."""
        return taskrouter.Statistics(self._session, self._path, taskrouter.TaskQueueStatistics)

    @cached_property
    def real_time_statistics(
        self,
    ) -> taskrouter.RealTimeStatistics[taskrouter.TaskQueueRealTimeStatistics]:
        """What the task queue holds now."""
        return taskrouter.RealTimeStatistics(
            self._session, self._path, taskrouter.TaskQueueRealTimeStatistics
        )

    @cached_property
    def cumulative_statistics(
        self,
    ) -> taskrouter.CumulativeStatistics[taskrouter.TaskQueueCumulativeStatistics]:
        """What happened in the task queue."""
        return taskrouter.CumulativeStatistics(
            self._session, self._path, taskrouter.TaskQueueCumulativeStatistics
        )


class WorkerContext(_Place):
    """One worker's place in the tree."""

    @cached_property
    def reservations(self) -> taskrouter.WorkerReservations:
        """The reservations of the worker."""
        return taskrouter.WorkerReservations(self._session, self._path)

    @cached_property
    def worker_channels(self) -> taskrouter.WorkerChannels:
        """The channels of the worker."""
        return taskrouter.WorkerChannels(self._session, self._path)

    @cached_property
    def statistics(self) -> taskrouter.WorkerStatisticsContext:
        """What the worker has done."""
        return taskrouter.WorkerStatisticsContext(self._session, self._path)

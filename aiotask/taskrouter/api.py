"""Contexts of TaskRouter: the account, one workspace, and the resources within it.

A context sends nothing. Collections are loaded when they are first used.
"""

from __future__ import annotations

import os
from functools import cached_property

from aiotask._checks import checked
from aiotask._session import Session
from aiotask.errors import ConfigurationError
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

_VARIABLE = "AIOTASK_WORKSPACE"


class _Context:
    """A resource named by its path, through which its collections are reached."""

    def __init__(self, session: Session, path: str) -> None:
        self._session = session
        self._path = path


class TaskRouter(_Context):
    """TaskRouter v1 of one account; no attribute or method here sends anything."""

    def __init__(self, session: Session, base: str) -> None:
        super().__init__(session, f"{base}/v1")

    @cached_property
    def workspaces(self) -> taskrouter.Workspaces:
        """The workspaces of the account."""
        return taskrouter.Workspaces(self._session, self._path)

    def workspace(self, sid: str = _VARIABLE) -> WorkspaceContext:
        """Return the context of one workspace; a ValueError if *sid* is not the sid of one.

        Left out, *sid* is the environment's ``AIOTASK_WORKSPACE``, which has to be a sid here: to
        find a workspace by its name takes a request, and this sends none. A ConfigurationError
        says that there is none.
        """
        chosen = _from_environment() if sid is _VARIABLE else checked(WORKSPACE, sid)
        return WorkspaceContext(self._session, f"{self._path}/Workspaces/{chosen}")


class WorkspaceContext(_Context):
    """Context of one workspace."""

    @property
    def sid(self) -> str:
        """The sid of the workspace."""
        return self._path.rpartition("/")[2]

    @cached_property
    def tasks(self) -> taskrouter.Tasks:
        """The tasks of the workspace."""
        return taskrouter.Tasks(self._session, self._path)

    def task(self, sid: str) -> TaskContext:
        """Return the context of one task; a ValueError if *sid* is not the sid of one."""
        return TaskContext(self._session, f"{self._path}/Tasks/{checked(TASK, sid)}")

    @cached_property
    def workflows(self) -> taskrouter.Workflows:
        """The workflows of the workspace."""
        return taskrouter.Workflows(self._session, self._path)

    def workflow(self, sid: str) -> WorkflowContext:
        """Return the context of one workflow; a ValueError if *sid* is not the sid of one."""
        return WorkflowContext(self._session, f"{self._path}/Workflows/{checked(WORKFLOW, sid)}")

    @cached_property
    def task_queues(self) -> taskrouter.TaskQueues:
        """The task queues of the workspace."""
        return taskrouter.TaskQueues(self._session, self._path)

    def task_queue(self, sid: str) -> TaskQueueContext:
        """Return the context of one task queue; a ValueError if *sid* is not the sid of one."""
        return TaskQueueContext(
            self._session, f"{self._path}/TaskQueues/{checked(TASK_QUEUE, sid)}"
        )

    @cached_property
    def workers(self) -> taskrouter.Workers:
        """The workers of the workspace."""
        return taskrouter.Workers(self._session, self._path)

    def worker(self, sid: str) -> WorkerContext:
        """Return the context of one worker; a ValueError if *sid* is not the sid of one."""
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
        """Cumulative and real-time statistics of the workspace."""
        return taskrouter.Statistics(self._session, self._path, taskrouter.WorkspaceStatistics)

    @cached_property
    def real_time_statistics(
        self,
    ) -> taskrouter.RealTimeStatistics[taskrouter.WorkspaceRealTimeStatistics]:
        """Real-time statistics of the workspace."""
        return taskrouter.RealTimeStatistics(
            self._session, self._path, taskrouter.WorkspaceRealTimeStatistics
        )

    @cached_property
    def cumulative_statistics(
        self,
    ) -> taskrouter.CumulativeStatistics[taskrouter.WorkspaceCumulativeStatistics]:
        """Cumulative statistics of the workspace."""
        return taskrouter.CumulativeStatistics(
            self._session, self._path, taskrouter.WorkspaceCumulativeStatistics
        )


class TaskContext(_Context):
    """Context of one task."""

    @cached_property
    def reservations(self) -> taskrouter.TaskReservations:
        """The reservations of the task."""
        return taskrouter.TaskReservations(self._session, self._path)


class WorkflowContext(_Context):
    """Context of one workflow."""

    @cached_property
    def statistics(self) -> taskrouter.Statistics[taskrouter.WorkflowStatistics]:
        """Cumulative and real-time statistics of the workflow."""
        return taskrouter.Statistics(self._session, self._path, taskrouter.WorkflowStatistics)

    @cached_property
    def real_time_statistics(
        self,
    ) -> taskrouter.RealTimeStatistics[taskrouter.WorkflowRealTimeStatistics]:
        """Real-time statistics of the workflow."""
        return taskrouter.RealTimeStatistics(
            self._session, self._path, taskrouter.WorkflowRealTimeStatistics
        )

    @cached_property
    def cumulative_statistics(
        self,
    ) -> taskrouter.CumulativeStatistics[taskrouter.WorkflowCumulativeStatistics]:
        """Cumulative statistics of the workflow."""
        return taskrouter.CumulativeStatistics(
            self._session, self._path, taskrouter.WorkflowCumulativeStatistics
        )


class TaskQueueContext(_Context):
    """Context of one task queue."""

    @cached_property
    def statistics(self) -> taskrouter.Statistics[taskrouter.TaskQueueStatistics]:
        """Cumulative and real-time statistics of the task queue."""
        return taskrouter.Statistics(self._session, self._path, taskrouter.TaskQueueStatistics)

    @cached_property
    def real_time_statistics(
        self,
    ) -> taskrouter.RealTimeStatistics[taskrouter.TaskQueueRealTimeStatistics]:
        """Real-time statistics of the task queue."""
        return taskrouter.RealTimeStatistics(
            self._session, self._path, taskrouter.TaskQueueRealTimeStatistics
        )

    @cached_property
    def cumulative_statistics(
        self,
    ) -> taskrouter.CumulativeStatistics[taskrouter.TaskQueueCumulativeStatistics]:
        """Cumulative statistics of the task queue."""
        return taskrouter.CumulativeStatistics(
            self._session, self._path, taskrouter.TaskQueueCumulativeStatistics
        )


class WorkerContext(_Context):
    """Context of one worker."""

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
        """Cumulative statistics of the worker."""
        return taskrouter.WorkerStatisticsContext(self._session, self._path)


def _from_environment() -> str:
    given = os.environ.get(_VARIABLE)
    if not given:
        raise ConfigurationError(f"no workspace: give its sid, or set {_VARIABLE}")
    try:
        return checked(WORKSPACE, given)
    except ValueError:
        raise ConfigurationError(
            f"{_VARIABLE} must be the sid of a workspace (WS…) here; a name is only found by "
            "the command line, or by workspaces.list(friendly_name=…)"
        ) from None

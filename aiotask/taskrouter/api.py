"""TaskRouter's tree: what lies below the account, below one workspace, and further down."""

from functools import cached_property

from aiotask._checks import checked
from aiotask._session import Session
from aiotask.taskrouter._fields import TASK, TASK_QUEUE, WORKER, WORKFLOW, WORKSPACE
from aiotask.taskrouter.activities import Activities
from aiotask.taskrouter.events import Events
from aiotask.taskrouter.reservations import TaskReservations, WorkerReservations
from aiotask.taskrouter.statistics import (
    TaskQueueCumulativeStatistics,
    TaskQueueRealTimeStatistics,
    TaskQueueStatistics,
    WorkflowCumulativeStatistics,
    WorkflowRealTimeStatistics,
    WorkflowStatistics,
    WorkspaceCumulativeStatistics,
    WorkspaceRealTimeStatistics,
    WorkspaceStatistics,
)
from aiotask.taskrouter.statistics_places import (
    CumulativeStatistics,
    RealTimeStatistics,
    Statistics,
    WorkerStatisticsPlace,
)
from aiotask.taskrouter.task_channels import TaskChannels
from aiotask.taskrouter.task_queues import TaskQueues
from aiotask.taskrouter.tasks import Tasks
from aiotask.taskrouter.worker_channels import WorkerChannels
from aiotask.taskrouter.workers import Workers
from aiotask.taskrouter.workflows import Workflows
from aiotask.taskrouter.workspaces import Workspaces

__all__ = [
    "TaskPlace",
    "TaskQueuePlace",
    "TaskRouter",
    "WorkerPlace",
    "WorkflowPlace",
    "WorkspacePlace",
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
    def workspaces(self) -> Workspaces:
        """The workspaces of the account."""
        return Workspaces(self._session, self._path)

    def workspace(self, sid: str) -> "WorkspacePlace":
        """Return the place of one workspace in the tree; a ValueError if *sid* is none."""
        return WorkspacePlace(self._session, f"{self._path}/Workspaces/{checked(WORKSPACE, sid)}")


class WorkspacePlace(_Place):
    """One workspace's place in the tree: the way to what lies below it."""

    @cached_property
    def tasks(self) -> Tasks:
        """The tasks of the workspace."""
        return Tasks(self._session, self._path)

    def task(self, sid: str) -> "TaskPlace":
        """Return the place of one task in the tree; a ValueError if *sid* is none."""
        return TaskPlace(self._session, f"{self._path}/Tasks/{checked(TASK, sid)}")

    @cached_property
    def workflows(self) -> Workflows:
        """The workflows of the workspace."""
        return Workflows(self._session, self._path)

    def workflow(self, sid: str) -> "WorkflowPlace":
        """Return the place of one workflow in the tree; a ValueError if *sid* is none."""
        return WorkflowPlace(self._session, f"{self._path}/Workflows/{checked(WORKFLOW, sid)}")

    @cached_property
    def task_queues(self) -> TaskQueues:
        """The task queues of the workspace."""
        return TaskQueues(self._session, self._path)

    def task_queue(self, sid: str) -> "TaskQueuePlace":
        """Return the place of one task queue in the tree; a ValueError if *sid* is none."""
        return TaskQueuePlace(self._session, f"{self._path}/TaskQueues/{checked(TASK_QUEUE, sid)}")

    @cached_property
    def workers(self) -> Workers:
        """The workers of the workspace."""
        return Workers(self._session, self._path)

    def worker(self, sid: str) -> "WorkerPlace":
        """Return the place of one worker in the tree; a ValueError if *sid* is none."""
        return WorkerPlace(self._session, f"{self._path}/Workers/{checked(WORKER, sid)}")

    @cached_property
    def activities(self) -> Activities:
        """The activities of the workspace."""
        return Activities(self._session, self._path)

    @cached_property
    def task_channels(self) -> TaskChannels:
        """The task channels of the workspace."""
        return TaskChannels(self._session, self._path)

    @cached_property
    def events(self) -> Events:
        """The events of the workspace."""
        return Events(self._session, self._path)

    @cached_property
    def statistics(self) -> Statistics[WorkspaceStatistics]:
        """What happened in the workspace, and what it holds now."""
        return Statistics(self._session, self._path, WorkspaceStatistics)

    @cached_property
    def real_time_statistics(self) -> RealTimeStatistics[WorkspaceRealTimeStatistics]:
        """What the workspace holds now."""
        return RealTimeStatistics(self._session, self._path, WorkspaceRealTimeStatistics)

    @cached_property
    def cumulative_statistics(self) -> CumulativeStatistics[WorkspaceCumulativeStatistics]:
        """What happened in the workspace."""
        return CumulativeStatistics(self._session, self._path, WorkspaceCumulativeStatistics)


class TaskPlace(_Place):
    """One task's place in the tree."""

    @cached_property
    def reservations(self) -> TaskReservations:
        """The reservations of the task."""
        return TaskReservations(self._session, self._path)


class WorkflowPlace(_Place):
    """One workflow's place in the tree."""

    @cached_property
    def statistics(self) -> Statistics[WorkflowStatistics]:
        """What happened in the workflow, and what it holds now."""
        return Statistics(self._session, self._path, WorkflowStatistics)

    @cached_property
    def real_time_statistics(self) -> RealTimeStatistics[WorkflowRealTimeStatistics]:
        """What the workflow holds now."""
        return RealTimeStatistics(self._session, self._path, WorkflowRealTimeStatistics)

    @cached_property
    def cumulative_statistics(self) -> CumulativeStatistics[WorkflowCumulativeStatistics]:
        """What happened in the workflow."""
        return CumulativeStatistics(self._session, self._path, WorkflowCumulativeStatistics)


class TaskQueuePlace(_Place):
    """One task queue's place in the tree."""

    @cached_property
    def statistics(self) -> Statistics[TaskQueueStatistics]:
        """What happened in the task queue, and what it holds now."""
        return Statistics(self._session, self._path, TaskQueueStatistics)

    @cached_property
    def real_time_statistics(self) -> RealTimeStatistics[TaskQueueRealTimeStatistics]:
        """What the task queue holds now."""
        return RealTimeStatistics(self._session, self._path, TaskQueueRealTimeStatistics)

    @cached_property
    def cumulative_statistics(self) -> CumulativeStatistics[TaskQueueCumulativeStatistics]:
        """What happened in the task queue."""
        return CumulativeStatistics(self._session, self._path, TaskQueueCumulativeStatistics)


class WorkerPlace(_Place):
    """One worker's place in the tree."""

    @cached_property
    def reservations(self) -> WorkerReservations:
        """The reservations of the worker."""
        return WorkerReservations(self._session, self._path)

    @cached_property
    def worker_channels(self) -> WorkerChannels:
        """The channels of the worker."""
        return WorkerChannels(self._session, self._path)

    @cached_property
    def statistics(self) -> WorkerStatisticsPlace:
        """What the worker has done."""
        return WorkerStatisticsPlace(self._session, self._path)

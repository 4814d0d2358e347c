"""Task queues: waiting tasks, and the workers eligible for them."""

from functools import cached_property
from typing import Annotated, ClassVar, Required, TypedDict, Unpack

import attrs

from aiotask._checks import Between
from aiotask._collection import SidCheck
from aiotask._decoding import AwareDatetime, OptionalLinks
from aiotask._paging import Listing, Paging
from aiotask._resource import Resource
from aiotask.taskrouter._fields import TASK_QUEUE, ActivitySid, QueueOrder, WorkerSid
from aiotask.taskrouter._upsert import Kind
from aiotask.taskrouter._upserted import Upserted
from aiotask.taskrouter.statistics_contexts import BulkRealTimeStatistics, TaskQueuesStatisticsList

__all__ = ["NewTaskQueue", "TaskQueue", "TaskQueueChanges", "TaskQueueFilter", "TaskQueues"]


@attrs.frozen(kw_only=True, weakref_slot=False)
class TaskQueue(Resource):
    """A task queue as the service last reported it.

    In ``links``, that of an activity that the queue does not set is None.
    """

    sid: str
    """SID of the task queue: ``WQ`` and 32 hexadecimal digits."""
    account_sid: str | None = None
    """SID of the account that it belongs to."""
    assignment_activity_sid: str | None = None
    """SID of the activity of workers who have a task of it, without multitasking."""
    assignment_activity_name: str | None = None
    """Name of that activity."""
    date_created: AwareDatetime | None = None
    """When it was created."""
    date_updated: AwareDatetime | None = None
    """When it was last changed."""
    friendly_name: str | None = None
    """Name for people."""
    max_reserved_workers: int | None = None
    """Number of workers who are offered a task at once."""
    reservation_activity_sid: str | None = None
    """SID of the activity of workers who are offered a task, without multitasking."""
    reservation_activity_name: str | None = None
    """Name of that activity."""
    target_workers: str | None = None
    """Expression that is true for the workers who may have its tasks."""
    task_order: str | None = None
    """FIFO, by priority and then age, or LIFO, the newest first."""
    url: str | None = None
    """Absolute URL of it in the API."""
    workspace_sid: str | None = None
    """SID of its workspace."""
    links: OptionalLinks | None = None
    """Absolute URLs of what belongs to it, by name: assignment_activity, reservation_activity,
    workspace, list_statistics, statistics.
    """


class TaskQueueFields(TypedDict, total=False):
    """Fields that a task queue is created or changed with."""

    target_workers: str
    """Expression over workers' attributes that is true for those who may have its tasks
    (https://www.twilio.com/docs/taskrouter/expression-syntax); 1==1, all of them, by default.
    """
    max_reserved_workers: Annotated[int, Between(1, 50)]
    """Number of workers who are offered a task at once, 1, the default, to 50."""
    task_order: QueueOrder
    """FIFO, the default, by priority and then age; or LIFO, the newest first."""
    reservation_activity_sid: ActivitySid
    """SID of the activity of workers who are offered a task, without multitasking."""
    assignment_activity_sid: ActivitySid
    """SID of the activity of workers who have a task of it, without multitasking."""


class NewTaskQueue(TaskQueueFields, total=False):
    """Fields that a task queue is created with."""

    friendly_name: Required[str]
    """Name for people."""


class TaskQueueChanges(TaskQueueFields, total=False):
    """Fields that a task queue is changed with."""

    friendly_name: str
    """Name for people."""


class TaskQueueFilter(Paging, total=False):
    """Filters of the list of task queues."""

    friendly_name: str
    """Only queues of this name."""
    evaluate_worker_attributes: str
    """Only queues that have a worker for whom this expression is true; answered three times a
    second.
    """
    worker_sid: WorkerSid
    """Only queues whose tasks the worker with this SID may have."""
    ordering: str
    """Order of the list: a field with :asc or :desc, which the service does not document
    further.
    """


class TaskQueues(Upserted[TaskQueue]):
    """The task queues of one workspace."""

    name = "TaskQueues"
    key = "task_queues"
    resource = TaskQueue
    _kind: ClassVar[Kind] = Kind(
        new=NewTaskQueue, changes=TaskQueueChanges, filtered=TaskQueueFilter
    )
    sid: ClassVar[SidCheck] = TASK_QUEUE
    expression_filter: ClassVar[str | None] = "evaluate_worker_attributes"

    @cached_property
    def statistics(self) -> TaskQueuesStatisticsList:
        """Cumulative and real-time statistics of all task queues of the workspace."""
        return TaskQueuesStatisticsList(self._session, self._path)

    @cached_property
    def bulk_real_time_statistics(self) -> BulkRealTimeStatistics:
        """Real-time statistics of up to fifty task queues in one request."""
        return BulkRealTimeStatistics(self._session, self._path)

    async def create(self, **fields: Unpack[NewTaskQueue]) -> TaskQueue:
        """Create a task queue."""
        return await self._create(NewTaskQueue, fields)

    async def fetch(self, sid: str) -> TaskQueue:
        """Return one task queue."""
        return await self._fetch(sid)

    async def update(self, sid: str, **changes: Unpack[TaskQueueChanges]) -> TaskQueue:
        """Change a task queue."""
        return await self._update(sid, TaskQueueChanges, changes)

    async def delete(self, sid: str) -> None:
        """Delete a task queue; the service refuses while tasks may still come to it."""
        await self._delete(sid)

    def list(self, **filters: Unpack[TaskQueueFilter]) -> Listing[TaskQueue]:
        """Return the task queues that match, fetched as they are iterated."""
        return self._list(TaskQueueFilter, filters)

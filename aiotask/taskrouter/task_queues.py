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
    account_sid: str | None = None
    assignment_activity_sid: str | None = None
    assignment_activity_name: str | None = None
    date_created: AwareDatetime | None = None
    date_updated: AwareDatetime | None = None
    friendly_name: str | None = None
    max_reserved_workers: int | None = None
    reservation_activity_sid: str | None = None
    reservation_activity_name: str | None = None
    target_workers: str | None = None
    task_order: str | None = None
    url: str | None = None
    workspace_sid: str | None = None
    links: OptionalLinks | None = None


class TaskQueueFields(TypedDict, total=False):
    """Fields that a task queue is created or changed with.

    ``target_workers`` is an expression over the attributes of workers
    (https://www.twilio.com/docs/taskrouter/expression-syntax); the service's default is ``1==1``,
    every worker. ``max_reserved_workers`` is how many workers are offered a task at once, 1 to 50.
    """

    target_workers: str
    max_reserved_workers: Annotated[int, Between(1, 50)]
    task_order: QueueOrder
    reservation_activity_sid: ActivitySid
    assignment_activity_sid: ActivitySid


class NewTaskQueue(TaskQueueFields, total=False):
    """Fields that a task queue is created with."""

    friendly_name: Required[str]


class TaskQueueChanges(TaskQueueFields, total=False):
    """Fields that a task queue is changed with."""

    friendly_name: str


class TaskQueueFilter(Paging, total=False):
    """Filters of the list of task queues.

    ``evaluate_worker_attributes`` is an expression that is true for a worker of the queue. The
    service answers it three times a second.
    """

    friendly_name: str
    evaluate_worker_attributes: str
    worker_sid: WorkerSid
    ordering: str


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

"""Statistics contexts: one singleton for each kind, fetched for a window of time.

The service keeps thirty days; it refuses an earlier ``start_date`` with 400 and 14241, and
statistics of workers in a workspace with over 100 of them (https://www.twilio.com/docs/taskrouter/limits).
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypedDict, TypeVar, Unpack

from aiotask._checks import shortened
from aiotask._collection import Collection, Singleton
from aiotask._encoding import Written, encode
from aiotask._json import dumps
from aiotask._paging import Listing, Paging
from aiotask._session import Session
from aiotask._verbs import QUERY
from aiotask.taskrouter._fields import Minutes, TaskChannelName, TaskQueueSid
from aiotask.taskrouter.statistics import (
    TaskQueueBulkRealTimeStatistics,
    TaskQueuesStatistics,
    WorkersCumulativeStatistics,
    WorkersStatistics,
    WorkerStatistics,
)

__all__ = [
    "BulkRealTimeStatistics",
    "ChannelFilter",
    "CumulativeStatistics",
    "RealTimeStatistics",
    "Statistics",
    "StatisticsWindow",
    "TaskQueuesStatisticsFilter",
    "TaskQueuesStatisticsList",
    "TaskWindow",
    "WorkerStatisticsContext",
    "WorkersCumulativeStatisticsContext",
    "WorkersStatisticsContext",
    "WorkersStatisticsFilter",
]

R = TypeVar("R")

_THRESHOLDS = re.compile(r"\d+(,\d+)*", re.ASCII)
_MOST_QUEUES = 50


def _thresholds(value: Any) -> str:
    several = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    text = ",".join(map(str, value)) if several else value
    if not isinstance(text, str) or not _THRESHOLDS.fullmatch(text):
        raise ValueError(f"must be seconds, such as [5, 30], not {shortened(value)}")
    return text


class ChannelFilter(TypedDict, total=False):
    """Restriction to the tasks of one task channel."""

    task_channel: TaskChannelName
    """Only tasks of this channel, by SID or unique name."""


class StatisticsWindow(ChannelFilter, total=False):
    """Window of time: from date to date, or the last minutes."""

    end_date: datetime
    """End of the window, a moment with its time zone."""
    minutes: Minutes
    """Length of a window that ends now, 1 to 43,200 (thirty days); 15 by default."""
    start_date: datetime
    """Beginning of the window, a moment with its time zone, at most thirty days ago."""


class TaskWindow(StatisticsWindow, total=False):
    """Window of time, and waiting times by which tasks are divided."""

    split_by_wait_time: Annotated[str | Sequence[int], Written(_thresholds)]
    """Waits in seconds that tasks are divided by, such as 5,30."""


class WorkersStatisticsFilter(StatisticsWindow, total=False):
    """Window of time, and a restriction to the workers of a task queue, or of a name."""

    task_queue_sid: TaskQueueSid
    """Only workers who may have tasks of the queue with this SID."""
    task_queue_name: str
    """Only workers who may have tasks of the queue with this name."""
    friendly_name: str
    """Only workers of this name."""


class TaskQueuesStatisticsFilter(TaskWindow, Paging, total=False):
    """Window of time, and a restriction to task queues of a name."""

    friendly_name: str
    """Only queues of this name."""


class _Context(Singleton[R]):
    """A context whose *resource* depends on its parent: workspace, workflow or task queue."""

    def __init__(self, session: Session, parent: str, resource: type[R]) -> None:
        super().__init__(session, parent)
        self.resource: type[R] = resource


class Statistics(_Context[R]):
    """Cumulative and real-time statistics of a workspace, workflow or task queue."""

    name = "Statistics"

    async def fetch(self, **window: Unpack[TaskWindow]) -> R:
        """Return cumulative and real-time statistics."""
        return await self._fetch(TaskWindow, window)


class RealTimeStatistics(_Context[R]):
    """Real-time statistics of a workspace, workflow, task queue or all workers."""

    name = "RealTimeStatistics"

    async def fetch(self, **filters: Unpack[ChannelFilter]) -> R:
        """Return real-time statistics."""
        return await self._fetch(ChannelFilter, filters)


class CumulativeStatistics(_Context[R]):
    """Cumulative statistics of a workspace, workflow or task queue."""

    name = "CumulativeStatistics"

    async def fetch(self, **window: Unpack[TaskWindow]) -> R:
        """Return cumulative statistics."""
        return await self._fetch(TaskWindow, window)


class WorkersStatisticsContext(Singleton[WorkersStatistics]):
    """Cumulative and real-time statistics of the workers of a workspace."""

    name = "Statistics"
    resource = WorkersStatistics

    async def fetch(self, **filters: Unpack[WorkersStatisticsFilter]) -> WorkersStatistics:
        """Return cumulative and real-time statistics."""
        return await self._fetch(WorkersStatisticsFilter, filters)


class WorkersCumulativeStatisticsContext(Singleton[WorkersCumulativeStatistics]):
    """Cumulative statistics of the workers of a workspace."""

    name = "CumulativeStatistics"
    resource = WorkersCumulativeStatistics

    async def fetch(self, **window: Unpack[StatisticsWindow]) -> WorkersCumulativeStatistics:
        """Return cumulative statistics."""
        return await self._fetch(StatisticsWindow, window)


class WorkerStatisticsContext(Singleton[WorkerStatistics]):
    """Cumulative statistics of one worker."""

    name = "Statistics"
    resource = WorkerStatistics

    async def fetch(self, **window: Unpack[StatisticsWindow]) -> WorkerStatistics:
        """Return the worker's statistics."""
        return await self._fetch(StatisticsWindow, window)


class TaskQueuesStatisticsList(Collection[TaskQueuesStatistics]):
    """The statistics of the task queues of a workspace, a row for each."""

    name = "Statistics"
    key = "task_queues_statistics"
    resource = TaskQueuesStatistics

    def list(self, **filters: Unpack[TaskQueuesStatisticsFilter]) -> Listing[TaskQueuesStatistics]:
        """Return the statistics of the task queues that match, fetched as they are iterated."""
        return self._list(TaskQueuesStatisticsFilter, filters)


class BulkRealTimeQuery(TypedDict):
    """The task queues to ask about."""

    queue_sids: Sequence[TaskQueueSid]
    """SIDs of 1 to 50 task queues."""


class BulkRealTimeStatistics(Singleton[TaskQueueBulkRealTimeStatistics]):
    """Real-time statistics of up to fifty task queues, in one request."""

    name = "RealTimeStatistics"
    resource = TaskQueueBulkRealTimeStatistics

    async def create(self, **query: Unpack[BulkRealTimeQuery]) -> TaskQueueBulkRealTimeStatistics:
        """Return real-time statistics of 1 to 50 task queues; it creates nothing, despite its name.

        The service answers five times a second, and gives zeros for a queue of another
        account (https://www.twilio.com/docs/taskrouter/api/taskqueue-statistics).
        """
        sids = [sid for _, sid in encode(BulkRealTimeQuery, query)]
        if len(sids) > _MOST_QUEUES:
            raise ValueError(f"queue_sids: must be 1 to {_MOST_QUEUES}, not {len(sids)}")
        body = dumps({"queueSids": sids})
        lane = self._lane("create")
        return await self._session.request(QUERY, self._url, self._decoded, body, lane=lane)

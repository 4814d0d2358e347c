"""Workers: agents that tasks are assigned to."""

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from functools import cached_property
from os import PathLike
from typing import Any, ClassVar, Required, TypedDict, TypeVar, Unpack, overload

import attrs

from aiotask._collection import SidCheck
from aiotask._decoding import AwareDatetime, JsonText, Links, from_header
from aiotask._paging import Listing, Paging
from aiotask._resource import Resource
from aiotask.bulk import AnyOutcome, OutcomeStream, SharedJournal
from aiotask.taskrouter._fields import (
    WORKER,
    ActivitySid,
    Attributes,
    ShortName,
    TaskQueueSid,
)
from aiotask.taskrouter._many import Many
from aiotask.taskrouter._upsert import Kind
from aiotask.taskrouter._upserted import Upserted
from aiotask.taskrouter.statistics import WorkersRealTimeStatistics
from aiotask.taskrouter.statistics_contexts import (
    RealTimeStatistics,
    WorkersCumulativeStatisticsContext,
    WorkersStatisticsContext,
)

__all__ = ["NewWorker", "Worker", "WorkerChanges", "WorkerFilter", "WorkerUpdateRow", "Workers"]

Changes = TypeVar("Changes", bound=Mapping[str, object])


@attrs.frozen(kw_only=True, weakref_slot=False)
class Worker(Resource):
    """A worker as the service last reported it.

    ``attributes`` are decoded JSON. ``etag`` names this version of the worker, for ``if_match``; it
    is None in the rows of a list.
    """

    sid: str
    account_sid: str | None = None
    activity_name: str | None = None
    activity_sid: str | None = None
    attributes: JsonText = None
    available: bool | None = None
    date_created: AwareDatetime | None = None
    date_status_changed: AwareDatetime | None = None
    date_updated: AwareDatetime | None = None
    friendly_name: str | None = None
    workspace_sid: str | None = None
    url: str | None = None
    links: Links | None = None
    etag: str | None = from_header()


class WorkerFields(TypedDict, total=False):
    """Fields that a worker is created or changed with.

    ``attributes`` replace all that were there; they have at most 4,096 characters as JSON.
    """

    activity_sid: ActivitySid
    attributes: Attributes


class NewWorker(WorkerFields, total=False):
    """Fields that a worker is created with; ``friendly_name`` is unique in its workspace."""

    friendly_name: Required[ShortName]


class WorkerChanges(WorkerFields, total=False):
    """Fields that a worker is changed with.

    ``reject_pending_reservations`` goes with an activity that is not available.
    """

    friendly_name: ShortName
    reject_pending_reservations: bool


class WorkerUpdateRow(WorkerChanges):
    """A row of :meth:`Workers.update_many`: the sid of a worker, and its changes."""

    sid: Required[str]


class WorkerFilter(Paging, total=False):
    """Filters of the list of workers.

    ``target_workers_expression`` is an expression over the attributes, and over ``sid``,
    ``friendly_name``, ``activity_sid`` and ``activity_name``
    (https://www.twilio.com/docs/taskrouter/expression-syntax); the service answers it three times
    a second. ``task_queue_sid`` and ``task_queue_name`` select the workers eligible for a queue.
    """

    activity_name: str
    activity_sid: ActivitySid
    available: bool
    friendly_name: str
    target_workers_expression: str
    task_queue_name: str
    task_queue_sid: TaskQueueSid
    ordering: str


class Workers(Many[Worker], Upserted[Worker]):
    """The workers of one workspace."""

    name = "Workers"
    key = "workers"
    resource = Worker
    changes = WorkerChanges
    _kind: ClassVar[Kind] = Kind(
        new=NewWorker, changes=WorkerChanges, filtered=WorkerFilter, folded=str.casefold
    )
    sid: ClassVar[SidCheck] = WORKER
    expression_filter: ClassVar[str | None] = "target_workers_expression"

    @cached_property
    def statistics(self) -> WorkersStatisticsContext:
        """Cumulative and real-time statistics of the workers of the workspace."""
        return WorkersStatisticsContext(self._session, self._path)

    @cached_property
    def real_time_statistics(self) -> RealTimeStatistics[WorkersRealTimeStatistics]:
        """Real-time statistics of the workers of the workspace."""
        return RealTimeStatistics(self._session, self._path, WorkersRealTimeStatistics)

    @cached_property
    def cumulative_statistics(self) -> WorkersCumulativeStatisticsContext:
        """Cumulative statistics of the workers of the workspace."""
        return WorkersCumulativeStatisticsContext(self._session, self._path)

    async def create(self, **fields: Unpack[NewWorker]) -> Worker:
        """Create a worker."""
        return await self._create(NewWorker, fields)

    async def fetch(self, sid: str) -> Worker:
        """Return one worker."""
        return await self._fetch(sid)

    async def update(
        self, sid: str, *, if_match: str | None = None, **changes: Unpack[WorkerChanges]
    ) -> Worker:
        """Change a worker; given *if_match*, only if its ETag is still that."""
        return await self._update(sid, WorkerChanges, changes, if_match)

    async def delete(self, sid: str, *, if_match: str | None = None) -> None:
        """Delete a worker; given *if_match*, only if its ETag is still that."""
        await self._delete(sid, if_match)

    async def modify(self, sid: str, change: Callable[[Worker], WorkerChanges | None]) -> Worker:
        """Change a worker by its present state, as :meth:`Tasks.modify` changes a task."""
        return await self._modify(sid, WorkerChanges, change)

    @overload
    def update_many(
        self,
        rows: Iterable[WorkerUpdateRow] | AsyncIterable[WorkerUpdateRow],
        *,
        journal: str | PathLike[str] | SharedJournal | None = None,
        job: str | None = None,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
    ) -> OutcomeStream[AnyOutcome[WorkerUpdateRow]]: ...

    @overload
    def update_many(
        self,
        rows: Iterable[Changes] | AsyncIterable[Changes],
        *,
        journal: str | PathLike[str] | SharedJournal | None = None,
        job: str | None = None,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
    ) -> OutcomeStream[AnyOutcome[Changes]]: ...

    def update_many(
        self,
        rows: Iterable[Any] | AsyncIterable[Any],
        *,
        journal: str | PathLike[str] | SharedJournal | None = None,
        job: str | None = None,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
    ) -> OutcomeStream[AnyOutcome[Any]]:
        """Change the worker of every row, as :meth:`Tasks.update_many` changes tasks."""
        return self._update_many(WorkerChanges, rows, journal, job, max_in_flight, max_rate)

    def list(self, **filters: Unpack[WorkerFilter]) -> Listing[Worker]:
        """Return the workers that match, fetched as they are iterated."""
        return self._list(WorkerFilter, filters)

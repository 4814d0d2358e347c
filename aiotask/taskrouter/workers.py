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
    """A worker as the service last reported it."""

    sid: str
    """SID of the worker: ``WK`` and 32 hexadecimal digits."""
    account_sid: str | None = None
    """SID of the account that it belongs to."""
    activity_name: str | None = None
    """Name of the activity that the worker is in."""
    activity_sid: str | None = None
    """SID of the activity that the worker is in."""
    attributes: JsonText = None
    """What expressions select the worker by: JSON, decoded."""
    available: bool | None = None
    """Whether the activity is one in which workers get tasks."""
    date_created: AwareDatetime | None = None
    """When it was created."""
    date_status_changed: AwareDatetime | None = None
    """When the worker came into the activity."""
    date_updated: AwareDatetime | None = None
    """When it was last changed."""
    friendly_name: str | None = None
    """Name, unique in the workspace whatever the case of its letters."""
    workspace_sid: str | None = None
    """SID of its workspace."""
    url: str | None = None
    """Absolute URL of it in the API."""
    links: Links | None = None
    """Absolute URLs of what belongs to it, by name: channels, activity, workspace, statistics,
    reservations and others.
    """
    etag: str | None = from_header()
    """Version of the worker, for ``if_match``; None in the rows of a list."""


class WorkerFields(TypedDict, total=False):
    """Fields that a worker is created or changed with."""

    activity_sid: ActivitySid
    """SID of the activity that the worker moves to; at first, that of the workspace for new
    ones.
    """
    attributes: Attributes
    """JSON object of at most 4,096 characters; a change replaces all attributes."""


class NewWorker(WorkerFields, total=False):
    """Fields that a worker is created with."""

    friendly_name: Required[ShortName]
    """Name of 1 to 64 characters, unique in the workspace whatever their case."""


class WorkerChanges(WorkerFields, total=False):
    """Fields that a worker is changed with."""

    friendly_name: ShortName
    """Name of 1 to 64 characters, unique in the workspace whatever their case."""
    reject_pending_reservations: bool
    """Whether pending reservations are rejected, with an activity that is not available."""


class WorkerUpdateRow(WorkerChanges):
    """A row of :meth:`Workers.update_many`: the sid of a worker, and its changes."""

    sid: Required[str]
    """SID of the worker who is changed."""


class WorkerFilter(Paging, total=False):
    """Filters of the list of workers."""

    activity_name: str
    """Only workers in the activity with this name."""
    activity_sid: ActivitySid
    """Only workers in the activity with this SID."""
    available: bool
    """Only workers who get tasks (true), or only the others (false)."""
    friendly_name: str
    """Only the worker of this name."""
    target_workers_expression: str
    """Only workers for whom this expression is true, over their attributes, sid, friendly_name,
    activity_sid and activity_name (https://www.twilio.com/docs/taskrouter/expression-syntax);
    answered three times a second.
    """
    task_queue_name: str
    """Only workers who may have tasks of the queue with this name."""
    task_queue_sid: TaskQueueSid
    """Only workers who may have tasks of the queue with this SID."""
    ordering: str
    """Order of the list: a field with :asc or :desc, which the service does not document
    further.
    """


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

"""Tasks: the units of work that a workspace routes to its workers."""

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from datetime import datetime
from typing import Annotated, ClassVar, Literal, TypedDict, Unpack

import attrs

from aiotask._checks import Between
from aiotask._collection import Versioned, form
from aiotask._decoding import JsonText, Links, from_header
from aiotask._paging import Listing
from aiotask.bulk import Outcome, create_many
from aiotask.errors import NotFoundError
from aiotask.taskrouter._fields import (
    TASK,
    Amount,
    Attributes,
    PastMoment,
    RoutingTargetSid,
    TaskChannelName,
    TaskQueueSid,
    WorkflowSid,
)

__all__ = ["NewTask", "Task", "TaskChanges", "TaskFilter", "TaskStatus", "Tasks"]

TaskStatus = Literal["pending", "reserved", "assigned", "canceled", "completed", "wrapping"]

# Enough to keep a service at 100 ms busy with 500 creates a second.
_IN_FLIGHT = 50


@attrs.frozen(kw_only=True, weakref_slot=False)
class Task:
    """A task as the service last reported it.

    ``age`` and ``timeout`` are in seconds. ``attributes`` and ``addons`` are decoded JSON.
    ``etag`` names this version of the task, for ``if_match``; it is None in the rows of a list.
    """

    sid: str
    account_sid: str | None = None
    age: int | None = None
    assignment_status: str | None = None
    attributes: JsonText = None
    addons: JsonText = None
    date_created: datetime | None = None
    date_updated: datetime | None = None
    task_queue_entered_date: datetime | None = None
    priority: int | None = None
    reason: str | None = None
    task_queue_sid: str | None = None
    task_queue_friendly_name: str | None = None
    task_channel_sid: str | None = None
    task_channel_unique_name: str | None = None
    timeout: int | None = None
    workflow_sid: str | None = None
    workflow_friendly_name: str | None = None
    workspace_sid: str | None = None
    url: str | None = None
    links: Links | None = None
    virtual_start_time: datetime | None = None
    ignore_capacity: bool | None = None
    routing_target: str | None = None
    etag: str | None = from_header()


class TaskFields(TypedDict, total=False):
    """What can be set when a task is created, and changed later.

    ``attributes`` replace all that were there; they have at most 4,096 characters as JSON.
    ``priority`` is 0 to 2,147,483,647, higher first. ``task_channel`` is a sid or a unique name.
    ``virtual_start_time``, by which a queue orders its tasks, is an aware datetime of the past.
    """

    attributes: Attributes
    priority: Amount
    task_channel: TaskChannelName
    virtual_start_time: PastMoment


class NewTask(TaskFields, total=False):
    """What a task can be created with.

    ``workflow_sid`` may be left out in a workspace that has one workflow. ``timeout`` is how many
    seconds the task may wait for a worker, at most 1,209,600 (two weeks); the service's default
    is 86,400. ``routing_target`` is the sid of a worker, queue or workflow, and
    ``ignore_capacity`` goes with a worker's.
    """

    workflow_sid: WorkflowSid
    timeout: Annotated[int, Between(0, 1_209_600)]
    routing_target: RoutingTargetSid
    ignore_capacity: bool
    task_queue_sid: TaskQueueSid


class TaskChanges(TaskFields, total=False):
    """What can be changed on a task; the service wants a *reason* with the end of one."""

    assignment_status: TaskStatus
    reason: str


class TaskFilter(TypedDict, total=False):
    """Which tasks to list, and in which order.

    ``evaluate_task_attributes`` is an expression over the attributes
    (https://www.twilio.com/docs/taskrouter/expression-syntax), which the service answers three
    times a second. ``ordering`` is one or more of ``DateCreated``, ``Priority`` and
    ``VirtualStartTime`` with ``:asc`` or ``:desc``, separated by commas.
    """

    priority: Amount
    assignment_status: Sequence[TaskStatus]
    workflow_sid: WorkflowSid
    workflow_name: str
    task_queue_sid: TaskQueueSid
    task_queue_name: str
    evaluate_task_attributes: str
    routing_target: RoutingTargetSid
    ordering: str
    has_addons: bool


class Tasks(Versioned[Task]):
    """The tasks of one workspace."""

    name = "Tasks"
    resource = Task
    sid = TASK
    shown_as: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "task_channel": ("task_channel_sid", "task_channel_unique_name")
    }

    async def create(self, **fields: Unpack[NewTask]) -> Task:
        """Create a task, and never two.

        The service has no idempotency key, so a create is repeated only where it certainly was
        not carried out; an error whose ``maybe_applied`` is True leaves that open.
        """
        return await self._create(NewTask, fields)

    async def fetch(self, sid: str) -> Task:
        """Return one task."""
        return await self._fetch(sid)

    async def update(
        self, sid: str, *, if_match: str | None = None, **changes: Unpack[TaskChanges]
    ) -> Task:
        """Change a task; given *if_match*, only if its ETag is still that.

        A change whose answer was lost is sent again; where the service then refuses it because it
        is already made, the task is read, and returned as it is.
        """
        return await self._update(sid, TaskChanges, changes, if_match)

    async def delete(self, sid: str, *, if_match: str | None = None) -> None:
        """Delete a task; given *if_match*, only if its ETag is still that."""
        await self._delete(sid, if_match)

    async def modify(self, sid: str, change: Callable[[Task], TaskChanges | None]) -> Task:
        """Change a task by what it is now: *change* is given the task, and returns what to set.

        It is read, changed under its ETag, and read anew where somebody else was faster, ten
        times at the most; so *change* may be called more than once. Nothing to set (None or an
        empty mapping) sends nothing. Returns the task as it is then.
        """
        return await self._modify(sid, TaskChanges, change)

    async def complete(self, sid: str, reason: str) -> Task | None:
        """Complete an assigned or wrapping task; that it is completed already is as good.

        Returns None where the service no longer has the task: it removes tasks five minutes after
        their end (https://www.twilio.com/docs/taskrouter/lifecycle-task-state), and deleted ones.
        """
        return await self._end(sid, "completed", reason)

    async def cancel(self, sid: str, reason: str) -> Task | None:
        """Cancel a pending or reserved task; that it is canceled already is as good.

        Returns None where the service no longer has the task, as :meth:`complete` does.
        """
        return await self._end(sid, "canceled", reason)

    async def _end(self, sid: str, status: TaskStatus, reason: str) -> Task | None:
        changes = TaskChanges(assignment_status=status, reason=reason)
        try:
            return await self._reach(
                sid, TaskChanges, changes, lambda task: task.assignment_status == status
            )
        except NotFoundError:
            return None

    def create_many(
        self,
        rows: Iterable[NewTask] | AsyncIterable[NewTask],
        *,
        max_in_flight: int | None = None,
    ) -> AsyncIterator[Outcome[NewTask]]:
        """Create a task for every row, many at once, and give one outcome for each as it is known.

        *rows* are mappings with the fields of :meth:`create`, pulled no faster than they are
        needed; at most *max_in_flight* creates are under way (default: 50, or as many as the
        client has connections). An outcome is :class:`~aiotask.Created`, :class:`~aiotask.Rejected`
        or :class:`~aiotask.Unresolved`; one bad row is never an exception. Refusals for being too
        fast (429) are waited out.

        What concerns every row (401, 403, no such workspace, a service that cannot be reached)
        stops the run: the rows under way end, their outcomes are given, and then the error is
        raised. Rows without an outcome have not been sent, unless the iteration was left early or
        cancelled: then those under way have been, perhaps.
        """

        def prepare(row: NewTask) -> bytes:
            if not isinstance(row, Mapping):
                raise TypeError(f"a row is a mapping of create's fields, not {type(row).__name__}")
            return form(NewTask, row)

        async def send(body: bytes) -> str:
            return (await self._send_new(body)).sid

        if max_in_flight is None:
            max_in_flight = min(_IN_FLIGHT, self._session.max_connections)
        return create_many(
            rows, prepare, send, max_in_flight=max_in_flight, retry=self._session.retry
        )

    def list(
        self,
        *,
        limit: int | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        **filters: Unpack[TaskFilter],
    ) -> Listing[Task]:
        """Return the tasks that match, fetched as they are iterated."""
        return self._list(TaskFilter, filters, limit, page_size, cursor)

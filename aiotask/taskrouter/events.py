"""Events: the history of a workspace."""

from datetime import datetime
from typing import Annotated, ClassVar, TypedDict, Unpack

import attrs

from aiotask._checks import Between
from aiotask._collection import Collection, SidCheck, form
from aiotask._decoding import AwareDatetime, JsonObject
from aiotask._paging import Listing, Paging
from aiotask._resource import Resource
from aiotask.taskrouter._event_tail import EventTail, check_seconds
from aiotask.taskrouter._fields import (
    EVENT,
    PastMoment,
    ReservationSid,
    TaskChannelName,
    TaskQueueSid,
    TaskSid,
    WorkerSid,
    WorkflowSid,
)
from aiotask.taskrouter._tail_position import TailPosition

__all__ = ["Event", "EventFilter", "EventTail", "EventTailFilter", "Events"]


@attrs.frozen(kw_only=True, weakref_slot=False)
class Event(Resource):
    """A recorded change in a workspace, as the service reports it."""

    sid: str
    """SID of the event: ``EV`` and 32 hexadecimal digits."""
    account_sid: str | None = None
    """SID of the account that it belongs to."""
    actor_sid: str | None = None
    """SID of what caused it."""
    actor_type: str | None = None
    """Kind of what caused it, such as workspace."""
    actor_url: str | None = None
    """Absolute URL of what caused it."""
    description: str | None = None
    """One sentence on what happened."""
    event_data: JsonObject | None = None
    """What changed, as the ``event_type`` has it
    (https://www.twilio.com/docs/taskrouter/api/event/reference); most values are text.
    """
    event_date: AwareDatetime | None = None
    """When it happened, in whole seconds."""
    event_date_ms: int | None = None
    """When it happened, in milliseconds since 1970."""
    event_type: str | None = None
    """Kind of event, such as task.created or worker.activity.update."""
    resource_sid: str | None = None
    """SID of what it is about."""
    resource_type: str | None = None
    """Kind of what it is about, such as task."""
    resource_url: str | None = None
    """Absolute URL of what it is about."""
    source: str | None = None
    """Where it came from, such as twilio."""
    source_ip_address: str | None = None
    """IP address that the request behind it came from."""
    url: str | None = None
    """Absolute URL of it in the API."""
    workspace_sid: str | None = None
    """SID of its workspace."""


class EventFilter(Paging, total=False):
    """Filters of the list of events; without a time, those of the last 15 minutes."""

    end_date: datetime
    """Only events up to this moment, given with its time zone."""
    event_type: str
    """Only events of this type, such as task.created."""
    minutes: Annotated[int, Between(1, 2**31 - 1)]
    """Only events of the last so many minutes; 15 by default."""
    reservation_sid: ReservationSid
    """Only events of the reservation with this SID."""
    start_date: datetime
    """Only events from this moment on, given with its time zone; those older than thirty days
    lack the attributes of tasks.
    """
    task_queue_sid: TaskQueueSid
    """Only events of the queue with this SID."""
    task_sid: TaskSid
    """Only events of the task with this SID."""
    worker_sid: WorkerSid
    """Only events of the worker with this SID."""
    workflow_sid: WorkflowSid
    """Only events of the workflow with this SID."""
    task_channel: TaskChannelName
    """Only events of this task channel, by SID or unique name."""
    sid: Annotated[str, EVENT]
    """Only the event with this SID."""


class EventTailFilter(TypedDict, total=False):
    """Filters of a tail of events."""

    event_type: str
    """Only events of this type, such as task.created."""
    reservation_sid: ReservationSid
    """Only events of the reservation with this SID."""
    start_date: PastMoment
    """Past moment, with its time zone, to begin at; without it, the tail begins now."""
    task_queue_sid: TaskQueueSid
    """Only events of the queue with this SID."""
    task_sid: TaskSid
    """Only events of the task with this SID."""
    worker_sid: WorkerSid
    """Only events of the worker with this SID."""
    workflow_sid: WorkflowSid
    """Only events of the workflow with this SID."""
    task_channel: TaskChannelName
    """Only events of this task channel, by SID or unique name."""


class Events(Collection[Event]):
    """The events of one workspace."""

    name = "Events"
    key = "events"
    resource = Event
    sid: ClassVar[SidCheck] = EVENT

    async def fetch(self, sid: str) -> Event:
        """Return one event."""
        return await self._fetch(sid)

    def list(self, **filters: Unpack[EventFilter]) -> Listing[Event]:
        """Return the events that match, fetched as they are iterated."""
        return self._list(EventFilter, filters)

    def tail(
        self,
        cursor: str | None = None,
        *,
        every: float = 2.0,
        overlap: float = 60.0,
        **filters: Unpack[EventTailFilter],
    ) -> EventTail[Event]:
        """Return an iterator of events as they come: from now on, or since a *start_date*.

        It never ends. It lists events *every* so many seconds (at least 0.1) for as long as nothing
        is new, at the rate that the service bears. Twilio documents neither how soon nor in which
        order an event is listed: each look goes back *overlap* seconds before the newest event, and
        each event is given once, in the order in which they are found; within one look the oldest
        comes first. An *overlap* of fewer seconds than an event is late loses it; the tail keeps
        eight bytes and the date of each event in it. A long past is read in parts, of about 5,000
        events.

        *cursor* is :attr:`EventTail.cursor` of an earlier tail, which is gone on from without a gap
        or a double; the filters are given anew. A wrong value is a ValueError, and nothing is sent
        before the first event is asked for.
        """
        check_seconds("every", every, 0.1)
        check_seconds("overlap", overlap, 0)
        form(EventTailFilter, filters)
        others = dict(filters)
        since = others.pop("start_date", None)
        position = None
        if cursor is not None:
            if since is not None:
                raise ValueError("give either a cursor or a start_date")
            position = TailPosition.read(overlap, cursor)
        elif isinstance(since, datetime):
            start = int(since.timestamp())
            position = TailPosition(overlap, start, 1000 * start)
        return EventTail(
            self._session,
            lambda sent: self._list(EventFilter, sent),
            others,
            position,
            overlap,
            every,
        )

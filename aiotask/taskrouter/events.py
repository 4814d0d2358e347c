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
    """A recorded change in a workspace, as the service reports it.

    ``event_data`` depends on the ``event_type``
    (https://www.twilio.com/docs/taskrouter/api/event/reference); most of its values are text.
    ``event_date_ms`` is in milliseconds since 1970.
    """

    sid: str
    account_sid: str | None = None
    actor_sid: str | None = None
    actor_type: str | None = None
    actor_url: str | None = None
    description: str | None = None
    event_data: JsonObject | None = None
    event_date: AwareDatetime | None = None
    event_date_ms: int | None = None
    event_type: str | None = None
    resource_sid: str | None = None
    resource_type: str | None = None
    resource_url: str | None = None
    source: str | None = None
    source_ip_address: str | None = None
    url: str | None = None
    workspace_sid: str | None = None


class EventFilter(Paging, total=False):
    """Filters of the list of events: by default those of the last 15 *minutes*.

    The service redacts the tasks' attributes in events older than thirty days. ``task_channel`` is
    a sid or a unique name.
    """

    end_date: datetime
    event_type: str
    minutes: Annotated[int, Between(1, 2**31 - 1)]
    reservation_sid: ReservationSid
    start_date: datetime
    task_queue_sid: TaskQueueSid
    task_sid: TaskSid
    worker_sid: WorkerSid
    workflow_sid: WorkflowSid
    task_channel: TaskChannelName
    sid: Annotated[str, EVENT]


class EventTailFilter(TypedDict, total=False):
    """Filters of a tail of events; with a *start_date* it begins there, and otherwise now."""

    event_type: str
    reservation_sid: ReservationSid
    start_date: PastMoment
    task_queue_sid: TaskQueueSid
    task_sid: TaskSid
    worker_sid: WorkerSid
    workflow_sid: WorkflowSid
    task_channel: TaskChannelName


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

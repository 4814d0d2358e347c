"""Events: the history of a workspace."""

from datetime import datetime
from typing import Annotated, ClassVar, Unpack

import attrs

from aiotask._checks import Between
from aiotask._collection import Collection, SidCheck
from aiotask._decoding import AwareDatetime, JsonObject
from aiotask._paging import Listing, Paging
from aiotask._resource import Resource
from aiotask.taskrouter._fields import (
    EVENT,
    ReservationSid,
    TaskChannelName,
    TaskQueueSid,
    TaskSid,
    WorkerSid,
    WorkflowSid,
)

__all__ = ["Event", "EventFilter", "Events"]


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

"""History of tasks in a workspace's events, which outlive the tasks themselves."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from aiotask._json import json_or_text
from aiotask._service_time import Offsets, date_of
from aiotask.taskrouter.events import Event, Events

REACH = timedelta(days=30)
"""The age up to which events tell of tasks: in older ones, attributes are redacted
(https://www.twilio.com/docs/taskrouter/api/event)."""

# The dates of events are in whole seconds, and the nodes of a service disagree by some.
_MARGIN = timedelta(seconds=60)
# The local clock counts where no answer has told the time, and may be wrong.
_MARGIN_OF_LOCAL_CLOCK = timedelta(days=1)
_PAGE_SIZE = 1000
_MOST_DIGITS = 18

# The fields of a task under their names in event_data
# (https://www.twilio.com/docs/taskrouter/api/event/reference).
_TEXTS: Mapping[str, str] = {
    "assignment_status": "task_assignment_status",
    "task_queue_sid": "task_queue_sid",
    "task_queue_friendly_name": "task_queue_name",
    "task_channel_sid": "task_channel_sid",
    "task_channel_unique_name": "task_channel_unique_name",
    "workflow_sid": "workflow_sid",
    "workflow_friendly_name": "workflow_name",
}
_NUMBERS: Mapping[str, str] = {"age": "task_age", "priority": "task_priority"}
_REASONS = ("task_canceled_reason", "task_completed_reason")


def horizon(look_back: timedelta, service_time: Offsets, clock: Callable[[], float]) -> datetime:
    """Return the date from which events are asked for to look back so far."""
    if service_time.high is None:
        now, margin = time.time(), _MARGIN_OF_LOCAL_CLOCK
    else:
        now, margin = service_time.high + clock(), _MARGIN
    return date_of(now) - look_back - margin


async def last_known(events: Events, sid: str, since: datetime) -> dict[str, Any] | None:
    """Return the fields of a task as its latest events tell them; None if none tells of it."""
    listing = events.list(task_sid=sid, start_date=since, page_size=_PAGE_SIZE)
    told = [event async for event in listing if _is_about(event, sid)]
    if not told:
        return None
    told.reverse()  # the newest came first, also of those of one moment
    told.sort(key=lambda event: event.event_date_ms or 0)
    data: dict[str, Any] = {}
    for event in told:
        data |= event.event_data or {}
    created = [event.event_date for event in told if event.event_type == "task.created"]
    last = told[-1]
    return {
        "sid": sid,
        "account_sid": last.account_sid,
        "workspace_sid": last.workspace_sid,
        "url": last.resource_url,
        "date_created": created[0] if created else _moment(data.get("task_date_created")),
        "date_updated": last.event_date,
        "task_queue_entered_date": _moment(data.get("task_queue_entered_date")),
        "attributes": _document(data.get("task_attributes")),
        "reason": next((_text(data[name]) for name in _REASONS if name in data), None),
        **{field: _text(data.get(name)) for field, name in _TEXTS.items()},
        **{field: _whole(data.get(name)) for field, name in _NUMBERS.items()},
    }


def _is_about(event: Event, sid: str) -> bool:
    """Whether an event tells of a task itself, not of its way through a workflow."""
    return event.resource_sid == sid and (event.event_type or "").startswith("task.")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _document(value: Any) -> Any:
    return json_or_text(value) if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def _moment(value: Any) -> datetime | None:
    """Return a date that is told in seconds since 1970."""
    seconds = _whole(value)
    return None if seconds is None else date_of(seconds)

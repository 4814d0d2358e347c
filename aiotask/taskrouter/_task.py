"""A task as the service reports it."""

import attrs

from aiotask._decoding import AwareDatetime, JsonText, Links, from_header
from aiotask._resource import Resource


@attrs.frozen(kw_only=True, weakref_slot=False)
class Task(Resource):
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
    date_created: AwareDatetime | None = None
    date_updated: AwareDatetime | None = None
    task_queue_entered_date: AwareDatetime | None = None
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
    virtual_start_time: AwareDatetime | None = None
    ignore_capacity: bool | None = None
    routing_target: str | None = None
    etag: str | None = from_header()
